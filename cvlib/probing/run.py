"""Probe one backbone once: from data and specs to an outcome, without training the body.

Features of each split are extracted once and kept (probing/feature_cache.py); the probe is fitted
on those of train, its regularisation chosen on val, and looks once at test.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from cvlib.data.arrays import ImageData
from cvlib.models.build import build
from cvlib.models.cost import count_flops, count_parameters
from cvlib.models.spec import BackboneSpec
from cvlib.probing import few_shot, knn, logistic, ridge
from cvlib.probing.feature_cache import FeatureCache, Features
from cvlib.probing.features import extract, feature_identity
from cvlib.probing.spec import LinearProbeSpec
from cvlib.training.check_data import check_data
from cvlib.training.device import Compute, choose_compute, deterministic_kernels
from cvlib.training.evaluate import score
from cvlib.training.outcome import Head, Outcome, Progress
from cvlib.training.random_state import owned_random_state

DRAWS = 5  # of the few-shot curve, where the spec leaves them open


def probe(data: ImageData, spec: LinearProbeSpec, *, seed: int, **means: Any) -> Outcome:
    """Fit what `spec` asks for on frozen features and evaluate it on data.test.

    seed: draws the weights of a body without pretrained ones, and the images of few shots.
    means: see `FrozenBackbone`. train_seconds are those of extracting the features of train and
    val, whenever that was, and of solving; history is empty, for there are no epochs.
    """
    check_data(data)
    frozen = FrozenBackbone(data, seed=seed, precision=spec.precision, **means)
    train, val, test = (frozen.features(name) for name in ("train", "val", "test"))
    frozen.report("solve", 0, 1)
    classes = len(data.class_names)
    labels = {name: getattr(data, name).labels for name in ("train", "val", "test")}
    strengths = np.geomspace(spec.c_min, spec.c_max, spec.values)
    with deterministic_kernels():
        chosen = logistic.choose(
            train.array, labels["train"], val.array, labels["val"], strengths, classes,
            device=str(frozen.compute.device),
        )  # fmt: skip
    logits = chosen.head.logits(test.array)
    test_loss, test_accuracy = score(logits, labels["test"])
    val_loss, val_accuracy = score(chosen.head_train.logits(val.array), labels["val"])
    extract_seconds = train.seconds + val.seconds
    metrics: dict[str, float | int] = {
        "test_accuracy": test_accuracy,
        "test_loss": test_loss,
        "val_accuracy": val_accuracy,
        "val_loss": val_loss,
        "chosen_c": chosen.c,
        "parameters": chosen.head.weight.size + chosen.head.bias.size,
        "backbone_parameters": frozen.body_parameters,
        "flops": frozen.flops,
        "train_seconds": extract_seconds + chosen.seconds,
        "extract_seconds": extract_seconds,
        "solve_seconds": chosen.seconds,
        "images_per_second": train.images_per_second,
    }
    both = np.concatenate([train.array, val.array])
    both_labels = np.concatenate([labels["train"], labels["val"]])
    for k in spec.neighbours or ():
        metrics[f"knn_{k}_accuracy"] = knn.accuracy(
            both, both_labels, test.array, labels["test"], k, classes
        )
    if spec.ridge:
        solved = ridge.fit(train.array, labels["train"], val.array, labels["val"], classes)
        metrics["ridge_accuracy"] = solved.head.accuracy(test.array, labels["test"])
    tables: dict[str, list[dict[str, Any]]] = {
        "path": chosen.rows,
        "protocol": [frozen.network.describe()],
    }
    if spec.shots:
        tables["few_shot"] = few_shot.curve(
            train.array, labels["train"], val.array, labels["val"], test.array, labels["test"],
            shots=spec.shots, draws=spec.draws or DRAWS, seed=seed, num_classes=classes,
        ).rows  # fmt: skip
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


def fit_head(data: ImageData, *, seed: int, precision: str, **means: Any) -> Head:
    """The linear probe of a backbone as a classifier to start fine-tuning from.

    Its regularisation is chosen on val along the default path, and it is fitted on train alone:
    val stays new to it, as fine-tuning will choose its best epoch there (Kumar et al., 2022,
    "Fine-tuning can distort pretrained features", LP-FT).
    """
    check_data(data)
    frozen = FrozenBackbone(data, seed=seed, precision=precision, **means)
    train, val = frozen.features("train"), frozen.features("val")
    frozen.report("solve", 0, 1)
    path = LinearProbeSpec()
    with deterministic_kernels():
        chosen = logistic.choose(
            train.array, data.train.labels, val.array, data.val.labels,
            np.geomspace(path.c_min, path.c_max, path.values), len(data.class_names),
            device=str(frozen.compute.device),
        )  # fmt: skip
    head = chosen.head_train
    return Head(head.weight, head.bias, train.seconds + val.seconds + chosen.seconds)


class FrozenBackbone:
    """A backbone that is not trained, and the features of a dataset's splits through it.

    dataset: the canonical dataset spec; weights: file that the body is loaded from, None: drawn
    from `seed`; cache: folder of features; code: digest of the code that makes them.
    """

    def __init__(
        self,
        data: ImageData,
        *,
        model: BackboneSpec,
        dataset: dict[str, Any],
        seed: int,
        precision: str,
        device: str,
        weights: Path | None,
        weights_sha256: str | None,
        cache: Path,
        code: str,
        on_progress: Callable[[Progress], None] | None = None,
        should_stop: Callable[[], bool] | None = None,
    ) -> None:
        self._data, self._on_progress, self._should_stop = data, on_progress, should_stop
        self._cache = FeatureCache(cache)
        self.compute: Compute = choose_compute(device, precision)
        height, width, channels = data.train.images.shape[1:]
        with owned_random_state(seed, self.compute.device):
            network: Any = build(
                model,
                image_size=(height, width),
                channels=channels,
                num_classes=len(data.class_names),
                weights=weights,
            )
        self.network = network
        self.body_parameters = count_parameters(network.body)
        self.flops = count_flops(network, (channels, height, width))
        self._identity: dict[str, Any] = {
            "weights_sha256": weights_sha256,
            "seed": seed,
            "dataset": dataset,
            "dataset_fingerprint": data.fingerprint,
            "device": self.compute.device.type,
            "autocast": self.compute.precision == "bfloat16",
            "code": code,
        }

    def features(self, split: str) -> Features:
        """Features (N, D) float32 of train, val or test, extracted unless they are in the cache."""
        images = getattr(self._data, split).images
        started = time.monotonic()

        def make() -> np.ndarray:
            return extract(
                self.network,
                images,
                device=self.compute.device,
                autocast=self.compute.precision == "bfloat16",
                on_progress=lambda done, total: self.report(
                    "extract", done, total, done / max(1e-9, time.monotonic() - started)
                ),
                should_stop=self._should_stop,
            )

        identity = feature_identity(self.network, split=split, **self._identity)
        return self._cache.get(identity, make)

    def report(self, phase: Any, done: int, total: int, images_per_second: float = 0.0) -> None:
        """Tell the caller where the run is."""
        if self._on_progress is not None:
            self._on_progress(Progress(1, 1, done, total, images_per_second, phase))
