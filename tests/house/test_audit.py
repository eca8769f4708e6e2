"""The audit of the packages: a fault ends the build, an absent database does not."""

from __future__ import annotations

import pytest

from tests.support.audit import FOUND, verdict


@pytest.mark.parametrize(
    ("code", "said", "ends", "word"),
    [
        (0, "No known vulnerabilities found", 0, "no known fault"),
        (1, "Found 1 known vulnerability in 1 package\nurllib3 1.0 PYSEC-1", FOUND, "PYSEC-1"),
        (1, "requests.exceptions.ConnectionError: Max retries exceeded", 0, "skipped"),
        (1, "error: Failed to fetch: https://…/pip-audit/", 0, "skipped"),
    ],
)
def test_fault_is_an_error_and_an_absent_database_a_word(code: int, said: str, ends: int, word: str) -> None:
    given, told = verdict(code, said)
    assert given == ends
    assert word in told
