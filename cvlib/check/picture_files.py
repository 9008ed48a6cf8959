"""The picture files that chapters show: there, readable, and not empty."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from cvlib.check.blank import why_blank
from cvlib.check.finding import Finding, failed, ok, unchecked
from cvlib.check.prose import without_blocks
from cvlib.check.subject import TARGETS, CheckedChapter, Subject

_PICTURE = re.compile(
    r"\]\((?P<path>(?![a-z]+:)[^()\s]+\.(?:svg|png|jpe?g|gif|webp|pdf))"
    r"(?:[ \t]+[\"'][^)]*)?\)(?:\{[^{}]*?#(?P<label>fig-[\w:.-]+))?",
    re.IGNORECASE,
)


def find(subject: Subject) -> Iterator[Finding]:
    """Look at every picture of the frozen chapters, of both formats, and of plain markdown."""
    if loose := [c.file for c in subject.chapters if c.has_cells and not c.frozen]:
        yield unchecked(f"not executed, so that its figures are not known: {', '.join(loose)}")
    seen: set[Path] = set()
    wrong = 0
    for chapter in subject.chapters:
        for reference, label, path in _pictures(subject, chapter):
            if path in seen:
                continue
            seen.add(path)
            if says := _wrong_with(path):
                wrong += 1
                file, line = _place(chapter, reference, label)
                yield failed(
                    f"the picture {reference} {says}",
                    f"`cvlib render {chapter.entry.name} --fresh` makes the figures of its cells again."
                    if "_files/" in reference
                    else "Put the picture there, or take it out of the text.",
                    file=file,
                    line=line,
                    label=label,
                )
    if not wrong:
        yield ok(f"{len(seen)} picture files, none missing and none empty")


def _pictures(subject: Subject, chapter: CheckedChapter) -> Iterator[tuple[str, str | None, Path]]:
    for target in TARGETS:
        executed = chapter.executed(target)
        if executed is None:
            continue
        for found in _PICTURE.finditer(without_blocks(executed.markdown)):
            yield found["path"], found["label"], executed.path_of(found["path"], subject.root)


def _wrong_with(path: Path) -> str | None:
    if not path.is_file():
        return "is not there"
    return why_blank(path)


def _place(chapter: CheckedChapter, reference: str, label: str | None) -> tuple[str, int | None]:
    """Find the cell or the line that shows a picture."""
    stem = re.sub(r"-output-\d+\.\w+$", "", reference.rsplit("/", 1)[-1])
    for needle in (reference, label, stem):
        if needle:
            file, line = chapter.prose.find(rf"{re.escape(needle)}\b")
            if line is not None:
                return file, line
    return chapter.file, None
