"""Where numbers come from: runs and their states, code, versions, devices, data, and how features were made."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from cvlib import __version__
from cvlib.files import sha256_file
from cvlib.journal import numbers
from cvlib.journal.errors import JournalError
from cvlib.journal.handle import current_project, of_experiment, results_of
from cvlib.journal.notes import noted, skip_reasons
from cvlib.journal.quantity import Markdown, counts_quantity, keys_of, pipe_table
from cvlib.journal.words import counted, dataset_words, grouped, listed, ranged
from cvlib.markup import markdown
from cvlib.results.store import MANIFEST

if TYPE_CHECKING:
    from cvlib.journal.handle import ExperimentHandle
    from cvlib.journal.results import Name, Results
    from cvlib.results.run import Run

STATES = ("fresh", "stale", "missing", "failed", "damaged", "skipped")  # skipped is said last
FIRST = ("python", "torch", "torchvision", "timm", "numpy")  # of the packages, in this order

_EQUAL = {
    "test_in_train": "{} of test {} in train or val, too, byte for byte",
    "in_two_classes": "{} {} in another class, too, byte for byte",
}
_REPEATED = re.compile(r"\d+ of \d+")


@of_experiment
def provenance(results: Results) -> Markdown:
    """Runs, fresh or stale and why, device, threads, versions, commits, training time.

    Example: exp02.provenance()
    """
    experiment = results.experiment
    statuses = results.statuses
    profile = "" if experiment.profile == "default" else f", profile {experiment.profile}"
    seeds = [len(variant.seeds) for variant in experiment.variants]
    size = (
        f"{counted(len(statuses), 'run')} ({counted(len(results.variants), 'variant')} × "
        f"{ranged(seeds, 'seed')}{profile})"
    )
    all_fresh = {status.state for status in statuses} == {"fresh"}
    sentences = [f"{size}, all fresh." if all_fresh else f"{size}: {_states(results)}."]
    for state in STATES[1:-1]:
        runs_of = grouped(
            (one.reason or "no reason is known", f"{one.planned.variant} seed {one.planned.seed}")
            for one in statuses
            if one.state == state
        )
        for reason, names in runs_of.items():
            sentences.append(f"{state.capitalize()}: {listed(names)}: {reason.rstrip('.')}.")
    for reason, members in skip_reasons(results.variants).items():
        sentences.append(f"Skipped: {counted(len(members), 'variant')}: {reason}.")
    if results.runs:
        notes = [run.provenance for run in results.runs]
        environments = [note.get("environment", {}) for note in notes]
        facts = (
            "Trained on " + _each(map(_device_words, notes)),
            _each(e.get("precision", "unknown precision") for e in environments),
            _each(counted(e["threads"], "thread") for e in environments if "threads" in e),
            "torch " + _each(note["packages"]["torch"] for note in notes),
            "commit " + _each(str(note.get("git_commit") or "unknown") for note in notes),
            f"{_training(results)} of training in all",
        )
        sentences.append(", ".join(fact for fact in facts if fact) + ".")
        sentences += _equal_pictures(results.runs)
    return Markdown(markdown(" ".join(sentences)), keys_of(results.variants))


@of_experiment
def protocol(results: Results, *variants: Name) -> Markdown:
    """Preprocessing and pooling of each backbone's features, as stored with the runs.

    Example: exp04.protocol("lite0")
    """
    chosen = results.chosen(variants or None)
    shown = results.shown(chosen)
    found = grouped(
        (str(row["text"]), variant.label)
        for variant in shown
        for run in variant.runs.values()
        for row in run.tables.get("protocol", [])[:1]
        if row.get("text")
    )
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
        return Markdown(f"Protocol of {lines[0][0]}: {lines[0][1]}.", keys_of(shown))
    return Markdown("\n".join(f"- **{labels}**: {text}" for labels, text in lines), keys_of(shown))


def provenance_table(*experiments: ExperimentHandle) -> Markdown:
    """Where all numbers of the report come from, for its end: a row an experiment.

    experiments: those to be named; none: all that a chapter of the book asks for. A row has the runs
    by state, seeds, training time, commit, and whether the code is still that of the runs; below, once:
    device, versions, fingerprints of the data, and a digest of all runs that were used.

    Example: provenance_table(exp01, exp02)
    """
    shown = [handle.results for handle in experiments]
    if not shown:
        project = current_project()
        project.note_read("book", "experiments")
        shown = [results_of(project, name) for name in project.experiments_of_book()]
        if not shown:
            raise JournalError(
                "no chapter asks for an experiment; name them: provenance_table(exp01)"
            )
    variants = [variant for results in shown for variant in results.variants]
    runs = [run for results in shown for run in results.runs]
    if not runs:
        raise JournalError("no experiment has results yet; `cvlib run` trains them")
    head = ["Experiment", "Runs", "Seeds", "Training in all", "Commit", "Code since"]
    # what all say, or each with its experiments behind it
    trained_on = grouped((_devices(one.runs), one.experiment.id.upper()) for one in shown)
    trained_on.pop("", None)
    devices = [f"{words} ({listed(names)})" for words, names in trained_on.items()]
    found = grouped((name, v) for run in runs for name, v in run.provenance["packages"].items())
    packages = [*(name for name in FIRST if name in found), *sorted(set(found) - set(FIRST))]
    versions = ", ".join(f"{name} {listed(found[name])}" for name in packages)
    # fingerprints, one a choice of images: `Fashion-MNIST 46168266, 557a5889`
    data = grouped(
        (dataset_words(str(run.spec["dataset"]["name"])), run.dataset_fingerprint[:8])
        for run in runs
    )
    said = "; ".join(f"{name} {', '.join(sorted(prints))}" for name, prints in data.items())
    # a run's manifest has the checksums of all its files
    lines = sorted({f"{run.key} {sha256_file(run.folder / MANIFEST)}\n" for run in runs})
    digest = hashlib.sha256("".join(lines).encode()).hexdigest()[:16]
    sentences = [
        f"Trained on {'; '.join(devices if len(devices) > 1 else trained_on)}; "
        f"{versions.replace('python ', 'Python ', 1)}; cvlib {__version__}.",
        f"Data: {said}.",
        *_equal_pictures(runs),
        f"Digest of the {counted(len(set(keys_of(variants))), 'run')}: {digest}.",
    ]
    return noted(pipe_table(head, map(_row, shown), "llrrll"), sentences, keys_of(variants))


def _equal_pictures(runs: Iterable[Run]) -> list[str]:
    """A warning where pictures of test were trained on, too, or stand in two classes."""
    found = grouped(
        (words, dataset_words(str(run.spec["dataset"]["name"])))
        for run in runs
        for kind, count in run.provenance.get("equal_pictures", {}).items()
        for words in (
            _EQUAL[kind].format(counted(count, "picture"), "is" if count == 1 else "are"),
        )
    )
    return [f"Warning: of {listed(names)}, {words}." for words, names in found.items()]


def _each(values: Iterable[str]) -> str:
    return listed(list(dict.fromkeys(values)))


def _device_words(note: dict) -> str:
    """The accelerator, or the processor where a run used none."""
    environment = note.get("environment", {})
    if environment.get("device", "cpu") == "cpu":
        return str(note.get("processor", "an unknown processor"))
    return str(environment.get("device_name", environment["device"]))


def _states(results: Results) -> str:
    states = [status.state for status in results.statuses]
    return ", ".join(f"{states.count(state)} {state}" for state in STATES if state in states)


def _training(results: Results) -> str:
    return numbers.duration(sum(run.metrics.get("train_seconds", 0.0) for run in results.runs))


def _row(results: Results) -> list[str]:
    commits = (
        str(run.provenance.get("git_commit") or "unknown").partition("+") for run in results.runs
    )
    # whether the code that made the runs is that of now: by its meaning, not by its commit
    stale = [s.cue for s in results.statuses if s.state == "stale" and s.result is not None]
    since = [
        f"{words} for {counted(stale.count(cue), 'run')}"
        for cue, words in (("code", "changed"), ("environment", "versions changed"))
        if cue in stale
    ]
    # of `code changed since, 2 of 45 runs repeated, equal`, what `cvlib confirm` found
    confirmed = {found[0] for s in results.statuses if (found := _REPEATED.search(s.note))}
    since += [f"changed; {listed(sorted(confirmed))} runs repeated, equal"] * bool(confirmed)
    made = [
        _training(results),
        _each(commit[:7] + plus + changes for commit, plus, changes in commits),
        ", ".join(since) or "unchanged",
    ]
    return [
        results.experiment.id.upper(),
        _states(results),
        str(counts_quantity([len(variant.seeds) for variant in results.experiment.variants])),
        *(made if results.runs else [numbers.NO_VALUE] * 3),
    ]


def _devices(runs: Iterable[Run]) -> str:
    found = []
    for run in runs:
        environment = run.provenance.get("environment", {})
        threads = counted(environment["threads"], "thread") if "threads" in environment else ""
        words = [_device_words(run.provenance), threads, str(environment.get("precision", ""))]
        found.append(", ".join(word for word in words if word))
    return _each(found)
