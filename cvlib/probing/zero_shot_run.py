"""Ask CLIP once: the outcome of classifying test images by their class names alone."""

from __future__ import annotations

import time
from collections.abc import Callable

from cvlib.data.arrays import ImageData
from cvlib.models.spec import BackboneSpec
from cvlib.probing.spec import ZeroShotSpec
from cvlib.probing.zero_shot import zero_shot
from cvlib.training.check_data import check_data
from cvlib.training.device import choose_compute
from cvlib.training.evaluate import score
from cvlib.training.outcome import Outcome, Progress


def ask(
    data: ImageData,
    model: BackboneSpec,
    spec: ZeroShotSpec,
    *,
    device: str,
    on_progress: Callable[[Progress], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> Outcome:
    """Classify data.test by class names; train is not used, and val only to be reported.

    Raises WeightsUnavailable where open_clip reaches no weights for the model.
    """
    check_data(data)
    compute = choose_compute(device, spec.precision)
    started = time.perf_counter()

    def logits_of(split: str) -> tuple[float, float]:
        return score(found[split], getattr(data, split).labels)

    found = {
        split: zero_shot(
            model.name,
            data.class_names,
            getattr(data, split).images,
            spec.templates,
            device=compute.device,
            autocast=compute.precision == "bfloat16",
            should_stop=should_stop,
        )
        for split in ("val", "test")
    }
    seconds = time.perf_counter() - started
    test_loss, test_accuracy = logits_of("test")
    val_loss, val_accuracy = logits_of("val")
    return Outcome(
        metrics={
            "test_accuracy": test_accuracy,
            "test_loss": test_loss,
            "val_accuracy": val_accuracy,
            "val_loss": val_loss,
            "parameters": 0,
            "train_seconds": 0.0,
            "ask_seconds": seconds,
        },
        history=[],
        test_logits=found["test"],
        test_labels=data.test.labels,
        test_ids=data.test.ids,
        weights={},
        environment=compute.environment(),
    )
