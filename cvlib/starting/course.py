"""The course's settings in a new project, and what the PDF that is handed in is called there."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from cvlib.starting import StartError

if TYPE_CHECKING:
    from cvlib.settings import Settings


def new_settings(source: Path, course: str | None, module: str | None) -> Settings:
    """The settings of the project in `source`, with another course or module where they are given.

    What the source's author set for the own name does not hold for another author.
    """
    from cvlib.settings import load_settings

    given = {"course": course, "module": None if module is None else _number_or_text(module)}
    changed = {name: value for name, value in given.items() if value is not None}
    return load_settings(source).model_copy(
        update={**changed, "first_name": None, "last_name": None}
    )


def pdf_name(settings: Settings, author: str) -> str:
    """The name of the author's PDF; StartError for a name that makes no file's name."""
    from cvlib.settings import UnusableName, ascii_name, expected_pdf_name, split_name

    try:
        for part in split_name(author):
            ascii_name(part)
    except UnusableName as error:
        raise StartError(
            f"--author: {error}. It becomes part of the PDF's name: give it in Latin letters, and "
            "change `author` in _quarto.yml afterwards, with `first-name` and `last-name` below "
            "`cvlib:`"
        ) from None
    return expected_pdf_name(settings, author)


def _number_or_text(module: str) -> int | str:
    return int(module) if module.isdecimal() else module
