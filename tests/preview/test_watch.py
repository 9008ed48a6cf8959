"""Every way in which a file changes is seen, once."""

from __future__ import annotations

import os

from cvlib.engine.chapter import read_chapter
from cvlib.engine.book import load_book
from cvlib.preview.files import Files
from cvlib.preview.watch import Watch
from cvlib.project import Project
from tests.preview.made import ONE, counted_book


def test_saved_renamed_over_deleted_and_new_files_are_changes(tmp_path):
    names = ("saved", "renamed", "deleted", "left")
    for name in names:
        (tmp_path / name).write_text("a")
    watch = Watch(lambda: [*tmp_path.glob("*"), tmp_path / "deleted"])
    assert watch.changes() == set()
    (tmp_path / "saved").write_text("bb")
    (tmp_path / "beside").write_text("a")
    before = (tmp_path / "renamed").stat()
    os.utime(tmp_path / "beside", ns=(before.st_atime_ns, before.st_mtime_ns))
    (tmp_path / "beside").rename(tmp_path / "renamed")  # same size, same time
    (tmp_path / "deleted").unlink()
    (tmp_path / "new").write_text("")
    assert {path.name for path in watch.changes()} == {"saved", "renamed", "deleted", "new"}
    assert watch.changes() == set()


def test_what_a_report_reads_is_looked_at(tmp_path):
    root = counted_book(tmp_path / "book", one=ONE + "\n![A dot](dot.png)\n\n![B](/docs/b.svg)\n")
    (root / "experiments" / "runs").mkdir(parents=True)
    (root / "experiments" / "exp01.yaml").write_text("")
    layout = Project(root)
    files = Files(layout)
    files.of_project(load_book(root))
    files.of_chapter(read_chapter(root, "report/one.qmd"))
    found = {path.relative_to(root).as_posix() for path in files if path.is_relative_to(root)}
    assert {
        "_quarto.yml", "index.qmd", "report/one.qmd", "report/part.md", "report/dot.png",
        "docs/b.svg", "experiments/exp01.yaml", "experiments/runs",
        "_extensions/journal/typst-template.typ",
    } <= found  # fmt: skip
    code = {path.name for path in files if not path.is_relative_to(root)}
    assert {"learning_curves.py", "paired.py", "store.py", "gallery_page.css"} <= code
    assert files.are_texts({root / "report/part.md", root / "docs/b.svg"})
    assert not files.are_texts({root / "report/part.md", root / "experiments/exp01.yaml"})
    assert not files.are_texts({root / "_quarto.yml"})
