"""The runs of several experiments in one compact table: states, seeds, time, code, versions, data."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from cvlib import __version__
from cvlib.journal import numbers
from cvlib.journal.errors import JournalError
from cvlib.journal.origin import keys_of
from cvlib.journal.pipe_table import pipe_table
from cvlib.journal.provenance import STATES, device_words
from cvlib.journal.quantity import Markdown
from cvlib.journal.results import Results
from cvlib.journal.table_note import noted
from cvlib.journal.words import counted, dataset_words, listed

if TYPE_CHECKING:
    from cvlib.journal.handle import ExperimentHandle
    from cvlib.project import Project
    from cvlib.results.run import Run

COMMIT, FINGERPRINT, DIGEST = 7, 8, 16  # digits shown
FIRST = ("python", "torch", "torchvision", "timm", "numpy")  # of the packages, in this order


def table_over(handles: Sequence[ExperimentHandle]) -> Markdown:
    """A row an experiment; raises JournalError when none has results."""
    shown = [handle.results for handle in handles]
    runs = [run for results in shown for run in _runs(results)]
    if not runs:
        raise JournalError("no experiment has results yet; `cvlib run` trains them")
    head = ["Experiment", "Runs", "Seeds", "Training in all", "Commit", "Code since"]
    rows = [_row(results) for results in shown]
    trained_on = {results.experiment.id: _devices(_runs(results)) for results in shown}
    sentences = [
        f"Trained on {_by_experiment(trained_on)}; {_versions(runs)}; cvlib {__version__}.",
        f"Data: {_data(runs)}.",
        f"Digest of the {counted(len(set(keys_of(_variants(shown)))), 'run')}: "
        f"{store_digest(handles[0].layout, runs)}.",
    ]
    return noted(pipe_table(head, rows, "llrrll"), sentences, keys_of(_variants(shown)))


def store_digest(layout: Project, runs: Iterable[Run]) -> str:
    """First 16 hex digits of sha256 over the lines `key digest` of these runs, sorted by key."""
    from cvlib.results.store import Store

    store = Store(layout.runs)
    lines = sorted({f"{run.key} {store.digest(run.key)}\n" for run in runs})
    return hashlib.sha256("".join(lines).encode()).hexdigest()[:DIGEST]


def _variants(shown: Sequence[Results]) -> list[Any]:
    return [variant for results in shown for variant in results.variants]


def _runs(results: Results) -> list[Run]:
    return [run for variant in results.variants for run in variant.runs.values()]


def _row(results: Results) -> list[str]:
    experiment, runs = results.experiment, _runs(results)
    counts = {state: sum(s.state == state for s in results.statuses) for state in STATES}
    seconds = sum(run.metrics.get("train_seconds", 0.0) for run in runs)
    commits = dict.fromkeys(_commit(run) for run in runs)
    return [
        experiment.id.upper(),
        ", ".join(f"{count} {state}" for state, count in counts.items() if count),
        f"{len(experiment.seeds)}",
        numbers.duration(seconds) if runs else numbers.NO_VALUE,
        listed(list(commits)) if commits else numbers.NO_VALUE,
        _code(results) if runs else numbers.NO_VALUE,
    ]


def _code(results: Results) -> str:
    """Whether the code that made the runs is that of now: by its meaning, not by its commit."""
    said = []
    for cue, words in (("code", "changed"), ("environment", "versions changed")):
        count = sum(
            s.state == "stale" and s.cue == cue and s.result is not None for s in results.statuses
        )
        if count:
            said.append(f"{words} for {counted(count, 'run')}")
    return ", ".join(said) or "unchanged"


def _commit(run: Run) -> str:
    """`cf330fb`, `b12e810+changes`."""
    commit, plus, changes = str(run.provenance.get("git_commit") or "unknown").partition("+")
    return commit[:COMMIT] + plus + changes


def _devices(runs: Iterable[Run]) -> str:
    found: dict[str, None] = {}
    for run in runs:
        environment = run.provenance.get("environment", {})
        words = [device_words(run.provenance)]
        if "threads" in environment:
            words.append(counted(environment["threads"], "thread"))
        words.append(str(environment.get("precision", "")))
        found[", ".join(word for word in words if word)] = None
    return listed(list(found))


def _by_experiment(said: dict[str, str]) -> str:
    """What all say, or each with its experiments behind it."""
    owners: dict[str, list[str]] = {}
    for name, words in said.items():
        if words:
            owners.setdefault(words, []).append(name.upper())
    if len(owners) == 1:
        return next(iter(owners))
    return "; ".join(f"{words} ({listed(names)})" for words, names in owners.items())


def _versions(runs: Iterable[Run]) -> str:
    versions: dict[str, dict[str, None]] = {}
    for run in runs:
        for package, version in run.provenance.get("packages", {}).items():
            versions.setdefault(package, {})[version] = None
    order = [*(name for name in FIRST if name in versions), *sorted(set(versions) - set(FIRST))]
    said = ", ".join(f"{name} {listed(list(versions[name]))}" for name in order)
    return said.replace("python ", "Python ", 1)


def _data(runs: Iterable[Run]) -> str:
    """`Fashion-MNIST 46168266, 557a5889`: fingerprints, one a choice of images."""
    found: dict[str, set[str]] = {}
    for run in runs:
        name = dataset_words(str(run.spec["dataset"]["name"]))
        found.setdefault(name, set()).add(run.dataset_fingerprint[:FINGERPRINT])
    return "; ".join(f"{name} {', '.join(sorted(prints))}" for name, prints in found.items())
