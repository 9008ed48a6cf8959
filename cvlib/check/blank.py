"""Whether a picture shows anything."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from cvlib.check.svg_marks import why_empty

# A picture is of one colour if fewer of its points than this share differ from the commonest:
# a single thin line through a figure of the report's size is five times as much.
FEWEST = 0.001
# Steps of 256 by which colours may differ, as compression leaves them.
_SAME = 12


def why_blank(path: Path) -> str | None:
    """Say what is wrong with a picture file: unreadable or empty; None if it shows something."""
    if path.suffix.lower() == ".svg":
        return why_empty(path)
    if path.suffix.lower() == ".pdf":
        return None  # none of the engines' figures; the PDF itself is looked at, too
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path) as image:
            pixels = np.asarray(image.convert("RGBA").convert("RGB"))
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError) as error:
        return f"cannot be read: {error}"
    return "is of one colour" if is_one_colour(pixels) else None


def is_one_colour(pixels: np.ndarray) -> bool:
    """Tell whether (height, width, 3) uint8 pixels are all, or nearly all, of one colour."""
    if pixels.size == 0:
        return True
    colours = pixels.reshape(-1, pixels.shape[-1]).astype(np.int16)
    commonest = np.median(colours, axis=0)
    differ = (np.abs(colours - commonest) > _SAME).any(axis=1)
    return bool(differ.mean() < FEWEST)
