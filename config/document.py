"""YAML files with the place of every value.

Keys that repeat inside one file are problems, because the second would silently win.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from config.source import Layer, Placed, Problem

_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # with libyaml it takes a tenth of the time


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
