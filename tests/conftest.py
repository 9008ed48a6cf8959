from __future__ import annotations

import os
import shutil

import pytest

from cvlib.project import Project
from tests.engine.made_book import make_book

# Files that wait for trainings and servers: begun first, so that no worker is left with one at the end.
SLOW_FIRST = (
    "studies/test_run", "docs/test_readme", "docs/test_tutorial", "dashboard/test_browser",
    "dashboard/test_serve", "studies/test_confirm", "studies/test_status", "studies/test_plan",
    "goldens/", "fixtures/", "training/test_checkpoint", "freeze/test_mutations",
)  # fmt: skip


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    places = {item: _place(item.nodeid) for item in items}
    items.sort(key=lambda item: places[item])


def _place(name: str) -> int:
    return next((n for n, part in enumerate(SLOW_FIRST) if part in name), len(SLOW_FIRST))


@pytest.fixture(scope="session")
def made_book(tmp_path_factory) -> Project:
    """A project whose chapters are frozen and true. Not to be changed: see `frozen_book`."""
    return make_book(tmp_path_factory.mktemp("made-book"))


@pytest.fixture
def frozen_book(made_book, tmp_path, monkeypatch) -> Project:
    """A copy, to be changed; without what Quarto or cvlib say to processes that they start."""
    for name in [name for name in os.environ if name.startswith(("QUARTO", "CVLIB"))]:
        monkeypatch.delenv(name)
    root = tmp_path / "book"
    shutil.copytree(made_book.root, root)
    monkeypatch.setenv("QUARTO_PROJECT_DIR", str(root))
    return Project(root)
