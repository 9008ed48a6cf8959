"""CLIP with both towers: the weights and config that open_clip reads, beside timm's image tower."""

from __future__ import annotations

from pathlib import Path

from cvlib.models.timm_names import ModelError, TimmEntry
from cvlib.models.weights import (
    NotFetched,
    WeightsMissing,
    WeightsUnavailable,
    cached_files,
    download,
)
from cvlib.models.weights.hub import endpoint, hub_cache_shown, hub_folder, repository

BOTH_TOWERS = ", both towers"  # after a model's name: that these are meant
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
        weights = next(iter(cached_files(entry, WEIGHTS)), None) or download(entry, WEIGHTS)
        if not weights.with_name(CONFIG).is_file():
            download(entry, (CONFIG,))
    except NotFetched as error:
        missing = missing_clip(entry, f"network: {error}")
        raise WeightsUnavailable(missing.reason, missing) from error
    return weights


def missing_clip(entry: TimmEntry, *tried: str) -> WeightsMissing:
    """What to say where `cached_clip` finds nothing. tried: where else it was looked."""
    lacking = (
        f"{WEIGHTS[0]} and {CONFIG} of {repository(entry)[0]}, which zero-shot needs, are not both "
        f"in the hub's cache ({hub_cache_shown()})"
    )
    return WeightsMissing(
        f"{entry.name}{BOTH_TOWERS}",
        (lacking, *tried),
        f"`cvlib weights fetch` where {endpoint()} can be reached, then copy "
        f"{hub_folder(entry).name} from the hub's cache there into the one here",
        is_fetchable=True,
    )


def _check_is_clip(entry: TimmEntry) -> None:
    if entry.hub_id is None or "clip" not in entry.name or "_ft_" in entry.name:
        raise ModelError(
            f"{entry.name} is no CLIP model of timm with its text tower: zero-shot classification "
            "needs one, such as vit_base_patch32_clip_224.openai"
        )
