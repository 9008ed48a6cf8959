"""YAML that remembers on which line each value stands, so that errors can say so."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from cvlib.errors import CvlibError

Address = tuple[str, ...]


class SpecError(CvlibError, ValueError):
    """An experiment's YAML does not say what it should; the message names file, line and key."""


# libyaml's parser where PyYAML was built with it: ten times as fast
_Base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(_Base):
    """SafeLoader with YAML 1.2's floats (1e-3 is a number) and `none` for null."""


_Loader.yaml_implicit_resolvers = {
    first: list(rules) for first, rules in _Base.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?[0-9][0-9_]*(\.[0-9_]*)?[eE][-+]?[0-9]+$"),
    list("-+0123456789"),
)
_Loader.add_implicit_resolver("tag:yaml.org,2002:null", re.compile(r"^(none|None)$"), list("nN"))


@dataclass
class Located:
    """Nested plain data with the line of every mapping entry: address of keys -> line from 1."""

    data: dict[str, Any]
    lines: dict[Address, int] = field(default_factory=dict)
    file: str = ""

    def line(self, address: Address) -> int | None:
        """Line of the value at `address`, or of the nearest mapping that encloses it."""
        while address and address not in self.lines:
            address = address[:-1]
        return self.lines.get(address)

    def error(self, address: Address, message: str) -> SpecError:
        """Return a SpecError that begins with file and line."""
        line = self.line(address)
        where = f"{self.file}:{line}" if line else self.file
        return SpecError(f"{where}: {message}")

    def part(self, key: str) -> Located:
        """Return the mapping below `key`, with its lines; empty when there is none."""
        lines = {address[1:]: n for address, n in self.lines.items() if address[:1] == (key,)}
        return Located(self.data.get(key) or {}, lines, self.file)


def read_yaml(path: Path, shown_as: str) -> Located:
    """Read a YAML file whose top level is a mapping.

    shown_as: the file's name in messages. Raises SpecError for bad YAML and for a key given twice.
    """
    return parse_yaml(path.read_text(encoding="utf-8"), shown_as)


def parse_yaml(text: str, shown_as: str) -> Located:
    """The same for a text that is in no file yet."""
    try:
        node = yaml.compose(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else "?"
        raise SpecError(f"{shown_as}:{line}: this is not YAML: {error.problem}") from error
    if not isinstance(node, yaml.MappingNode):
        raise SpecError(f"{shown_as}:1: expected `key: value` lines at the top level")
    located = Located({}, {}, shown_as)
    loader = _Loader("")
    try:
        located.data = _build(node, (), located, loader)
    finally:
        loader.dispose()
    return located


def _build(node: yaml.Node, address: Address, into: Located, loader: Any) -> Any:
    if isinstance(node, yaml.MappingNode):
        built: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = str(key_node.value)
            line = key_node.start_mark.line + 1
            if key in built:
                raise SpecError(f"{into.file}:{line}: the key {key!r} stands here a second time")
            inner = (*address, key)
            into.lines[inner] = line
            built[key] = _build(value_node, inner, into, loader)
        return built
    if isinstance(node, yaml.SequenceNode):
        items = []
        for index, item in enumerate(node.value):
            inner = (*address, str(index))
            into.lines[inner] = item.start_mark.line + 1
            items.append(_build(item, inner, into, loader))
        return items
    return loader.construct_object(node)
