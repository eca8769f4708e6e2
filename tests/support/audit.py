"""Asks the advisory database about the locked packages: `python -m tests.support.audit`.

Ends with 1 when a locked package has a known fault. Where the database cannot be reached it says so and ends with 0:
a build must not fail because somebody else's server is away.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
UVX = Path(sys.prefix) / "bin" / "uvx"
FOUND = 1
AWAY = ("ConnectionError", "Max retries", "NewConnectionError", "ProxyError", "Failed to fetch", "No solution found",
        "ServiceError", "Connection refused", "timed out", "dns error")  # fmt: skip


def verdict(code: int, said: str) -> tuple[int, str]:
    """Exit code and last word, from what the auditor answered."""
    if code == 0:
        return 0, "no known fault in the locked packages"
    if any(word in said for word in AWAY):
        return 0, "audit skipped: the advisory database cannot be reached"
    return FOUND, said


def main() -> int:
    """Run the auditor once."""
    command = [UVX, "-q", "pip-audit", "--vulnerability-service", "osv", "--disable-pip", "--require-hashes",
               "--progress-spinner", "off", "--timeout", "20", "-r", ROOT / "requirements.lock"]  # fmt: skip
    try:
        done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False, timeout=240)
    except (OSError, subprocess.TimeoutExpired) as error:
        print(f"audit skipped: {type(error).__name__}")
        return 0
    code, word = verdict(done.returncode, done.stdout + done.stderr)
    print(word)
    return code


if __name__ == "__main__":
    sys.exit(main())
