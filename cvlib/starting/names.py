"""Names of experiments: `exp` and a number, `exp06`."""

from __future__ import annotations

import re

from cvlib.project import Project
from cvlib.starting import StartError

_NAME = re.compile(r"exp(\d{2,})")


def next_name(layout: Project) -> str:
    """The first free name behind the last: `exp06` where `exp05` has a YAML or a chapter.

    A number that was left out on the way stays free for whoever asks for it by name.
    """
    taken = [int(match[1]) for name in _taken(layout) if (match := _NAME.fullmatch(name))]
    return f"exp{max(taken, default=0) + 1:02d}"


def check_name(layout: Project, name: str) -> None:
    """Raise StartError where `name` is no name of an experiment, or is taken."""
    if not _NAME.fullmatch(name):
        raise StartError(
            f"{name!r} is no name of an experiment: expected exp and a number of two digits; the "
            f"next free one is {next_name(layout)}"
        )
    for path in (layout.experiments / f"{name}.yaml", layout.root / chapter_file(name)):
        if path.exists():
            raise StartError(
                f"{path.relative_to(layout.root).as_posix()} exists and is left as it is; the next "
                f"free name is {next_name(layout)}"
            )


def chapter_file(name: str) -> str:
    """The chapter of an experiment, relative to the project."""
    return f"report/{name}.qmd"


def _taken(layout: Project) -> set[str]:
    chapters = (path.stem for path in (layout.root / "report").glob("*.qmd"))
    return {*layout.experiment_ids(), *chapters}
