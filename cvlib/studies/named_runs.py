"""Runs by the names that people give them: `probe`, `probe@1`, `exp02/probe`, or a run's key."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from difflib import get_close_matches

from cvlib.project import ProjectError
from cvlib.studies.plan import PlannedRun

_KEY_PREFIX = re.compile(r"[0-9a-f]{6,64}")


def named_runs(runs: Sequence[PlannedRun], names: Iterable[str]) -> list[PlannedRun]:
    """The runs that have one of these names, in their own order, each once.

    A name is a variant (all its seeds), a variant and a seed (`probe@1`), either with its experiment
    before it (`exp02/probe@1`), or a run's key, at least its first 6 digits. Raises ProjectError
    with the nearest names for one that no run has.
    """
    wanted: set[int] = set()
    for name in names:
        found = [place for place, run in enumerate(runs) if _has_name(run, name)]
        if not found:
            raise ProjectError(_no_such_run(runs, name))
        wanted.update(found)
    return [run for place, run in enumerate(runs) if place in wanted]


def _has_name(run: PlannedRun, name: str) -> bool:
    if _KEY_PREFIX.fullmatch(name) and run.key is not None and run.key.startswith(name):
        return True
    full = f"{run.experiment}/{run.variant}"
    return name in (run.variant, full, f"{run.variant}@{run.seed}", f"{full}@{run.seed}")


def _no_such_run(runs: Sequence[PlannedRun], name: str) -> str:
    variants = list(dict.fromkeys(run.variant for run in runs))
    plain, at, seed = name.rpartition("@")
    if at and (of := [run for run in runs if _has_name(run, plain)]):
        there = ", ".join(dict.fromkeys(str(run.seed) for run in of))
        return f"{plain} is not run with seed {seed!r}; seeds: {there}"
    near = get_close_matches(name.rpartition("/")[2].partition("@")[0], variants, n=3)
    hint = f"did you mean {' or '.join(near)}?" if near else f"variants: {', '.join(variants)}"
    experiments = ", ".join(dict.fromkeys(run.experiment for run in runs))
    return (
        f"{experiments}: no run {name!r}; {hint} A run is named by variant, variant@seed, "
        "experiment/variant, or 6 or more digits of its key."
    )
