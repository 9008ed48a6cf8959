"""CLIP's two towers by name: in the hub's cache, from the network, or said why not."""

import socket
import time

import pytest
from cvlib.models.timm_names import ModelError, TimmEntry, timm_entry

from cvlib.models.weights import CLIP_CONFIG, WeightsUnavailable
from cvlib.models.weights.clip import cached_clip, fetch_clip

from .conftest import put_in_hub_cache

NAME = "vit_base_patch32_clip_224.openai"
WEIGHTS = "open_clip_model.safetensors"


@pytest.fixture
def clip(layout):
    return timm_entry(NAME, layout.data / ".cache")


def put(tmp_path, *files):
    paths = [put_in_hub_cache(tmp_path / "hf", NAME, name.encode(), name) for name in files]
    return dict(zip(files, paths, strict=True))


def test_both_towers_in_the_hubs_cache_are_found_by_name_without_a_network(
    clip, tmp_path, no_network
):
    there = put(tmp_path, CLIP_CONFIG, WEIGHTS)
    assert cached_clip(clip) == fetch_clip(clip) == there[WEIGHTS]


@pytest.mark.parametrize(
    "files", [(), (CLIP_CONFIG,), (WEIGHTS,)], ids=lambda files: "-".join(files)
)
def test_what_is_not_there_is_unavailable_with_the_reason(clip, tmp_path, no_network, files):
    put(tmp_path, *files)
    assert cached_clip(clip) is None
    with pytest.raises(WeightsUnavailable, match="HF_HUB_OFFLINE") as caught:
        fetch_clip(clip)
    assert f"timm/{NAME}" in str(caught.value)
    assert str(tmp_path / "hf" / "hub") in str(caught.value)


def test_the_image_tower_alone_is_not_taken_for_clip(clip, tmp_path, no_network):
    put(tmp_path, "model.safetensors", CLIP_CONFIG)
    assert cached_clip(clip) is None
    with pytest.raises(WeightsUnavailable):
        fetch_clip(clip)


def test_a_dead_network_is_found_out_soon(clip, monkeypatch):
    def nobody(*_args, **_kwargs):
        raise OSError("Name or service not known")

    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    monkeypatch.setattr(socket, "getaddrinfo", nobody)
    start = time.monotonic()
    with pytest.raises(WeightsUnavailable):
        fetch_clip(clip)
    assert time.monotonic() - start < 10


@pytest.mark.parametrize("name", ["resnet18", "vit_base_patch32_clip_224.openai_ft_in1k"])
def test_a_model_that_is_no_clip_is_refused(layout, no_network, name):
    entry = timm_entry(name, layout.data / ".cache")
    for find in (cached_clip, fetch_clip):
        with pytest.raises(ModelError, match="no CLIP model"):
            find(entry)


def test_a_clip_that_is_on_no_hub_is_refused(no_network):
    with pytest.raises(ModelError, match="no CLIP model"):
        cached_clip(TimmEntry("some_clip", None, None))
