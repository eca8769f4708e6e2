"""Checks a flat table of placed values against the schema and builds the frozen settings: all problems in one pass."""

from __future__ import annotations

import difflib
import types
import typing
from collections.abc import Iterator, Mapping
from typing import Any, TypeVar, get_args, get_origin

import msgspec

from config.source import Placed, Problem

S = TypeVar("S", bound=msgspec.Struct)


def schema_keys(
    schema: type[msgspec.Struct], prefix: str = "", defaults: msgspec.Struct | None = None
) -> Iterator[tuple[str, Any, Any]]:
    """Every leaf of the schema as (dotted key, type, default); a block's defaults are its owner's."""
    hints = typing.get_type_hints(schema, include_extras=True)
    defaults = defaults if defaults is not None else schema()
    for item in msgspec.structs.fields(schema):
        kind, default = hints[item.name], getattr(defaults, item.name)
        if _is_section(kind):
            yield from schema_keys(kind, f"{prefix}{item.name}.", default)
        else:
            yield f"{prefix}{item.name}", kind, default


def build(
    schema: type[S], values: Mapping[str, Placed], extra_sources: tuple[Mapping[str, Placed], ...] = ()
) -> tuple[S | None, list[Problem]]:
    """Settings from the winning values, or every problem found in them and in the layers they won over."""
    known = {key: kind for key, kind, _ in schema_keys(schema)}
    sections = _sections(known)
    problems: list[Problem] = []
    good: dict[str, Any] = {}
    for table in (values, *extra_sources):
        for key, placed in table.items():
            problem, value = _checked(key, placed, known, sections)
            if problem is not None:
                if problem not in problems:
                    problems.append(problem)
            elif table is values:
                for name, part in value.items():
                    good[name] = {**good[name], **part} if isinstance(good.get(name), dict) else part
    if problems:
        return None, problems
    try:
        return _assemble(schema(), good, ""), []
    except msgspec.ValidationError as error:
        return None, [Problem("settings", 0, 0, "", str(error))]


def _checked(
    key: str, placed: Placed, known: Mapping[str, Any], sections: set[str]
) -> tuple[Problem | None, dict[str, Any]]:
    if key not in known:
        owner = _open_mapping(key, known)
        if owner is not None:
            return None, {owner: {key[len(owner) + 1 :]: placed.value}}
        if key in sections:
            if placed.value in (None, {}):
                return None, {}
            return _at(placed, key, "expected a mapping of settings"), {}
        near = difflib.get_close_matches(key, [*known, *sections], n=1, cutoff=0.6)
        hint = f"; nearest is {near[0]}" if near else ""
        return _at(placed, key, f"unknown key{hint}"), {}
    kind = known[key]
    try:
        return None, {key: _convert(placed.value, kind)}
    except msgspec.ValidationError:
        return _at(placed, key, f"expected {describe(kind)}, was {_shown(placed.value)}"), {}


def _convert(value: Any, kind: Any) -> Any:
    if isinstance(value, bool) and bool not in (kind, *get_args(kind)) and kind is not Any:
        raise msgspec.ValidationError("a truth value where another is expected")
    return msgspec.convert(value, kind, strict=True)


def describe(kind: Any) -> str:
    """A type of the schema in words: 'a number above 0', 'one of live, testnet'."""
    origin = get_origin(kind)
    if origin is typing.Annotated:
        base, *notes = get_args(kind)
        ranges = [
            text
            for meta in notes
            for text in (
                f"above {meta.gt:g}" if meta.gt is not None else "",
                f"{meta.ge:g} or more" if meta.ge is not None else "",
                f"below {meta.lt:g}" if meta.lt is not None else "",
                f"at most {meta.le:g}" if meta.le is not None else "",
                f"like {meta.pattern}" if meta.pattern is not None else "",
            )
            if text
        ]
        return " ".join([describe(base), " and ".join(ranges)]).strip()
    if origin is typing.Literal:
        return "one of " + ", ".join(str(choice) for choice in get_args(kind))
    if origin in (typing.Union, types.UnionType):
        return " or ".join(describe(choice) for choice in get_args(kind))
    if origin in (tuple, list):
        return f"a list of {describe(get_args(kind)[0])}"
    if origin is dict:
        return "a mapping"
    names: dict[Any, str] = {
        float: "a number", int: "a whole number", str: "a text", bool: "true or false", types.NoneType: "nothing",
    }  # fmt: skip
    return names.get(kind, getattr(kind, "__name__", str(kind)))


def _assemble(defaults: S, good: Mapping[str, Any], prefix: str) -> S:
    hints = typing.get_type_hints(type(defaults))
    given: dict[str, Any] = {}
    for item in msgspec.structs.fields(defaults):
        key = f"{prefix}{item.name}"
        if _is_section(hints[item.name]):
            given[item.name] = _assemble(getattr(defaults, item.name), good, f"{key}.")
        elif key in good:
            given[item.name] = good[key]
    return msgspec.structs.replace(defaults, **given)


def _is_section(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)


def _sections(known: Mapping[str, Any]) -> set[str]:
    found: set[str] = set()
    for key in known:
        parts = key.split(".")
        found.update(".".join(parts[:n]) for n in range(1, len(parts)))
    return found


def _open_mapping(key: str, known: Mapping[str, Any]) -> str | None:
    """The mapping-typed setting that a deeper key belongs to, such as `console.keys.approve`."""
    owner, _, rest = key.rpartition(".")
    return owner if rest and owner in known and get_origin(known[owner]) is dict else None


def _at(placed: Placed, key: str, message: str) -> Problem:
    return Problem(placed.file, placed.line, placed.column, key, message)


def _shown(value: Any) -> str:
    return repr(value) if isinstance(value, str) else str(value)
