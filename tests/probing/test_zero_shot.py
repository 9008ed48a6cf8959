"""Zero-shot logits are what CLIP's paper computes; without its weights or package it is said why."""

from __future__ import annotations

import json
import shutil
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import open_clip
import pytest
import torch
from open_clip.transform import image_transform_v2
from PIL import Image
from safetensors.torch import save_file

from cvlib.models.weights import network
from cvlib.models.weights.errors import WeightsError, WeightsUnavailable
from cvlib.probing.zero_shot import load_clip, zero_shot
from cvlib.training.outcome import Interrupted

NAME = "vit_base_patch32_clip_224.openai"
CONFIG: dict[str, Any] = {
    "model_cfg": {
        "embed_dim": 16,
        "quick_gelu": True,
        "vision_cfg": {
            "image_size": 32, "patch_size": 8, "width": 32, "layers": 2, "head_width": 16,
        },
        "text_cfg": {
            "context_length": 20, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 2,
        },
    },
    "preprocess_cfg": {
        "mean": [0.48, 0.46, 0.41], "std": [0.27, 0.26, 0.28],
        "interpolation": "bicubic", "resize_mode": "shortest",
    },
}  # fmt: skip
CLASSES = ("T-shirt/top", "pickup_truck", "cat")
TEMPLATES = ("a photo of a {}.", "a blurry photo of the {}, and of {}.")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A CLIP of two layers with made weights."""
    path = tmp_path_factory.mktemp("clip")
    torch.manual_seed(0)
    model = open_clip.CLIP(**CONFIG["model_cfg"])
    for parameter in model.parameters():
        if parameter.ndim > 1:  # texts of a new model are nearly all the same vector
            torch.nn.init.normal_(parameter, std=0.3)
    (path / "open_clip_config.json").write_text(json.dumps(CONFIG))
    save_file(model.state_dict(), path / "open_clip_model.safetensors")
    return path


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty cache of the hub, offline."""
    for name in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_ENDPOINT", "TRANSFORMERS_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr(network, "_dead", {})

    def refuse(*_args: Any, **_kwargs: Any) -> None:
        raise AssertionError("the network was used")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    yield tmp_path / "hub"


def put(hub: Path, folder: Path, *files: str) -> None:
    cached = hub / f"models--timm--{NAME}"
    (cached / "refs").mkdir(parents=True)
    (cached / "refs" / "main").write_text("0" * 40)
    (cached / "snapshots" / ("0" * 40)).mkdir(parents=True)
    for file in files:
        shutil.copy(folder / file, cached / "snapshots" / ("0" * 40) / file)


