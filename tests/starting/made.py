"""Small folders of pictures."""

from pathlib import Path

import numpy as np
from PIL import Image


def pictures(
    folder: Path, sizes: tuple[int, ...] = (32,), classes: tuple[str, ...] = ("crow", "owl"), each=3
) -> Path:
    """Write `each` grey pictures of each class; sides go through `sizes` in turn."""
    generator = np.random.default_rng(0)
    for name in classes:
        (folder / name).mkdir(parents=True)
        for n in range(each):
            side = sizes[n % len(sizes)]
            shades = generator.integers(0, 255, (side, side), dtype=np.uint8)
            Image.fromarray(shades).save(folder / name / f"{n}.png")
    return folder
