"""Mean and standard deviation of the pixels, for normalising."""

from __future__ import annotations

import numpy as np

_ROWS = 1 << 20  # pixels counted at a time: bounded memory


def channel_statistics(images: np.ndarray) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return (mean, std) of each channel, in units of 1 = white (value / 255).

    images: (N, H, W, C) uint8. Exact: computed from counts of the 256 values. The standard
    deviation is that of the population; a constant channel gets 1, so that it normalises to 0.
    """
    if images.dtype != np.uint8 or images.ndim != 4 or images.size == 0:
        raise ValueError(
            f"expected (N, H, W, C) uint8 with at least one image, got {images.shape} {images.dtype}"
        )
    channels = images.shape[-1]
    pixels = images.reshape(-1, channels)
    counts = np.zeros((channels, 256), dtype=np.int64)
    for start in range(0, len(pixels), _ROWS):
        for channel in range(channels):
            part = pixels[start : start + _ROWS, channel]
            counts[channel] += np.bincount(part, minlength=256)
    values = np.arange(256, dtype=np.int64)
    total = len(pixels)
    means, stds = [], []
    for count in counts:
        first, second = int(count @ values), int(count @ values**2)
        # Integers of any length: var = (n Σv² - (Σv)²) / n², without cancellation.
        variance = (total * second - first * first) / (total * total)
        means.append(first / total / 255)
        stds.append(variance**0.5 / 255 or 1.0)
    return tuple(means), tuple(stds)
