from __future__ import annotations

import shutil

import pytest

from cvlib.journal import experiment
from cvlib.project import Project
from tests.journal.made import fill, make_project


@pytest.fixture(scope="session")
def filled(tmp_path_factory) -> Project:
    """A project whose 39 runs are all fresh. Not to be changed: see `project`."""
    layout = make_project(tmp_path_factory.mktemp("filled"))
    fill(layout)
    return layout


@pytest.fixture
def exp(filled):
    return experiment("exp01", root=filled.root)


@pytest.fixture
def empty(tmp_path) -> Project:
    """A project without results."""
    return make_project(tmp_path)


@pytest.fixture
def project(filled, tmp_path) -> Project:
    """A copy of the filled project, to be changed."""
    root = tmp_path / "copy"
    shutil.copytree(filled.root, root)
    return Project(root)
