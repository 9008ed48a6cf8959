"""Probing a backbone once: what it reports, and that features are never another's."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from cvlib.data.arrays import ImageData, Split
from cvlib.models.spec import BackboneSpec
from cvlib.probing.run import fit_head, probe
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


def means(tmp_path, **changed):
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
    first = probe(digits(), spec, **means(tmp_path))
    assert made(tmp_path) == 3  # train, val and test
    again = probe(digits(), spec, **means(tmp_path))
    assert made(tmp_path) == 3
    timed = ("solve_seconds", "train_seconds")
    assert {k: v for k, v in first.metrics.items() if k not in timed} == {
        k: v for k, v in again.metrics.items() if k not in timed
    }, "the seconds of extraction are those of when it was done"
    assert (first.test_logits == again.test_logits).all()
    found = first.metrics
    assert found["train_seconds"] == pytest.approx(
        found["extract_seconds"] + found["solve_seconds"]
    )
    assert found["parameters"] == 10 * first.tables["protocol"][0]["dimensions"] + 10
    assert found["test_accuracy"] == np.mean(first.test_logits.argmax(1) == digits().test.labels)
    rows = first.tables["path"]
    assert len(rows) == 25 and found["val_accuracy"] == max(r["val_accuracy"] for r in rows)
    assert [(r["shots"], r["draw"]) for r in first.tables["few_shot"]] == [
        (1, 0), (1, 1), (5, 0), (5, 1),
    ]  # fmt: skip


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
    probe(digits(), QUICK, **means(tmp_path))
    probe(digits(), QUICK, **means(tmp_path, **changed))
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
            options = means(tmp_path, model=model, weights=path, weights_sha256=sha, seed=run_seed)
            probe(digits(), QUICK, **options)
        assert made(tmp_path) == 3 * seed


def test_the_head_to_start_from_was_not_fitted_on_val(tmp_path):
    data = digits()
    head = fit_head(data, precision="auto", **means(tmp_path))
    wrong = Split(data.val.images, (data.val.labels + 1) % 10, data.val.ids, data.val.names)
    other = ImageData(data.train, wrong, data.test, data.class_names, "digits", ())
    shuffled = fit_head(other, precision="auto", **means(tmp_path))
    scale = head.weight / np.linalg.norm(head.weight)
    close = scale.ravel() @ (shuffled.weight / np.linalg.norm(shuffled.weight)).ravel()
    assert head.seconds > 0 and close > 0.5, "val only chooses how strongly it is regularised"
