"""Zero-shot logits are what CLIP's paper computes; damaged weights or no package are said so."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import open_clip
import pytest
import torch
from open_clip.transform import image_transform_v2
from PIL import Image
from safetensors.torch import save_file

from cvlib.data.arrays import ImageData, Split
from cvlib.models.load import WeightsError
from cvlib.probing.spec import LinearProbeSpec, ZeroShotSpec
from cvlib.probing.zero_shot_run import ask, load_clip, zero_shot
from cvlib.training.outcome import Interrupted

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
    logits = zero_shot(CLASSES, images, TEMPLATES, device="cpu", folder=folder)
    expected = by_hand(folder, images)
    assert logits.shape == (shape[0], 3)
    assert logits.dtype == np.float32
    assert np.ptp(expected, axis=0).min() > 0.1 and np.ptp(expected, axis=1).min() > 0.1
    # resized pixels may differ from PIL's by a level
    np.testing.assert_allclose(logits, expected, atol=0.02 * np.abs(expected).max())


def test_a_class_is_a_vector_of_length_one_from_all_its_sentences(folder: Path):
    clip = load_clip(folder)
    both = clip.classes(CLASSES, TEMPLATES)
    torch.testing.assert_close(both.norm(dim=1), torch.ones(3))
    first, second = (clip.classes(CLASSES, [template]) for template in TEMPLATES)
    middle = torch.nn.functional.normalize(first + second, dim=1)
    torch.testing.assert_close(both, middle)
    assert not torch.allclose(both, first, atol=1e-3)


def test_underscores_become_spaces_and_case_stays(folder: Path):
    clip = load_clip(folder)
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
        zero_shot(CLASSES, images, TEMPLATES, device="cpu", folder=folder, autocast=autocast)
        for autocast in (False, True)
    )
    assert coarse.dtype == np.float32
    assert not np.array_equal(exact, coarse)
    np.testing.assert_allclose(coarse, exact, atol=0.1 * np.abs(exact).max())


def made(images: np.ndarray) -> ImageData:
    """Nine images, three for each split."""
    labels = np.arange(9) % 3
    parts = [
        Split(images[part], labels[part], np.arange(3), ["a", "b", "c"])
        for part in (slice(0, 3), slice(3, 6), slice(6, 9))
    ]
    return ImageData(parts[0], parts[1], parts[2], CLASSES, "made", ())


def test_a_stop_is_heeded(folder: Path):
    with pytest.raises(Interrupted):
        ask(
            made(pictures(9, 32, 32, 3)), ZeroShotSpec(),
            weights=folder / "open_clip_model.safetensors", device="cpu", should_stop=lambda: True,
        )  # fmt: skip


def test_damaged_weights_are_named(folder: Path, tmp_path: Path):
    shutil.copytree(folder, tmp_path / "clip")
    (tmp_path / "clip" / "open_clip_model.safetensors").write_bytes(b"\x10" * 100)
    with pytest.raises(WeightsError, match="clip holds no CLIP"):
        load_clip(tmp_path / "clip")


def test_without_open_clip_it_is_said_how_to_install_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setitem(sys.modules, "open_clip", None)
    with pytest.raises(ImportError, match=r"pip install 'open-clip-torch>=3\.0'"):
        load_clip(folder)


def test_a_run_asks_of_val_and_test_and_trains_nothing(folder: Path):
    images, labels = pictures(9, 32, 32, 3), np.arange(9) % 3
    outcome = ask(
        made(images),
        ZeroShotSpec(templates=TEMPLATES),
        weights=folder / "open_clip_model.safetensors",
        device="cpu",
    )
    expected = zero_shot(CLASSES, images[3:], TEMPLATES, device="cpu", folder=folder)
    np.testing.assert_array_equal(outcome.test_logits, expected[3:])
    found = outcome.metrics
    assert found["test_accuracy"] == np.mean(expected[3:].argmax(1) == labels[6:])
    assert found["val_accuracy"] == np.mean(expected[:3].argmax(1) == labels[3:6])
    assert found["parameters"] == found["train_seconds"] == 0 and outcome.weights == {}


def test_lists_of_a_yaml_file_are_read_strictly_too():
    read = ZeroShotSpec.model_validate({"templates": list(TEMPLATES)}, strict=True)
    assert read.templates == TEMPLATES
    probe = LinearProbeSpec.model_validate({"shots": [1, 5], "neighbours": [3]}, strict=True)
    assert (probe.shots, probe.neighbours) == ((1, 5), (3,))
