"""YAML that remembers on which line each value stands, so that errors can say so.

Pydantic's errors are said as a person needs them: file, line, key, what is expected, nearest name.
"""

from __future__ import annotations

import re
import types
import typing
from collections.abc import Iterator
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, Tag, ValidationError

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


def explain(error: ValidationError, model: type[BaseModel], located: Located) -> SpecError:
    """Turn a ValidationError on `located.data` into one SpecError with a line for each problem."""
    # a misspelt key is missing too: the misspelling is what helps, so it comes first
    items = sorted(error.errors(), key=lambda item: item["type"] == "missing")
    messages = [_explain_one(dict(item), model, located) for item in items]
    return SpecError("\n".join(dict.fromkeys(messages)))


def _explain_one(item: dict[str, Any], model: type[BaseModel], located: Located) -> str:
    address, owner = _walk(item["loc"], model, located.data)
    key = ".".join(address)
    value, kind, context = item["input"], item["type"], item.get("ctx", {})
    if kind == "extra_forbidden":
        fields = owner.model_fields.items() if owner else ()
        known = [field.alias or name for name, field in fields]
        inside = f" in {'.'.join(address[:-1])}" if address[:-1] else ""
        text = f"unknown key {address[-1]!r}{inside}; {_nearest(address[-1], known)}"
    elif kind == "missing":
        text = f"the key {key!r} is missing"
        field = owner.model_fields.get(address[-1]) if owner else None
        if field is not None and field.description:
            text += f": {field.description}"
    elif kind in ("literal_error", "union_tag_invalid"):
        expected = context.get("expected") or context.get("expected_tags", "")
        if kind == "union_tag_invalid":
            discriminator = str(context.get("discriminator", "")).strip("'")
            key, value = f"{key}.{discriminator}", value.get(discriminator)
            address = (*address, discriminator)
        known = re.findall(r"'([^']+)'", str(expected))
        text = f"{key}: {value!r} is not known; {_nearest(str(value), known)}"
    elif kind in ("unknown_kind", "unknown_mode"):
        choice = kind.removeprefix("unknown_")
        known = re.findall(r"[a-z_]+", item["msg"].split("expected ")[1].replace(" or ", ", "))
        address, given = (*address, choice), value.get(choice)
        text = f"{key}.{choice}: {given!r} is not known; {_nearest(str(given), known)}"
    elif kind == "value_error":
        text = f"{key}: {context['error']}" if key else str(context["error"])
    else:
        message = item["msg"][0].lower() + item["msg"][1:]
        text = f"{key}: {value!r} will not do: {message}"
    return str(located.error(address, text))


def _nearest(name: str, known: list[str]) -> str:
    near = get_close_matches(name, known, n=1, cutoff=0.5)
    listed = ", ".join(known)
    return f"did you mean {near[0]!r}? (there is: {listed})" if near else f"there is: {listed}"


def _walk(
    loc: tuple[str | int, ...], model: type[BaseModel], data: Any
) -> tuple[Address, type[BaseModel] | None]:
    """Follow an error's loc through the models.

    Returns the address in the YAML (without the tags that pydantic puts in for a union's member)
    and the model that holds its last key.
    """
    address: list[str] = []
    owner: type[BaseModel] | None = model
    current: Any = model
    for step in loc:
        members = list(_members(current))
        is_tag = isinstance(step, str) and not (isinstance(data, dict) and step in data)
        tagged = [member for member, tags in members if step in tags]
        if is_tag and (tagged or step in ("str", "dict[str,any]")):
            current = tagged[0] if tagged else current
            continue
        address.append(str(step))
        models = [member for member, _ in members if step in member.model_fields]
        owner = members[0][0] if len(members) == 1 else models[0] if models else None
        field = owner.model_fields.get(str(step)) if owner else None
        if field is not None:
            current = field.annotation
        else:
            args = typing.get_args(current) if owner is None else ()
            current = args[-1] if args else None
        data = data.get(step) if isinstance(data, dict) else None
    return tuple(address), owner


def _members(annotation: Any) -> Iterator[tuple[type[BaseModel], set[str]]]:
    """Every model of a union, with the tags by which pydantic names it in an error's loc."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        fields = [annotation.model_fields.get(name) for name in ("name", "kind")]
        choices = [typing.get_args(field.annotation) for field in fields if field]
        yield annotation, {str(choice) for options in choices for choice in options}
    elif typing.get_origin(annotation) in (typing.Union, types.UnionType, typing.Annotated):
        parts = typing.get_args(annotation)
        own = {str(part.tag) for part in parts if isinstance(part, Tag)}
        for member, tags in (found for part in parts for found in _members(part)):
            yield member, tags | own
