"""What was found true is believed only while nothing changed that it was judged by."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from cvlib.freeze.book_files import read_book_files
from cvlib.freeze.chapter_source import read_source
from cvlib.freeze.freshness import Freshness, ProjectInputs
from cvlib.freeze.verified import remember, verified
from cvlib.project import Project
from cvlib.results.store import Store
from tests.journal.made import planned


@pytest.fixture
def book(frozen_book, tmp_path, monkeypatch) -> Project:
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hub"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    return frozen_book


def judge(book: Project) -> None:
    time.sleep(0.12)  # younger files are not trusted
    files, inputs = read_book_files(book.root), ProjectInputs(book)
    chapters = [read_source(book.root, file) for file in files.chapters]
    freshness = Freshness(files, inputs)
    assert [c.file for c in chapters if c.executes and freshness.why_execute(c)] == []
    remember(book, files.bibliography, chapters, inputs.reader.experiments)


def test_it_is_known_which_chapters_are_true(book):
    assert verified(book) is None
    judge(book)
    known = verified(book)
    assert known is not None and known.notes == ()
    assert known.chapters == ("index.qmd", "report/exp01.qmd", "report/exp02.qmd")
    assert verified(Project(book.root, "quick")) is None, "one profile is not another"


def write(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("x")


@pytest.mark.parametrize(
    "change",
    [
        lambda b: write(b.root / "report/exp01.qmd"),
        lambda b: write(b.root / "report/_setup.qmd"),
        lambda b: write(b.root / "_quarto.yml"),
        lambda b: write(b.root / "references.bib"),
        lambda b: write(b.root / "_extensions/journal/_extension.yml"),
        lambda b: write(b.root / "_freeze/index/execute-results/html.json"),
        lambda b: (b.root / "_freeze/index/execute-results/inputs.json").unlink(),
        lambda b: write(b.experiments / "exp01.yaml"),
        lambda b: write(b.experiments / "exp03.yaml"),
        lambda b: write(b.experiments / "hypotheses.yaml"),
        lambda b: write(b.reviews / "exp01.json"),
        lambda b: Store(b.runs).remove(str(planned(b)[0].key)),
        lambda b: write(b.runs / str(planned(b)[0].key) / "metrics.json"),
        lambda b: write(b.root / "pictures/cat/99.png"),
        lambda b: (b.root / "pictures/cat/00.png").unlink(),
        lambda b: write(b.data / "weights/resnet18.pth"),
        lambda b: write(b.root.parent / "hub/hub/models--timm--resnet18/snapshots/a/model.safetensors"),
        lambda b: write(b.root.parent / "torch/hub/checkpoints/resnet18.pth"),
    ],
    ids=["text", "include", "options", "bibliography", "extension", "frozen", "record", "spec",
         "new experiment", "hypotheses", "review", "run gone", "run altered", "new picture",
         "picture gone", "weights", "hub", "torch's hub"],
)  # fmt: skip
def test_a_change_of_any_file_ends_it(book, change):
    judge(book)
    change(book)
    assert verified(book) is None


def test_the_same_size_and_modification_time_do_not_hide_a_change(book):
    judge(book)
    path = book.root / "pictures/cat/00.png"
    times = path.stat()
    path.write_bytes(b"x" * times.st_size)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert verified(book) is None


def test_what_others_leave_behind_does_not_end_it(book):
    judge(book)
    write(book.root / "README.md")
    write(book.data / ".cache/fingerprints/a.json")
    write(book.runs / ".locks/a.lock")
    write(book.root / "_freeze/site_libs/a.js")
    assert verified(book) is not None


def test_files_that_may_still_change_unseen_are_not_trusted(book):
    judge_now = read_book_files(book.root)
    (book.root / "report/summary.qmd").write_text("# Summary\n\nNew.\n")
    inputs = ProjectInputs(book)
    chapters = [read_source(book.root, file) for file in judge_now.chapters]
    remember(book, judge_now.bibliography, chapters, inputs.reader.experiments)
    assert verified(book) is None


def test_nothing_is_kept_while_a_run_is_to_be_trained(book):
    Store(book.runs).remove(str(planned(book)[0].key))
    files, inputs = read_book_files(book.root), ProjectInputs(book)
    inputs("report/exp01.qmd")
    time.sleep(0.12)
    chapters = [read_source(book.root, file) for file in files.chapters]
    remember(book, files.bibliography, chapters, inputs.reader.experiments)
    assert verified(book) is None
