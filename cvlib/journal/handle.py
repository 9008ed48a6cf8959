"""An experiment, and mistakes, as a chapter sees them.

    from cvlib.journal import experiment, mistakes

    exp = experiment("exp01")
    exp.run()                      # trains what is missing; everything else only reads
    exp.table("accuracy", "seconds")
    found = mistakes(exp["convs-2"], exp["base"])
    found.confusion()

A function that is marked `@of_experiment` is called by a chapter as `exp.NAME(…)`, without its first
argument; one that is marked `@of_mistakes` as `found.NAME(…)`. The marks are looked for in the source
of this package, so that a new function is written in one file, and a module is imported when one of
its functions is used first: a chapter that shows no figure imports no matplotlib, and none torch.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from difflib import get_close_matches
from functools import cache, wraps
from importlib import import_module
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from cvlib.journal.errors import JournalError, NotTrained, UnknownName
from cvlib.journal.quantity import Words, counts_quantity
from cvlib.journal.words import dataset_words, listed
from cvlib.project import find_project

if TYPE_CHECKING:
    from cvlib.journal.mistake_cases import Mistakes
    from cvlib.journal.quantity import Quantity
    from cvlib.journal.results import Results, VariantResults
    from cvlib.project import Project

# Set to `never` where a chapter runs to be looked at: nothing is trained behind somebody's back.
TRAIN = "CVLIB_TRAIN"

_PROJECTS: dict[Project, Project] = {}  # root and profile -> the one of this process
_READ: dict[Path, int] = {}  # what was read of the experiments -> when it was changed last
_MARK = re.compile(r"^@of_(experiment|mistakes)\n(?:@.*\n)*def (\w+)\(", re.MULTILINE)
Function = TypeVar("Function", bound=Callable[..., Any])


def experiment(
    name: str, *, root: Path | None = None, profile: str | None = None
) -> ExperimentHandle:
    """The experiment of `experiments/<name>.yaml` in the project that the working folder lies in.

    root, profile: instead of the ones found (see `cvlib.project.find_project`).
    Raises SpecError or ProjectError when there is no such experiment, or its YAML is wrong.
    """
    return ExperimentHandle(current_project(root, profile), name)


def mistakes(*variants: VariantResults) -> Mistakes:
    """The mistakes of the first variant, joined by image with the answers of the others.

    Reads nothing yet. Variants that were skipped or have no results are left out and named below
    what is shown; without the first there is nothing to show: it is `skipped`, or MissingResults
    is raised.
    """
    from cvlib.journal.mistake_cases import Mistakes

    return Mistakes(variants)


def current_project(root: Path | None = None, profile: str | None = None) -> Project:
    """The project that this process reads; a new one once what it read has changed on disk."""
    found = find_project(root, profile)
    if any(_changed(path) != before for path, before in _READ.items()):
        _PROJECTS.clear()
        _READ.clear()
    return _PROJECTS.setdefault(found, found)


def results_of(project: Project, experiment_id: str) -> Results:
    """What the store holds of every variant and seed; each run is read once a project."""
    from cvlib.journal.results import Results

    note_file(project.experiment_file(experiment_id), project.runs)
    statuses = project.statuses(experiment_id)
    return project.once(
        ("statuses", experiment_id, "by variant"),  # forgotten together with the statuses
        lambda: Results.gather(project, project.experiment(experiment_id), statuses),
    )


def note_file(*paths: Path) -> None:
    """Remember the state of what is about to be read, so that a later change is noticed."""
    for path in paths:
        _READ.setdefault(path, _changed(path))


def _changed(path: Path) -> int:
    """When a file, or the listing of a folder, was changed last, in nanoseconds; 0 without it."""
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


def of_experiment(function: Function) -> Function:
    """Mark a function whose first argument is a `Results`: `exp.NAME(…)` calls it."""
    return function


def of_mistakes(function: Function) -> Function:
    """Mark a function whose first argument is a `Mistakes`: `found.NAME(…)` calls it."""
    return function


@cache
def marked(kind: str) -> dict[str, str]:
    """Name -> module of every marked function, by name. kind: `experiment` or `mistakes`."""
    found = {
        name: f"{__package__}.{path.stem}"
        for path in Path(__file__).parent.glob("*.py")
        for of, name in _MARK.findall(path.read_text(encoding="utf-8"))
        if of == kind
    }
    return dict(sorted(found.items()))


class Asked:
    """What a chapter asks: an experiment, or mistakes. Its methods are the marked functions."""

    _kind: ClassVar[str]

    def _subject(self) -> Any:
        """What the functions take as their first argument."""
        return self

    def __getattr__(self, name: str) -> Callable[..., Any]:
        module = marked(self._kind).get(name)
        if module is None:
            there = [other for other in dir(self) if not other.startswith("_")]
            near = get_close_matches(name, there, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"there is: {', '.join(sorted(there))}"
            raise UnknownName(f"{self!r} has no {name!r}; {hint}")
        function = getattr(import_module(module), name)

        @wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            return function(self._subject(), *args, **kwargs)

        _first, *others = signature(function).parameters.values()
        call.__signature__ = signature(function).replace(parameters=others)  # type: ignore[attr-defined]
        return call

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *marked(self._kind)]


class ExperimentHandle(Asked):
    """What a chapter may ask of one experiment. Variants are given by name, or as handles."""

    _kind = "experiment"

    def __init__(self, project: Project, name: str) -> None:
        note_file(project.experiment_file(name))
        project.note_read("asked", name)
        self.project = project
        self._declared = project.experiment(name)

    @property
    def results(self) -> Results:
        """What the store holds of every variant and seed."""
        return results_of(self.project, self.id)

    def _subject(self) -> Results:
        """What the functions take as their first argument."""
        return self.results

    def run(self) -> ExperimentHandle:
        """Train what is missing or stale by spec or data, in a process of its own; then read.

        Starts nothing when nothing is to do. Raises JournalError when runs still have no result
        afterwards; a run that diverged, or was skipped for want of weights, is a result of its own
        kind and stands in the table as such.
        """
        from cvlib.studies.status import needs_work

        if any(needs_work(status, None) for status in self.results.statuses):
            run_missing(self.project, self.id)
            self.project.forget_results()
            _READ[self.project.runs] = _changed(self.project.runs)
            left = [s for s in self.results.statuses if needs_work(s, None)]
            if left:
                lines = [f"  {s.planned.name}: {s.state} {s.reason}".rstrip() for s in left[:8]]
                raise JournalError(
                    f"{len(left)} of {len(self.results.statuses)} runs of {self.id} have no "
                    f"result:\n" + "\n".join(lines) + f"\n`cvlib run {self.id}` tries them again."
                )
        return self

    @property
    def id(self) -> str:
        """`exp01`."""
        return self._declared.id

    @property
    def source(self) -> str:
        """`experiments/exp01.yaml`: where it is declared, from the project's root."""
        return self.project.experiment_file(self.id).relative_to(self.project.root).as_posix()

    @property
    def title(self) -> Words:
        """The title in its YAML."""
        return Words(self._declared.title, source=self.source)

    @property
    def question(self) -> Words:
        """The question in its YAML."""
        return Words(self._declared.question, source=self.source)

    @property
    def variants(self) -> tuple[VariantResults, ...]:
        """All variants, in the order of the YAML; each has .name, .label, .factor."""
        return self.results.variants

    @property
    def runs(self) -> Quantity:
        """How many runs the experiment asks for."""
        return self._count(sum(len(v.seeds) for v in self._declared.variants))

    @property
    def seeds(self) -> Quantity:
        """How many seeds each variant is run with: `3`, or `3–8` where they differ."""
        return self._count(*(len(v.seeds) for v in self._declared.variants))

    @property
    def epochs(self) -> Quantity:
        """Epochs of the variants that are trained: `8`, or `4–10` where they differ."""
        found = [getattr(v.spec.train, "epochs", None) for v in self._declared.variants]
        counts = [epochs for epochs in found if epochs is not None]
        if not counts:
            raise JournalError(f"{self.id}: no variant is trained in epochs; all are probes")
        return self._count(*counts)

    @property
    def dataset(self) -> Words:
        """The dataset in words: `Fashion-MNIST`."""
        names = [dataset_words(v.spec.dataset.name) for v in self._declared.variants]
        return Words(listed(list(dict.fromkeys(names))), source=self.source)

    def _count(self, *counts: int) -> Quantity:
        return counts_quantity(counts).traced(source=self.source)

    def __getitem__(self, name: str) -> VariantResults:
        """A variant by name, to be compared with another experiment's: `exp02["fine-tuned"]`."""
        return self.results.variant(name)

    def __repr__(self) -> str:
        return f"<{self.id}: {self.title}; {len(self._declared.variants)} variants>"

    def _ipython_display_(self) -> None:
        """Shown at the end of a cell: nothing, or a warning when results are stale."""
        from cvlib.journal.notes import callout

        if warning := callout(self.results):
            from IPython.display import Markdown, display

            display(Markdown(warning))  # type: ignore[no-untyped-call]


