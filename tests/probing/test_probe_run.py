"""Probing a backbone once: what it reports, and that features are never another's."""

from __future__ import annotations

import inspect

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from cvlib.data.arrays import ImageData, Split
from cvlib.models.spec import BackboneSpec
from cvlib.probing import few_shot, knn, linear_head, logistic, run
from cvlib.probing.run import fit_head, probe, solver_device
from cvlib.probing.spec import LinearProbeSpec

PLAIN = BackboneSpec(name="test_vit", weights=None, image_size=32, crop=1.0)
QUICK = LinearProbeSpec(values=20, neighbours=None, ridge=None)


def digits() -> ImageData:
    source = load_digits()
    images = np.round(source.images * (255 / 16)).astype(np.uint8)[..., None]

    def split(start: int, count: int) -> Split:
        part = slice(start, start + count)
        labels = source.target[part].astype(np.int64)
        return Split(images[part], labels, np.arange(count), [str(n) for n in range(count)])

    names = tuple("0123456789")
    return ImageData(split(0, 300), split(300, 100), split(400, 200), names, "digits", ())


def resources(tmp_path, **changed):
    return {
        "model": PLAIN,
        "dataset": {"name": "digits"},
        "seed": 0,
        "device": "cpu",
        "weights": None,
        "weights_sha256": None,
        "cache": tmp_path / "features",
        "code": "code",
        **changed,
    }


def made(tmp_path) -> int:
    return len(list((tmp_path / "features").glob("*/*/features.npy")))


def test_a_probe_says_what_it_did_and_a_second_one_extracts_nothing(tmp_path):
    spec = LinearProbeSpec(shots=(1, 5), draws=2)
    first = probe(digits(), spec, **resources(tmp_path))
    assert made(tmp_path) == 3  # train, val and test
    again = probe(digits(), spec, **resources(tmp_path))
    assert made(tmp_path) == 3
    timed = ("solve_seconds", "train_seconds", "train_compute_seconds")
    assert {k: v for k, v in first.metrics.items() if k not in timed} == {
        k: v for k, v in again.metrics.items() if k not in timed
    }, "the seconds of extraction are those of when it was done"
    assert (first.test_logits == again.test_logits).all()
    found = first.metrics
    assert found["train_seconds"] == pytest.approx(
        found["extract_seconds"] + found["solve_seconds"]
    )
    assert found["train_compute_seconds"] > 0
    assert found["parameters"] == 10 * first.tables["protocol"][0]["dimensions"] + 10
    assert found["test_accuracy"] == np.mean(first.test_logits.argmax(1) == digits().test.labels)
    rows = first.tables["path"]
    best = min(rows, key=lambda row: row["choice_loss"])
    assert len(rows) == 25 and found["chosen_c"] == best["c"] and found["choice_folds"] == 5
    assert found["c_low"] <= found["chosen_c"] <= found["c_high"]
    assert found["val_accuracy"] == best["val_accuracy"]
    assert [(r["shots"], r["draw"]) for r in first.tables["few_shot"]] == [
        (1, 0), (1, 1), (5, 0), (5, 1),
    ]  # fmt: skip
    assert found["converged"] == 1
    assert not {"left_out", "few_shot_left_out"} & first.tables.keys(), "nothing was left out"


def test_what_the_images_are_too_few_for_is_left_out_with_the_reason(tmp_path):
    least = int(np.bincount(digits().train.labels).argmin())
    images = np.bincount(digits().train.labels)[least]
    spec = LinearProbeSpec(values=20, neighbours=(10, 300, 301), shots=(1, 250), draws=1)
    outcome = probe(digits(), spec, **resources(tmp_path))
    assert {"knn_10_accuracy", "knn_300_accuracy"} <= outcome.metrics.keys()
    assert "knn_301_accuracy" not in outcome.metrics
    assert outcome.tables["left_out"] == [
        {
            "metric": "knn_301_accuracy",
            "reason": "there are 300 images to find 301 neighbours among",
        }
    ]
    assert {row["shots"] for row in outcome.tables["few_shot"]} == {1}
    assert outcome.tables["few_shot_left_out"] == [
        {"shots": 250, "reason": f"class {least} ({least}) has {images} training images"}
    ]


def test_a_head_whose_optimisation_did_not_end_is_said_to_be_so(tmp_path, monkeypatch):
    monkeypatch.setattr(logistic, "MAX_ITERATIONS", 1)
    assert probe(digits(), QUICK, **resources(tmp_path)).metrics["converged"] == 0


@pytest.mark.parametrize(
    ("extracting", "solving"),
    [("cpu", "cpu"), ("cuda", "cuda"), ("cuda:1", "cuda:1"), ("mps", "cpu")],
)
def test_solving_is_where_features_are_made_unless_that_lacks_float64(extracting, solving):
    assert solver_device(torch.device(extracting)) == solving


