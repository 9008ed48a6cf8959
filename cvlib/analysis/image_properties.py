"""What can be measured of an image without any model: seven numbers of its pixels.

All but colourfulness and size are of the luma Y' = 0.299 R + 0.587 G + 0.114 B (ITU-R BT.601-7,
section 2.5.1), in grey levels 0..255; a grey image is its own luma.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

EDGE_THRESHOLD = 128.0  # of the Sobel magnitude: a sharp step of 32 grey levels, 1/8 of the range
_LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)
_PIXELS_AT_A_TIME = 500_000  # in float32 with a dozen arrays alive: about 25 MB


@dataclass(frozen=True)
class Property:
    """A property in words. low, high: adjectives of images with little and with much of it."""

    name: str
    low: str
    high: str
    definition: str


PROPERTIES = {
    item.name: item
    for item in (
        Property("brightness", "dark", "bright", "mean luma, grey levels 0..255"),
        Property(
            "contrast",
            "low-contrast",
            "high-contrast",
            "RMS contrast: standard deviation of the luma, grey levels 0..127.5 (Peli, J. Opt. "
            "Soc. Am. A 7(10), 1990, without his division by the mean)",
        ),
        Property(
            "sharpness",
            "blurred",
            "sharp",
            "variance of the luma's Laplacian (kernel 0 1 0 / 1 -4 1 / 0 1 0), grey levels "
            "squared (Pech-Pacheco et al., ICPR 2000); low also where there is no texture",
        ),
        Property(
            "colourfulness",
            "muted",
            "colourful",
            "M = sqrt(var rg + var yb) + 0.3 sqrt(mean rg ^2 + mean yb ^2) with rg = R - G, "
            "yb = (R + G)/2 - B, grey levels (Hasler and Suesstrunk, Proc. SPIE 5007, 2003); "
            "0 for a grey image",
        ),
        Property(
            "foreground_share",
            "small-in-frame",
            "frame-filling",
            "share 0..1 of the pixels on the foreground's side of Otsu's threshold of the luma "
            "(IEEE Trans. SMC 9(1), 1979); background is the side with more of the outermost "
            "pixels, the darker one if equal; 0 for an image of one luma",
        ),
        Property(
            "size",
            "low-resolution",
            "high-resolution",
            "sqrt(height x width) of the file where it is known, else of the array, pixels",
        ),
        Property(
            "edge_density",
            "plain",
            "busy",
            f"share 0..1 of the pixels whose Sobel magnitude exceeds {EDGE_THRESHOLD:g} (a sharp "
            f"step of {EDGE_THRESHOLD / 4:g} grey levels)",
        ),
    )
}


def measure(images: np.ndarray, sizes: np.ndarray | None = None) -> dict[str, np.ndarray]:
    """Measure every property of every image: the names of PROPERTIES, each (N,) float64.

    images: (N, H, W, C) uint8; C is 1 (grey) or 3 (RGB). sizes: (N, 2) height and width of the files in pixels, where images were resized.
    Beyond the image each border is mirrored at the outermost pixel (OpenCV's BORDER_REFLECT_101).
    Memory is that of the result and of some hundred thousand pixels, or of one image if larger.
    """
    found = {name: np.empty(len(images)) for name in PROPERTIES}
    step = max(1, _PIXELS_AT_A_TIME // (images.shape[1] * images.shape[2]))
    for first in range(0, len(images), step):
        rows, chunk = slice(first, first + step), images[first : first + step]
        # (n, H, W, C) uint8 -> (n, H, W) float32
        grey = chunk.shape[3] == 1
        luma = chunk[..., 0].astype(np.float32) if grey else chunk @ _LUMA
        found["brightness"][rows] = luma.mean(axis=(1, 2), dtype=np.float64)
        found["contrast"][rows] = luma.std(axis=(1, 2), dtype=np.float64)
        found["colourfulness"][rows] = _colourfulness(chunk)
        found["foreground_share"][rows] = foreground(luma).mean(axis=(1, 2))
        found["size"][rows] = np.sqrt(float(luma.shape[1] * luma.shape[2]))
        padded = np.pad(luma, ((0, 0), (1, 1), (1, 1)), mode="reflect")
        across = padded[:, 1:-1, :-2] + padded[:, 1:-1, 2:]
        along = padded[:, :-2, 1:-1] + padded[:, 2:, 1:-1]
        laplacian = across + along - 4 * luma
        found["sharpness"][rows] = laplacian.var(axis=(1, 2), dtype=np.float64)
        found["edge_density"][rows] = (_squared_sobel(padded) > EDGE_THRESHOLD**2).mean(axis=(1, 2))
    if sizes is not None:
        found["size"] = np.sqrt(np.prod(np.asarray(sizes, dtype=np.float64), axis=1))
    return found


def foreground(luma: np.ndarray) -> np.ndarray:
    """Otsu's split of each image, the border deciding which side is the background.

    luma: (N, H, W), 0..255. Returns (N, H, W) bool. The threshold maximises the variance between
    the two sides, w0 w1 (m0 - m1)^2, over whole grey levels; of equal ones the lowest is taken.
    """
    levels = np.rint(luma).astype(np.int64)
    images = len(levels)
    cells = levels + 256 * np.arange(images)[:, None, None]
    histogram = np.bincount(cells.ravel(), minlength=256 * images).reshape(images, 256)
    below = np.cumsum(histogram, axis=1).astype(np.float64)
    mass = np.cumsum(histogram * np.arange(256), axis=1).astype(np.float64)
    pixels, total = below[:, -1:], mass[:, -1:]
    # w0 w1 (m0 - m1)^2 = (total w0 - mass)^2 / (w0 w1), in shares of the pixels
    weights = below * (pixels - below)
    between = (total * below - pixels * mass) ** 2 / np.where(weights > 0, weights, np.inf)
    bright = levels > between.argmax(axis=1)[:, None, None]
    border = np.ones(levels.shape[1:], dtype=bool)
    border[1:-1, 1:-1] = False
    background_is_bright = bright[:, border].mean(axis=1) > 0.5
    side: np.ndarray = bright != background_is_bright[:, None, None]
    return side


def _colourfulness(chunk: np.ndarray) -> np.ndarray:
    if chunk.shape[3] == 1:
        return np.zeros(len(chunk))
    red, green, blue = np.moveaxis(chunk.astype(np.float32), 3, 0)
    opponents = (red - green, (red + green) / 2 - blue)
    spread = sum(item.var(axis=(1, 2), dtype=np.float64) for item in opponents)
    offset = sum(item.mean(axis=(1, 2), dtype=np.float64) ** 2 for item in opponents)
    colourfulness: np.ndarray = np.sqrt(spread) + 0.3 * np.sqrt(offset)
    return colourfulness


def _squared_sobel(padded: np.ndarray) -> np.ndarray:
    """Squared magnitude of the gradient by Sobel's 3 x 3 kernels, unscaled (a step h gives 4h)."""
    down = padded[:, :-2] + 2 * padded[:, 1:-1] + padded[:, 2:]
    right = padded[:, :, :-2] + 2 * padded[:, :, 1:-1] + padded[:, :, 2:]
    squared: np.ndarray = (down[:, :, 2:] - down[:, :, :-2]) ** 2
    squared += (right[:, 2:] - right[:, :-2]) ** 2
    return squared
