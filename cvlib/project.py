"""Where things are: the project's root, its experiments, its data, and one store a profile."""

from __future__ import annotations

import os
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from cvlib.errors import CvlibError

PROFILES = ("quick", "default", "full")
HYPOTHESES = "hypotheses"  # experiments/hypotheses.yaml declares no experiment


class ProjectError(CvlibError, ValueError):
    """The project, or a name asked of it, is not what was expected."""


@dataclass(frozen=True)
class Project:
    """Paths of one project in one profile. root: the folder that holds `_quarto.yml`."""

    root: Path
    profile: str = "default"

    @property
    def quarto_profile(self) -> str | None:
        """The profile as Quarto has it: its default one has no name."""
        return None if self.profile == "default" else self.profile

    @property
    def experiments(self) -> Path:
        """Folder of the experiment YAML files."""
        return self.root / "experiments"

    @property
    def data(self) -> Path:
        """Folder of datasets, features and weights."""
        return self.root / "data"

    @property
    def runs(self) -> Path:
        """The profile's results store; the default profile's is `experiments/runs`."""
        suffix = "" if self.profile == "default" else f"-{self.profile}"
        return self.experiments / f"runs{suffix}"

    @property
    def reviews(self) -> Path:
        """Folder of what a person said of test images, `<experiment>.json`; one a profile."""
        suffix = "" if self.profile == "default" else f"-{self.profile}"
        return self.experiments / f"reviews{suffix}"

    def experiment_ids(self) -> list[str]:
        """Ids of all experiments, sorted: `exp01` for `experiments/exp01.yaml`."""
        found = (path.stem for path in self.experiments.glob("*.yaml"))
        return sorted(name for name in found if name != HYPOTHESES)

    def experiment_file(self, experiment_id: str) -> Path:
        """Path of an experiment's YAML; raises ProjectError with the nearest id when there is none."""
        path = self.experiments / f"{experiment_id}.yaml"
        if experiment_id == HYPOTHESES or not path.exists():
            known = self.experiment_ids()
            near = get_close_matches(experiment_id, known, n=1)
            hint = (
                f"did you mean {near[0]!r}?" if near else f"there is: {', '.join(known) or 'none'}"
            )
            raise ProjectError(
                f"no experiment {experiment_id!r} in {self.experiments.name}/; {hint}"
            )
        return path


def find_project(start: Path | None = None, profile: str | None = None) -> Project:
    """Find the project that `start` (the working folder) lies in, and the profile in force.

    The profile is the one given, else CVLIB_PROFILE, else the first cvlib profile named by
    QUARTO_PROFILE, else `default`.
    """
    chosen = profile or os.environ.get("CVLIB_PROFILE") or _quarto_profile() or "default"
    if chosen not in PROFILES:
        raise ProjectError(f"unknown profile {chosen!r}; there is: {', '.join(PROFILES)}")
    here = Path(start or os.environ.get("QUARTO_PROJECT_ROOT") or Path.cwd()).resolve()
    for folder in (here, *here.parents):
        if (folder / "_quarto.yml").exists():
            return Project(folder, chosen)
    raise ProjectError(
        f"no _quarto.yml in {here} or above it; run this inside a cvlib project, the folder that "
        f"holds _quarto.yml, experiments/ and report/"
    )


def _quarto_profile() -> str | None:
    names = os.environ.get("QUARTO_PROFILE", "").replace(",", " ").split()
    return next((name for name in names if name in PROFILES), None)
