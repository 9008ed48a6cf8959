"""`_quarto.yml` of a new project: this one's, with the title, the author and the chapters changed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from cvlib.starting.yaml_text import KeyPath, column_of, has_value, quoted, set_value

if TYPE_CHECKING:
    from cvlib.settings import Settings
    from cvlib.starting.project import Words

CHAPTERS = ("index.qmd", "Experiment Journal", "report/exp01.qmd", "report/summary.qmd")


def new_book(text: str, words: Words, settings: Settings, pdf: str) -> str:
    """Return the text of `_quarto.yml` for a new project; comments and all other keys stay.

    pdf: the file's name. Raises StartError where the text does not allow an edit.
    """
    given: dict[KeyPath, Any] = {
        ("book", "title"): words.title,
        ("book", "subtitle"): f"{settings.course}, module {settings.module}",
        ("book", "author"): words.author,
        ("book", "output-file"): pdf.removesuffix(".pdf"),
        ("cvlib", "course"): settings.course,
        ("cvlib", "module"): settings.module,
    }
    for key in ("first-name", "last-name"):  # another author's
        if has_value(text, ("cvlib", key)):
            given[("cvlib", key)] = None
    for path, value in given.items():
        written = quoted(value) if isinstance(value, str) else json.dumps(value)
        text = set_value(text, path, written, value, _read)
    return _with_starter_chapters(text)


def _with_starter_chapters(text: str) -> str:
    path: KeyPath = ("book", "chapters")
    home, part, first, summary = CHAPTERS
    indent = " " * column_of(text, path)
    lines = [f"- {home}", f"- part: {part}", "  chapters:", f"    - {first}", f"- {summary}"]
    value = [home, {"part": part, "chapters": [first]}, summary]
    return set_value(text, path, f"\n{indent}".join(lines), value, _read)


def _read(text: str) -> dict[str, Any]:
    from cvlib.engine.yaml_lines import parse_yaml

    return parse_yaml(text, "_quarto.yml").data
