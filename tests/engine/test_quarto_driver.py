"""The real Quarto is found, checked and driven; what it says is passed on."""

from __future__ import annotations

import hashlib
import json
import shutil
import stat
import sys
from pathlib import Path

import pytest

from cvlib.engine.chapter import read_chapter
from cvlib.engine.errors import QuartoFailed
from cvlib.engine.quarto import UNDER_CVLIB, check_version, find_quarto
from cvlib.freeze.frozen_copy import freeze_folder, write_frozen
from cvlib.freeze.hook import note_executed, sweep
from cvlib.freeze.render import render
from cvlib.project import Project
from tests.engine.chapters import QUARTO_YML, copy_fixture, freeze_chapter, leave_reads, small_book


@pytest.fixture
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Make a program that behaves as Quarto's command line does, and name it in QUARTO."""

    def make(version: str = "1.10.18", render: str = "pass") -> Path:
        path = tmp_path / "bin" / "quarto"
        path.parent.mkdir(exist_ok=True)
        path.write_text(
            f"#!{sys.executable}\nimport os, sys, json, pathlib\n"
            f"if sys.argv[1:] == ['--version']: print({version!r}); sys.exit()\n"
            "log = pathlib.Path('quarto-call.json')\n"
            "log.write_text(json.dumps([sys.argv[1:], os.environ.get('QUARTO_PYTHON')]))\n"
            f"assert os.environ[{UNDER_CVLIB!r}], 'the hook would do it all again'\n"
            f"{render}\n"
        )
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setenv("QUARTO", str(path))
        return path

    return make


def _call(root: Path) -> list:
    return json.loads((root / "quarto-call.json").read_text())


def test_quarto_is_taken_from_the_variable_then_the_path(stand_in, monkeypatch):
    path = stand_in()
    assert find_quarto() == path
    assert find_quarto({"PATH": str(path.parent)}) == path
    assert find_quarto({"PATH": "/nowhere"}) is None
    with pytest.raises(QuartoFailed, match="QUARTO names /no/quarto"):
        find_quarto({"QUARTO": "/no/quarto", "PATH": ""})


def test_an_old_quarto_is_refused(stand_in):
    assert check_version(stand_in("1.9.0")) == "1.9.0"
    with pytest.raises(QuartoFailed, match=r"version 1\.8\.27; .* --engine embedded"):
        check_version(stand_in("1.8.27"))


def test_auto_takes_quarto_where_there_is_one(stand_in, tmp_path: Path):
    stand_in(render="print('Output created')")
    root, said = small_book(tmp_path / "book"), []
    result = render(Project(root), notify=said.append)
    assert result.engine == "quarto"
    assert _call(root) == [["render"], sys.executable]
    assert "Output created" in said


def test_a_chapter_a_format_and_a_profile_are_passed_on(stand_in, tmp_path: Path):
    stand_in()
    root = copy_fixture("every_option", tmp_path)
    render(
        Project(root, "quick"),
        engine="quarto",
        chapters=["cells"],
        to="pdf",
        notify=lambda text: None,
    )
    expected = ["render", "report/cells.qmd", "--to", "journal-typst", "--profile", "quick"]
    assert _call(root)[0] == expected


def test_a_failed_render_shows_quartos_last_lines(stand_in, tmp_path: Path):
    stand_in(render="print('\\x1b[31mERROR: bad things\\x1b[39m'); sys.exit(3)")
    with pytest.raises(QuartoFailed, match=r"exit 3; its last lines:\n    ERROR: bad things"):
        render(Project(small_book(tmp_path / "book")), engine="quarto", notify=lambda text: None)


READS = {"file report/data.csv": hashlib.sha256(b"a\n").hexdigest()[:16]}


def test_a_frozen_copy_whose_reads_changed_is_removed_before_quarto_runs(stand_in, tmp_path):
    stand_in()
    root = small_book(tmp_path / "book")
    folder = freeze_chapter(root, "report/one.qmd", READS)
    same = render(Project(root), notify=lambda text: None)
    assert same.frozen == ("report/one.qmd",) and folder.exists()
    (root / "report/data.csv").write_text("b\n")
    changed = render(Project(root), notify=lambda text: None)
    assert changed.executed == {"report/one.qmd": "file report/data.csv changed"}
    assert not folder.exists()


