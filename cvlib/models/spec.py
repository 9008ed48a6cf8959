"""What a model is made of, as typed fields. Declarations only: importing this loads no torch."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, field_validator, model_validator

from cvlib.data.spec import FrozenSpec


class CustomCNNSpec(FrozenSpec):
    """A plain convolutional classifier: `depth` blocks, global average pooling, one linear layer.

    Block i has `width * 2**i` channels: `convs_per_block` times (convolution, norm, activation),
    then one halving of the map (`pooling`), left out once the map is under 4 pixels a side.
    """

    kind: Literal["custom_cnn"] = Field(default="custom_cnn", description="which family of models")
    depth: int = Field(default=3, ge=1, le=8, description="number of blocks")
    width: int = Field(
        default=32, ge=1, le=512, description="channels of the first block; each next doubles"
    )
    kernel_size: int = Field(default=3, ge=1, le=11, description="side of every convolution, odd")
    convs_per_block: int = Field(default=1, ge=1, le=4, description="convolutions in each block")
    norm: Literal["batch", "group"] | None = Field(
        default="batch",
        description="normalisation after each convolution; null: none, a bias instead",
    )
    activation: Literal["relu", "gelu", "silu", "leaky_relu"] = Field(
        default="relu", description="non-linearity after each convolution"
    )
    pooling: Literal["max", "avg", "stride"] = Field(
        default="max",
        description="what halves the map: 2x2 pooling, or stride 2 in the last convolution",
    )
    residual: bool = Field(default=False, description="add each block's input to its output")
    dropout: float | None = Field(
        default=None,
        gt=0,
        lt=1,
        description="chance to drop a pooled feature, before the linear layer",
    )

    @field_validator("kernel_size")
    @classmethod
    def _odd(cls, value: int) -> int:
        if value % 2 == 0:
            raise ValueError(
                f"kernel_size {value} is even; an odd one (such as {value - 1} or {value + 1}) "
                "keeps the map centred"
            )
        return value


class CustomViTSpec(FrozenSpec):
    """A small vision transformer (Dosovitskiy et al., 2021) for images of any size, from scratch."""

    kind: Literal["custom_vit"] = Field(default="custom_vit", description="which family of models")
    patch_size: int = Field(default=4, ge=1, le=64, description="side of a patch, in pixels")
    depth: int = Field(default=6, ge=1, le=48, description="number of transformer blocks")
    width: int = Field(default=128, ge=8, le=2048, description="length of a token's vector")
    heads: int = Field(default=4, ge=1, le=64, description="attention heads; divides width")
    pooling: Literal["cls", "average"] = Field(
        default="cls", description="what the head reads: the class token, or the mean of patches"
    )
    dropout: float | None = Field(
        default=None, gt=0, lt=1, description="chance to drop a value of a token; null: none"
    )
    drop_path: float | None = Field(
        default=None, gt=0, lt=1, description="chance to skip the last block, rising from 0"
    )

    @model_validator(mode="after")
    def _heads_divide_width(self) -> CustomViTSpec:
        if self.width % self.heads:
            raise ValueError(f"width {self.width} does not divide into {self.heads} heads")
        return self


class BackboneSpec(FrozenSpec):
    """A timm classification backbone with a new linear head, and the preprocessing it expects.

    Mean, standard deviation and interpolation always are the backbone's own (timm's config).
    """

    kind: Literal["backbone"] = Field(default="backbone", description="which family of models")
    name: str = Field(min_length=1, description="timm's name, such as resnet18")
    weights: str | None = Field(
        default="pretrained",
        min_length=1,
        description="pretrained, a PATH in the project (.safetensors, .pth), or null: random",
    )
    image_size: int | None = Field(
        default=None, ge=8, le=2048, description="side of the model's input; null: timm's"
    )
    crop: float | None = Field(
        default=None,
        gt=0.1,
        le=1,
        description="share of the resized image's side that the centre crop keeps; null: timm's",
    )
    pooling: Literal["cls", "patch_mean", "cls_patch_mean", "average", "projection"] | None = Field(
        default=None,
        description="how features become one vector; projection: CLIP's, after it; null: timm's",
    )
    stem: Literal["small"] | None = Field(
        default=None,
        description="small: 3x3 stride 1 and no max-pool, for small images (ResNets); null: timm's",
    )
    dropout: float | None = Field(
        default=None, gt=0, lt=1, description="chance to drop a feature before the head"
    )
    drop_path: float | None = Field(
        default=None, gt=0, lt=1, description="chance to skip a residual block, rising from 0"
    )


# What builds each kind: the module of its `build_network(spec, …)`.
FAMILIES = {
    "custom_cnn": "cvlib.models.custom_cnn",
    "custom_vit": "cvlib.models.custom_vit",
    "backbone": "cvlib.models.backbone",
}


def _kind(value: Any) -> str | None:
    # a model that names no kind is a custom CNN
    given = (
        value.get("kind", "custom_cnn") if isinstance(value, dict) else getattr(value, "kind", None)
    )
    return given if isinstance(given, str) and given in FAMILIES else None


ModelSpec = Annotated[
    Annotated[CustomCNNSpec, Tag("custom_cnn")]
    | Annotated[CustomViTSpec, Tag("custom_vit")]
    | Annotated[BackboneSpec, Tag("backbone")],
    Discriminator(
        _kind,
        custom_error_type="unknown_kind",
        custom_error_message="unknown kind of model; expected custom_cnn, custom_vit or backbone",
    ),
]
