"""Pages of what was freed between things that live on go back to the system."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

FILL_AND_FREE = """
from pathlib import Path
from engine.memory import give_back

def rss_mib():
    return next(int(line.split()[1]) for line in Path("/proc/self/status").read_text().splitlines()
                if line.startswith("VmRSS")) / 1024

blocks = [bytearray(8_000) for _ in range(20_000)]
full = rss_mib()
kept = blocks[::50]
del blocks
freed = rss_mib()
give_back()
print(full, freed, rss_mib(), len(kept))
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc has the call; elsewhere nothing is done")
def test_what_lies_between_long_lived_things_goes_back() -> None:
    said = subprocess.run([sys.executable, "-c", FILL_AND_FREE], capture_output=True, text=True, check=True).stdout
    full, freed, after, kept = map(float, said.split())
    assert kept == 400
    assert freed > full - 20, "the C library keeps the pages by itself"
    assert after < full - 100