def test_every_solver_computes_on_the_device_that_is_chosen_for_them(tmp_path, monkeypatch):
    asked = []

    def watched(module, name):
        original = getattr(module, name)

        def call(*given, **named):
            bound = inspect.signature(original).bind(*given, **named)
            asked.append((module, bound.arguments.get("device")))
            return original(*given, **named)

        monkeypatch.setattr(module, name, call)

    for module, name in (
        (logistic, "path"), (knn, "predict_many"), (linear_head, "ridge_path"), (few_shot, "curve"),
    ):  # fmt: skip
        watched(module, name)
    monkeypatch.setattr(run, "solver_device", lambda _device: "cpu:0")
    probe(digits(), LinearProbeSpec(values=20, shots=(1,), draws=1), **resources(tmp_path))
    fit_head(digits(), precision="auto", **resources(tmp_path))
    assert {module for module, _ in asked} == {logistic, knn, linear_head, few_shot}
    assert {device for _, device in asked} == {"cpu:0"}


@pytest.mark.parametrize(
    "changed",
    [
        {"model": PLAIN.model_copy(update={"pooling": "patch_mean"})},
        {"model": PLAIN.model_copy(update={"image_size": 48})},
        {"model": PLAIN.model_copy(update={"crop": 0.8})},
        {"model": PLAIN.model_copy(update={"name": "test_vit2"})},
        {"seed": 1},
        {"dataset": {"name": "digits", "image_size": 16}},
        {"code": "another"},
    ],
    ids=lambda changed: "-".join(changed),
)
def test_whatever_features_depend_on_gives_other_features(tmp_path, changed):
    probe(digits(), QUICK, **resources(tmp_path))
    probe(digits(), QUICK, **resources(tmp_path, **changed))
    assert made(tmp_path) == 6


def test_another_weights_file_gives_other_features_and_another_seed_does_not(tmp_path):
    import timm
    from safetensors.torch import save_file

    model = PLAIN.model_copy(update={"weights": "pretrained"})
    for seed, sha in ((1, "a"), (2, "b")):
        torch.manual_seed(seed)
        path = tmp_path / f"{seed}.safetensors"
        save_file(timm.create_model("test_vit").state_dict(), path)
        for run_seed in (0, 1):
            options = resources(
                tmp_path, model=model, weights=path, weights_sha256=sha, seed=run_seed
            )
            probe(digits(), QUICK, **options)
        assert made(tmp_path) == 3 * seed


def test_the_head_to_start_from_was_not_fitted_on_val(tmp_path):
    data = digits()
    head = fit_head(data, precision="auto", **resources(tmp_path))
    wrong = Split(data.val.images, (data.val.labels + 1) % 10, data.val.ids, data.val.names)
    other = ImageData(data.train, wrong, data.test, data.class_names, "digits", ())
    shuffled = fit_head(other, precision="auto", **resources(tmp_path))
    scale = head.weight / np.linalg.norm(head.weight)
    close = scale.ravel() @ (shuffled.weight / np.linalg.norm(shuffled.weight)).ravel()
    assert head.seconds.wall > 0 and close > 0.5, "val chooses at most the regularisation"


def test_the_head_to_start_from_is_solved_along_the_path_and_not_once_more(tmp_path, monkeypatch):
    rows = []
    original = logistic.path

    def counted(train_x, *given, **named):
        rows.append(len(train_x))
        return original(train_x, *given, **named)

    monkeypatch.setattr(logistic, "path", counted)
    fit_head(digits(), precision="auto", **resources(tmp_path))
    assert rows == [300, *[240] * 5], "the images of train, once, and five times without a fold"


@pytest.mark.parametrize("refit", [None, True])
def test_validation_images_teach_nothing_unless_a_refit_is_asked_for(tmp_path, refit):
    data = digits()
    wrong = Split(data.val.images, (data.val.labels + 1) % 10, data.val.ids, data.val.names)
    other = ImageData(data.train, wrong, data.test, data.class_names, "digits", ())
    spec = LinearProbeSpec(values=20, neighbours=(10,), ridge=None, refit=refit)
    true, misled = (probe(each, spec, **resources(tmp_path)) for each in (data, other))
    same = (true.test_logits == misled.test_logits).all()
    alike = true.metrics["knn_10_accuracy"] == misled.metrics["knn_10_accuracy"]
    assert same == alike == (not refit)
    asked = spec.model_dump(exclude_none=True)
    assert LinearProbeSpec(refit=False) == LinearProbeSpec() and ("refit" in asked) == bool(refit)
