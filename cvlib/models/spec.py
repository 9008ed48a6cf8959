"""What a model is made of, as typed fields. Declarations only: importing this loads no torch."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator


class CustomCNNSpec(BaseModel):
    """A plain convolutional classifier: `depth` blocks, global average pooling, one linear layer.

    Block i has `width * 2**i` channels: `convs_per_block` times (convolution, norm, activation),
    then one halving of the map (`pooling`), left out once the map is under 4 pixels a side.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

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


ModelSpec = CustomCNNSpec
