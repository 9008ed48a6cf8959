"""The 1,797 handwritten digits that come with scikit-learn (Alpaydin and Kaynak, 1998)."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from cvlib.data.sources.base import Listing, PixelItems, Source, SourceSplit


class Digits(Source):
    """8×8 grey images in 10 classes, without a test split: always there, for tests."""

    def missing(self) -> list[str]:
        """Return what is missing if scikit-learn is."""
        return [] if self._file() else ["scikit-learn's datasets/data/digits.csv.gz"]

    def files(self) -> list[Path]:
        """Return the one file inside scikit-learn."""
        found = self._file()
        return [found] if found else []

    def listing(self) -> Listing:
        """Read the table: 64 pixel values of 0 to 16, and the label, in each row."""
        import numpy as np

        from cvlib.data.arrays import NumberedNames

        # Read directly: importing scikit-learn takes a second, this takes 30 ms.
        table = np.loadtxt(self.files()[0], delimiter=",", dtype=np.int64)
        pixels = np.rint(table[:, :64] * (255 / 16)).astype(np.uint8)
        split = SourceSplit(
            labels=table[:, 64],
            names=NumberedNames("all", np.arange(len(table))),
            items=PixelItems(pixels.reshape(-1, 8, 8, 1)),
        )
        return Listing(tuple(str(digit) for digit in range(10)), {"train": split})

    def by_hand(self) -> str:
        """Say which package carries it."""
        return "pip install scikit-learn"

    @staticmethod
    def _file() -> Path | None:
        spec = importlib.util.find_spec("sklearn")
        for folder in (spec.submodule_search_locations or []) if spec else []:
            path = Path(folder) / "datasets" / "data" / "digits.csv.gz"
            if path.is_file():
                return path
        return None
