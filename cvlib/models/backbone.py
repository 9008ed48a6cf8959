"""A timm backbone under a new linear head, with the preprocessing it was trained with inside."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Any

import timm
import torch
from timm.data import resolve_model_data_config
from timm.layers import DropPath, SelectAdaptivePool2d
from timm.models.resnet import ResNet
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn

from cvlib.models.load import load_pretrained
from cvlib.models.preprocess import Preprocess
from cvlib.models.spec import BackboneSpec
from cvlib.models.stages import stages

_BODY = "body."
_WORDS = {
    "average": "average pool of the last map",
    "cls": "class token",
    "patch_mean": "mean of the patch tokens",
    "cls_patch_mean": "class token and mean of the patch tokens",
    "projection": "class token through CLIP's projection",
}


def build_network(
    spec: BackboneSpec,
    *,
    image_size: tuple[int, int],
    channels: int,
    num_classes: int,
    weights: Path | None = None,
) -> Backbone:
    """The backbone of `spec`; it takes grey or colour images of any size, they decide nothing.

    weights: the file that the body is loaded from, strictly; None: all of it is drawn at random,
    and the spec must say so. Raises ValueError for an option that this backbone does not have.
    """
    return Backbone(spec, num_classes=num_classes, weights=weights)


class Backbone(nn.Module):
    """`(N, 1 or 3, H, W)` images in [0, 1], of any size, to `(N, num_classes)` logits."""

    preprocesses = True  # preprocessing is inside: images come as bytes / 255

    def __init__(
        self, spec: BackboneSpec, *, num_classes: int, weights: Path | None = None
    ) -> None:
        super().__init__()
        if (spec.weights is None) is not (weights is None):
            raise ValueError(
                f"{spec.name} is declared with weights {spec.weights or 'null (random)'}, but the "
                f"file to load is {weights}: find it with cvlib.models.weights, or declare null"
            )
        model, config = _create(spec, weights)
        self.spec = spec
        if spec.stem == "small":
            _small_stem(model, spec.name)  # after loading: no pretrained stem fits it
        self.preprocess = Preprocess(
            size=config["input_size"][1],
            crop=config["crop_pct"] if spec.crop is None else spec.crop,
            crop_mode=config["crop_mode"],
            interpolation=config["interpolation"],
            mean=config["mean"],
            std=config["std"],
        )
        classifier = getattr(model, "head", None)
        lacking = isinstance(classifier, nn.Linear) and classifier.weight.isnan().any()
        if spec.pooling == "projection" and lacking:  # see load_pretrained
            raise ValueError(
                f"{weights} holds no projection for {spec.name}: choose another pooling"
            )
        self.pooling = Pooling(model, spec.pooling, spec.name)
        self.body = model
        self.num_features = self.pooling.width
        self.dropout = nn.Identity() if spec.dropout is None else nn.Dropout(spec.dropout)
        self.head = nn.Linear(self.num_features, num_classes)
        # Zeros, as ViT and BiT are fine-tuned (Dosovitskiy et al., 2021, B.1.1; Kolesnikov et al.,
        # 2020): the first step trains the head alone, no noise from it reaches the body.
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def forward(self, images: Tensor) -> Tensor:
        """Logits of a batch of pictures."""
        return self.head(self.dropout(self.pooled(self.preprocess(images))))

    def features(self, images: Tensor) -> Tensor:
        """`(N, 1 or 3, H, W)` pictures to `(N, num_features)` float32: what the head reads."""
        return self.pooled(self.preprocess(images)).float()

    def pooled(self, preprocessed: Tensor) -> Tensor:
        """`(N, 3, size, size)` as `preprocess` gives them to `(N, num_features)`."""
        return self.pooling(self.body, preprocessed)

    def protocol(self) -> str:
        """How an image becomes a vector, in one plain line."""
        inside = self.preprocess
        parts = [self.pooling.words, f"{inside.size}×{inside.size} {inside.interpolation}"]
        if inside.crop < 1:
            parts.append(f"centre crop {inside.crop:g}")
        if self.spec.stem == "small":
            parts.append("3×3 stem" if self.spec.weights is None else "3×3 stem drawn anew")
        return ", ".join([*parts, f"{self.num_features} values"])

    def describe(self) -> dict[str, Any]:
        """The protocol as plain JSON values, for tables: its words and every value behind them."""
        return {
            "text": self.protocol(),
            "pooling": self.pooling.name,
            "dimensions": self.num_features,
            **self.preprocess.describe(),
        }

    def stages(self) -> list[list[str]]:
        """Names of the body's parameters, as in `named_parameters()`, from input to output.

        The first stage is the stem or the patch embedding, each further one a block; what follows
        the last block belongs to it. The head is in none.
        """
        return stages(self.body, prefix=_BODY)

    def no_weight_decay(self) -> set[str]:
        """Names, as in `named_parameters()`, that are not to be pulled to zero: embeddings."""
        ask: Any = getattr(self.body, "no_weight_decay", set)
        named: set[str] = ask()
        return {name for name, _ in self.named_parameters() if name.removeprefix(_BODY) in named}

    def set_head(self, weight: Tensor, bias: Tensor) -> None:
        """Put a solved probe in the head's place: weight (classes, num_features), bias (classes,)."""
        with torch.no_grad():
            self.head.weight.copy_(weight)
            self.head.bias.copy_(bias)


