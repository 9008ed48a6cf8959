"""The stored runs that a dashboard shows: which, and what follows from their predictions."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from statistics import fmean
from typing import TYPE_CHECKING

import numpy as np

from cvlib.analysis.confidence import softmax
from cvlib.analysis.feature_maps import principal_components
from cvlib.analysis.image_properties import PROPERTIES
from cvlib.dashboard import DashboardError
from cvlib.project import Project
from cvlib.results.run import DamagedRun, Predictions, Run
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

    label: for people, `2 convolutions a block`; stale: why its result may not be true any more, ''
    while it is; field: what its predictions are called in FiftyOne, `convs_2`.
    """

    experiment: str
    variant: str
    label: str
    seed: int
    run: Run
    stale: str = ""
    field: str = ""

    @property
    def title(self) -> str:
        """`2 convolutions a block, seed 0`."""
        return f"{self.label}, seed {self.seed}"


def chosen_runs(project: Project, experiment_id: str, names: Sequence[str] = ()) -> list[ChosenRun]:
    """The named runs, each once, in that order.

    A name is a variant (`probe`: its first seed with a result), a variant and a seed (`probe@1`), a
    variant of another experiment (`exp02/probe`), or a run's key, at least its first 6 digits.
    Without names: of each factor the variant with the best mean validation accuracy, of those the
    best four, best first. Raises DashboardError that lists what there is.
    """
    variants = _variants(project, experiment_id)
    if names:
        found = [_named(project, experiment_id, variants, name) for name in names]
    else:
        found = [_chosen(variant) for variant in _best(experiment_id, variants)]
    once = list({item.run.key: item for item in found}.values())
    pairs = [(item.experiment, item.variant) for item in once]
    fields: list[str] = []  # valid and distinct: `convs_2`, `convs_2_seed_1`, `exp02_probe`
    for item, pair in zip(once, pairs, strict=True):
        name = item.variant if item.experiment == experiment_id else "_".join(pair)
        if pairs.count(pair) > 1:
            name += f"_seed_{item.seed}"
        field = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")
        if not field or field[0].isdigit() or field in _TAKEN or field.startswith("eval_"):
            field = f"run_{field}".rstrip("_")
        if field in fields:  # convs-2 and convs_2
            field += f"_{item.run.key[:6]}"
        fields.append(field)
    return [replace(item, field=field) for item, field in zip(once, fields, strict=True)]


def _variants(project: Project, experiment_id: str) -> list[VariantResults]:
    from cvlib.journal.handle import experiment

    handle = experiment(experiment_id, root=project.root, profile=project.profile)
    return list(handle.results.variants)


def _best(experiment_id: str, variants: list[VariantResults]) -> list[VariantResults]:
    def score(variant: VariantResults) -> float:
        return fmean(run.metrics.get(SCORE, -1.0) for run in variant.runs.values())

    by_factor: dict[str, VariantResults] = {}
    for variant in sorted((v for v in variants if v.runs), key=score, reverse=True):
        by_factor.setdefault(variant.factor, variant)
    if not by_factor:
        raise DashboardError(
            f"{experiment_id} has no results yet; `cvlib run {experiment_id}` trains its runs"
        )
    return list(by_factor.values())[:SHOWN]


def _named(
    project: Project, experiment_id: str, variants: list[VariantResults], name: str
) -> ChosenRun:
    by_name = {variant.name: variant for variant in variants}
    if name in by_name:
        return _chosen(by_name[name])
    plain, at, seed = name.rpartition("@")
    if at and plain in by_name:
        return _chosen(by_name[plain], seed)
    other, slash, rest = name.partition("/")
    if slash and other in project.experiment_ids():
        return _named(project, other, _variants(project, other), rest)
    if _KEY_PREFIX.fullmatch(name):
        return _keyed(project, experiment_id, variants, name)
    there = ", ".join(v.name for v in variants if v.runs) or "none"
    raise DashboardError(
        f"{experiment_id} has no run {name!r}; variants with results: {there}. A run is named "
        f"by variant, variant@seed, experiment/variant, or 6 or more digits of its key."
    )


