"""A person has read each interpretation beside the results as they are now."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module

from cvlib.publish.check.finding import Finding, failed, ok, unchecked
from cvlib.publish.check.subject import Subject


def find(subject: Subject) -> Iterator[Finding]:
    """Ask which blocks were written against other results."""
    try:
        module = import_module("cvlib.journal.interpretation")
    except ModuleNotFoundError:
        yield unchecked("this cvlib does not mark interpretations")
        return
    blocks = module.blocks_to_review(subject.layout)
    for block in blocks:
        changed = ", ".join(block.changed)
        yield failed(
            f"“{block.words}” was written against other results of {changed}",
            f"Read it beside the results, correct it, then `cvlib reviewed {' '.join(block.changed)}`.",
            file=block.file,
            line=block.line,
        )
    if not blocks:
        yield ok("every interpretation was read beside the results that there are")