def _create(spec: BackboneSpec, weights: Path | None) -> tuple[Any, dict[str, Any]]:
    """The timm model with the classifier its weights come with, and timm's data config."""
    name, size = spec.name, spec.image_size
    if not timm.is_model(name):
        near = difflib.get_close_matches(name.split(".")[0], timm.list_models(), n=3)
        hint = f"; near it: {', '.join(near)}" if near else ""
        raise ValueError(f"timm has no model {name!r}{hint}")
    try:
        declared = timm.get_pretrained_cfg(name)
    except RuntimeError as error:  # a tag that this architecture has not
        raise ValueError(f"timm has no weights {name!r}: {error}") from error
    options: dict[str, Any] = {}
    if size is not None and declared is not None and declared.fixed_input_size:
        options["img_size"] = size
    if spec.drop_path is not None:
        options["drop_path_rate"] = spec.drop_path
    try:
        model: Any = (
            timm.create_model(name, pretrained=False, **options)
            if weights is None
            else load_pretrained(name, weights, **options)
        )
    except TypeError as error:
        raise ValueError(f"{name} does not take one of {options}: {error}") from error
    if spec.drop_path is not None and not any(isinstance(m, DropPath) for m in model.modules()):
        raise ValueError(f"{name} has no residual blocks to skip: leave out its drop_path")
    config = resolve_model_data_config(model)
    if size is not None:
        config["input_size"] = (3, size, size)
    height, width = config["input_size"][1:]
    if height != width:
        raise ValueError(f"{name} takes {height}x{width} images: give it a square image_size")
    if isinstance(model, VisionTransformer) and height % max(model.patch_embed.patch_size):
        # what patches do not fill would not be seen
        patch = max(model.patch_embed.patch_size)
        below = height // patch * patch
        near = [str(side) for side in (below, below + patch) if side]
        raise ValueError(
            f"image_size {height} does not divide into the {patch}-pixel patches of {name}: the "
            f"nearest that do are {' and '.join(near)}"
        )
    return model, config


def _small_stem(model: Any, name: str) -> None:
    """3x3 convolution of stride 1 and no max-pool (He et al., 2016, 4.2: CIFAR-10), drawn anew."""
    stem = model.conv1 if isinstance(model, ResNet) else None
    if not isinstance(stem, nn.Conv2d) or stem.kernel_size[0] != 7:
        raise ValueError(
            f"stem: small stands in for the 7x7 stem of a ResNet, which {name} does not have: give "
            "null"
        )
    model.conv1 = nn.Conv2d(3, stem.out_channels, 3, padding=1, bias=False)
    nn.init.kaiming_normal_(model.conv1.weight, mode="fan_out", nonlinearity="relu")  # as timm's
    model.maxpool = nn.Identity()


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
    layers = (model, getattr(model, "head", None))
    pools = [pool for part in layers if (pool := getattr(part, "global_pool", None)) is not None]
    pool = pools[0] if pools else None
    kind = pool if isinstance(pool, str) else getattr(pool, "pool_type", type(pool).__name__)
    if getattr(model, "dist_token", None) is not None:
        return "mean of class and distillation token"
    if kind == "token" and (_has_tokens(model) or getattr(model, "cls_token", None) is not None):
        return "cls"
    # timm's layer for maps takes no row of tokens. Where more layers follow it, as in MobileNetV3
    # and VGG, the head has a width of its own.
    of_a_map = any(isinstance(pool, SelectAdaptivePool2d) for pool in pools)
    if kind == "avg" and of_a_map and model.head_hidden_size == model.num_features:
        return "average"
    if kind == "avg" and _has_tokens(model) and not getattr(model, "pool_include_prefix", False):
        return "patch_mean"
    return str(kind)


def _fitting(model: Any, own: str) -> list[str]:
    """The poolings that can be asked for."""
    if not _has_tokens(model):
        return [own] if own in _WORDS else []
    if getattr(model, "cls_token", None) is None:
        return ["patch_mean"]
    fitting = ["cls", "patch_mean", "cls_patch_mean"]
    config = model.pretrained_cfg
    # of CLIP's image tower the head is its projection; of one that was fine-tuned, a classifier
    if (
        isinstance(model, VisionTransformer)
        and isinstance(model.head, nn.Linear)
        and "clip" in config["architecture"]
        and "_ft_" not in (config.get("tag") or "")
    ):
        fitting.append("projection")
    return fitting


def _has_tokens(model: Any) -> bool:
    return hasattr(model, "num_prefix_tokens")


def _norm_words(model: Any) -> str:
    if not _has_tokens(model):
        return ""
    if not isinstance(getattr(model, "norm", nn.Identity()), nn.Identity):
        return " after the final norm"
    if not isinstance(getattr(model, "fc_norm", nn.Identity()), nn.Identity):
        return ", then the final norm"
    return ", no final norm"
