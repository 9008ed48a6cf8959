"""What a training gives back, and how it refuses and fails."""

from __future__ import annotations

import dataclasses
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from made_data import digits

from cvlib.data.loader import ResidentLoader, channel_statistics
from cvlib.models.build import build
from cvlib.models.spec import CustomCNNSpec
from cvlib.training import loop, run
from cvlib.training import outcome as reports
from cvlib.training.checkpoint import load_weights
from cvlib.training.device import choose_compute
from cvlib.training.optimizers import factor
from cvlib.training.run import Outcome, Progress, RunFailed, train
from cvlib.training.spec import AdamWSpec, ConstantSpec, OneCycleSpec, SGDSpec, TrainSpec

MODEL = CustomCNNSpec(depth=2, width=8)
SPEC = TrainSpec(epochs=3, batch_size=32, optimizer=AdamWSpec(lr=0.01))


def trained(workdir: Path, **changes: Any) -> Outcome:
    arguments: dict[str, Any] = {"data": digits(), "model": MODEL, "train": SPEC, "seed": 0}
    return train(**(arguments | changes), device="cpu", workdir=workdir)


def changed(**fields: Any) -> TrainSpec:
    return TrainSpec.model_validate(SPEC.model_dump() | fields)


@pytest.fixture(scope="module")
def outcome(tmp_path_factory) -> Outcome:
    return trained(tmp_path_factory.mktemp("run"), data=digits(1000, 200, 300))


def test_digits_are_learned(outcome):
    assert outcome.metrics["test_accuracy"] > 0.7
    assert outcome.history[-1]["train_loss"] < 0.5 * outcome.history[0]["train_loss"]


def test_history_has_one_row_an_epoch_with_every_column(outcome):
    assert [row["epoch"] for row in outcome.history] == [1, 2, 3]
    steps = 32  # of 1,000 images, 32 at a time
    for row in outcome.history:
        assert set(row) == {
            "epoch", "train_loss", "train_accuracy", "val_loss", "val_accuracy", "lr", "seconds",
            "compute_seconds", "images_per_second",
        }  # fmt: skip
        last_step = row["epoch"] * steps - 1
        expected = factor(OneCycleSpec(), last_step, steps_per_epoch=steps, epochs=3)
        assert row["lr"] == pytest.approx(0.01 * expected)
        assert row["seconds"] * row["images_per_second"] == pytest.approx(1000)


def test_metrics_are_of_the_best_epoch_and_all_there(outcome):
    metrics = outcome.metrics
    assert set(metrics) == {
        "test_accuracy", "test_loss", "val_accuracy", "val_loss", "best_epoch", "epochs",
        "parameters", "flops", "train_seconds", "train_compute_seconds",
        "images_per_second",
    }  # fmt: skip
    best = max(outcome.history, key=lambda row: row["val_accuracy"])
    assert metrics["val_accuracy"] == best["val_accuracy"]
    assert metrics["val_loss"] == best["val_loss"]
    assert metrics["best_epoch"] == best["epoch"]
    assert all(isinstance(value, float | int) for value in metrics.values())
    assert outcome.environment["device"] == "cpu"
    assert outcome.environment["precision"] == "float32"
    assert outcome.environment["threads"] == torch.get_num_threads()


def reloaded_logits(path: Path, data, split: str) -> np.ndarray:
    """Logits of a weights file, by a plain forward pass in this test."""
    model = build(MODEL, image_size=(8, 8), channels=1, num_classes=10)
    load_weights(path, model)
    mean, std = channel_statistics(data.train.images)
    images = getattr(data, split).images.astype(np.float32) / 255
    images = (images - np.asarray(mean)) / np.asarray(std)
    with torch.no_grad():
        return model.eval()(torch.from_numpy(images).float().permute(0, 3, 1, 2)).numpy()


@pytest.mark.parametrize("ema_decay", [None, 0.9])
def test_predictions_are_those_of_the_best_weights_in_the_splits_order(ema_decay, tmp_path):
    data = digits()
    result = trained(tmp_path, data=data, train=changed(ema_decay=ema_decay, epochs=6))
    expected = reloaded_logits(result.weights["best"], data, "test")
    np.testing.assert_allclose(result.test_logits, expected, rtol=1e-3, atol=1e-3)
    assert result.test_logits.dtype == np.float32
    np.testing.assert_array_equal(result.test_labels, data.test.labels)
    np.testing.assert_array_equal(result.test_ids, data.test.ids)
    accuracy = (result.test_logits.argmax(1) == result.test_labels).mean()
    assert result.metrics["test_accuracy"] == pytest.approx(accuracy)
    # "last" is the model after the last epoch, evaluated as it was there
    logits = reloaded_logits(result.weights["last"], data, "val")
    accuracy = (logits.argmax(1) == data.val.labels).mean()
    assert result.history[-1]["val_accuracy"] == pytest.approx(accuracy)


