"""Ask CLIP once: the outcome of classifying test images by their class names alone."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from cvlib.data.arrays import ImageData
from cvlib.probing.spec import ZeroShotSpec
from cvlib.probing.zero_shot import zero_shot
from cvlib.training.check_data import check_data
from cvlib.training.device import choose_compute
from cvlib.training.evaluate import score
from cvlib.training.outcome import Outcome, Progress


def ask(
    data: ImageData,
    spec: ZeroShotSpec,
    *,
    weights: Path,
    device: str,
    on_progress: Callable[[Progress], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> Outcome:
    """Classify data.test by class names; train is not used, and val only to be reported.

    weights: those of both towers, with open_clip's config beside them.
    """
    check_data(data)
    compute = choose_compute(device, spec.precision)
    started = time.perf_counter()

    def report(done: int, total: int) -> None:
        if on_progress is not None:
            rate = done / (time.perf_counter() - started)
            on_progress(Progress(1, 1, done, total, rate, "test"))

    images = np.concatenate([data.val.images, data.test.images])
    logits = zero_shot(
        data.class_names,
        images,
        spec.templates,
        device=compute.device,
        folder=weights.parent,
        autocast=compute.precision == "bfloat16",
        on_progress=report,
        should_stop=should_stop,
    )
    seconds = time.perf_counter() - started
    val, test = logits[: len(data.val.labels)], logits[len(data.val.labels) :]
    val_loss, val_accuracy = score(val, data.val.labels)
    test_loss, test_accuracy = score(test, data.test.labels)
    return Outcome(
        metrics={
            "test_accuracy": test_accuracy,
            "test_loss": test_loss,
            "val_accuracy": val_accuracy,
            "val_loss": val_loss,
            "parameters": 0,
            "train_seconds": 0.0,  # nothing is trained, nor are features of train extracted
            "images_per_second": len(images) / seconds,
        },
        history=[],
        test_logits=test,
        test_labels=data.test.labels,
        test_ids=data.test.ids,
        weights={},
        environment=compute.environment(),
    )
