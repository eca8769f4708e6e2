"""One heap for all threads, and memory that a close of the whole market needed goes back to the system.

The C library gives each thread a heap of its own and keeps what was freed in one of them from the others. And the
arrays of a close are freed at its end, but small things that live longer lie between them: without this the process
keeps every page for ever, and a day later looks as if it leaked.
"""

from __future__ import annotations

import ctypes
from functools import cache
from typing import Any

M_ARENA_MAX = -8  # of glibc's malloc.h, mallopt(3)


def share_heap() -> None:
    """One heap for the threads that start from now on; one of them holds the interpreter at a time anyway."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None and _trim() is not None:  # the number means this to glibc only
        mallopt(M_ARENA_MAX, 1)


def give_back() -> None:
    """Return free pages to the system; does nothing where the C library has no such call. Takes a few milliseconds."""
    trim = _trim()
    if trim is not None:
        trim(0)


@cache
def _trim() -> Any:
    # glibc 2.8 and newer, malloc_trim(3).
    return getattr(ctypes.CDLL(None), "malloc_trim", None)
