"""Where settings come from, each value with its place: YAML files, the environment, flags.

A source is read into a flat table `dotted.key -> Placed(value, file, line, column)`. Keys that repeat inside one file
are problems, because the second would silently win.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

ENV_PREFIX = "PERPDECK__"
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # with libyaml it takes a tenth of the time


@dataclass(frozen=True)
class Problem:
    """One thing wrong in the settings, at the place where it is to be mended."""

    file: str
    line: int
    column: int
    key: str
    message: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        return "  ".join(part for part in (place, self.key, self.message) if part)


class ConfigError(Exception):
    """All problems of the settings at once, so that one pass mends them."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__(problems)
        self.problems = problems

    def __str__(self) -> str:
        return "\n".join(str(problem) for problem in self.problems)


@dataclass(frozen=True)
class Placed:
    """A value and where it was written; line 0 where the source has no lines."""

    value: Any
    file: str
    line: int = 0
    column: int = 0

    @property
    def place(self) -> str:
        return f"{self.file}:{self.line}:{self.column}" if self.line else self.file


@dataclass
class Layer:
    """One source: leaves by dotted key, named profiles, and what is wrong with it already."""

    name: str
    leaves: dict[str, Placed] = field(default_factory=dict)
    profiles: dict[str, dict[str, Placed]] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)


def read_yaml(text: str, file: str) -> Layer:
    """Flatten one YAML document; an empty document overrides nothing."""
    layer = Layer(file)
    try:
        root = yaml.compose(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        layer.problems.append(Problem(file, line, column, "", f"not YAML: {error.problem or error.context}"))
        return layer
    except yaml.reader.ReaderError as error:
        layer.problems.append(Problem(file, 1, 1, "", f"not YAML: {error.reason}"))
        return layer
    if root is None or (isinstance(root, yaml.ScalarNode) and root.tag.endswith(":null")):
        return layer
    if not isinstance(root, yaml.MappingNode):
        layer.problems.append(_problem(file, root, "", "expected a mapping of settings"))
        return layer
    _flatten(root, "", file, layer.leaves, layer)
    return layer


def read_yaml_file(path: Path) -> Layer:
    """As `read_yaml`; a file that cannot be read is a problem, not an exception."""
    try:
        return read_yaml(path.read_text(encoding="utf-8"), str(path))
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        return Layer(str(path), problems=[Problem(str(path), 0, 0, "", f"cannot be read: {reason}")])


def read_environment(environment: Mapping[str, str]) -> Layer:
    """`PERPDECK__RISK__RISK_PCT=0.5` becomes `risk.risk_pct`; values are read as YAML scalars."""
    layer = Layer("environment")
    for name in sorted(environment):
        if not name.startswith(ENV_PREFIX):
            continue
        key = name[len(ENV_PREFIX) :].lower().replace("__", ".")
        try:
            value = yaml.safe_load(environment[name])
        except yaml.YAMLError:
            value = environment[name]
        layer.leaves[key] = Placed(value, name)
    return layer


def read_flags(flags: Mapping[str, Any]) -> Layer:
    """Values given on the command line, by dotted key; None means not given."""
    leaves = {key: Placed(value, "flag") for key, value in flags.items() if value is not None}
    return Layer("flags", leaves)


def _flatten(node: yaml.MappingNode, prefix: str, file: str, leaves: dict[str, Placed], layer: Layer) -> None:
    seen: dict[str, yaml.Node] = {}
    for key_node, value_node in node.value:
        key = str(key_node.value)
        dotted = f"{prefix}{key}"
        if key in seen:
            first = seen[key].start_mark
            layer.problems.append(_problem(file, key_node, dotted, f"duplicate key; first at line {first.line + 1}"))
            continue
        seen[key] = key_node
        if not prefix and key == "profiles":
            _profiles(value_node, file, layer)
        elif isinstance(value_node, yaml.MappingNode) and value_node.value:
            _flatten(value_node, f"{dotted}.", file, leaves, layer)
        else:
            mark = key_node.start_mark
            leaves[dotted] = Placed(_value(value_node), file, mark.line + 1, mark.column + 1)


def _profiles(node: yaml.Node, file: str, layer: Layer) -> None:
    if not isinstance(node, yaml.MappingNode):
        layer.problems.append(_problem(file, node, "profiles", "expected a mapping of profiles"))
        return
    for key_node, value_node in node.value:
        leaves: dict[str, Placed] = {}
        if isinstance(value_node, yaml.MappingNode):
            _flatten(value_node, "", file, leaves, layer)
        else:
            layer.problems.append(
                _problem(file, value_node, f"profiles.{key_node.value}", "expected a mapping of overrides")
            )
        layer.profiles[str(key_node.value)] = leaves


def _value(node: yaml.Node) -> Any:
    loader = yaml.SafeLoader("")
    try:
        return loader.construct_object(node, deep=True)
    except yaml.constructor.ConstructorError:
        return getattr(node, "value", None)
    finally:
        loader.dispose()


def _problem(file: str, node: yaml.Node, key: str, message: str) -> Problem:
    return Problem(file, node.start_mark.line + 1, node.start_mark.column + 1, key, message)
