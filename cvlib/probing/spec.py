"""How frozen features are probed, as typed fields. Declarations only: importing this loads no torch."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator, model_validator

from cvlib.data.spec import FrozenSpec


def _tuple(value: object) -> object:
    return tuple(value) if isinstance(value, list) else value  # a YAML's list, read strictly


class LinearProbeSpec(FrozenSpec):
    """Multinomial logistic regression on frozen features, its regularisation chosen by loss.

    That is the loss on val, or with fewer than 1,000 images there, of 5-fold cross-validation on
    train. What is tested was fitted on train alone, the images that fine-tuning gets. The path has `values` strengths C, evenly spaced in logarithm from c_min to c_max; as in
    scikit-learn, the loss is C times the sum of cross-entropies plus half the squared weights.
    """

    mode: Literal["linear_probe"] = Field(default="linear_probe", description="what is done")
    c_min: float = Field(default=1e-5, gt=0, description="strongest regularisation of the path")
    c_max: float = Field(default=10.0, gt=0, description="weakest regularisation of the path")
    values: int = Field(default=25, ge=20, le=200, description="strengths on the path")
    neighbours: tuple[int, ...] | None = Field(
        default=(10, 20), description="k of the k-NN classifiers; null: none"
    )
    ridge: bool | None = Field(default=True, description="also a ridge classifier; null: none")
    shots: tuple[int, ...] | None = Field(
        default=None, description="training images a class of the few-shot curve; null: none"
    )
    draws: int | None = Field(
        default=None, ge=1, le=100, description="random draws for each of `shots`; null: 5"
    )
    refit: bool | None = Field(
        default=None,
        description="true: fit what is tested (probe, k-NN, ridge) on train and val together; null: "
        "on train, the images that fine-tuning gets",
    )
    precision: Literal["auto", "float32", "bfloat16"] = Field(
        default="auto", description="of extraction; auto: bfloat16 autocast on CUDA, else float32"
    )

    _list_is_fine = field_validator("neighbours", "shots", mode="before")(_tuple)

    @field_validator("refit")
    @classmethod
    def _false_is_the_default(cls, value: bool | None) -> bool | None:
        return value or None

    @field_validator("neighbours", "shots")
    @classmethod
    def _positive(cls, value: tuple[int, ...] | None) -> tuple[int, ...] | None:
        if value is not None and (not value or min(value) < 1 or len(set(value)) < len(value)):
            raise ValueError(f"{list(value)}: expected different whole numbers from 1, or null")
        return value

    @model_validator(mode="after")
    def _consistent(self) -> LinearProbeSpec:
        if self.c_min >= self.c_max:
            raise ValueError(f"c_min {self.c_min:g} is not below c_max {self.c_max:g}")
        if self.draws is not None and self.shots is None:
            raise ValueError("draws without shots would not be used; set shots, or leave draws out")
        return self


class ZeroShotSpec(FrozenSpec):
    """CLIP without training: an image gets the class whose described name lies nearest."""

    mode: Literal["zero_shot"] = Field(default="zero_shot", description="what is done")
    templates: tuple[str, ...] = Field(
        default=("a photo of a {}.",), description="sentences; {} is the class name"
    )
    precision: Literal["auto", "float32", "bfloat16"] = Field(
        default="auto", description="auto: bfloat16 autocast on CUDA, else float32"
    )

    _list_is_fine = field_validator("templates", mode="before")(_tuple)

    @field_validator("templates")
    @classmethod
    def _has_a_place(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for template in value:
            if "{}" not in template:
                raise ValueError(f"template {template!r} has no {{}} for the class name")
        if not value:
            raise ValueError("templates is empty: give at least one sentence with {}")
        return value


class EmbeddingSpec(FrozenSpec):
    """What a run keeps of its test features: their PCA and t-SNE maps, and separability."""

    perplexity: float = Field(
        default=30.0, gt=1, description="t-SNE's effective neighbours; less where images are few"
    )
    images: int = Field(
        default=1000, ge=10, description="test images that are mapped, at most; stratified"
    )
