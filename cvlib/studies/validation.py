"""Pydantic's errors, said as a person needs them: file, line, key, what is expected, nearest name."""

from __future__ import annotations

import re
import types
import typing
from difflib import get_close_matches
from typing import Any

from pydantic import BaseModel, Tag, ValidationError

from cvlib.studies.located_yaml import Address, Located, SpecError


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
        members = _models(current)
        tagged = [m for m in members if step in _tags(m)] or _by_tag(current, step)
        is_tag = isinstance(step, str) and not (isinstance(data, dict) and step in data)
        if is_tag and (tagged or step in ("str", "dict[str,any]")):
            current = tagged[0] if tagged else current
            continue
        address.append(str(step))
        owner = (
            members[0]
            if len(members) == 1
            else next((m for m in members if step in m.model_fields), None)
        )
        field = owner.model_fields.get(str(step)) if owner else None
        if field is not None:
            current = field.annotation
        elif owner is None:
            args = typing.get_args(current)
            current = args[-1] if args else None
        else:
            current = None
        data = data.get(step) if isinstance(data, dict) else None
    return tuple(address), owner


def _models(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    if typing.get_origin(annotation) in (typing.Union, types.UnionType, typing.Annotated):
        return [m for arg in typing.get_args(annotation) for m in _models(arg)]
    return []


def _by_tag(annotation: Any, tag: str | int) -> list[type[BaseModel]]:
    """Members of a union that a pydantic Tag names."""
    found = []
    for arg in typing.get_args(annotation):
        if any(isinstance(extra, Tag) and extra.tag == tag for extra in typing.get_args(arg)[1:]):
            found.extend(_models(arg))
        elif typing.get_origin(arg) is not None:
            found.extend(_by_tag(arg, tag))
    return found


def _tags(model: type[BaseModel]) -> set[str]:
    tags: set[str] = set()
    for name in ("name", "kind"):
        if name in model.model_fields:
            tags.update(map(str, typing.get_args(model.model_fields[name].annotation)))
    return tags
