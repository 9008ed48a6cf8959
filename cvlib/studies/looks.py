"""How often a hypothesis was looked at while seeds were added, and with how many seeds each time.

`experiments/looks.json`, with its checksum: {hypothesis: [seeds at the first look, at the second, …]}.
It is kept with the results, since the level of every further look depends on it. The first look is
that at the seeds that were planned; it counts before anything is noted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cvlib.files import DamagedFile, read_note, update_note

if TYPE_CHECKING:
    from pathlib import Path

    from cvlib.project import Project
    from cvlib.studies.hypotheses import Hypothesis

LOOKS = "looks.json"


def looks_file(project: Project) -> Path:
    """Where the note lies."""
    return project.experiments / LOOKS


def looks_of(project: Project, hypothesis: Hypothesis) -> list[int]:
    """Seeds of a variant at each look that was taken, the first among them.

    Other profiles than the default one have only the first: seeds are added to that alone. Raises
    DamagedFile when the note is not what was written.
    """
    try:
        looks = read_note(looks_file(project)) if project.profile == "default" else {}
    except DamagedFile as error:
        message = f"{error}. Restore it from git: it says how often hypotheses were looked at"
        raise DamagedFile(message) from error
    return list(looks.get(hypothesis.id) or [_planned(project, hypothesis)])


def record_look(project: Project, hypothesis: Hypothesis, seeds: int) -> None:
    """Note that the hypothesis was looked at with so many seeds of a variant; nothing if it was."""

    def note(noted: dict[str, list[int]]) -> None:
        looks = noted.get(hypothesis.id, [])
        if seeds > max(looks, default=0):
            noted[hypothesis.id] = [*looks, seeds]

    looks_of(project, hypothesis)  # says what to do where the note is damaged
    update_note(looks_file(project), note)


def _planned(project: Project, hypothesis: Hypothesis) -> int:
    names = {name.partition("/")[0] for claim in hypothesis.claims for name in claim.names()}
    return max(len(project.plan(name).experiment.seeds) for name in names)
