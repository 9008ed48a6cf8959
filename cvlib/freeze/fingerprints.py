"""What an experiment's results are, in eight digits: text that was written beside them names these.

Unlike the digest that a frozen chapter is kept by, a fingerprint is of the numbers alone: a result
that became stale, a new label or title leave it as it is.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from cvlib.results.files import readable_json, replace_text

if TYPE_CHECKING:
    from cvlib.freeze.experiment_digests import ExperimentReader
    from cvlib.project import Project

DIGITS = 8
FILE = "fingerprints.json"


def results_fingerprints(
    layout: Project, names: Iterable[str], reader: ExperimentReader | None = None
) -> dict[str, str]:
    """Experiment id -> first 8 hex digits of the digest of its results and reviews.

    reader: with what was read already. An experiment that cannot be read is left out: executing a
    chapter says what is wrong with it.
    """
    from cvlib.freeze.experiment_digests import ExperimentReader
    from cvlib.project import ProjectError
    from cvlib.studies.experiment import SpecError

    reader = reader or ExperimentReader(layout)
    found: dict[str, str] = {}
    for name in sorted(set(names)):
        try:
            found[name] = reader.fingerprint(name)[:DIGITS]
        except (SpecError, ProjectError):
            continue
    return found


def fingerprints_file(layout: Project) -> Path:
    """Where both engines find the fingerprints of all experiments.

    Beside the frozen chapters, so that a clone without Python has them; of another profile, which
    freezes nothing, among the files that a render leaves.
    """
    if layout.profile == "default":
        return layout.root / "_freeze" / FILE
    return layout.root / ".quarto" / f"fingerprints-{layout.profile}.json"


def note_fingerprints(layout: Project, reader: ExperimentReader | None = None) -> dict[str, str]:
    """Bring the file up to date and return what it holds. reader: with what was read already."""
    now = results_fingerprints(layout, layout.experiment_ids(), reader)
    path = fingerprints_file(layout)
    if noted_fingerprints(path) != now:
        replace_text(path, readable_json(now))
    return now


def noted_fingerprints(path: Path) -> dict[str, str] | None:
    """What a file of fingerprints holds; None where there is none that can be read."""
    try:
        return {str(k): str(v) for k, v in json.loads(path.read_text(encoding="utf-8")).items()}
    except (OSError, ValueError, AttributeError):
        return None
