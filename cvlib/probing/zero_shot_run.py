"""Ask CLIP once: zero-shot classification, an image gets the class whose described name lies nearest."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import normalize

from cvlib.data.arrays import ImageData
from cvlib.models.load import WeightsError
from cvlib.models.preprocess import Preprocess
from cvlib.probing.features import in_batches
from cvlib.probing.spec import ZeroShotSpec
from cvlib.training.device import choose_compute
from cvlib.training.evaluate import score
from cvlib.training.outcome import Monitor, Outcome, Progress


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
    compute = choose_compute(device, spec.precision)
    monitor, started = Monitor(on_progress, should_stop), time.perf_counter()
    images = np.concatenate([data.val.images, data.test.images])
    logits = zero_shot(
        data.class_names,
        images,
        spec.templates,
        device=compute.device,
        folder=weights.parent,
        autocast=compute.precision == "bfloat16",
        on_batch=lambda done, total: monitor.of_images(
            "test", done, total, time.perf_counter() - started
        ),
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
            # nothing is trained, nor are features of train extracted
            "train_seconds": 0.0,
            "train_compute_seconds": 0.0,
            "images_per_second": len(images) / seconds,
        },
        history=[],
        test_logits=test,
        test_labels=data.test.labels,
        test_ids=data.test.ids,
        weights={},
        environment=compute.environment(),
    )


def zero_shot(
    class_names: Sequence[str],
    images: np.ndarray,
    templates: Sequence[str],
    *,
    device: str | torch.device,
    folder: Path,
    autocast: bool = False,
    on_batch: Callable[[int, int], None] | None = None,
) -> np.ndarray:
    """Return logits (N, classes) float32 of images (N, H, W, C) uint8, C 1 or 3.

    A logit is the cosine of image and class, times CLIP's learned scale. A class is the mean of its
    name in all `templates`, each normalised, and normalised again (Radford et al., 2021, 3.1.4).
    Names go in as they are, but underscores become spaces.
    folder: holds open_clip_config.json and the weights of both towers. The rest as `extract`.

    Raises ImportError without open_clip, and WeightsError for a folder that it cannot load.
    """
    place = torch.device(device)
    clip = load_clip(folder)
    clip.model.to(place)
    clip.preprocess.to(place)
    classes = clip.classes(class_names, templates, autocast=autocast)

    def logits(batch: Tensor) -> Tensor:
        seen = clip.model.encode_image(clip.preprocess(batch))
        # in float32, whatever the tower computed in
        with torch.autocast(place.type, enabled=False):
            return clip.model.logit_scale.exp() * (normalize(seen.float(), dim=1) @ classes.T)

    return in_batches(
        logits,
        images,
        len(class_names),
        device=place,
        autocast=autocast,
        on_batch=on_batch,
    )


@dataclass(frozen=True)
class Clip:
    """Both towers, the tokenizer of the one and the preprocessing of the other."""

    model: Any
    tokenize: Callable[[list[str]], Tensor]
    preprocess: Preprocess

    @torch.inference_mode()
    def classes(
        self, class_names: Sequence[str], templates: Sequence[str], *, autocast: bool = False
    ) -> Tensor:
        """`(classes, D)` float32 of length 1: each class's name in all templates, averaged."""
        device = self.model.logit_scale.device
        rows = []
        for name in class_names:
            texts = [template.replace("{}", name.replace("_", " ")) for template in templates]
            with torch.autocast(device.type, dtype=torch.bfloat16, enabled=autocast):
                told = self.model.encode_text(self.tokenize(texts).to(device))
            rows.append(normalize(told.float(), dim=1).mean(dim=0))
        return normalize(torch.stack(rows), dim=1)


def load_clip(folder: Path) -> Clip:
    """Load both towers of a CLIP model, in eval mode; folder and errors as those of zero_shot."""
    try:
        import open_clip
    except ImportError as error:
        raise ImportError(
            "zero-shot classification needs open_clip: pip install 'open-clip-torch>=3.0'"
        ) from error
    try:
        model = open_clip.create_model(f"local-dir:{folder}", require_pretrained=True)
        tokenize = open_clip.get_tokenizer(f"local-dir:{folder}")
        pictures = dict(model.visual.preprocess_cfg)
        size = pictures["size"]
        preprocess = Preprocess(
            size=size if isinstance(size, int) else size[0],
            crop=1.0,
            crop_mode={"shortest": "center", "squash": "squash"}[pictures["resize_mode"]],
            interpolation=pictures["interpolation"],
            mean=pictures["mean"],
            std=pictures["std"],
        )
    except Exception as error:  # open_clip lets those of several libraries through
        raise WeightsError(f"{folder} holds no CLIP that open_clip can load: {error!r}") from error
    return Clip(model.eval(), tokenize, preprocess)
