"""`_quarto.yml` of a new project: this one's, with the title, the author and the chapters changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cvlib.starting.yaml_text import KeyPath, column_of, quoted, set_value

if TYPE_CHECKING:
    from cvlib.starting.project import Words

CHAPTERS = ("index.qmd", "Experiment Journal", "report/exp01.qmd", "report/summary.qmd")


def new_book(text: str, words: Words, pdf: str) -> str:
    """Return the text of `_quarto.yml` for a new project; comments and all other keys stay.

    pdf: the file's name without `.pdf`. Raises StartError where the text does not allow an edit.
    """
    given: dict[KeyPath, Any] = {
        ("book", "title"): words.title,
        ("book", "subtitle"): f"{words.course}, module {words.module}",
        ("book", "author"): words.author,
        ("book", "output-file"): pdf,
    }
    if _read(text).get("cvlib"):
        given |= {
            ("cvlib", "course"): words.course,
            ("cvlib", "module"): _number_or_text(words.module),
        }
    for path, value in given.items():
        written = str(value) if isinstance(value, int) else quoted(value)
        text = set_value(text, path, written, value, _read)
    return _with_starter_chapters(text)


def _with_starter_chapters(text: str) -> str:
    path: KeyPath = ("book", "chapters")
    home, part, first, summary = CHAPTERS
    indent = " " * column_of(text, path)
    lines = [f"- {home}", f"- part: {part}", "  chapters:", f"    - {first}", f"- {summary}"]
    value = [home, {"part": part, "chapters": [first]}, summary]
    return set_value(text, path, f"\n{indent}".join(lines), value, _read)


def _number_or_text(module: str) -> int | str:
    return int(module) if module.isdecimal() else module


def _read(text: str) -> dict[str, Any]:
    from cvlib.publish.yaml_lines import parse_yaml

    return parse_yaml(text, "_quarto.yml").data
