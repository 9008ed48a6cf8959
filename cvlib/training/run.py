"""Train one model once: the entry point, from data and specs to an outcome.

    outcome = train(data, CustomCNNSpec(), TrainSpec(epochs=3), seed=0, workdir=Path("scratch"))

Same specs, seed, data and machine give the same bits. A run killed at any step continues from
`workdir/checkpoint.pt` when called again with the same arguments, to the same final weights.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import nn

from cvlib.data.arrays import ImageData
from cvlib.data.loader import ResidentLoader, channel_statistics
from cvlib.models.build import build, count_flops, count_parameters
from cvlib.models.spec import ModelSpec
from cvlib.training.checkpoint import (
    Checkpoint,
    load_weights,
    new_state,
    save_weights,
    snapshot,
)
from cvlib.training.device import (
    Compute,
    choose_compute,
    deterministic_kernels,
    keep_freed_memory,
    owned_random_state,
)
from cvlib.training.evaluate import check_data, features, predict, score
from cvlib.training.loop import train_epoch
from cvlib.training.optimizers import freeze, make_optimizer
from cvlib.training.outcome import (
    Head,
    Interrupted,
    Monitor,
    Outcome,
    Phase,
    Progress,
    RunFailed,
)
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
    any more), ValueError for data or a device that cannot be used.
    """
    check_data(data)
    compute = choose_compute(device, train.precision)
    if compute.device.type == "cpu":
        keep_freed_memory()
    workdir.mkdir(parents=True, exist_ok=True)
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
        freeze(network, train.unfrozen_stages)
        run = _Run(
            data,
            network,
            train,
            compute,
            seed=seed,
            workdir=workdir,
            identity={"model": model.model_dump(mode="json")},
            head_seconds=0.0 if head is None else head.seconds,
            monitor=Monitor(on_progress, should_stop),
        )
        try:
            return run.finish(keep_features)
        except RunFailed:
            # a failed run leaves no weights and nothing to continue from
            run.checkpoint.remove()
            for path in run.weights.values():
                path.unlink(missing_ok=True)
            raise