def _chosen(variant: VariantResults, seed: str | None = None) -> ChosenRun:
    """A variant's run of a seed; None: its first seed with a result."""
    if seed is not None and seed not in map(str, variant.runs):
        there = ", ".join(map(str, variant.runs)) or "none"
        raise DashboardError(f"{variant.id} has no result of seed {seed!r}; seeds: {there}")
    if not variant.runs:
        why = variant.skip_reason if variant.is_skipped else variant.absence()
        raise DashboardError(
            f"{variant.id} has no result ({why}); `cvlib run {variant.experiment}` trains it"
        )
    number = next(iter(variant.runs)) if seed is None else int(seed)
    status = next(s for s in variant.statuses if s.planned.seed == number)
    stale = status.reason if status.state == "stale" else ""
    run = variant.runs[number]
    return ChosenRun(variant.experiment, variant.name, variant.label, number, run, stale)


def _keyed(
    project: Project, experiment_id: str, variants: list[VariantResults], prefix: str
) -> ChosenRun:
    for variant in variants:
        for seed, run in variant.runs.items():
            if run.key.startswith(prefix):
                return _chosen(variant, str(seed))
    store = Store(project.runs)
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
    return ChosenRun(str(made["experiment"]), name, name, int(made["seed"]), read)


@dataclass(frozen=True, eq=False)
class RunContent:
    """One run on n of the dashboard's N images.

    rows: (n,) positions of its images among the dashboard's, rising; logits: (n, C) float32;
    labels: (n,) the truth; maps: name -> ((m,) positions among the dashboard's, (m, 2) points).
    """

    chosen: ChosenRun
    rows: np.ndarray
    logits: np.ndarray
    labels: np.ndarray
    maps: dict[str, tuple[np.ndarray, np.ndarray]]

    @classmethod
    def of(cls, chosen: ChosenRun, predictions: Predictions, ids: np.ndarray) -> RunContent:
        """ids: (N,) of the dashboard's images, rising; those of the run are among them.

        A run that kept no maps gets one of its logits' principal components.
        """
        order = np.argsort(predictions.ids, kind="stable")
        logits, labels = predictions.logits[order], predictions.labels[order]
        rows = np.searchsorted(ids, predictions.ids[order])
        if (stored := chosen.run.embedding()) is None:
            maps = {f"{chosen.field}_logits_pca": (rows, principal_components(logits, 2)[0])}
        else:
            at = np.searchsorted(ids, stored["ids"])
            maps = {
                f"{chosen.field}_{name}": (at, stored[name].astype(np.float64))
                for name in ("pca", "tsne")
            }
        return cls(chosen, rows, logits, labels, maps)

    @cached_property
    def predicted(self) -> np.ndarray:
        """(n,) classes."""
        return self.logits.argmax(axis=1)

    @property
    def correct(self) -> np.ndarray:
        """(n,) bool."""
        return self.predicted == self.labels

    @cached_property
    def probabilities(self) -> np.ndarray:
        """(n, C) float64."""
        return softmax(self.logits)

    @property
    def field(self) -> str:
        """Name of its predictions in FiftyOne."""
        return self.chosen.field

    @property
    def eval_key(self) -> str:
        """Name of its evaluation, and of the field that says whether it is right."""
        return f"eval_{self.field}"

    @property
    def digest(self) -> str:
        """Of all that is written for this run alone."""
        digest = hashlib.sha256(f"{self.chosen.title}\0{self.chosen.run.key}".encode())
        arrays = [self.rows, self.logits, self.labels]
        for name, (rows, points) in self.maps.items():
            digest.update(name.encode())
            arrays += [rows, points]
        for array in arrays:
            digest.update(np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()