def pictures(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


@torch.inference_mode()
def by_hand(folder: Path, images: np.ndarray) -> np.ndarray:
    """One image, one text at a time, with open_clip's own transform."""
    model = open_clip.create_model(f"local-dir:{folder}").eval()
    tokenize = open_clip.get_tokenizer(f"local-dir:{folder}")
    transform = image_transform_v2(
        open_clip.transform.PreprocessCfg(**model.visual.preprocess_cfg), is_train=False
    )
    rows = []
    for image in images:
        picture = Image.fromarray(image.squeeze()).convert("RGB")
        seen = model.encode_image(transform(picture)[None])[0]
        logits = []
        for name in ("T-shirt/top", "pickup truck", "cat"):
            told = torch.zeros(16)
            for text in (f"a photo of a {name}.", f"a blurry photo of the {name}, and of {name}."):
                vector = model.encode_text(tokenize([text]))[0]
                told += vector / vector.norm() / 2
            cosine = (seen @ told) / (seen.norm() * told.norm())
            logits.append(float(cosine * model.logit_scale.exp()))
        rows.append(logits)
    return np.array(rows, dtype=np.float32)


@pytest.mark.parametrize("shape", [(5, 32, 32, 3), (3, 28, 28, 1), (3, 40, 56, 3)])
def test_logits_are_those_computed_by_hand(folder: Path, shape: tuple[int, ...]):
    images = pictures(*shape)
    logits = zero_shot(
        NAME, CLASSES, images, TEMPLATES, device="cpu", folder=folder, batch_size=2
    )  # fmt: skip
    expected = by_hand(folder, images)
    assert logits.shape == (shape[0], 3)
    assert logits.dtype == np.float32
    assert np.ptp(expected, axis=0).min() > 0.1 and np.ptp(expected, axis=1).min() > 0.1
    # resized pixels may differ from PIL's by a level
    np.testing.assert_allclose(logits, expected, atol=0.02 * np.abs(expected).max())


def test_a_class_is_a_vector_of_length_one_from_all_its_sentences(folder: Path):
    clip = load_clip(NAME, folder)
    both = clip.classes(CLASSES, TEMPLATES)
    torch.testing.assert_close(both.norm(dim=1), torch.ones(3))
    first, second = (clip.classes(CLASSES, [template]) for template in TEMPLATES)
    middle = torch.nn.functional.normalize(first + second, dim=1)
    torch.testing.assert_close(both, middle)
    assert not torch.allclose(both, first, atol=1e-3)


def test_underscores_become_spaces_and_case_stays(folder: Path):
    clip = load_clip(NAME, folder)
    asked: list[str] = []
    tokenize = clip.tokenize

    def recorded(texts: list[str]) -> torch.Tensor:
        asked.extend(texts)
        return tokenize(texts)

    object.__setattr__(clip, "tokenize", recorded)
    clip.classes(["Ankle_boot", "{}"], ["a {}"])
    assert asked == ["a Ankle boot", "a {}"]


def test_bfloat16_is_near_float32(folder: Path):
    images = pictures(6, 32, 32, 3)
    exact, coarse = (
        zero_shot(NAME, CLASSES, images, TEMPLATES, device="cpu", folder=folder, autocast=autocast)
        for autocast in (False, True)
    )
    assert coarse.dtype == np.float32
    assert not np.array_equal(exact, coarse)
    np.testing.assert_allclose(coarse, exact, atol=0.1 * np.abs(exact).max())


def test_a_stop_is_heeded(folder: Path):
    with pytest.raises(Interrupted):
        zero_shot(
            NAME, CLASSES, pictures(2, 32, 32, 3), TEMPLATES,
            device="cpu", folder=folder, should_stop=lambda: True,
        )  # fmt: skip


def test_weights_in_the_hubs_cache_are_found_by_name_without_a_network(hub: Path, folder: Path):
    put(hub, folder, "open_clip_config.json", "open_clip_model.safetensors")
    images = pictures(3, 32, 32, 3)
    found = zero_shot(NAME, CLASSES, images, TEMPLATES, device="cpu")
    given = zero_shot(NAME, CLASSES, images, TEMPLATES, device="cpu", folder=folder)
    np.testing.assert_array_equal(found, given)


@pytest.mark.parametrize("file", ["none", "open_clip_config.json", "open_clip_model.safetensors"])
def test_weights_that_are_not_there_are_unavailable_with_the_reason(hub, folder, file):
    if file != "none":
        put(hub, folder, file)
    with pytest.raises(WeightsUnavailable, match="HF_HUB_OFFLINE") as caught:
        load_clip(NAME)
    assert f"timm/{NAME}" in str(caught.value)
    assert str(hub) in str(caught.value)


def test_the_image_tower_alone_is_not_taken_for_clip(hub: Path, folder: Path, tmp_path: Path):
    shutil.copy(folder / "open_clip_model.safetensors", tmp_path / "model.safetensors")
    shutil.copy(folder / "open_clip_config.json", tmp_path / "open_clip_config.json")
    put(hub, tmp_path, "model.safetensors", "open_clip_config.json")
    with pytest.raises(WeightsUnavailable):
        load_clip(NAME)


def test_a_dead_network_is_found_out_soon(hub: Path, monkeypatch: pytest.MonkeyPatch):
    def nobody(*_args: Any, **_kwargs: Any) -> None:
        raise OSError("Name or service not known")

    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    monkeypatch.setattr(socket, "getaddrinfo", nobody)
    start = time.monotonic()
    with pytest.raises(WeightsUnavailable):
        load_clip(NAME)
    assert time.monotonic() - start < 10


def test_damaged_weights_are_named(folder: Path, tmp_path: Path):
    shutil.copytree(folder, tmp_path / "clip")
    (tmp_path / "clip" / "open_clip_model.safetensors").write_bytes(b"\x10" * 100)
    with pytest.raises(WeightsError, match="clip holds no CLIP"):
        load_clip(NAME, tmp_path / "clip")


@pytest.mark.parametrize(
    "name", ["resnet18.a1_in1k", "vit_base_patch32_clip_224.openai_ft_in1k", "x"]
)
def test_a_model_that_is_no_clip_is_refused(hub: Path, name: str):
    with pytest.raises(ValueError, match="no CLIP model"):
        load_clip(name)


def test_without_open_clip_it_is_said_how_to_install_it(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "open_clip", None)
    with pytest.raises(ImportError, match=r"pip install 'cvlib\[clip\]'"):
        load_clip(NAME)
