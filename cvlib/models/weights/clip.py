"""CLIP with both towers: the weights and config that open_clip reads, beside timm's image tower."""

from __future__ import annotations

from pathlib import Path

from cvlib.models.weights.errors import ModelError, WeightsUnavailable
from cvlib.models.weights.hub import cached_files, endpoint, hub_cache, repository
from cvlib.models.weights.network import NotFetched, fetch_file
from cvlib.models.weights.timm_names import TimmEntry

CONFIG = "open_clip_config.json"
# In timm's repository of the image tower lies the whole model, too, under names of its own.
WEIGHTS = ("open_clip_model.safetensors", "open_clip_pytorch_model.bin")


def cached_clip(entry: TimmEntry) -> Path | None:
    """The weights of both towers where the hub's cache has them and their config beside.

    Raises ModelError for a model that is no CLIP, or whose text tower is lost to fine-tuning.
    """
    _check_is_clip(entry)
    for path in cached_files(entry, WEIGHTS):
        if path.with_name(CONFIG).is_file():
            return path
    return None


def fetch_clip(entry: TimmEntry) -> Path:
    """The same after asking the network; raises WeightsUnavailable with the reason, and ModelError."""
    _check_is_clip(entry)
    try:
        weights = next(iter(cached_files(entry, WEIGHTS)), None) or fetch_file(entry, WEIGHTS)
        if not weights.with_name(CONFIG).is_file():
            fetch_file(entry, (CONFIG,))
    except NotFetched as error:
        raise WeightsUnavailable(
            f"{entry.name}: zero-shot needs both towers of CLIP, {WEIGHTS[0]} and "
            f"{CONFIG} of {endpoint()}/{repository(entry)[0]}; not both are in {hub_cache()}, and "
            f"the network: {error}"
        ) from error
    return weights


def _check_is_clip(entry: TimmEntry) -> None:
    if entry.hub_id is None or "clip" not in entry.name or "_ft_" in entry.name:
        raise ModelError(
            f"{entry.name} is no CLIP model of timm with its text tower: zero-shot classification "
            "needs one, such as vit_base_patch32_clip_224.openai"
        )
