"""Around a render by Quarto: untrue frozen copies are removed before it, what it froze is noted after.

Quarto goes by a chapter's text alone. What is not frozen it executes.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cvlib.engine.errors import BookError
from cvlib.freeze.chapter_source import ChapterSource, read_source
from cvlib.freeze.freeze import (
    copy_digests,
    freeze_folder,
    frozen_markdowns,
    frozen_targets,
    recorded_inputs,
    write_sidecar,
)
from cvlib.freeze.freshness import Freshness

if TYPE_CHECKING:
    from cvlib.engine.project import Target
    from cvlib.freeze.inputs import Inputs as Digests


@dataclass
class Swept:
    """What Quarto will find.

    reasons: chapter -> why it is to run; before: what each reads now; chapters: as they are now.
    """

    reasons: dict[str, str] = field(default_factory=dict)
    before: dict[str, Digests] = field(default_factory=dict)
    chapters: list[ChapterSource] = field(default_factory=list)

    @property
    def frozen(self) -> tuple[str, ...]:
        """Chapters whose frozen copy stands."""
        return tuple(file for file in self.before if file not in self.reasons)


def sweep(
    freshness: Freshness, notify: Callable[[str], None], wanted: Iterable[Target] | None = None
) -> Swept:
    """Remove the frozen copies that are not true. A format that was not frozen yet is no reason.

    wanted: the formats that will be rendered; None: all.
    """
    book, swept = freshness.book, Swept()
    wanted = book.targets if wanted is None else tuple(wanted)
    for file in book.chapters:
        try:
            chapter = read_source(book.root, file)
        except (OSError, BookError) as error:
            notify(f"{file}: freshness not checked: {error}")
            continue
        swept.chapters.append(chapter)
        if not chapter.executes:
            continue
        folder = freeze_folder(book.root, file)
        there = frozen_targets(folder)
        before = _before(freshness, chapter)
        swept.before[file] = before
        reason = None
        if freshness.fresh or file in freshness.always or not there:
            reason = freshness.why_execute(chapter) or "never executed"
        elif not freshness.verified:
            reason = freshness.why_untrue(chapter, there, before)
        if reason is None:
            absent = [target for target in wanted if target not in there]
            if absent:
                swept.reasons[file] = f"not frozen for {absent[0]}"
            continue
        swept.reasons[file] = reason
        if folder.exists():
            if _keeps(freshness, chapter):
                notify(f"{file}: {reason}, but freeze is true: its frozen copy is used")
            else:
                notify(f"{file}: {reason}; its frozen copy is removed")
                shutil.rmtree(folder)
    return swept


def note_executed(freshness: Freshness, before: dict[str, Digests]) -> list[str]:
    """Write down what the chapters that Quarto has just executed were made from; returns them.

    before: what each of them read when the render began.
    """
    executed = []
    for file, read in before.items():
        folder = freeze_folder(freshness.book.root, file)
        if copy_digests(folder) and recorded_inputs(folder) is None:
            write_sidecar(folder, freshness.after(file, read, frozen_markdowns(folder)))
            executed.append(file)
    return executed


def _before(freshness: Freshness, chapter: ChapterSource) -> Digests:
    from cvlib.freeze.inputs import Inputs as Digests

    if freshness.verified:
        return Digests(recorded_inputs(freeze_folder(freshness.book.root, chapter.file)) or {})
    return freshness.before(chapter)


def _keeps(freshness: Freshness, chapter: ChapterSource) -> bool:
    freeze = freshness.book.freeze if chapter.freeze is None else chapter.freeze
    return freeze is True and not freshness.fresh
