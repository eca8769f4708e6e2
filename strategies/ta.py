"""The only door to TA-Lib: `ta.EMA(...)` and the rest on plain arrays.

Its package imports pandas to dress results as Series, which takes longer than all else that an engine loads, and no
array here is a Series. So the compiled functions are loaded by themselves. A later `import talib` by somebody else
still finds its own, dressed ones.
"""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.machinery import PathFinder
from importlib.util import find_spec, module_from_spec
from typing import Any, Final

DRESSERS: Final = ("pandas", "polars")


def _load() -> Any:
    package = find_spec("talib")
    places = None if package is None else package.submodule_search_locations
    spec = PathFinder.find_spec("_ta_lib", places)
    if spec is None or spec.loader is None or any(name in sys.modules for name in ("talib", *DRESSERS)):
        return import_module("talib")
    hidden: dict[str, Any] = dict.fromkeys(DRESSERS)  # None in the module table reads as not installed
    sys.modules.update(hidden)
    try:
        compiled = module_from_spec(spec)
        spec.loader.exec_module(compiled)
    finally:
        for name in DRESSERS:
            del sys.modules[name]
    initialise: Any = compiled._ta_initialize  # what the package does first
    initialise()
    return compiled


ta: Final[Any] = _load()
