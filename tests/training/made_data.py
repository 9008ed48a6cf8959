"""Small data sets for the tests of training, from scikit-learn's digits: 8x8, 10 classes."""

from __future__ import annotations

import numpy as np
from sklearn.datasets import load_digits

from cvlib.data.arrays import ImageData, Split


def digits(train: int = 256, val: int = 64, test: int = 64) -> ImageData:
    source = load_digits()
    images = np.round(source.images * (255 / 16)).astype(np.uint8)[..., None]
    labels = source.target.astype(np.int64)

    def split(name: str, start: int, size: int) -> Split:
        return Split(
            images=images[start : start + size],
            labels=labels[start : start + size],
            ids=np.arange(start, start + size, dtype=np.int64),
            names=[f"{name}/{index}" for index in range(size)],
        )

    return ImageData(
        train=split("train", 0, train),
        val=split("val", train, val),
        test=split("test", train + val, test),
        class_names=tuple("0123456789"),
        fingerprint=f"digits-{train}-{val}-{test}",
        unreadable=(),
    )
