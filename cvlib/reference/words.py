"""Types, limits and defaults of a field, in words and as YAML has them."""

from __future__ import annotations

import json
import types
import typing
from collections.abc import Mapping
from typing import Any, Literal

import annotated_types
from pydantic import BaseModel
from pydantic.fields import FieldInfo

Links = Mapping[type[BaseModel], str]  # model -> the heading of its section

_OFF, _ANY = "`null`", "any value"
_PLAIN = {
    str: ("text", "texts"),
    int: ("whole number", "whole numbers"),
    float: ("number", "numbers"),
    bool: ("`true` or `false`", ""),
}


def type_words(field: FieldInfo, links: Links) -> str:
    """`whole number, 1 to 8`, `` `max`, `avg` or `stride` ``, or links to the sections of models."""
    return _listed(_words(field.annotation, links)) + _limits(field)


def default_words(field: FieldInfo) -> str:
    """What holds where the key is left out: `` `0.1` ``, or `required`."""
    if field.is_required():
        return "required"
    return f"`{_yaml(field.get_default(call_default_factory=True))}`"


def anchor(heading: str) -> str:
    """The address of a heading, as git hosts make it."""
    kept = "".join(letter for letter in heading.lower() if letter.isalnum() or letter in " -_")
    return kept.replace(" ", "-")


def cell(text: str) -> str:
    """Text for a cell of a Markdown table."""
    return " ".join(text.split()).replace("|", "\\|")


def _words(annotation: Any, links: Links) -> list[str]:
    """A type in words, one for each of its choices."""
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        return _words(arguments[0], links)
    if origin in (typing.Union, types.UnionType):
        some = [word for one in arguments for word in _words(one, links)]
        if "number" in some:
            some = [word for word in some if word != "whole number"]
        # what is off comes last
        return sorted(dict.fromkeys(some), key=lambda word: word == _OFF)
    if origin is Literal:
        return [f"`{value}`" for value in arguments]
    if origin in (tuple, list):
        if arguments[0] in _PLAIN:
            return [f"list of {_PLAIN[arguments[0]][1]}"]
        words = _listed(_words(arguments[0], links))
        return ["list of any values" if words == _ANY else f"list of {words}"]
    if origin is dict:
        words = _listed(_words(arguments[1], links))
        return ["mapping" if words == _ANY else f"mapping: name → {words}"]
    if annotation is type(None):
        return [_OFF]
    if annotation is Any:
        return [_ANY]
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [link(links[annotation])]
    return [_PLAIN[annotation][0]]


def link(heading: str) -> str:
    """A link to a section of the same page."""
    return f"[{heading}](#{anchor(heading)})"


def _limits(field: FieldInfo) -> str:
    """`, 1 to 8`, `, above 0 and below 1`; empty where any value will do."""
    low = high = ""
    for rule in field.metadata:
        if isinstance(rule, annotated_types.Ge):
            low = f"from {_number(rule.ge)}"
        elif isinstance(rule, annotated_types.Gt):
            low = f"above {_number(rule.gt)}"
        elif isinstance(rule, annotated_types.Le):
            high = f"to {_number(rule.le)}"
        elif isinstance(rule, annotated_types.Lt):
            high = f"below {_number(rule.lt)}"
    said = ", ".join(part for part in (low, high) if part)
    return f", {said}" if said else ""


def _number(value: Any) -> str:
    # 2147483648 says less than what it is
    if isinstance(value, int) and value >= 2**31:
        return f"2^{value.bit_length() - 1}"
    return f"{value:,}" if isinstance(value, int) else f"{value:g}"


def _listed(words: list[str]) -> str:
    return " or ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def _yaml(value: Any) -> str:
    if isinstance(value, BaseModel):
        given = value.model_dump(exclude_none=True)
        choice = next((key for key in ("name", "kind", "mode") if key in given), None)
        return f"{{{choice}: {given[choice]}}}" if choice else "{}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(_yaml(item) for item in value)}]"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, str) and not value.replace("_", "").isalnum():
        return json.dumps(value, ensure_ascii=False)
    return f"{value:g}" if isinstance(value, float) else str(value)
