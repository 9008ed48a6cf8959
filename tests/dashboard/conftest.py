from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from importlib.util import find_spec
from pathlib import Path

import pytest

from cvlib.dashboard.environment import find_mongod
from cvlib.project import Project
from tests.dashboard.made import filled_project


@pytest.fixture(scope="session")
def filled(tmp_path_factory) -> Project:
    """A project whose 24 runs have made results. Not to be changed: see `project`."""
    return filled_project(tmp_path_factory.mktemp("digits") / "project")


@pytest.fixture
def project(filled, tmp_path) -> Project:
    """A copy of the filled project, to be changed."""
    root = tmp_path / "copy"
    shutil.copytree(filled.root, root)
    return Project(root)


@pytest.fixture(scope="session")
def fo():
    """FiftyOne on a MongoDB of its own, which ends with the tests."""
    if find_spec("fiftyone") is None:
        pytest.skip("FiftyOne is not installed; `make dashboard` does that")
    if find_mongod() is None:
        pytest.skip("no mongod here; `python -m cvlib.dashboard.environment --install` says more")
    from cvlib.dashboard.environment import URI, hold, settings

    folder = Path(tempfile.mkdtemp(prefix="cvlib-fiftyone-"))
    before = dict(os.environ)
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    database = hold(folder / "db")
    atexit.register(database.release)  # after FiftyOne's own clean-up, which is registered later
    os.environ.update(settings(Project(folder)))
    os.environ.update({URI: database.uri, "FIFTYONE_DATABASE_VALIDATION": "false"})
    try:
        import fiftyone
    finally:
        # commands that other tests start find their own MongoDB
        os.environ.clear()
        os.environ.update(before)
    return fiftyone