def run_missing(project: Project, experiment_id: str) -> None:
    """Run `cvlib run` for one experiment; its progress goes to this process's stderr.

    Raises JournalError with the last lines when it could not start or ended badly and said so
    with exit status 2 or more; single failed runs are for the caller to find. Raises NotTrained
    where the environment forbids training.
    """
    from cvlib.freeze.interpretation import note_fingerprints

    if os.environ.get(TRAIN) == "never":
        raise NotTrained(
            f"runs of {experiment_id} have no result, and nothing is trained here; "
            f"`cvlib run {experiment_id}` does that"
        )
    command = [sys.executable, "-m", "cvlib", "run", experiment_id, "--profile", project.profile]
    # through a pipe: in a notebook the stderr of this process is no file that a child could have
    process = subprocess.Popen(
        command,
        cwd=project.root,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    assert process.stdout is not None
    last: list[str] = []
    try:
        for line in process.stdout:
            sys.stderr.write(line)
            sys.stderr.flush()
            last = [*last[-11:], line]
        status = process.wait()
    except KeyboardInterrupt:
        # Ctrl-C reached the child too: it writes its checkpoints, then ends
        process.wait()
        raise
    note_fingerprints(project)
    if status not in (0, 1):
        raise JournalError(
            f"`{' '.join(['cvlib', *command[3:]])}` ended with exit status {status}:\n"
            + "".join(last).rstrip()
        )
