"""The report of this repository may be handed in, by its own check."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from cvlib.check.check_report import check_report
from cvlib.freeze.render import render
from cvlib.project import Project

ROOT = Path(__file__).parents[2]
PARTS = ("_quarto.yml", "index.qmd", "report", "references.bib", "_extensions", "_freeze", "docs")

pytestmark = pytest.mark.shipped  # a project made from this one has a report of its own


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Project:
    """A copy of the report, made from its frozen chapters."""
    root = tmp_path_factory.mktemp("shipped")
    for name in PARTS:
        source = ROOT / name
        (shutil.copytree if source.is_dir() else shutil.copy)(source, root / name)
    shutil.copytree(ROOT / "experiments", root / "experiments", ignore=_unfinished)
    made = render(Project(root), to="pdf", engine="embedded", notify=lambda _: None)
    assert made.executed == {}
    return Project(root)


def test_it_passes_every_check(project):
    report = check_report(project)
    assert report.ok, report.text()
    assert {finding.verdict for finding in report.findings} <= {"ok", "note"}


def _unfinished(_folder: str, names: list[str]) -> list[str]:
    return [name for name in names if name in (".scratch", ".locks") or name.startswith("runs-")]
