"""The whole check: on a report of each engine, without a PDF, and as a command."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cvlib.check.check_report import check_report, checks
from cvlib.check.finding import Report
from cvlib.cli import app
from cvlib.engine.quarto import find_quarto
from cvlib.freeze.render import render
from cvlib.project import Project
from tests.check.made import CURVE, NAME, make_project

SENTENCE = "Nothing that is computed here is typed by hand, and nothing is computed twice. "
TABLE = "| Variant | Accuracy |\n|:---|---:|\n| base | high |\n| wide | higher |\n\n: Accuracies. {#tbl-a}\n"
INDEX = (
    "# Description\n\n## Background\n\n"
    + SENTENCE * 12
    + "[@lovelace1843]\n\n## Hypotheses\n\nH1.\n:   Width pays.\n\n## Plan\n\nSee @sec-exp01.\n"
)
EXP01 = (
    "# EXP01: Width {#sec-exp01}\n\n## Results\n\n@fig-a and @tbl-a show it.\n\n"
    + "![A curve.](/curve.svg){#fig-a}\n\n"
    + TABLE
    + ("\n" + SENTENCE * 20 + "\n") * 16
)
SUMMARY = (
    "# Summary\n\n"
    + SENTENCE * 25
    + "\n\n## Provenance {.unnumbered}\n\n"
    + TABLE.replace("tbl-a", "tbl-b")
)


def report_project(root: Path) -> Project:
    project = make_project(root, index=INDEX, exp01=EXP01, summary=SUMMARY)
    (root / "curve.svg").write_text(CURVE)
    return project


@pytest.fixture(scope="module")
def rendered(tmp_path_factory) -> Project:
    """A report that the embedded engine typeset. Not to be changed."""
    project = report_project(tmp_path_factory.mktemp("embedded") / "book")
    render(Project(project.root), to="pdf", engine="embedded")
    return project


def test_a_sound_report_of_the_embedded_engine_passes_every_check(rendered):
    report = check_report(rendered)
    assert report.ok, report.text()
    assert {finding.check for finding in report.findings} == {check.name for check in checks()}
    assert report.pdf == f"_output/{NAME}"
    assert "ready to hand in" in report.text()


@pytest.mark.skipif(find_quarto() is None, reason="there is no Quarto (set QUARTO=/path/to/quarto)")
def test_quarto_s_pdf_of_the_same_report_is_read_alike(rendered, tmp_path):
    project = report_project(tmp_path / "book")
    render(Project(project.root), to="pdf", engine="quarto")
    assert check_report(project).as_json() == check_report(rendered).as_json()


def test_a_pdf_by_another_path_is_checked_in_its_place(rendered, tmp_path):
    shutil.copyfile(rendered.root / "_output" / NAME, tmp_path / "mine.pdf")
    report = check_report(rendered, tmp_path / "mine.pdf")
    assert [f.check for f in report.of("failed")] == ["file name"]
    assert report.pdf == str(tmp_path / "mine.pdf")


def test_without_a_pdf_the_rest_is_checked(tmp_path):
    report = check_report(make_project(tmp_path, exp01="# EXP01: Width\n\n@fig-none\n"))
    missing, reference = report.of("failed")
    assert missing.check == "pdf" and "does not exist" in missing.says
    assert "make report" in missing.to_do
    assert reference.check == "references" and reference.where == "report/exp01.qmd:3"
    assert {f.check for f in report.of("unchecked")} >= {c.name for c in checks() if c.of_pdf}


def test_a_chapter_that_only_quarto_can_render_is_checked_all_the_same(tmp_path):
    exp01 = "# EXP01: Width\n\n```{mermaid}\ngraph LR\n```\n\n@fig-none\n"
    report = check_report(make_project(tmp_path, exp01=exp01))
    assert [f.where for f in report.of("failed") if f.check == "references"] == [
        "report/exp01.qmd:7"
    ]


def test_a_file_that_is_no_pdf_fails(rendered, tmp_path):
    (tmp_path / NAME).write_text("no PDF")
    report = check_report(rendered, tmp_path / NAME)
    assert "cannot be read as a PDF" in report.of("failed")[0].says


def test_the_command_s_exit_code_and_json_are_for_ci(rendered, tmp_path, monkeypatch):
    monkeypatch.chdir(rendered.root)
    good = CliRunner().invoke(app, ["check", "--json"])
    assert good.exit_code == 0 and json.loads(good.stdout)["ok"] is True
    shutil.copyfile(rendered.root / "_output" / NAME, tmp_path / "mine.pdf")
    bad = CliRunner().invoke(app, ["check", str(tmp_path / "mine.pdf"), "--json"])
    assert bad.exit_code == 1
    (found,) = [f for f in json.loads(bad.stdout)["findings"] if f["verdict"] == "failed"]
    assert found["check"] == "file name" and found["file"] == "_quarto.yml" and found["line"] == 5
    plain = CliRunner().invoke(app, ["check", str(tmp_path / "mine.pdf")])
    assert plain.exit_code == 1 and "_quarto.yml:5: the PDF is called mine.pdf" in plain.stdout


def test_many_findings_of_one_kind_are_cut_short_in_the_text_alone(tmp_path):
    calls = " ".join(f"@fig-{n}" for n in range(9))
    report = check_report(make_project(tmp_path, exp01=f"# EXP01: Width\n\n{calls}\n"))
    assert "and 4 more; --json lists all" in report.text()
    assert len([f for f in report.as_json()["findings"] if f["check"] == "references"]) == 9


def test_an_empty_report_is_ok():
    assert Report("a.pdf", ()).ok


def test_the_check_is_imported_without_torch():
    code = "import sys, cvlib.check.check_report; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