def test_with_ema_the_average_is_evaluated_and_training_is_the_same(tmp_path):
    plain = trained(tmp_path / "plain")
    averaged = trained(tmp_path / "averaged", train=changed(ema_decay=0.99))
    for a, b in zip(plain.history, averaged.history, strict=True):
        assert a["train_loss"] == b["train_loss"]
        assert a["val_loss"] != b["val_loss"]


def test_a_tie_on_validation_keeps_the_earlier_epoch(tmp_path, monkeypatch):
    monkeypatch.setattr(run, "score", lambda logits, labels: (1.0, 0.5))
    assert trained(tmp_path).metrics["best_epoch"] == 1


def test_same_seed_same_bits_other_seed_other_bits(tmp_path):
    first, again, other = (
        trained(tmp_path / str(i), seed=seed) for i, seed in enumerate((0, 0, 1))
    )
    for name in ("best", "last"):
        assert first.weights[name].read_bytes() == again.weights[name].read_bytes()
        assert first.weights[name].read_bytes() != other.weights[name].read_bytes()
    assert (first.test_logits == again.test_logits).all()


def test_the_callers_random_state_neither_matters_nor_moves(tmp_path):
    def draws() -> tuple[float, float, float]:
        return random.random(), float(np.random.rand()), torch.rand(1).item()

    results, after = [], []
    for index in range(2):
        torch.manual_seed(7)
        random.seed(7)
        np.random.seed(7)
        if index:
            draws()  # shift every generator
        results.append(trained(tmp_path / str(index), model=CustomCNNSpec(width=4, dropout=0.5)))
        after.append(draws())
    assert results[0].weights["last"].read_bytes() == results[1].weights["last"].read_bytes()
    assert after[0] != after[1]
    torch.manual_seed(7)
    random.seed(7)
    np.random.seed(7)
    assert draws() == after[0]


def test_a_loss_that_is_not_finite_fails_within_a_step_and_leaves_nothing(tmp_path, monkeypatch):
    steps = 0

    def poisoned(*args: Any, **kwargs: Any) -> torch.Tensor:
        nonlocal steps
        steps += 1
        loss = torch.nn.functional.cross_entropy(*args, **kwargs)
        return loss * float("nan") if steps == 11 else loss

    class Poisoned:
        cross_entropy = staticmethod(poisoned)

    monkeypatch.setattr(loop, "functional", Poisoned)
    with pytest.raises(RunFailed, match="loss is nan at epoch 2, step 3") as failure:
        trained(tmp_path)
    assert "lower lr" in failure.value.reason
    assert steps == 11
    assert list(tmp_path.iterdir()) == []


def test_a_diverging_run_fails_with_its_reason(tmp_path):
    spec = changed(optimizer={"name": "sgd", "lr": 100.0}, schedule={"name": "constant"})
    with pytest.raises(RunFailed, match=r"loss is (nan|inf)"):
        trained(tmp_path, model=CustomCNNSpec(norm=None), train=spec)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("images", "batch_size", "steps", "last"),
    [(256, 32, 8, 32), (257, 32, 8, 32), (258, 32, 9, 2), (33, 32, 1, 32), (20, 32, 1, 20), (3, 1, 3, 1)],
)  # fmt: skip
def test_only_a_last_batch_of_one_image_is_dropped(images, batch_size, steps, last, tmp_path):
    sizes = []

    def note(module, inputs, output):
        if module.training:
            sizes.append(len(output))

    handle = torch.nn.modules.module.register_module_forward_hook(
        lambda m, i, o: note(m, i, o) if type(m).__name__ == "CustomCNN" else None
    )
    try:
        trained(tmp_path, data=digits(images), train=changed(epochs=1, batch_size=batch_size))
    finally:
        handle.remove()
    assert len(sizes) == steps
    assert sizes[-1] == last


def test_a_batch_of_one_image_trains_with_batch_norm_on_the_smallest_images(tmp_path):
    data = digits(33)
    small = {
        name: dataclasses.replace(getattr(data, name), images=getattr(data, name).images[:, :4, :4])
        for name in ("train", "val", "test")
    }
    trained(tmp_path, data=dataclasses.replace(data, **small), train=changed(epochs=1))


def test_the_test_split_is_loaded_once_after_training(tmp_path, monkeypatch):
    events: list[str] = []

    class Watched(ResidentLoader):
        def __init__(self, split, **options: Any) -> None:
            super().__init__(split, **options)
            self.what = {256: "train", 64: "val", 65: "test"}[len(split.labels)]

        def epoch(self, *args: Any, **kwargs: Any):
            events.append(self.what)
            return super().epoch(*args, **kwargs)

    monkeypatch.setattr(run, "ResidentLoader", Watched)
    trained(tmp_path, data=digits(256, 64, 65))
    assert events == ["train", "val"] * 3 + ["test"]


