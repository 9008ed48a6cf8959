"""Which images, how many, and how they are augmented, as typed fields. Importing this loads no torch."""

from __future__ import annotations

import difflib
from typing import Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from cvlib.data.arrays import DataError, check_name

# Datasets that come with their own train and test split.
SPLIT_NAMES = ("fashion_mnist", "cifar10", "cifar100", "dtd")
NAMES = (*SPLIT_NAMES, "digits")
FOLDER_KINDS = ("imagefolder", "parquet")


class FrozenSpec(BaseModel):
    """Typed fields that are declared once; an unknown name is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class DatasetSpec(FrozenSpec):
    """A dataset by name, the part of it that is used, and the size of its images."""

    name: str = Field(
        description="fashion_mnist, cifar10, cifar100, digits, dtd, imagefolder:PATH or parquet:PATH"
    )
    subset: int | None = Field(
        None,
        ge=1,
        description="training images kept at most, stratified, before val is cut; null: all",
    )
    test_subset: int | None = Field(
        None, ge=1, description="test images kept at most, stratified by class; null: all"
    )
    val_fraction: float = Field(
        0.1,
        gt=0,
        lt=1,
        description="share of train that is cut off as val, if there is no val split",
    )
    test_fraction: float | None = Field(
        None,
        gt=0,
        lt=1,
        description="share cut off as test, only for data without a test split; null: 0.2 there",
    )
    split_seed: int = Field(0, ge=0, lt=2**32, description="seed of every cut and subset")
    image_size: int | None = Field(
        None, ge=4, le=2048, description="side of the square images; null: the size they have"
    )
    channels: Literal[1, 3] | None = Field(
        None, description="1 grey, 3 colour; null: 1 if all images are grey, else 3"
    )

    @field_validator("name")
    @classmethod
    def _known_name(cls, name: str) -> str:
        check_name(name, "dataset name")
        kind, colon, path = name.partition(":")
        if colon and kind in FOLDER_KINDS:
            if not path.strip():
                raise ValueError(f"{name!r} names no path: write {kind}:PATH")
            return name
        if name in NAMES:
            return name
        known = {**{n: n for n in NAMES}, **{kind: f"{kind}:PATH" for kind in FOLDER_KINDS}}
        near = difflib.get_close_matches(kind.lower().replace("-", "_"), known, n=1, cutoff=0.5)
        hint = f"; did you mean {known[near[0]]}?" if near else ""
        raise ValueError(f"unknown dataset {name!r}{hint} Known: {', '.join(known.values())}")

    @model_validator(mode="after")
    def _test_fraction_only_where_test_is_cut(self) -> DatasetSpec:
        if self.test_fraction is not None and self.name in SPLIT_NAMES:
            raise ValueError(
                f"{self.name} has its own test split, so test_fraction must be left out "
                f"(got {self.test_fraction})"
            )
        return self


def named_dataset(name: str) -> DatasetSpec:
    """A dataset with nothing but its name said. Raises DataError in one line."""
    try:
        return DatasetSpec(name=name)
    except ValidationError as error:
        raise DataError(error.errors()[0]["msg"].removeprefix("Value error, ")) from None


class AugmentSpec(FrozenSpec):
    """Random changes of training images, drawn for each image anew in every epoch."""

    crop_padding: int | None = Field(
        None, ge=1, description="pixels of black border before a random crop to the old size"
    )
    flip: bool = Field(False, description="mirror left and right with probability 1/2")
    cutout: int | None = Field(
        None, ge=1, description="side of a square, centred anywhere, set to the mean colour"
    )
