"""Extraction gives the backbone's own features, and every option that changes them changes their key."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from cvlib.models.backbone import Backbone
from cvlib.models.spec import BackboneSpec
from cvlib.probing.feature_cache import feature_key
from cvlib.probing.features import extract, feature_identity
from cvlib.training.outcome import Interrupted, Monitor, RunFailed


def make_backbone(name: str, size: int, **options: Any) -> Backbone:
    torch.manual_seed(0)
    spec = BackboneSpec(name=name, weights=None, image_size=size, **options)
    backbone = Backbone(spec, num_classes=10)
    for layer in backbone.modules():
        if isinstance(layer, nn.BatchNorm2d):
            assert layer.running_mean is not None and layer.running_var is not None
            layer.running_mean.normal_(0, 0.1)
            layer.running_var.uniform_(0.25, 4)
    return backbone


@pytest.fixture(scope="module")
def resnet() -> Backbone:
    return make_backbone("resnet18", 48)


@pytest.fixture(scope="module")
def efficientnet() -> Backbone:
    return make_backbone("tf_efficientnet_lite0", 64)


@pytest.fixture(scope="module")
def vit() -> Backbone:
    return make_backbone("vit_tiny_patch16_224", 32)


def pictures(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


@pytest.mark.parametrize("name", ["resnet", "efficientnet", "vit"])
@pytest.mark.parametrize("shape", [(7, 28, 28, 1), (5, 64, 64, 3), (5, 40, 56, 3)])
def test_features_are_those_of_the_unfolded_backbone(name, shape, request):
    backbone = request.getfixturevalue(name).eval()
    images = pictures(*shape)
    features = extract(backbone, images, device="cpu", batch_size=3)
    assert features.shape == (shape[0], backbone.num_features)
    assert features.dtype == np.float32
    with torch.inference_mode():
        floats = torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255
        plain = backbone.features(floats)
    similarity = torch.cosine_similarity(torch.from_numpy(features).double(), plain.double())
    assert similarity.min() > 0.99999
    assert np.abs(features - plain.numpy()).max() <= 1e-4 * plain.abs().max().item()


def test_rows_are_in_the_order_of_the_images_whatever_the_batch_size(resnet):
    images = pictures(11, 32, 32, 3)
    together = extract(resnet, images, device="cpu", batch_size=11)
    assert len(np.unique(together.round(4), axis=0)) == 11
    for size in (1, 4):
        apart = extract(resnet, images, device="cpu", batch_size=size)
        np.testing.assert_allclose(apart, together, rtol=1e-3, atol=1e-5)


@pytest.fixture(params=[1, 2, 3])
def threads(request: pytest.FixtureRequest) -> Iterator[int]:
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


def test_more_threads_give_the_same_bits_and_their_number_stays(resnet, threads):
    images = pictures(11, 32, 32, 3)
    told: list[tuple[int, int]] = []
    features = extract(
        resnet, images, device="cpu", batch_size=3, on_batch=lambda *done: told.append(done)
    )
    assert told == [(0, 11), (3, 11), (6, 11), (9, 11), (11, 11)]
    assert torch.get_num_threads() == threads
    with ThreadPoolExecutor(1) as pool:  # of a new thread, too
        assert pool.submit(torch.get_num_threads).result() == threads
    torch.set_num_threads(1)
    alone = extract(resnet, images, device="cpu", batch_size=3)
    np.testing.assert_array_equal(features, alone)


def test_what_goes_wrong_in_a_thread_is_raised(resnet, threads, monkeypatch):
    def broken(*_: Any) -> None:
        raise RuntimeError("no memory")

    monkeypatch.setattr(type(resnet), "features", broken)
    with pytest.raises(RuntimeError, match="no memory"):
        extract(resnet, pictures(11, 32, 32, 3), device="cpu", batch_size=3)
    assert torch.get_num_threads() == threads


def test_the_backbone_is_left_as_it_was(resnet):
    resnet.train()
    before = copy.deepcopy(resnet.state_dict())
    extract(resnet, pictures(4, 32, 32, 3), device="cpu")
    assert resnet.training
    assert all(torch.equal(value, before[name]) for name, value in resnet.state_dict().items())


def test_a_memory_map_that_cannot_be_written_is_read(resnet, tmp_path):
    images = pictures(4, 32, 32, 1)
    np.save(tmp_path / "images.npy", images)
    mapped = np.load(tmp_path / "images.npy", mmap_mode="r")
    mine, theirs = (extract(resnet, which, device="cpu") for which in (mapped, images))
    np.testing.assert_array_equal(mine, theirs)


def test_progress_counts_images_up_to_all(resnet):
    told: list[tuple[int, int]] = []
    extract(
        resnet,
        pictures(7, 32, 32, 3),
        device="cpu",
        batch_size=3,
        on_batch=lambda done, total: told.append((done, total)),
    )
    assert told == [(0, 7), (3, 7), (6, 7), (7, 7)]


def test_a_stop_is_heeded_between_two_batches(resnet, threads):
    done: list[int] = []
    monitor = Monitor(lambda progress: done.append(progress.step), lambda: len(done) == 2)
    with pytest.raises(Interrupted):
        extract(
            resnet,
            pictures(9, 32, 32, 3),
            device="cpu",
            batch_size=3,
            on_batch=lambda count, total: monitor.of_images("extract", count, total, 1.0),
        )
    assert done == [3, 6]


def test_bfloat16_is_near_float32_and_not_the_same(vit, threads):
    images = pictures(4, 32, 32, 3)
    exact = extract(vit, images, device="cpu")
    coarse = extract(vit, images, device="cpu", autocast=True)
    assert coarse.dtype == np.float32
    assert not np.array_equal(exact, coarse)
    np.testing.assert_allclose(coarse, exact, atol=0.05 * np.abs(exact).max())


def test_features_that_are_not_finite_fail_the_run(resnet):
    broken = copy.deepcopy(resnet)
    broken.body.layer4[1].bn2.bias.data[3] = float("nan")
    with pytest.raises(RunFailed, match="4 of 4 images"):
        extract(broken, pictures(4, 32, 32, 3), device="cpu")


GIVEN: dict[str, Any] = {
    "weights_sha256": "ab" * 32,
    "seed": 0,
    "dataset": {"name": "digits", "image_size": 32, "channels": 1, "split_seed": 0},
    "dataset_fingerprint": "cd" * 32,
    "split": "train",
    "device": "cpu",
    "autocast": False,
    "code": "ef" * 32,
}


def key(backbone: Backbone, **changed: Any) -> str:
    return feature_key(feature_identity(backbone, **(GIVEN | changed)))


@pytest.mark.parametrize(
    "changed",
    [
        {"weights_sha256": "ac" * 32},
        {"weights_sha256": None},
        {"dataset": GIVEN["dataset"] | {"image_size": 48}},
        {"dataset": GIVEN["dataset"] | {"channels": 3}},
        {"dataset": GIVEN["dataset"] | {"split_seed": 1}},
        {"dataset_fingerprint": "ce" * 32},
        {"split": "test"},
        {"device": "cuda"},
        {"autocast": True},
        {"code": "ee" * 32},
    ],
    ids=lambda changed: "-".join(f"{name}" for name in changed),
)
def test_anything_else_given_is_another_key(vit, changed):
    assert key(vit, **changed) != key(vit)


VARIANTS: dict[str, dict[str, Any]] = {
    "as it was": {},
    "pooling": {"pooling": "cls_patch_mean"},
    "pooling of the same length": {"pooling": "patch_mean"},
    "image size": {"image_size": 48},
    "crop": {"crop": 0.8},
}


def test_another_pooling_image_size_or_crop_is_another_key():
    keys = {
        name: key(make_backbone("vit_tiny_patch16_224", **({"size": 32} | _sized(options))))
        for name, options in VARIANTS.items()
    }
    assert len(set(keys.values())) == len(VARIANTS), keys


def _sized(options: dict[str, Any]) -> dict[str, Any]:
    return {"size" if name == "image_size" else name: value for name, value in options.items()}


@pytest.mark.parametrize(
    "field, value",
    [
        ("mean", [0.5, 0.5, 0.4]),
        ("std", [0.5, 0.5, 0.4]),
        ("interpolation", "bilinear"),
        ("crop_mode", "squash"),
        ("resize", 37),
    ],
)
def test_another_preprocessing_is_another_key(vit, monkeypatch, field, value):
    before, described = key(vit), vit.preprocess.describe()
    assert described[field] != value
    monkeypatch.setattr(vit.preprocess, "describe", lambda: described | {field: value})
    assert key(vit) != before


@pytest.mark.parametrize("package", ["timm", "torch"])
def test_another_version_of_what_computes_them_is_another_key(vit, monkeypatch, package):
    before = key(vit)
    monkeypatch.setattr(
        "cvlib.probing.features.version", lambda name: "0.0.1" if name == package else version(name)
    )
    assert key(vit) != before


def test_a_build_of_the_same_torch_is_the_same_key(vit, monkeypatch):
    before = key(vit)
    monkeypatch.setattr(
        "cvlib.probing.features.version",
        lambda name: version(name).split("+")[0] + "+cu130" * (name == "torch"),
    )
    assert key(vit) == before


def test_another_backbone_or_stem_is_another_key():
    backbones = [
        make_backbone("resnet18", 48),
        make_backbone("resnet34", 48),
        make_backbone("resnet18", 48, stem="small"),
    ]
    assert len({key(backbone) for backbone in backbones}) == 3


def test_the_seed_counts_only_where_something_is_drawn(vit):
    assert key(vit, seed=1) == key(vit, seed=2)
    assert key(vit, weights_sha256=None, seed=1) != key(vit, weights_sha256=None, seed=2)
    small = make_backbone("resnet18", 48, stem="small")
    assert key(small, seed=1) != key(small, seed=2)
