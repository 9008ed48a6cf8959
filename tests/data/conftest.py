from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.data.made import encoded, picture


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The data folder of an empty project."""
    folder = tmp_path / "project" / "data"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture
def make_folder(root: Path) -> Callable[..., Path]:
    """Write counts[folder] small pictures into each folder below `project/pictures`."""

    def make(counts: dict[str, int], home: str = "pictures", **options: object) -> Path:
        base = root.parent / home
        for number, (folder, count) in enumerate(counts.items()):
            (base / folder).mkdir(parents=True, exist_ok=True)
            for n in range(count):
                data = encoded(picture(1000 * number + n, **options))
                (base / folder / f"{n:03}.png").write_bytes(data)
        return base

    return make
