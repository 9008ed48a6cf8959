"""What `cvlib status` says of chapters: frozen and true, or why not."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cvlib.engine.errors import BookError
from cvlib.freeze.book_files import read_book_files
from cvlib.freeze.chapter_source import read_source
from cvlib.freeze.freshness import Freshness, ProjectInputs

if TYPE_CHECKING:
    from cvlib.project import Project


@dataclass(frozen=True)
class ChapterStatus:
    """A chapter that runs code. reason: why it would run again; None: frozen and true."""

    file: str
    reason: str | None

    def as_json(self) -> dict[str, str | None]:
        """Plain data for `cvlib status --json`."""
        return {"file": self.file, "reason": self.reason}


def chapter_statuses(
    layout: Project,
    inputs: ProjectInputs | None = None,
    experiments: Collection[str] = (),
) -> list[ChapterStatus]:
    """Every chapter with code, in the order of the book; executes and changes nothing.

    inputs: with what was read already. experiments: only chapters that read one of these; all when
    none is named. Empty for a project that is no book, and where freeze is off.
    """
    try:
        book = read_book_files(layout.root, layout.quarto_profile)
    except BookError:
        return []
    if book.freeze is False:
        return []
    inputs = inputs or ProjectInputs(layout)
    freshness = Freshness(book, inputs)
    found = []
    for file in book.chapters:
        try:
            chapter = read_source(layout.root, file)
        except FileNotFoundError:
            found.append(ChapterStatus(file, "there is no such file"))
            continue
        except (OSError, BookError) as error:
            found.append(ChapterStatus(file, str(error)))
            continue
        if experiments and not set(experiments) & set(inputs.reader.experiments_of(chapter.text)):
            continue
        if chapter.executes:
            found.append(ChapterStatus(file, freshness.why_execute(chapter)))
    return found


def statuses_text(statuses: list[ChapterStatus]) -> str:
    """A line a chapter, below a head with their number."""
    if not statuses:
        return ""
    true = sum(status.reason is None for status in statuses)
    lines = [f"chapters  {true} of {len(statuses)} frozen and true"]
    width = max(len(status.file) for status in statuses)
    lines += [f"  {s.file:<{width}}  {s.reason or 'frozen and true'}" for s in statuses]
    return "\n".join(lines)
