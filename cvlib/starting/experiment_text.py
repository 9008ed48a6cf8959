"""The YAML of a new experiment: the commented template, or a copy of another experiment's."""

from __future__ import annotations

import re
from typing import Any

from cvlib.starting import filled
from cvlib.starting.template import read_template
from cvlib.starting.yaml_text import KeyPath, folded, has_value, quoted, set_value

TO_NAME = "To be named"
TO_ASK = "To write: what this experiment is to find out, in one or two sentences."
_ID = re.compile(r"\b(exp)(\d{2,})\b", re.IGNORECASE)


def from_template(
    name: str,
    title: str | None,
    dataset: str,
    image_size: int | None,
    question: str = TO_ASK,
) -> str:
    """The template for one experiment. image_size: where the pictures have none of their own."""
    values = {"id": name, "ID": name.upper(), "dataset": _plain(dataset)}
    values |= {"title": quoted(title or TO_NAME), "question": folded(question)}
    if image_size is None:
        values["image_size"] = ""
    else:
        values["image_size"] = (
            f"{f'  image_size: {image_size}':25}# pictures are cut square and resized to this\n"
        )
    return filled(read_template("experiment.yaml"), values)


def copied(
    text: str,
    original: str,
    name: str,
    title: str | None,
    dataset: str | None,
    image_size: int | None,
) -> str:
    """A copy of the experiment `original`: its title and question are to be written anew.

    Comments stay; those that name the original name the copy. dataset: instead of its own, in
    every profile.
    """
    text = "".join(_renamed(line, original, name) for line in text.splitlines(keepends=True))
    title = title or TO_NAME
    text = set_value(text, ("title",), quoted(title), title, _read)
    text = set_value(text, ("question",), folded(TO_ASK), TO_ASK, _read)
    if dataset is not None:
        for path in _names_of_data(_read(text)):
            text = set_value(text, path, _plain(dataset), dataset, _read)
        text = _with_image_size(text, image_size)
    return text


def _names_of_data(data: dict[str, Any]) -> list[KeyPath]:
    """Where the file, or a profile of it, names a dataset."""
    found: list[KeyPath] = [
        ("dataset",) if isinstance(data["dataset"], str) else ("dataset", "name")
    ]
    for profile, fields in (data.get("profiles") or {}).items():
        changed = (fields or {}).get("set") or {}
        base: KeyPath = ("profiles", profile, "set")
        if isinstance(changed.get("dataset"), str):
            found.append((*base, "dataset"))
        elif "name" in (changed.get("dataset") or {}):
            found.append((*base, "dataset", "name"))
        if "dataset.name" in changed:
            found.append((*base, "dataset.name"))
    return found


def _with_image_size(text: str, image_size: int | None) -> str:
    """Give the dataset an image_size, where it has none of its own and needs one."""
    path: KeyPath = ("dataset", "image_size")
    if image_size is None or has_value(text, path):
        return text
    data = _read(text)["dataset"]
    if isinstance(data, str):
        whole = {"name": data, "image_size": image_size}
        written = f"{{name: {_plain(data)}, image_size: {image_size}}}"
        return set_value(text, ("dataset",), written, whole, _read)
    return set_value(text, path, str(image_size), image_size, _read)


def _renamed(line: str, original: str, name: str) -> str:
    """Put the new id into a line's comment; the rest of the line is not touched."""
    before, hash_, comment = line.partition("#")
    if not hash_ or (before.strip() and not before.endswith(" ")):
        return line

    def new(match: re.Match[str]) -> str:
        if match[0].lower() != original:
            return match[0]
        return name.upper() if match[1].isupper() else name

    return before + hash_ + _ID.sub(new, comment)


def _plain(dataset: str) -> str:
    # `imagefolder:data/birds` needs no quotes; a path with a blank or a `#` in it may
    return dataset if re.fullmatch(r"[\w:./+-]+", dataset) else quoted(dataset)


def _read(text: str) -> Any:
    from cvlib.studies.located_yaml import parse_yaml

    return parse_yaml(text, "the new experiment").data
