"""Train one model once: the entry point, from data and specs to an outcome.

    outcome = train(data, CustomCNNSpec(), TrainSpec(epochs=3), seed=0, workdir=Path("scratch"))

Same specs, seed, data and machine give the same bits. A run killed at any step continues from
`workdir/checkpoint.pt` when called again with the same arguments, to the same final weights.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch

from cvlib.data.arrays import ImageData
from cvlib.data.loader import ResidentLoader, channel_statistics
from cvlib.models.build import build, count_flops, count_parameters
from cvlib.models.spec import ModelSpec
from cvlib.training.checkpoint import (
    Checkpoint,
    TrainingState,
    save_weights,
    snapshot,
)
from cvlib.training.clock import Seconds
from cvlib.training.device import (
    choose_compute,
    deterministic_kernels,
    keep_freed_memory,
    owned_random_state,
)
from cvlib.training.evaluate import features, predict, score
from cvlib.training.loop import train_epoch
from cvlib.training.optimizers import freeze, make_optimizer
from cvlib.training.outcome import Head, Interrupted, Monitor, Outcome, Phase, Progress, RunFailed
from cvlib.training.spec import TrainSpec

__all__ = ["Interrupted", "Outcome", "Progress", "RunFailed", "train"]

EVALUATION_BATCH = 256  # at least; larger where training fits larger


def train(
    data: ImageData,
    model: ModelSpec,
    train: TrainSpec,
    seed: int,
    *,
    device: str = "auto",
    workdir: Path,
    weights: Path | None = None,
    head: Head | None = None,
    keep_features: bool = False,
    on_progress: Callable[[Progress], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> Outcome:
    """Train `model` on data.train, choose the best epoch on data.val, look once at data.test.

    device: auto, cuda, cuda:N, mps or cpu. workdir: of this run alone; holds its checkpoint and
    weights. weights: the file that a backbone starts from; head: the classifier it starts with, a
    new one if None. keep_features: of the test images, under the best weights.
    should_stop is asked before every step. The caller's random state is left as it was.
    Raises Interrupted (the checkpoint is in place), RunFailed (workdir holds nothing of the run
    any more), ValueError for a device that cannot be used.
    """
    spec, compute = train, choose_compute(device, train.precision)
    if compute.device.type == "cpu":
        keep_freed_memory()
    workdir.mkdir(parents=True, exist_ok=True)
    files = {name: workdir / f"{name}.safetensors" for name in ("best", "last")}
    head_seconds = Seconds() if head is None else head.seconds
    monitor = Monitor(on_progress, should_stop)

    with deterministic_kernels(), owned_random_state(seed, compute.device):
        height, width, channels = data.train.images.shape[1:]
        network: Any = build(
            model,
            image_size=(height, width),
            channels=channels,
            num_classes=len(data.class_names),
            weights=weights,
        )
        if head is not None:
            network.set_head(torch.from_numpy(head.weight), torch.from_numpy(head.bias))
        freeze(network, spec.unfrozen_stages)
        parameters = count_parameters(network)
        flops = count_flops(network, (channels, height, width))
        network = network.to(compute.device).to(memory_format=compute.memory_format)
        state = TrainingState(network, make_optimizer(spec, network), spec.ema_decay)

        colour, std = channel_statistics(data.train.images)
        mean = colour
        if getattr(network, "preprocesses", False):
            # a backbone normalises by itself, with its own mean and deviation
            mean, std = (0.0,) * channels, (1.0,) * channels
        loader = partial(
            ResidentLoader,
            device=compute.device,
            mean=mean,
            std=std,
            cutout_colour=colour,
            seed=seed,
            channels_last=compute.channels_last,
        )
        # A last batch of a single image is left out: batch norm has no statistics of one image, and
        # it would weigh as much as a whole batch. Which one it is changes with each epoch's order.
        images, size = len(data.train.labels), spec.batch_size
        train_loader = loader(
            data.train,
            batch_size=size,
            augment=spec.augment,
            shuffle=True,
            drop_last=images > size > 1 and images % size == 1,
        )
        evaluation_batch = max(size, EVALUATION_BATCH)
        val_loader = loader(data.val, batch_size=evaluation_batch)

        def report(phase: Phase) -> None:
            epoch, steps = min(state.epoch + 1, spec.epochs), len(train_loader)
            rate = (state.images + state.seen) / (state.train_seconds + state.epoch_seconds)
            monitor.report(Progress(epoch, spec.epochs, steps, steps, rate, phase))

        checkpoint = Checkpoint(
            workdir / "checkpoint.pt",
            {
                "model": model.model_dump(mode="json"),
                "train": spec.model_dump(mode="json"),
                "seed": seed,
                "data": data.fingerprint,
                **compute.environment(),
            },
            compute.device,
        )
        checkpoint.restore(state)
        try:
            while state.epoch < spec.epochs:
                lr = train_epoch(state, train_loader, spec, compute, checkpoint, monitor)
                report("validate")
                val_loss, val_accuracy = score(*predict(state.evaluated, val_loader, compute))
                _end_epoch(state, lr, val_loss, val_accuracy, head_seconds)
                checkpoint.save(state)

            assert state.best is not None  # the first epoch is always the best so far
            save_weights(files["best"], state.best)
            save_weights(files["last"], snapshot(state.evaluated))
            state.evaluated.load_state_dict(state.best)
            report("test")
            # Made only now: the test split is not touched before the one look at it.
            test_loader = loader(data.test, batch_size=evaluation_batch)
            logits, labels = predict(state.evaluated, test_loader, compute)
            test_loss, test_accuracy = score(logits, labels)
            if not math.isfinite(test_loss):
                raise RunFailed(f"test loss is {test_loss}")
        except RunFailed:
            # it leaves no weights and nothing to continue from
            for path in (checkpoint.path, *files.values()):
                path.unlink(missing_ok=True)
            raise
        test_features = features(state.evaluated, test_loader, compute) if keep_features else None

    best = state.history[state.best_epoch - 1]
    return Outcome(
        metrics={
            "test_accuracy": test_accuracy,
            "test_loss": test_loss,
            "val_accuracy": best["val_accuracy"],
            "val_loss": best["val_loss"],
            "best_epoch": state.best_epoch,
            "epochs": state.epoch,
            "parameters": parameters,
            "flops": flops,
            "train_seconds": state.train_seconds + head_seconds.wall,
            **_known("train_compute_seconds", state.train_compute_seconds + head_seconds.compute),
            "images_per_second": state.images / state.train_seconds,
        },
        history=state.history,
        test_logits=logits,
        test_labels=labels,
        test_ids=data.test.ids,
        weights=files,
        environment=compute.environment(),
        tables={"protocol": [network.describe()]} if hasattr(network, "describe") else {},
        test_features=test_features,
    )


def _end_epoch(
    state: TrainingState, lr: float, val_loss: float, val_accuracy: float, head_seconds: Seconds
) -> None:
    """Keep the weights if they are the best so far, write the epoch's history, start the next."""
    if not math.isfinite(val_loss):
        raise RunFailed(
            f"validation loss is {val_loss} after epoch {state.epoch + 1}; a lower lr, a "
            "warm-up or clip_norm may help"
        )
    best_so_far = max((row["val_accuracy"] for row in state.history), default=-1.0)
    if val_accuracy > best_so_far:  # a tie keeps the earlier epoch
        state.best, state.best_epoch = snapshot(state.evaluated), state.epoch + 1
    spent = Seconds(state.epoch_seconds, state.epoch_compute_seconds)
    if state.epoch == 0:  # a head that was fitted before the first step took its time, too
        spent += head_seconds
    state.history.append(
        {
            "epoch": state.epoch + 1,
            # Means over the epoch's batches as they were trained on: augmented, with dropout,
            # label smoothing, and the weights of each step.
            "train_loss": state.loss_sum.item() / state.seen,
            "train_accuracy": state.correct.item() / state.seen,
            "val_loss": val_loss,
            "val_accuracy": val_accuracy,
            "lr": lr,
            "seconds": spent.wall,
            **_known("compute_seconds", spent.compute),
            "images_per_second": state.seen / state.epoch_seconds,
        }
    )
    state.train_seconds += state.epoch_seconds
    state.train_compute_seconds += state.epoch_compute_seconds
    state.images += state.seen
    state.epoch += 1
    state.loss_sum.zero_()
    state.correct.zero_()
    state.step = state.seen = 0
    state.epoch_seconds = state.epoch_compute_seconds = 0.0


def _known(name: str, seconds: float) -> dict[str, float]:
    """The one entry, or none where the seconds are not known (see TrainingState)."""
    return {} if math.isnan(seconds) else {name: seconds}
