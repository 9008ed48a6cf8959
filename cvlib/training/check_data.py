"""Refuses data that cannot be trained on, before any time is spent."""

from __future__ import annotations

from cvlib.data.arrays import ImageData


def check_data(data: ImageData) -> None:
    """Raise ValueError for a split without images or with labels that name no class."""
    classes = len(data.class_names)
    for name, split, least in (
        ("train", data.train, 2),
        ("val", data.val, 1),
        ("test", data.test, 1),
    ):
        if len(split.labels) < least:
            raise ValueError(
                f"the {name} split has {len(split.labels)} images, too few to train and judge a "
                "model: raise the dataset's subset or fraction"
            )
        if split.labels.min() < 0 or split.labels.max() >= classes:
            raise ValueError(
                f"labels of the {name} split go from {split.labels.min()} to {split.labels.max()}, "
                f"but there are {classes} classes (0 to {classes - 1})"
            )
