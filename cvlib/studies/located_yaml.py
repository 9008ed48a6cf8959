"""Pydantic's errors said as a person needs them: file, line, key, what is expected, nearest name."""

from __future__ import annotations

import re
import types
import typing
from collections.abc import Iterator
from difflib import get_close_matches
from typing import Any

from pydantic import BaseModel, Tag, ValidationError

from cvlib.yaml_source import Address, SpecError, Yaml, shown, together

_PLAIN_TAGS = ("str", "int", "float", "dict[str,any]")  # pydantic's, of a union's members


def explain(error: ValidationError, model: type[BaseModel], located: Yaml) -> SpecError:
    """Turn a ValidationError on `located.data` into one SpecError with a line for each problem."""
    # a misspelt key is missing too: the misspelling is what helps, so it comes first
    items = sorted(error.errors(), key=lambda item: item["type"] == "missing")
    messages = [_explain_one(dict(item), model, located) for item in items]
    return SpecError(together(messages))


def _explain_one(item: dict[str, Any], model: type[BaseModel], located: Yaml) -> str:
    address, owner = _walk(item["loc"], model, located.data)
    key = shown(".".join(address))[1:-1]
    value, kind, context = item["input"], item["type"], item.get("ctx", {})
    if kind == "extra_forbidden":
        fields = owner.model_fields.items() if owner else ()
        known = [field.alias or name for name, field in fields]
        inside = f" in {'.'.join(address[:-1])}" if address[:-1] else ""
        text = f"unknown key {shown(address[-1])}{inside}; {_nearest(address[-1], known)}"
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
        text = f"{key}: {shown(value)} is not known; {_nearest(str(value), known)}"
    elif kind in ("unknown_kind", "unknown_mode"):
        choice = kind.removeprefix("unknown_")
        known = re.findall(r"[a-z_]+", item["msg"].split("expected ")[1].replace(" or ", ", "))
        if isinstance(value, dict):
            address, given = (*address, choice), value.get(choice)
            text = f"{key}.{choice}: {shown(given)} is not known; {_nearest(str(given), known)}"
        else:
            text = f"{key}: {shown(value)}; expected keys below it, such as `{choice}: {known[0]}`"
    elif kind == "value_error":
        text = f"{key}: {context['error']}" if key else str(context["error"])
    else:
        message = item["msg"][0].lower() + item["msg"][1:]
        if kind in ("dict_type", "model_type", "model_attributes_type"):
            message = "expected `key: value` lines below it"
        elif kind == "union_tag_not_found":
            message = "expected the key 'name' below it"
        text = f"{key}: {shown(value)} will not do: {message}"
    return str(located.error(address, text if len(text) < 1000 else f"{text[:1000]}…"))


def _nearest(name: str, known: list[str]) -> str:
    near = get_close_matches(name[:100], known, n=1, cutoff=0.5)
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
        if is_tag and (tagged or step in _PLAIN_TAGS):
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
