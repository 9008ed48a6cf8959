"""Probe one backbone once: from data and specs to an outcome, without training the body.

Features of each split are extracted once and kept (probing/feature_cache.py); the probe is fitted
on those of train, its regularisation chosen by loss, and looks once at test.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

import numpy as np
import torch

from cvlib.data.arrays import ImageData
from cvlib.models.build import build, count_flops, count_parameters
from cvlib.models.spec import BackboneSpec
from cvlib.probing import few_shot, knn, linear_head, logistic
from cvlib.probing.feature_cache import Features, cached_features
from cvlib.probing.features import extract, feature_identity
from cvlib.probing.spec import LinearProbeSpec
from cvlib.training.device import choose_compute, deterministic_kernels, owned_random_state
from cvlib.training.evaluate import score
from cvlib.training.outcome import Head, Monitor, Outcome, Progress

if TYPE_CHECKING:
    from typing_extensions import NotRequired, Unpack

DRAWS = 5  # of the few-shot curve, where the spec leaves them open


class BackboneResources(TypedDict):
    """What a frozen backbone is made of and may use, besides data, seed and precision.

    dataset: the canonical dataset spec; weights: file that the body is loaded from, None: drawn
    from the seed; cache: folder of features; code: digest of the code that makes them.
    """

    model: BackboneSpec
    dataset: dict[str, Any]
    device: str
    weights: Path | None
    weights_sha256: str | None
    cache: Path
    code: str
    on_progress: NotRequired[Callable[[Progress], None] | None]
    should_stop: NotRequired[Callable[[], bool] | None]


def probe(
    data: ImageData, spec: LinearProbeSpec, *, seed: int, **resources: Unpack[BackboneResources]
) -> Outcome:
    """Fit what `spec` asks for on frozen features and evaluate it on data.test.

    seed: draws the weights of a body without pretrained ones, and the images of few shots.
    train_seconds and train_compute_seconds (see Clock) are those of extracting the features of
    train and val, whenever that was, and of solving; chosen_c, c_low, c_high and choice_folds: see
    ChosenProbe; fitted_images: those that the tested heads were fitted on; converged: 1 if the
    head that is tested is at its minimum, else 0; history is empty, for there are no epochs. What
    the data is too small for is left out, with the reason: shots in
    tables["few_shot_left_out"] {shots, reason}, metrics in tables["left_out"] {metric, reason}.
    """
    frozen = FrozenBackbone(data, seed, spec.precision, resources)
    train, val, test = (frozen.features(name) for name in ("train", "val", "test"))
    frozen.monitor.report(Progress(1, 1, 0, 1, 0.0, "solve"))
    classes = len(data.class_names)
    labels = {name: getattr(data, name).labels for name in ("train", "val", "test")}
    strengths = np.geomspace(spec.c_min, spec.c_max, spec.values)
    device, refit = solver_device(frozen.compute.device), spec.refit or False
    with deterministic_kernels():
        chosen = logistic.choose(
            train.array, labels["train"], val.array, labels["val"], strengths, classes, device,
            refit=refit,
        )  # fmt: skip
        known_x, known_y = train.array, labels["train"]
        if refit:
            known_x = np.concatenate([known_x, val.array])
            known_y = np.concatenate([known_y, labels["val"]])
        ks = [k for k in spec.neighbours or () if k <= len(known_x)]
        found = knn.predict_many(known_x, known_y, test.array, ks, classes, device) if ks else {}
        ridge = None
        curve: list[dict[str, Any]] = []
        too_many_shots: list[dict[str, Any]] = []
        if spec.ridge:
            ridge = linear_head.fit_ridge(
                train.array, labels["train"], val.array, labels["val"], classes, device,
                refit=refit,
            )  # fmt: skip
        if spec.shots:
            curve, too_many_shots = few_shot.curve(
                train.array, labels["train"], val.array, labels["val"], test.array, labels["test"],
                shots=spec.shots, draws=spec.draws or DRAWS, seed=seed,
                class_names=data.class_names, device=device,
            )  # fmt: skip
    logits = chosen.head.logits(test.array)
    test_loss, test_accuracy = score(logits, labels["test"])
    val_loss, val_accuracy = score(chosen.head_train.logits(val.array), labels["val"])
    extraction = train.seconds + val.seconds
    seconds = extraction + chosen.seconds
    metrics: dict[str, float | int] = {
        "test_accuracy": test_accuracy,
        "test_loss": test_loss,
        "val_accuracy": val_accuracy,
        "val_loss": val_loss,
        "chosen_c": chosen.c,
        "c_low": chosen.c_low,
        "c_high": chosen.c_high,
        "choice_folds": chosen.folds,
        "fitted_images": len(known_x),
        "converged": int(chosen.head.converged),
        "parameters": chosen.head.weight.size + chosen.head.bias.size,
        "backbone_parameters": frozen.body_parameters,
        "flops": frozen.flops,
        "train_seconds": seconds.wall,
        "train_compute_seconds": seconds.compute,
        "extract_seconds": extraction.wall,
        "solve_seconds": chosen.seconds.wall,
        "images_per_second": train.images_per_second,
        **{f"knn_{k}_accuracy": float(np.mean(found[k] == labels["test"])) for k in ks},
    }
    tables: dict[str, list[dict[str, Any]]] = {
        "path": chosen.rows,
        "protocol": [frozen.network.describe()],
    }
    left_out = [
        {
            "metric": f"knn_{k}_accuracy",
            "reason": f"there are {len(known_x)} images to find {k} neighbours among",
        }
        for k in spec.neighbours or ()
        if k not in ks
    ]
    if left_out:
        tables["left_out"] = left_out
    if ridge is not None:
        metrics["ridge_accuracy"] = ridge.accuracy(test.array, labels["test"])
    if spec.shots:
        tables["few_shot"] = curve
    if too_many_shots:
        tables["few_shot_left_out"] = too_many_shots
    return Outcome(
        metrics=metrics,
        history=[],
        test_logits=logits,
        test_labels=labels["test"],
        test_ids=data.test.ids,
        weights={},
        environment=frozen.compute.environment(),
        tables=tables,
        test_features=np.asarray(test.array),
    )


def fit_head(
    data: ImageData, *, seed: int, precision: str, **resources: Unpack[BackboneResources]
) -> Head:
    """The linear probe of a backbone as a classifier to start fine-tuning from.

    Its regularisation is chosen along the default path as a probe's, and it is fitted on train
    alone: val stays new to it, as fine-tuning will choose its best epoch there (Kumar et al.,
    2022, "Fine-tuning can distort pretrained features", LP-FT).
    """
    frozen = FrozenBackbone(data, seed, precision, resources)
    train, val = frozen.features("train"), frozen.features("val")
    frozen.monitor.report(Progress(1, 1, 0, 1, 0.0, "solve"))
    path = LinearProbeSpec()
    with deterministic_kernels():
        chosen = logistic.choose(
            train.array, data.train.labels, val.array, data.val.labels,
            np.geomspace(path.c_min, path.c_max, path.values), len(data.class_names),
            solver_device(frozen.compute.device),
        )  # fmt: skip
    return Head(chosen.head.weight, chosen.head.bias, train.seconds + val.seconds + chosen.seconds)


def solver_device(device: torch.device) -> str:
    """Where to solve on features that were extracted on `device`: there if it is a CUDA device.

    Else the CPU: MPS has neither float64 nor the eigendecompositions that the solvers need.
    """
    return str(device) if device.type == "cuda" else "cpu"


class FrozenBackbone:
    """A backbone that is not trained, and the features of a dataset's splits through it."""

    def __init__(
        self, data: ImageData, seed: int, precision: str, resources: BackboneResources
    ) -> None:
        self._data = data
        self._cache = resources["cache"]
        self.monitor = Monitor(resources.get("on_progress"), resources.get("should_stop"))
        self.compute = choose_compute(resources["device"], precision)
        height, width, channels = data.train.images.shape[1:]
        with owned_random_state(seed, self.compute.device):
            network: Any = build(
                resources["model"],
                image_size=(height, width),
                channels=channels,
                num_classes=len(data.class_names),
                weights=resources["weights"],
            )
        self.network = network
        self.body_parameters = count_parameters(network.body)
        self.flops = count_flops(network, (channels, height, width))
        self._identity: dict[str, Any] = {
            "weights_sha256": resources["weights_sha256"],
            "seed": seed,
            "dataset": resources["dataset"],
            "dataset_fingerprint": data.fingerprint,
            "device": self.compute.device.type,
            "autocast": self.compute.precision == "bfloat16",
            "code": resources["code"],
        }

    def features(self, split: str) -> Features:
        """Features (N, D) float32 of train, val or test, extracted unless they are in the cache."""
        started = time.monotonic()

        def make() -> np.ndarray:
            return extract(
                self.network,
                getattr(self._data, split).images,
                device=self.compute.device,
                autocast=self.compute.precision == "bfloat16",
                on_batch=lambda done, total: self.monitor.of_images(
                    "extract", done, total, time.monotonic() - started
                ),
            )

        identity = feature_identity(self.network, split=split, **self._identity)
        return cached_features(self._cache, identity, make, str(self.compute.device))
