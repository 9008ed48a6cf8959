"""YAML read as Quarto reads it, with the line of every key."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import yaml

from cvlib.engine.errors import BookError

KeyPath = tuple[str | int, ...]

_Base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(_Base):
    """PyYAML with YAML 1.2's booleans: `no` and `off` are text, as they are to Quarto."""


_Loader.yaml_implicit_resolvers = {
    first: [
        (tag, pattern)
        for tag, pattern in resolvers
        if tag not in ("tag:yaml.org,2002:bool", "tag:yaml.org,2002:timestamp")
    ]
    for first, resolvers in _Base.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:bool", re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF")
)


@dataclass(frozen=True)
class YamlFile:
    """A parsed mapping. `lines` maps a key's path, as ("book", "chapters", 0), to its line."""

    name: str
    data: dict[str, Any]
    lines: dict[KeyPath, int]

    def line(self, *path: str | int) -> int | None:
        """Return the line of the nearest key on `path` that this file holds."""
        for length in range(len(path), 0, -1):
            if path[:length] in self.lines:
                return self.lines[path[:length]]
        return None


def parse_yaml(text: str, name: str, first_line: int = 1) -> YamlFile:
    """Parse a YAML mapping; `first_line` is where `text` begins inside the file `name`."""
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
        lines: dict[KeyPath, int] = {}
        if node is not None:
            _collect(node, (), lines, name, first_line)
        data = loader.construct_document(node) if node is not None else {}
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = first_line + mark.line if mark else None
        raise BookError(f"not valid YAML: {error.problem}", file=name, line=line) from None
    finally:
        loader.dispose()
    if not isinstance(data, dict):
        raise BookError(
            f"expected `key: value` lines, found {type(data).__name__}", file=name, line=first_line
        )
    return YamlFile(name, data, lines)


def _collect(
    node: Any, path: KeyPath, lines: dict[KeyPath, int], name: str, first_line: int
) -> None:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            line = first_line + key.start_mark.line
            below = (*path, str(key.value))
            if below in lines:
                raise BookError(f"key `{key.value}` is given twice", file=name, line=line)
            lines[below] = line
            _collect(value, below, lines, name, first_line)
    elif isinstance(node, yaml.SequenceNode):
        for position, value in enumerate(node.value):
            item: KeyPath = (*path, position)
            lines[item] = first_line + value.start_mark.line
            _collect(value, item, lines, name, first_line)