def test_what_the_embedded_engine_does_not_support_is_checked_all_the_same(stand_in, tmp_path):
    stand_in()
    yml = QUARTO_YML.replace("html: default", "html: {code-link: true}")
    root = small_book(tmp_path / "book", one="{{< video x.mp4 >}}\n\n```{r}\n1\n```\n", yml=yml)
    folder = freeze_chapter(root, "report/one.qmd", READS)
    (root / "report/data.csv").write_text("b\n")
    said: list[str] = []
    reasons, _ = sweep(Project(root), said.append)
    assert reasons == {"report/one.qmd": "file report/data.csv changed"} and not folder.exists()


def test_a_chapter_that_cannot_be_read_is_left_to_quarto_and_said(tmp_path):
    root = small_book(tmp_path / "book", one="{{< include gone.qmd >}}\n\n```{python}\n1\n```\n")
    said: list[str] = []
    assert sweep(Project(root), said.append) == ({}, {})
    assert said == [
        "report/one.qmd: freshness not checked: report/one.qmd:1: included file report/gone.qmd "
        "does not exist"
    ]


def test_one_format_at_a_time_keeps_the_other_frozen(tmp_path):
    """`quarto render --to html`, then `--to journal-typst`: nothing is dropped in between."""
    root = small_book(tmp_path / "book")
    folder = freeze_chapter(root, "report/one.qmd", READS)
    typ = folder / "execute-results" / "typ.json"
    frozen = typ.read_text()
    typ.unlink()
    reasons, before = sweep(Project(root), pytest.fail)
    assert reasons == {"report/one.qmd": "not frozen for typ"} and folder.exists()
    assert sweep(Project(root), pytest.fail, ["html"])[0] == {}
    typ.write_text(frozen.replace('"x"', '"y"'))  # what Quarto would write
    leave_reads(root, "report/one.qmd", "report/data.csv")
    assert note_executed(Project(root), before, pytest.fail) == ["report/one.qmd"]
    assert sweep(Project(root), pytest.fail)[0] == {}


@pytest.mark.parametrize(
    ("leave", "said"),
    [
        (lambda root: None, "nothing recorded what it read"),
        (lambda root: leave_reads(root, "report/one.qmd", late="its first cell does not import"),
         "its first cell does not import"),
    ],
    ids=["no recorder", "a recorder that began late"],
)  # fmt: skip
def test_a_chapter_whose_reads_are_not_known_is_told_and_runs_again(tmp_path, leave, said):
    root = small_book(tmp_path / "book")
    _, before = sweep(Project(root), pytest.fail)
    write_frozen(
        freeze_folder(root, "report/one.qmd"), read_chapter(root, "report/one.qmd"),
        {"html": "x", "typ": "x"}, {}, None,
    )  # fmt: skip
    leave(root)
    told: list[str] = []
    note_executed(Project(root), before, told.append)
    assert len(told) == 1 and said in told[0] and "from cvlib.journal import" in told[0]
    reasons, _ = sweep(Project(root), told.append)
    assert reasons == {"report/one.qmd": "frozen without a record of what it was made from"}


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("quarto") is None, reason="no Quarto on PATH")
def test_real_quarto_takes_our_freeze_without_python(tmp_path: Path, monkeypatch):
    from cvlib.engine.book import load_book
    from cvlib.engine.execute import FIGURE_FOLDERS, execute_chapter
    from cvlib.engine.quarto import run_quarto

    monkeypatch.delenv("QUARTO", raising=False)
    root = copy_fixture("every_option", tmp_path)
    project, chapter = load_book(root), read_chapter(root, "report/cells.qmd")
    results = execute_chapter(project, chapter)
    folder = freeze_folder(root, chapter.file)
    write_frozen(
        folder,
        chapter,
        {target: result.markdown for target, result in results.items()},
        {FIGURE_FOLDERS[target]: result.figures for target, result in results.items()},
        {},
    )
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    quarto = find_quarto()
    assert quarto is not None
    said: list[str] = []
    run_quarto(quarto, root, file=None, to=None, profile=None, notify=said.append)
    assert {p: p.read_bytes() for p in folder.rglob("*") if p.is_file()} == before
    assert not any("Executing" in line for line in said)
    assert (root / "_output" / "every_option.pdf").read_bytes().startswith(b"%PDF")
