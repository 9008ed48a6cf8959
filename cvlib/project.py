"""The project: where things are, and one snapshot of what lies there, each thing read once a command."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from cvlib.errors import CvlibError

if TYPE_CHECKING:
    from cvlib.engine.book import Book
    from cvlib.engine.chapter import Chapter
    from cvlib.results.reviews import Reviews
    from cvlib.studies.experiment import Experiment
    from cvlib.studies.hypotheses import Hypothesis
    from cvlib.studies.plan import Plan
    from cvlib.studies.registered import Revision
    from cvlib.studies.status import Inspector, RunStatus

T = TypeVar("T")

PROFILES = ("quick", "default", "full")
HYPOTHESES = "hypotheses"  # experiments/hypotheses.yaml declares no experiment


class ProjectError(CvlibError, ValueError):
    """The project, or a name asked of it, is not what was expected."""


@dataclass(frozen=True)
class Project:
    """One project in one profile. root: the folder that holds `_quarto.yml`.

    What is asked of it is read when it is first asked for, and once: a command makes one Project
    and hands it on. Whoever trains calls `forget_results` before reading again.
    """

    root: Path
    profile: str = "default"
    _snapshot: dict[tuple[str, ...], Any] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    # ── what lies there, each read once ──────────────────────────────────────────────────────

    def experiment(self, experiment_id: str) -> Experiment:
        """`experiments/<id>.yaml`, resolved. Raises SpecError, or ProjectError when there is none."""
        self.note_read("experiment", experiment_id)
        return self._experiment(experiment_id)

    def _experiment(self, experiment_id: str) -> Experiment:
        from cvlib.studies.experiment import parse_experiment

        return self.once(
            ("experiment", experiment_id),
            lambda: parse_experiment(self.experiment_file(experiment_id), self.profile),
        )

    def plan(self, experiment_id: str) -> Plan:
        """The runs that an experiment asks for; nothing is fetched. Raises as `experiment`."""
        from cvlib.studies.plan import Fingerprints, Starts, resolve

        def make() -> Plan:
            fingerprints = self.once(("fingerprints",), lambda: Fingerprints(self.data, self.runs))
            starts = self.once(("starts",), lambda: Starts(self.root, self.data, self.runs))
            return resolve(self._experiment(experiment_id), fingerprints, starts)

        return self.once(("plan", experiment_id), make)

    def statuses(self, experiment_id: str) -> list[RunStatus]:
        """What each run of an experiment is, in the order of its plan; every run verified once."""
        self.note_read("results", experiment_id)
        return self.once(
            ("statuses", experiment_id),
            lambda: self.inspector.inspect(self.plan(experiment_id).runs),
        )

    @property
    def inspector(self) -> Inspector:
        """Reads and verifies runs of the store, each once."""
        from cvlib.results.store import Store
        from cvlib.studies.status import Inspector
        from cvlib.studies.syntax import keep_in

        keep_in(self.data / ".cache" / "syntax.json")
        return self.once(("inspector",), lambda: Inspector(Store(self.runs)))

    def run_digest(self, key: str | None) -> str:
        """One checksum for all that a run's folder says; '' when there is none."""
        from cvlib.results.store import Store

        return self.once(("digest", key or ""), lambda: Store(self.runs).digest(key or "-"))

    def hypotheses(self) -> tuple[Hypothesis, ...]:
        """`experiments/hypotheses.yaml`, checked; empty without one. Raises SpecError."""
        from cvlib.studies.hypotheses import load_hypotheses

        return self.once(("hypotheses",), lambda: load_hypotheses(self))

    def revisions(self) -> dict[str, Revision]:
        """How hypotheses differ from what was registered before their runs, by id; those that do.

        Raises SpecError, DamagedFile.
        """
        from cvlib.studies.registered import read_registered, revisions

        return self.once(
            ("revisions",), lambda: revisions(self.hypotheses(), read_registered(self))
        )

    def reviews_of(self, experiment_id: str) -> Reviews | None:
        """What a person said of an experiment's test images; None before that. Raises ReviewError."""
        from cvlib.results.reviews import read_reviews

        self.note_read("reviews", experiment_id)
        path = self.reviews / f"{experiment_id}.json"
        return self.once(
            ("reviews", experiment_id), lambda: read_reviews(path) if path.exists() else None
        )

    def book(self) -> Book:
        """`_quarto.yml` with the profile and the extension's defaults; refuses nothing of Quarto's.

        Raises BookError for what is no YAML, or no book.
        """
        from cvlib.engine.book import read_book

        return self.once(("book",), lambda: read_book(self.root, self.quarto_profile))

    def chapter(self, file: str) -> Chapter:
        """A chapter, parsed; file: relative to the root, `report/exp01.qmd`. Raises BookError, OSError."""
        from cvlib.engine.chapter import read_chapter

        return self.once(("chapter", file), lambda: read_chapter(self.root, file))

    def experiments_of(self, file: str) -> list[str]:
        """Ids of the experiments that a chapter asks for, sorted; of one that never ran, a guess."""
        from cvlib.freeze.freshness import experiments_of

        return self.once(("experiments of", file), lambda: experiments_of(self, file))

    def experiments_of_book(self) -> list[str]:
        """Ids of the experiments that any chapter of the book asks for, sorted."""
        files = [entry.file for entry in self.book().chapters]
        return sorted({name for file in files for name in self.experiments_of(file)})

    def forget_results(self) -> None:
        """Read plans and runs anew from now on: something was trained, fetched or removed."""
        of_results = (
            "why", "fingerprints", "starts", "plan", "statuses", "inspector", "digest", "revisions",
        )  # fmt: skip
        for what in [what for what in self._snapshot if what[0] in of_results]:
            del self._snapshot[what]

    def forget_chapter(self, file: str) -> None:
        """Read a chapter and its frozen copy anew from now on: it was edited or executed."""
        for what in (("chapter", file), ("frozen", file), ("experiments of", file), ("why", file)):
            self._snapshot.pop(what, None)

    def forget_book(self) -> None:
        """Read `_quarto.yml` anew from now on."""
        self._snapshot.pop(("book",), None)

    def forget(self) -> None:
        """Read everything anew from now on."""
        self._snapshot.clear()

    def note_read(self, kind: str, name: str) -> None:
        """Tell the recorder of the chapter that is executed, if one is, what is handed out to it."""
        recorder = sys.modules.get("cvlib.recorder")
        if recorder is not None and recorder.active is not None:
            recorder.active.hand_out(self, kind, name)

    def once(self, what: tuple[str, ...], read: Callable[[], T]) -> T:
        """What `read` gives, read when it is first asked for under this name, and kept."""
        if what not in self._snapshot:
            self._snapshot[what] = read()
        return self._snapshot[what]

    # ── where things are ─────────────────────────────────────────────────────────────────────

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
    chosen = profile or profile_in_force()
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


def profile_in_force() -> str:
    """The profile that the environment asks for: CVLIB_PROFILE, or one of QUARTO_PROFILE's names."""
    names = os.environ.get("QUARTO_PROFILE", "").replace(",", " ").split()
    quarto = next((name for name in names if name in PROFILES), None)
    return os.environ.get("CVLIB_PROFILE") or quarto or "default"