def test_the_test_split_influences_nothing_but_its_own_scores(tmp_path):
    data = digits()
    blank = dataclasses.replace(data.test, images=np.zeros_like(data.test.images))
    a = trained(tmp_path / "a", data=data)
    b = trained(tmp_path / "b", data=dataclasses.replace(data, test=blank))
    assert a.weights["best"].read_bytes() == b.weights["best"].read_bytes()
    assert a.metrics["best_epoch"] == b.metrics["best_epoch"]


@pytest.mark.parametrize(
    "fields", [{"label_smoothing": 0.2}, {"clip_norm": 0.01}, {"precision": "bfloat16"}]
)
def test_options_change_training_and_it_still_learns(fields, tmp_path):
    plain = trained(tmp_path / "plain", data=digits(512))
    other = trained(tmp_path / "other", data=digits(512), train=changed(**fields))
    assert plain.history[-1]["train_loss"] != other.history[-1]["train_loss"]
    assert other.history[-1]["train_loss"] < other.history[0]["train_loss"]
    assert other.environment["precision"] == fields.get("precision", "float32")


def test_clipping_bounds_an_sgd_step(tmp_path):
    spec = TrainSpec(
        epochs=1, batch_size=256, clip_norm=0.5, schedule=ConstantSpec(),
        optimizer=SGDSpec(lr=1.0, momentum=0, nesterov=False, weight_decay=0),
    )  # fmt: skip
    torch.manual_seed(0)
    before = build(MODEL, image_size=(8, 8), channels=1, num_classes=10)
    result = trained(tmp_path, train=spec)
    after = build(MODEL, image_size=(8, 8), channels=1, num_classes=10)
    load_weights(result.weights["last"], after)
    moved = [a - b for a, b in zip(after.parameters(), before.parameters(), strict=True)]
    length = torch.cat([difference.flatten() for difference in moved]).norm().item()
    assert length == pytest.approx(0.5, rel=1e-3)


def test_train_loss_is_the_mean_over_images_not_over_batches(tmp_path):
    """With nothing learned (a vanishing lr) it is the loss of the first weights on all images."""
    spec = changed(epochs=1, batch_size=48, optimizer={"name": "sgd", "lr": 1e-12})
    data, model = digits(100), CustomCNNSpec(depth=2, width=8, norm=None)
    result = trained(tmp_path, data=data, train=spec, model=model)
    torch.manual_seed(0)
    first = build(model, image_size=(8, 8), channels=1, num_classes=10)
    mean, std = channel_statistics(data.train.images)
    images = torch.from_numpy((data.train.images / 255 - np.asarray(mean)) / np.asarray(std))
    with torch.no_grad():
        logits = first(images.float().permute(0, 3, 1, 2))
    labels = torch.from_numpy(data.train.labels)
    expected = torch.nn.functional.cross_entropy(logits, labels).item()
    assert result.history[0]["train_loss"] == pytest.approx(expected, rel=1e-5)
    accuracy = (logits.argmax(1) == labels).double().mean().item()
    assert result.history[0]["train_accuracy"] == pytest.approx(accuracy)


def test_progress_counts_up_and_names_its_phase(tmp_path, monkeypatch):
    monkeypatch.setattr(reports, "INTERVAL_SECONDS", 0.0)
    seen: list[Progress] = []
    trained(tmp_path, on_progress=seen.append)
    steps = [p.step for p in seen if p.phase == "train"]
    assert steps == list(range(1, 9)) * 3
    assert [p.epoch for p in seen if p.phase == "validate"] == [1, 2, 3]
    assert seen[-1].phase == "test"
    assert all(p.images_per_second > 0 and p.epochs == 3 and p.steps == 8 for p in seen)


def test_progress_comes_at_most_four_times_a_second(tmp_path):
    seen: list[Progress] = []
    result = trained(tmp_path, on_progress=seen.append)
    assert 1 <= len(seen) <= 2 + 4 * (result.metrics["train_seconds"] + 5)


@pytest.mark.parametrize("name", ["gpu", "cpu:1", "mps:0"])
def test_an_unknown_device_is_refused(name):
    with pytest.raises(ValueError, match=r"unknown; use auto"):
        choose_compute(name, "auto")


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has CUDA")
def test_a_missing_device_is_refused_and_auto_takes_what_is_there():
    with pytest.raises(ValueError, match=r"'cuda:1' is not available"):
        choose_compute("cuda:1", "auto")
    compute = choose_compute("auto", "auto")
    assert compute.precision == "float32"
    assert compute.device.type in ("cpu", "mps")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
def test_cuda_gives_the_same_bits_twice(tmp_path):
    arguments = {"data": digits(), "model": MODEL, "train": SPEC, "seed": 0, "device": "cuda"}
    first, again = (train(**arguments, workdir=tmp_path / name) for name in ("a", "b"))
    assert first.environment["precision"] == "bfloat16"
    assert first.weights["last"].read_bytes() == again.weights["last"].read_bytes()
