"""The figure or table of a label, and the runs that it shows."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from cvlib.engine.pictures import picture_description
from cvlib.engine.source_lines import line_of
from cvlib.freeze.expressions import end_of_div
from cvlib.freeze.frozen_chapter import FrozenChapter
from cvlib.freeze.marks import traced_runs
from cvlib.freeze.trace_place import Place
from cvlib.journal.quantity import DESCRIBED


def place_of_label(one: FrozenChapter, label: str) -> Place | None:
    """The labelled figure or table, if it is in this chapter."""
    found = re.search(rf"\{{#{re.escape(label)}[ }}]", one.markdown)
    if found is None:
        return None
    text, start = _block(one.markdown, found.start())
    # behind the line of the label: inside the cell, where it is a cell's
    expression, line = one.made_by(one.markdown.find("\n", found.start()))
    return Place(
        "figure" if label.startswith("fig-") else "table",
        label,
        one.chapter.file,
        line_of(one.chapter.text, f"label: {label}", f"#{label}") or line,
        one.heading(start),
        expression,
        tuple(dict.fromkeys([*traced_runs(text), *_of_pictures(text, one)])),
    )


def _block(markdown: str, label: int) -> tuple[str, int]:
    """The piece of markdown that carries a label, and where it begins."""
    line = markdown.rfind("\n", 0, label) + 1
    if markdown.startswith(":::", line):
        return markdown[line : end_of_div(markdown, line)], line
    end = markdown.find("\n", label) if "\n" in markdown[label:] else len(markdown)
    if markdown.startswith(":", line):  # the caption of a table in the text, below it
        above = markdown[:line].rstrip("\n").split("\n")
        first = len(above)
        while first and above[first - 1].startswith("|"):
            first -= 1
        line = len("\n".join(above[:first])) + 1
    return markdown[line:end], line


def _of_pictures(text: str, one: FrozenChapter) -> Iterator[str]:
    """The runs that the pictures in a piece of markdown describe."""
    files = re.escape(Path(one.chapter.file).stem) + r"_files/"
    for name in re.findall(rf"\]\({files}([^)\s]+)\)", text):
        path = one.folder / name
        if path.is_file():
            said = picture_description(path)
            yield from said.removeprefix(DESCRIBED).split() if said.startswith(DESCRIBED) else ()
