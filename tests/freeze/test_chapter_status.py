"""`cvlib status` says of each chapter whether it is frozen and true, and of what it is untrue."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from cvlib.cli import app
from cvlib.freeze.freshness import ChapterStatus, chapter_statuses
from cvlib.project import Project


@pytest.fixture
def book(frozen_book, monkeypatch) -> Project:
    monkeypatch.chdir(frozen_book.root)
    return frozen_book


def status(*words: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["status", *words])
    return done.exit_code, done.stdout


def edit(book: Project, file: str, old: str, new: str) -> None:
    path = book.root / file
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))


def test_all_is_true(book):
    code, said = status()
    assert code == 0
    assert "chapters  3 of 3 frozen and true\n  index.qmd         frozen and true\n" in said
    code, said = status("--json")
    found = json.loads(said)
    assert code == 0 and found["fresh"] is True
    assert found["chapters"][1] == {"file": "report/exp01.qmd", "reason": None}


def test_one_untrue_chapter_is_named_and_is_an_exit_code(book):
    edit(book, "report/exp01.qmd", "All of it", "All")
    code, said = status()
    assert code == 1
    assert "chapters  2 of 3 frozen and true" in said
    assert "  report/exp01.qmd  text changed\n" in said
    code, said = status("--json")
    found = json.loads(said)
    assert code == 1 and found["fresh"] is False
    assert all(run["state"] == "fresh" for run in found["runs"])


def test_of_named_experiments_only_their_chapters_are_shown(book):
    edit(book, "report/exp01.qmd", "All of it", "All")
    assert status("exp02")[0] == 0
    assert "report/exp01.qmd" not in status("exp02")[1]
    assert "report/exp01.qmd  text changed" in status("exp01")[1]


def test_nothing_is_executed_or_written(book):
    before = {
        p: p.read_bytes() for p in book.root.rglob("*") if p.is_file() and ".cache" not in p.parts
    }
    edit(book, "experiments/exp02.yaml", "title: Seeds", "title: More seeds")
    status()
    after = {
        p: p.read_bytes() for p in book.root.rglob("*") if p.is_file() and ".cache" not in p.parts
    }
    assert {p.name for p in {*before, *after} if before.get(p) != after.get(p)} == {"exp02.yaml"}


@pytest.mark.parametrize(
    ("file", "old", "new", "found"),
    [
        ("_quarto.yml", "freeze: auto", "freeze: false", []),
        ("_quarto.yml", "book:", "bock:", []),
    ],
    ids=["freeze is off", "no book"],
)
def test_where_nothing_is_frozen_nothing_is_untrue(book, file, old, new, found):
    edit(book, file, old, new)
    assert chapter_statuses(Project(book.root)) == found


def test_a_chapter_that_is_not_there_is_said(book):
    (book.root / "report/exp02.qmd").unlink()
    found = chapter_statuses(Project(book.root))[2]
    assert found == ChapterStatus("report/exp02.qmd", "there is no such file")