class _Run:
    """One training: what is made once from the specs, and the order of its phases."""

    def __init__(
        self,
        data: ImageData,
        network: nn.Module,
        spec: TrainSpec,
        compute: Compute,
        *,
        seed: int,
        workdir: Path,
        identity: dict[str, Any],
        head_seconds: float,
        monitor: Monitor,
    ) -> None:
        self.data, self.spec, self.compute = data, spec, compute
        self.head_seconds, self.monitor = head_seconds, monitor
        self.weights = {name: workdir / f"{name}.safetensors" for name in ("best", "last")}

        height, width, channels = data.train.images.shape[1:]
        self.parameters = count_parameters(network)
        self.flops = count_flops(network, (channels, height, width))
        network = network.to(compute.device).to(memory_format=compute.memory_format)  # type: ignore[call-overload]
        self.state = new_state(network, make_optimizer(spec, network), spec.ema_decay)

        colour, std = channel_statistics(data.train.images)
        mean = colour
        if getattr(network, "preprocesses", False):
            # a backbone normalises by itself, with its own mean and deviation
            mean, std = (0.0,) * channels, (1.0,) * channels
        # A last batch of a single image is left out: batch norm has no statistics of one image, and
        # it would weigh as much as a whole batch. Which one it is changes with each epoch's order.
        images = len(data.train.labels)
        drop_last = images > spec.batch_size > 1 and images % spec.batch_size == 1

        def loader(split_name: str, batch_size: int, **options: Any) -> ResidentLoader:
            return ResidentLoader(
                getattr(data, split_name),
                batch_size=batch_size,
                device=compute.device,
                mean=mean,
                std=std,
                cutout_colour=colour,
                seed=seed,
                channels_last=compute.channels_last,
                **options,
            )

        self.train_loader = loader(
            "train", spec.batch_size, augment=spec.augment, shuffle=True, drop_last=drop_last
        )
        evaluation_batch = max(spec.batch_size, EVALUATION_BATCH)
        self.val_loader = loader("val", evaluation_batch)
        # Made when it is needed: the test split is not touched before the one look at it.
        self.make_test_loader = lambda: loader("test", evaluation_batch)
        self.checkpoint = Checkpoint(
            workdir / "checkpoint.pt",
            {
                **identity,
                "train": spec.model_dump(mode="json"),
                "seed": seed,
                "data": data.fingerprint,
                **compute.environment(),
            },
            compute.device,
        )

    def finish(self, keep_features: bool) -> Outcome:
        """From wherever the checkpoint is to the outcome."""
        state = self.state
        self.checkpoint.restore(state)
        while state.epoch < self.spec.epochs:
            lr = train_epoch(
                state, self.train_loader, self.spec, self.compute, self.checkpoint, self.monitor
            )
            self._end_epoch(lr)
            self.checkpoint.save(state)
        return self._outcome(keep_features)

    def _end_epoch(self, lr: float) -> None:
        """Validate, keep the weights if they are the best so far, write the epoch's history."""
        state = self.state
        self._report("validate")
        logits, labels = predict(state.evaluated, self.val_loader, self.compute)
        val_loss, val_accuracy = score(logits, labels)
        if not math.isfinite(val_loss):
            raise RunFailed(
                f"validation loss is {val_loss} after epoch {state.epoch + 1}; a lower lr, a "
                "warm-up or clip_norm may help"
            )
        best_so_far = max((row["val_accuracy"] for row in state.history), default=-1.0)
        if val_accuracy > best_so_far:  # a tie keeps the earlier epoch
            state.best, state.best_epoch = snapshot(state.evaluated), state.epoch + 1
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
                # a head that was fitted before the first step took its time, too
                "seconds": state.epoch_seconds + (0.0 if state.epoch else self.head_seconds),
                "images_per_second": state.seen / state.epoch_seconds,
            }
        )
        state.train_seconds += state.epoch_seconds
        state.images += state.seen
        state.epoch += 1
        state.start_epoch()

    def _outcome(self, keep_features: bool) -> Outcome:
        state = self.state
        assert state.best is not None  # the first epoch is always the best so far
        save_weights(self.weights["best"], state.best)
        save_weights(self.weights["last"], snapshot(state.evaluated))
        load_weights(self.weights["best"], state.evaluated)
        self._report("test")
        logits, labels = predict(state.evaluated, self.make_test_loader(), self.compute)
        test_loss, test_accuracy = score(logits, labels)
        if not math.isfinite(test_loss):
            raise RunFailed(f"test loss is {test_loss}")
        best = state.history[state.best_epoch - 1]
        test_features = None
        if keep_features:
            test_features = features(state.evaluated, self.make_test_loader(), self.compute)
        describe: Any = getattr(state.model, "describe", None)
        return Outcome(
            metrics={
                "test_accuracy": test_accuracy,
                "test_loss": test_loss,
                "val_accuracy": best["val_accuracy"],
                "val_loss": best["val_loss"],
                "best_epoch": state.best_epoch,
                "epochs": state.epoch,
                "parameters": self.parameters,
                "flops": self.flops,
                "train_seconds": state.train_seconds + self.head_seconds,
                "images_per_second": state.images / state.train_seconds,
            },
            history=state.history,
            test_logits=logits,
            test_labels=labels,
            test_ids=self.data.test.ids,
            weights=dict(self.weights),
            environment=self.compute.environment(),
            tables={} if describe is None else {"protocol": [describe()]},
            test_features=test_features,
        )

    def _report(self, phase: Phase) -> None:
        state, epochs, steps = self.state, self.spec.epochs, len(self.train_loader)
        rate = (state.images + state.seen) / (state.train_seconds + state.epoch_seconds)
        epoch = min(state.epoch + 1, epochs)
        self.monitor.report(Progress(epoch, epochs, steps, steps, rate, phase))
