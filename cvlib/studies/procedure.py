"""Carry out one run's procedure, training, probing or asking, and map its features if wanted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cvlib.models.spec import BackboneSpec
from cvlib.probing.spec import LinearProbeSpec, ZeroShotSpec
from cvlib.studies.spec import RunSpec

if TYPE_CHECKING:
    import numpy as np

    from cvlib.analysis.feature_maps import FeatureMaps
    from cvlib.data.arrays import ImageData
    from cvlib.probing.run import BackboneResources
    from cvlib.training.outcome import Outcome, Progress


@dataclass(frozen=True)
class Resources:
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


def carry_out(
    spec: RunSpec, data: ImageData, resources: Resources
) -> tuple[Outcome, FeatureMaps | None]:
    """The run's outcome, and the maps of its test features where the spec asks for them.

    Features that cannot be mapped, such as those of a collapsed network, cost the maps and not the
    run: the reason is then all there is, as tables["maps_left_out"] {reason}.
    """
    if isinstance(spec.train, ZeroShotSpec):
        outcome = _zero_shot(spec.train, data, resources)
    elif isinstance(spec.train, LinearProbeSpec):
        outcome = _probe(spec, spec.train, data, resources)
    else:
        outcome = _train(spec, data, resources)
    return outcome, _maps(spec, data, outcome.test_features)


def _train(spec: RunSpec, data: ImageData, resources: Resources) -> Outcome:
    from cvlib.training.run import train
    from cvlib.training.spec import TrainSpec

    assert isinstance(spec.train, TrainSpec)
    head = None
    if spec.train.mode == "probe_then_fine_tune":
        from cvlib.probing.run import fit_head

        head = fit_head(
            data, seed=spec.seed, precision=spec.train.precision, **_probing(spec, resources)
        )
    return train(
        data,
        spec.model,
        spec.train,
        spec.seed,
        device=resources.device,
        workdir=resources.workdir,
        weights=resources.weights,
        head=head,
        keep_features=spec.embedding is not None,
        on_progress=resources.on_progress,
        should_stop=resources.should_stop,
    )


def _probe(spec: RunSpec, probe: LinearProbeSpec, data: ImageData, resources: Resources) -> Outcome:
    from cvlib.probing.run import probe as run_probe

    return run_probe(data, probe, seed=spec.seed, **_probing(spec, resources))


def _zero_shot(zero_shot: ZeroShotSpec, data: ImageData, resources: Resources) -> Outcome:
    from cvlib.probing.zero_shot_run import ask

    assert resources.weights is not None
    return ask(
        data,
        zero_shot,
        weights=resources.weights,
        device=resources.device,
        on_progress=resources.on_progress,
        should_stop=resources.should_stop,
    )


def _probing(spec: RunSpec, resources: Resources) -> BackboneResources:
    assert isinstance(spec.model, BackboneSpec)
    return {
        "model": spec.model,
        "dataset": spec.dataset.model_dump(mode="json", exclude_none=True),
        "device": resources.device,
        "weights": resources.weights,
        "weights_sha256": resources.weights_sha256,
        "cache": resources.features,
        "code": resources.code,
        "on_progress": resources.on_progress,
        "should_stop": resources.should_stop,
    }


def _maps(spec: RunSpec, data: ImageData, features: np.ndarray | None) -> FeatureMaps | None:
    if spec.embedding is None or features is None:
        return None
    from cvlib.analysis.feature_maps import FeatureMaps, feature_maps

    try:
        return feature_maps(
            features,
            data.test.labels,
            data.test.ids,
            data.class_names,
            perplexity=spec.embedding.perplexity,
            images=spec.embedding.images,
            seed=spec.seed,
        )
    except ValueError as error:
        return FeatureMaps(None, {}, {"maps_left_out": [{"reason": str(error)}]})
