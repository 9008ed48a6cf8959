from __future__ import annotations

import os
import shutil
import signal

import pytest

from cvlib.project import Project
from tests.engine.made_book import make_book


def pytest_configure(config: pytest.Config) -> None:
    """A suite in the background is handed these ignored, and would hand that on to what it starts."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


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
