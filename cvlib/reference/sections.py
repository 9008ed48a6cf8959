"""A page of sections, one a model: what it is, and a table of its keys."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from pydantic import BaseModel

from cvlib.reference.words import Links, cell, default_words, link, type_words

Model = type[BaseModel]
# For keys whose type says less than what is checked later: model -> key -> the models it may be.
Checked = Mapping[Model, Mapping[str, tuple[Model, ...]]]


class Section(NamedTuple):
    """A model's heading, and what is said besides its docstring."""

    heading: str
    says: str
    model: Model


def page(introduction: str, sections: Sequence[Section], checked: Checked) -> str:
    """Return the page as Markdown."""
    links = {section.model: section.heading for section in sections}
    return "\n".join([introduction, *(_section(section, links, checked) for section in sections)])


def _section(section: Section, links: Links, checked: Checked) -> str:
    documented = " ".join((section.model.__doc__ or "").split())
    lines = [f"## {section.heading}", "", f"{documented} {section.says}".strip(), ""]
    lines += ["| key | what it takes | when left out | what it means |", "|:--|:--|:--|:--|"]
    for name, field in section.model.model_fields.items():
        takes = type_words(field, links)
        if models := checked.get(section.model, {}).get(name):
            takes = " or ".join(link(links[model]) for model in models)
        key = f"`{field.alias or name}`"
        row = [key, takes, default_words(field), field.description or ""]
        lines.append(f"| {' | '.join(cell(text) for text in row)} |")
    return "\n".join([*lines, ""])
