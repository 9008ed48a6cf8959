"""How a backbone's last layer becomes one vector an image: the pooling protocol, made explicit."""

from __future__ import annotations

from typing import Any

import torch
from timm.layers import SelectAdaptivePool2d
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn

_WORDS = {
    "average": "average pool of the last map",
    "cls": "class token",
    "patch_mean": "mean of the patch tokens",
    "cls_patch_mean": "class token and mean of the patch tokens",
    "projection": "class token through CLIP's projection",
}


class Pooling:
    """Features of a timm model under a declared protocol. Making one takes its classifier off.

    name: the protocol; of None it is timm's own. width: values in a vector. words: for a report.
    """

    def __init__(self, model: Any, asked: str | None, model_name: str) -> None:
        """Raises ValueError for a pooling that this model does not have, naming those it has."""
        own = _own(model)
        fitting = _fitting(model, own)
        if asked is not None and asked not in fitting:
            has = ", ".join(fitting) if fitting else f"timm's own alone ({own}): give null"
            raise ValueError(f"{model_name} has no pooling {asked!r}, it has {has}")
        self.name = asked or own
        # timm's code for timm's pooling, which many families do more in; ours for the others.
        self._by_timm = self.name == own
        self._prefix_tokens: int = getattr(model, "num_prefix_tokens", 0)
        self.width: int = model.head_hidden_size
        if self.name == "cls_patch_mean":
            self.width *= 2
        if self.name == "projection":
            self.width = model.head.out_features  # CLIP's classifier in timm is its projection
        else:
            model.reset_classifier(0)
        if not self._by_timm and getattr(model, "attn_pool", None) is not None:
            model.attn_pool = None  # its parameters would never see a gradient
        self.words = _WORDS.get(self.name, f"timm's own pooling ({self.name})") + _norm_words(model)

    def __call__(self, body: Any, images: Tensor) -> Tensor:
        """`(N, 3, size, size)` preprocessed images to `(N, width)`."""
        last = body.forward_features(images)
        if self._by_timm:
            # On a map this is a mean: timm's adaptive pooling to one cell is one inside torch,
            # whose backward pass is deterministic on CUDA too.
            return body.forward_head(last, pre_logits=True)
        # The final norm, for models that have it after pooling; in the others it is an identity.
        norm = getattr(body, "fc_norm", nn.Identity())
        if self.name == "patch_mean":
            return norm(last[:, self._prefix_tokens :].mean(dim=1))
        token = norm(last[:, 0])
        if self.name == "projection":
            return body.head(token)
        if self.name == "cls":
            return token
        return torch.cat([token, norm(last[:, self._prefix_tokens :].mean(dim=1))], dim=1)


def _own(model: Any) -> str:
    """What the model does when nothing is asked, by its name here where it has one."""
    pool = getattr(model, "global_pool", None)
    if pool is None:
        pool = getattr(getattr(model, "head", None), "global_pool", None)
    kind = pool if isinstance(pool, str) else getattr(pool, "pool_type", type(pool).__name__)
    if getattr(model, "dist_token", None) is not None:
        return "mean of class and distillation token"
    has_class_token = _has_tokens(model) or getattr(model, "cls_token", None) is not None
    if kind == "token" and has_class_token:
        return "cls"
    if kind == "avg" and _averages_the_last_map(model):
        return "average"
    include_prefix = getattr(model, "pool_include_prefix", False)
    if kind == "avg" and _has_tokens(model) and not include_prefix:
        return "patch_mean"
    return str(kind)


def _averages_the_last_map(model: Any) -> bool:
    """Is it a map that is pooled, and not a row of tokens, and read as it is after that?

    timm's layer for maps takes nothing else. Where more layers follow it, as in MobileNetV3 and
    VGG, the head has a width of its own.
    """
    pools = [getattr(part, "global_pool", None) for part in (model, getattr(model, "head", None))]
    of_a_map = any(isinstance(pool, SelectAdaptivePool2d) for pool in pools)
    return of_a_map and bool(model.head_hidden_size == model.num_features)


def _fitting(model: Any, own: str) -> list[str]:
    if not _has_tokens(model):
        return [own] if own in _WORDS else []
    if getattr(model, "cls_token", None) is None:
        return ["patch_mean"]
    fitting = ["cls", "patch_mean", "cls_patch_mean"]
    return [*fitting, "projection"] if _is_clip_tower(model) else fitting


def _has_tokens(model: Any) -> bool:
    return hasattr(model, "num_prefix_tokens")


def _is_clip_tower(model: Any) -> bool:
    """Are the weights those of CLIP's image tower, and not of a classifier made from one?"""
    config = model.pretrained_cfg
    fine_tuned = "_ft_" in (config.get("tag") or "")
    return (
        isinstance(model, VisionTransformer)
        and isinstance(model.head, nn.Linear)
        and "clip" in config["architecture"]
        and not fine_tuned
    )


def _norm_words(model: Any) -> str:
    if not _has_tokens(model):
        return ""
    if not isinstance(getattr(model, "norm", nn.Identity()), nn.Identity):
        return " after the final norm"
    if not isinstance(getattr(model, "fc_norm", nn.Identity()), nn.Identity):
        return ", then the final norm"
    return ", no final norm"
