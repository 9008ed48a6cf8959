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
from cvlib.training.check_data import check_data
from cvlib.training.checkpoint import Checkpoint
from cvlib.training.device import Compute, choose_compute, deterministic_kernels
from cvlib.training.evaluate import features, predict, score
from cvlib.training.heap import keep_freed_memory
from cvlib.training.layers import freeze
from cvlib.training.loop import train_epoch
from cvlib.training.optimizers import make_optimizer
from cvlib.training.outcome import Head, Interrupted, Outcome, Phase, Progress, RunFailed
from cvlib.training.progress import Reporter
from cvlib.training.random_state import owned_random_state
from cvlib.training.spec import TrainSpec
from cvlib.training.state import new_state
from cvlib.training.steps import drops_last, steps_per_epoch
from cvlib.training.weights import load_weights, save_weights, snapshot

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
        run = _Run(
            data,
            _network(data, model, train, weights, head),
            train,
            compute,
            workdir=workdir,
            seed=seed,
            identity={"model": model.model_dump(mode="json")},
            head_seconds=0.0 if head is None else head.seconds,
            keep_features=keep_features,
            on_progress=on_progress,
        )
        try:
            return run.finish(should_stop or (lambda: False))
        except RunFailed:
            run.remove_files()
            raise


def _network(
    data: ImageData, model: ModelSpec, train: TrainSpec, weights: Path | None, head: Head | None
) -> nn.Module:
    """The network before the first step: what is frozen is frozen, a given head is in place."""
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
    return network


class _Run:
    """One training: what is made once from the specs, and the order of its phases."""

    def __init__(
        self,
        data: ImageData,
        network: nn.Module,
        spec: TrainSpec,
        compute: Compute,
        *,
        workdir: Path,
        seed: int,
        identity: dict[str, Any],
        head_seconds: float,
        keep_features: bool,
        on_progress: Callable[[Progress], None] | None,
    ) -> None:
        self.data, self.spec, self.compute = data, spec, compute
        self.head_seconds, self.keep_features = head_seconds, keep_features
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
        drop_last = drops_last(len(data.train.labels), spec.batch_size)

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
        self.steps = steps_per_epoch(len(data.train.labels), spec.batch_size)
        self.report = Reporter(on_progress, spec.epochs, self.steps)
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

    def finish(self, should_stop: Callable[[], bool]) -> Outcome:
        """From wherever the checkpoint is to the outcome."""
        state = self.state
        self.checkpoint.restore(state)
        while state.epoch < self.spec.epochs:
            lr = train_epoch(
                state,
                self.train_loader,
                self.spec,
                self.compute,
                steps=self.steps,
                checkpoint=self.checkpoint,
                report=self.report,
                should_stop=should_stop,
            )
            self._end_epoch(lr)
            self.checkpoint.save(state)
        return self._outcome()

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

    def _outcome(self) -> Outcome:
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
        if self.keep_features:
            test_features = features(state.evaluated, self.make_test_loader(), self.compute)
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
            tables=self._tables(),
            test_features=test_features,
        )

    def _tables(self) -> dict[str, list[dict[str, Any]]]:
        describe = getattr(self.state.model, "describe", None)
        return {} if describe is None else {"protocol": [describe()]}

    def _report(self, phase: Phase) -> None:
        state = self.state
        self.report(
            phase,
            epoch=min(state.epoch, self.spec.epochs - 1),
            step=self.steps,
            images=state.images + state.seen,
            seconds=state.train_seconds + state.epoch_seconds,
        )

    def remove_files(self) -> None:
        """A failed run leaves no weights and nothing to continue from."""
        self.checkpoint.remove()
        for path in self.weights.values():
            path.unlink(missing_ok=True)
