"""Every chapter's frozen copy is true to its text, its results and the code that it calls."""

from __future__ import annotations

from collections.abc import Iterator

from cvlib.check.finding import Finding, failed, ok, unchecked
from cvlib.check.subject import Subject
from cvlib.freeze.freshness import chapter_statuses


def find(subject: Subject) -> Iterator[Finding]:
    """Ask for the state of each chapter."""
    if not subject.is_frozen:
        yield unchecked(f"the profile {subject.layout.profile} freezes no chapter")
        return
    statuses = chapter_statuses(subject.layout)
    stale = [status for status in statuses if status.reason is not None]
    for status in stale:
        yield failed(
            f"the frozen copy does not stand: {status.reason}",
            "`make report` executes the chapter again.",
            file=status.file,
        )
    if not stale:
        yield ok(f"{len(statuses)} chapters, all frozen and true")
