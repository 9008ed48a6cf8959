"""Where numbers come from: runs and their states, code, versions, devices, data, and how features were made."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import TYPE_CHECKING

from cvlib import __version__
from cvlib.journal import numbers
from cvlib.journal.errors import JournalError
from cvlib.journal.functions import of_experiment
from cvlib.journal.handle import current_project, results_of
from cvlib.journal.notes import noted, skip_counts
from cvlib.journal.quantity import Markdown, keys_of, markdown, pipe_table
from cvlib.journal.words import counted, dataset_words, listed
from cvlib.results.files import sha256_file
from cvlib.results.store import MANIFEST

if TYPE_CHECKING:
    from cvlib.journal.handle import ExperimentHandle
    from cvlib.journal.results import Name, Results, VariantResults
    from cvlib.results.run import Run

STATES = ("fresh", "stale", "missing", "failed", "damaged", "skipped")  # skipped is said last
FIRST = ("python", "torch", "torchvision", "timm", "numpy")  # of the packages, in this order


@of_experiment
def provenance(results: Results) -> Markdown:
    """Runs, fresh or stale and why, device, threads, versions, commits, training time.

    Example: exp02.provenance()
    """
    experiment = results.experiment
    statuses = results.statuses
    by_state = {state: [s for s in statuses if s.state == state] for state in STATES}
    profile = "" if experiment.profile == "default" else f", profile {experiment.profile}"
    size = (
        f"{counted(len(statuses), 'run')} ({counted(len(results.variants), 'variant')} × "
        f"{counted(len(experiment.seeds), 'seed')}{profile})"
    )
    if len(by_state["fresh"]) == len(statuses):
        sentences = [f"{size}, all fresh."]
    else:
        parts = [f"{len(found)} {state}" for state, found in by_state.items() if found]
        sentences = [f"{size}: {', '.join(parts)}."]
    for state in STATES[1:-1]:
        reasons: dict[str, list[str]] = {}
        for status in by_state[state]:
            reasons.setdefault(status.reason or "no reason is known", []).append(
                f"{status.planned.variant} seed {status.planned.seed}"
            )
        for reason, names in reasons.items():
            sentences.append(f"{state.capitalize()}: {listed(names)}: {reason.rstrip('.')}.")

    sentences += skip_counts(results.variants)

    runs = [s.result for s in statuses if s.result is not None]
    if runs:
        notes = [run.provenance for run in runs]
        environments = [note.get("environment", {}) for note in notes]
        seconds = sum(run.metrics.get("train_seconds", 0.0) for run in runs)
        facts = [
            "Trained on " + _each(_device_words(note) for note in notes),
            _each(e.get("precision", "unknown precision") for e in environments),
            _each(counted(e["threads"], "thread") for e in environments if "threads" in e),
            "torch " + _each(note["packages"]["torch"] for note in notes),
            "commit " + _each(str(note.get("git_commit") or "unknown") for note in notes),
            f"{numbers.duration(seconds)} of training in all",
        ]
        sentences.append(", ".join(fact for fact in facts if fact) + ".")
    return Markdown(markdown(" ".join(sentences)), keys_of(results.variants))


@of_experiment
def protocol(results: Results, *variants: Name) -> Markdown:
    """Preprocessing and pooling of each backbone's features, as stored with the runs.

    Example: exp04.protocol("lite0")
    """
    chosen = results.chosen(variants or None)
    found: dict[str, list[str]] = {}
    shown = results.shown(chosen)
    runs = keys_of(shown)
    for variant in shown:
        for text in dict.fromkeys(_texts(variant)):
            found.setdefault(text, []).append(variant.label)
    if not found:
        if all(variant.is_skipped for variant in chosen):
            return Markdown("No protocol: every variant was skipped.", ())
        raise JournalError(
            f"{results.experiment.id}: {listed([v.label for v in chosen])} use no features, so "
            "they have no protocol; name linear probes"
        )
    lines = [
        (markdown(listed(labels, most=len(labels))), markdown(text.strip().rstrip(".")))
        for text, labels in found.items()
    ]
    if len(lines) == 1:
        return Markdown(f"Protocol of {lines[0][0]}: {lines[0][1]}.", runs)
    return Markdown("\n".join(f"- **{labels}**: {text}" for labels, text in lines), runs)


def provenance_table(*experiments: ExperimentHandle) -> Markdown:
    """Where all numbers of the report come from, for its end: a row an experiment.

    experiments: those to be named; none: all that a chapter of the book asks for. A row has the runs
    by state, seeds, training time, commit, and whether the code is still that of the runs; below, once:
    device, versions, fingerprints of the data, and a digest of all runs that were used.

    Example: provenance_table(exp01, exp02)
    """
    shown = [handle.results for handle in experiments] or _of_the_book()
    variants = [variant for results in shown for variant in results.variants]
    runs = [run for results in shown for run in _runs(results)]
    if not runs:
        raise JournalError("no experiment has results yet; `cvlib run` trains them")
    head = ["Experiment", "Runs", "Seeds", "Training in all", "Commit", "Code since"]
    rows = [_row(results) for results in shown]
    trained_on = {results.experiment.id: _devices(_runs(results)) for results in shown}
    sentences = [
        f"Trained on {_by_experiment(trained_on)}; {_versions(runs)}; cvlib {__version__}.",
        f"Data: {_data(runs)}.",
        f"Digest of the {counted(len(set(keys_of(variants))), 'run')}: {_digest(runs)}.",
    ]
    return noted(pipe_table(head, rows, "llrrll"), sentences, keys_of(variants))


def _of_the_book() -> list[Results]:
    project = current_project()
    project.note_read("book", "experiments")
    names = project.experiments_of_book()
    if not names:
        raise JournalError("no chapter asks for an experiment; name them: provenance_table(exp01)")
    return [results_of(project, name) for name in names]


def _digest(runs: Iterable[Run]) -> str:
    """First 16 hex digits of sha256 over the lines `key checksum` of these runs, sorted by key.

    A run's checksum is that of its manifest, which has those of all its files.
    """
    lines = sorted({f"{run.key} {sha256_file(run.folder / MANIFEST)}\n" for run in runs})
    return hashlib.sha256("".join(lines).encode()).hexdigest()[:16]


def _texts(variant: VariantResults) -> list[str]:
    rows = [row for run in variant.runs.values() for row in run.tables.get("protocol", [])[:1]]
    return [str(row["text"]) for row in rows if row.get("text")]


def _device_words(note: dict) -> str:
    """The accelerator, or the processor where a run used none."""
    environment = note.get("environment", {})
    if environment.get("device", "cpu") == "cpu":
        return str(note.get("processor", "an unknown processor"))
    return str(environment.get("device_name", environment["device"]))


def _each(values: Iterable[str]) -> str:
    return listed(list(dict.fromkeys(values)))


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
    return commit[:7] + plus + changes


def _devices(runs: Iterable[Run]) -> str:
    found: dict[str, None] = {}
    for run in runs:
        environment = run.provenance.get("environment", {})
        words = [_device_words(run.provenance)]
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
        found.setdefault(name, set()).add(run.dataset_fingerprint[:8])
    return "; ".join(f"{name} {', '.join(sorted(prints))}" for name, prints in found.items())
