"""A project whose experiment of two runs is fresh."""

from __future__ import annotations

import pytest

from cvlib.project import Project
from tests.check.made import CELL, EXP01, YAML, make_project
from tests.journal.made import note_data, planned, write


@pytest.fixture
def project(tmp_path) -> Project:
    project = make_project(tmp_path, exp01=EXP01 + CELL)
    (project.root / "data").mkdir()
    (project.experiments / "exp01.yaml").write_text(YAML)
    note_data(project)
    for run in planned(project):
        write(project, run)
    return project
