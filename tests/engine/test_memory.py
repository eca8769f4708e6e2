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


THREADS = """
import ctypes, sys, threading
from engine.memory import share_heap

if sys.argv[1] == "shared":
    share_heap()
going = threading.Barrier(5)
kept = []

def work():
    kept.append([bytearray(8_000) for _ in range(50)])
    going.wait()

threads = [threading.Thread(target=work) for _ in range(4)]
for thread in threads:
    thread.start()
going.wait()
libc = ctypes.CDLL(None)
libc.malloc_info(0, ctypes.c_void_p.in_dll(libc, "stdout"))
libc.fflush(None)
"""

only_glibc = pytest.mark.skipif(
    platform.libc_ver()[0] != "glibc", reason="only glibc has the calls; elsewhere nothing is done"
)


@only_glibc
@pytest.mark.parametrize(("how", "one"), [("shared", True), ("each", False)])
def test_threads_share_one_heap(how: str, one: bool) -> None:
    said = subprocess.run([sys.executable, "-c", THREADS, how], capture_output=True, text=True, check=True).stdout
    assert (said.count("<heap nr=") == 1) is one


@only_glibc
def test_what_lies_between_long_lived_things_goes_back() -> None:
    said = subprocess.run([sys.executable, "-c", FILL_AND_FREE], capture_output=True, text=True, check=True).stdout
    full, freed, after, kept = map(float, said.split())
    assert kept == 400
    assert freed > full - 20, "the C library keeps the pages by itself"
    assert after < full - 100
