"""Memory that a close of the whole market needed goes back to the system when it is over.

The arrays of a close are freed at its end, but small things that live longer lie between them: without this the
process keeps every page for ever, and a day later looks as if it leaked.
"""

from __future__ import annotations

import ctypes
from functools import cache
from typing import Any


def give_back() -> None:
    """Return free pages to the system; does nothing where the C library has no such call. Takes a few milliseconds."""
    trim = _trim()
    if trim is not None:
        trim(0)


@cache
def _trim() -> Any:
    # glibc 2.8 and newer, malloc_trim(3).
    return getattr(ctypes.CDLL(None), "malloc_trim", None)
