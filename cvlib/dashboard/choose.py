"""Which stored runs a dashboard shows."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cvlib.analysis.image_properties import PROPERTIES
from cvlib.dashboard import DashboardError
from cvlib.project import Project
from cvlib.results.run import DamagedRun, Run
from cvlib.results.store import Store

if TYPE_CHECKING:
    from cvlib.journal.results import VariantResults

SHOWN = 4  # runs, when none is named
SCORE = "val_accuracy"  # never test accuracy: choosing by it would flatter the best
_KEY_PREFIX = re.compile(r"[0-9a-f]{6,64}")
# Names that a sample has already, or that the dashboard gives to something else.
_TAKEN = frozenset(
    (
        *("id", "filepath", "tags", "metadata", "media_type", "created_at", "last_modified_at"),
        *("ground_truth", "image_id", "image_name", "image_key", "found_in"),
        *("hardness", "mistakenness", "mistakenness_mean", "models_wrong", *PROPERTIES),
    )
)


@dataclass(frozen=True)
class ChosenRun:
    """One run with its names.

    label: for people, `2 convolutions a block`; field: what its predictions are called in FiftyOne,
    `convs_2`; stale: why its result may not be true any more, '' while it is.
    """

    experiment: str
    variant: str
    label: str
    seed: int
    run: Run
    field: str
    stale: str = ""

    @property
    def title(self) -> str:
        """`2 convolutions a block, seed 0`."""
        return f"{self.label}, seed {self.seed}"


def chosen_runs(layout: Project, experiment_id: str, names: Sequence[str] = ()) -> list[ChosenRun]:
    """The named runs, each once, in that order.

    A name is a variant (`probe`: its first seed with a result), a variant and a seed (`probe@1`), a
    variant of another experiment (`exp02/probe`), or a run's key, at least its first 6 digits.
    Without names: of each factor the variant with the best mean validation accuracy, of those the
    best four, best first. Raises DashboardError that lists what there is.
    """
    variants = _variants(layout, experiment_id)
    if names:
        found = [_named(layout, experiment_id, variants, name) for name in names]
    else:
        found = [_first(variant) for variant in _best(experiment_id, variants)]
    once = list({item.run.key: item for item in found}.values())
    fields = _fields(experiment_id, once)
    return [
        ChosenRun(i.experiment, i.variant, i.label, i.seed, i.run, field, i.stale)
        for i, field in zip(once, fields, strict=True)
    ]


def _variants(layout: Project, experiment_id: str) -> list[VariantResults]:
    from cvlib.journal.handle import experiment

    handle = experiment(experiment_id, root=layout.root, profile=layout.profile)
    return list(handle.results.variants)


def _best(experiment_id: str, variants: list[VariantResults]) -> list[VariantResults]:
    by_factor: dict[str, VariantResults] = {}
    for variant in variants:
        if not variant.runs:
            continue
        best = by_factor.get(variant.factor)
        if best is None or _score(variant) > _score(best):
            by_factor[variant.factor] = variant
    if not by_factor:
        raise DashboardError(
            f"{experiment_id} has no results yet; `cvlib run {experiment_id}` trains its runs"
        )
    return sorted(by_factor.values(), key=_score, reverse=True)[:SHOWN]


def _score(variant: VariantResults) -> float:
    scores = [run.metrics.get(SCORE, -1.0) for run in variant.runs.values()]
    return sum(scores) / len(scores)


def _named(
    layout: Project, experiment_id: str, variants: list[VariantResults], name: str
) -> ChosenRun:
    by_name = {variant.name: variant for variant in variants}
    if name in by_name:
        return _first(by_name[name])
    plain, at, seed = name.rpartition("@")
    if at and plain in by_name:
        return _seed(by_name[plain], seed)
    other, slash, rest = name.partition("/")
    if slash and other in layout.experiment_ids():
        return _named(layout, other, _variants(layout, other), rest)
    if _KEY_PREFIX.fullmatch(name):
        return _keyed(layout, experiment_id, variants, name)
    there = ", ".join(v.name for v in variants if v.runs) or "none"
    raise DashboardError(
        f"{experiment_id} has no run {name!r}; variants with results: {there}. A run is named "
        f"by variant, variant@seed, experiment/variant, or 6 or more digits of its key."
    )


def _first(variant: VariantResults) -> ChosenRun:
    if not variant.runs:
        why = variant.skip_reason if variant.is_skipped else variant.absence()
        raise DashboardError(
            f"{variant.id} has no result ({why}); `cvlib run {variant.experiment}` trains it"
        )
    return _of(variant, next(iter(variant.runs)))


def _seed(variant: VariantResults, seed: str) -> ChosenRun:
    if seed not in map(str, variant.runs):
        there = ", ".join(map(str, variant.runs)) or "none"
        raise DashboardError(f"{variant.id} has no result of seed {seed!r}; seeds: {there}")
    return _of(variant, int(seed))


def _of(variant: VariantResults, seed: int) -> ChosenRun:
    status = next(s for s in variant.statuses if s.planned.seed == seed)
    stale = status.reason if status.state == "stale" else ""
    run = variant.runs[seed]
    return ChosenRun(variant.experiment, variant.name, variant.label, seed, run, "", stale)


def _keyed(
    layout: Project, experiment_id: str, variants: list[VariantResults], prefix: str
) -> ChosenRun:
    for variant in variants:
        for seed, run in variant.runs.items():
            if run.key.startswith(prefix):
                return _of(variant, seed)
    store = Store(layout.runs)
    keys = [key for key in store.keys() if key.startswith(prefix)]  # noqa: SIM118 - not a mapping
    if len(keys) != 1:
        what = "no run has" if not keys else f"{len(keys)} runs have"
        raise DashboardError(
            f"{what} a key that starts with {prefix!r}; `cvlib status {experiment_id} --json` "
            "lists the keys"
        )
    try:
        read = store.read(keys[0])
    except DamagedRun as damage:
        raise DashboardError(str(damage)) from damage
    if not isinstance(read, Run):
        raise DashboardError(f"run {prefix} ended without a result: {read.reason}")
    made = read.provenance["made_for"]
    name = str(made["variant"])
    return ChosenRun(str(made["experiment"]), name, name, int(made["seed"]), read, "")


def _fields(experiment_id: str, chosen: list[ChosenRun]) -> list[str]:
    """A valid and distinct field name for each run: `convs_2`, `convs_2_seed_1`, `exp02_probe`."""
    pairs = [(item.experiment, item.variant) for item in chosen]
    fields: list[str] = []
    for item, pair in zip(chosen, pairs, strict=True):
        name = item.variant if item.experiment == experiment_id else "_".join(pair)
        if pairs.count(pair) > 1:
            name += f"_seed_{item.seed}"
        field = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")
        if not field or field[0].isdigit() or field in _TAKEN or field.startswith("eval_"):
            field = f"run_{field}".rstrip("_")
        if field in fields:  # convs-2 and convs_2
            field += f"_{item.run.key[:6]}"
        fields.append(field)
    return fields
