"""A project whose experiment of two runs is fresh."""

from __future__ import annotations

import pytest

from cvlib.project import Project
from tests.check.made import CELL, EXP01, YAML, make_project
from tests.journal.made import note_data, planned, write


@pytest.fixture
def layout(tmp_path) -> Project:
    layout = make_project(tmp_path, exp01=EXP01 + CELL)
    (layout.root / "data").mkdir()
    (layout.experiments / "exp01.yaml").write_text(YAML)
    note_data(layout)
    for run in planned(layout):
        write(layout, run)
    return layout
