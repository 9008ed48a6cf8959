"""Carry out one run's procedure, training, probing or asking, and map its features if wanted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cvlib.models.spec import BackboneSpec
from cvlib.probing.spec import LinearProbeSpec, ZeroShotSpec
from cvlib.studies.spec import RunSpec

if TYPE_CHECKING:
    import numpy as np

    from cvlib.analysis.feature_maps import FeatureMaps
    from cvlib.data.arrays import ImageData
    from cvlib.training.outcome import Outcome, Progress


@dataclass(frozen=True)
class Means:
    """What a run may use besides its spec and data.

    weights: the file it starts from, with its checksum; workdir: of this run alone; features: the
    cache's folder; code: digest of the code that makes features, part of their key.
    """

    device: str
    workdir: Path
    features: Path
    code: str
    weights: Path | None = None
    weights_sha256: str | None = None
    on_progress: Callable[[Progress], None] | None = None
    should_stop: Callable[[], bool] | None = None


def carry_out(spec: RunSpec, data: ImageData, means: Means) -> tuple[Outcome, FeatureMaps | None]:
    """The run's outcome, and the maps of its test features where the spec asks for them."""
    if isinstance(spec.train, ZeroShotSpec):
        outcome = _zero_shot(spec, spec.train, data, means)
    elif isinstance(spec.train, LinearProbeSpec):
        outcome = _probe(spec, spec.train, data, means)
    else:
        outcome = _train(spec, data, means)
    return outcome, _maps(spec, data, outcome.test_features)


def _train(spec: RunSpec, data: ImageData, means: Means) -> Outcome:
    from cvlib.training.run import train
    from cvlib.training.spec import TrainSpec

    assert isinstance(spec.train, TrainSpec)
    head = None
    if spec.train.mode == "probe_then_fine_tune":
        from cvlib.probing.run import fit_head

        head = fit_head(data, **_probing(spec, means), precision=spec.train.precision)
    return train(
        data,
        spec.model,
        spec.train,
        spec.seed,
        device=means.device,
        workdir=means.workdir,
        weights=means.weights,
        head=head,
        keep_features=spec.embedding is not None,
        on_progress=means.on_progress,
        should_stop=means.should_stop,
    )


def _probe(spec: RunSpec, probe: LinearProbeSpec, data: ImageData, means: Means) -> Outcome:
    from cvlib.probing.run import probe as run_probe

    return run_probe(data, probe, **_probing(spec, means))


def _zero_shot(spec: RunSpec, zero_shot: ZeroShotSpec, data: ImageData, means: Means) -> Outcome:
    from cvlib.probing.zero_shot_run import ask

    assert isinstance(spec.model, BackboneSpec) and means.weights is not None
    return ask(
        data,
        spec.model,
        zero_shot,
        weights=means.weights,
        device=means.device,
        on_progress=means.on_progress,
        should_stop=means.should_stop,
    )


def _probing(spec: RunSpec, means: Means) -> dict[str, Any]:
    return {
        "model": spec.model,
        "dataset": spec.dataset.model_dump(mode="json", exclude_none=True),
        "seed": spec.seed,
        "device": means.device,
        "weights": means.weights,
        "weights_sha256": means.weights_sha256,
        "cache": means.features,
        "code": means.code,
        "on_progress": means.on_progress,
        "should_stop": means.should_stop,
    }


def _maps(spec: RunSpec, data: ImageData, features: np.ndarray | None) -> FeatureMaps | None:
    if spec.embedding is None or features is None:
        return None
    from cvlib.analysis.feature_maps import feature_maps

    # a third of the images is the most that t-SNE can take; what was used is kept with the maps
    mapped = min(spec.embedding.images, len(data.test.labels))
    perplexity = min(spec.embedding.perplexity, (mapped - 1) / 3)
    return feature_maps(
        features,
        data.test.labels,
        data.test.ids,
        data.class_names,
        perplexity=perplexity,
        images=spec.embedding.images,
        seed=spec.seed,
    )
