"""A person has read each interpretation beside the results as they are now."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from cvlib.check.finding import Finding, failed, ok
from cvlib.check.subject import Subject
from cvlib.freeze.interpretation import blocks_to_review


def find(subject: Subject) -> Iterator[Finding]:
    """Ask which blocks of the chapters were written against other results."""
    blocks = blocks_to_review(subject.layout, [entry.file for entry in subject.book.chapters])
    for block in blocks:
        yield failed(
            f"“{block.words}”: {block.reason}",
            f"Read it beside the results, correct it, then `cvlib reviewed {Path(block.file).stem}`.",
            file=block.file,
            line=block.line,
        )
    if not blocks:
        yield ok("every interpretation was read beside the results that there are")
