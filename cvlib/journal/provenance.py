"""Where an experiment's numbers come from, in a few sentences."""

from __future__ import annotations

from collections.abc import Iterable

from cvlib.journal import numbers
from cvlib.journal.origin import keys_of
from cvlib.journal.quantity import Markdown, markdown
from cvlib.journal.results import Results
from cvlib.journal.skipped import skip_counts
from cvlib.journal.words import counted, listed

STATES = ("fresh", "stale", "missing", "failed", "damaged", "skipped")  # skipped is said last


def provenance(results: Results) -> Markdown:
    """Runs and their states with reasons, device, threads, versions, commits and training time."""
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
            "Trained on " + _each(device_words(note) for note in notes),
            _each(e.get("precision", "unknown precision") for e in environments),
            _each(counted(e["threads"], "thread") for e in environments if "threads" in e),
            "torch " + _each(note["packages"]["torch"] for note in notes),
            "commit " + _each(str(note.get("git_commit") or "unknown") for note in notes),
            f"{numbers.duration(seconds)} of training in all",
        ]
        sentences.append(", ".join(fact for fact in facts if fact) + ".")
    return Markdown(markdown(" ".join(sentences)), keys_of(results.variants))


def device_words(note: dict) -> str:
    """The accelerator, or the processor where a run used none."""
    environment = note.get("environment", {})
    if environment.get("device", "cpu") == "cpu":
        return str(note.get("processor", "an unknown processor"))
    return str(environment.get("device_name", environment["device"]))


def _each(values: Iterable[str]) -> str:
    return listed(list(dict.fromkeys(values)))
