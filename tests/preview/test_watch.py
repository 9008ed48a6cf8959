"""Every way in which a file changes is seen, once."""

from __future__ import annotations

import os

from cvlib.engine.book import load_book
from cvlib.engine.chapter import read_chapter
from cvlib.preview.watch import ReportFiles
from cvlib.project import Project
from tests.preview.made import ONE, counted_book


def test_saved_renamed_over_deleted_and_new_files_are_changes(tmp_path):
    folder = tmp_path / "experiments"
    folder.mkdir()
    for name in ("saved", "renamed", "deleted", "left"):
        (folder / f"{name}.yaml").write_text("a")
    files = ReportFiles(Project(tmp_path))
    files.changes()
    assert files.changes() == set()
    (folder / "saved.yaml").write_text("bb")
    (folder / "beside").write_text("a")
    before = (folder / "renamed.yaml").stat()
    os.utime(folder / "beside", ns=(before.st_atime_ns, before.st_mtime_ns))
    (folder / "beside").rename(folder / "renamed.yaml")  # same size, same time
    (folder / "deleted.yaml").unlink()
    (folder / "new.yaml").write_text("")
    assert {path.stem for path in files.changes()} == {"saved", "renamed", "deleted", "new"}
    assert files.changes() == set()


def test_what_a_report_reads_is_looked_at(tmp_path):
    root = counted_book(tmp_path / "book", one=ONE + "\n![A dot](dot.png)\n\n![B](/docs/b.svg)\n")
    (root / "experiments" / "runs").mkdir(parents=True)
    (root / "experiments" / "exp01.yaml").write_text("")
    files = ReportFiles(Project(root))
    files.of_book(load_book(root))
    files.of_chapter(read_chapter(root, "report/one.qmd"))
    found = {path.relative_to(root).as_posix() for path in files if path.is_relative_to(root)}
    assert {
        "_quarto.yml", "index.qmd", "report/one.qmd", "report/part.md", "report/dot.png",
        "docs/b.svg", "experiments/exp01.yaml", "experiments/runs",
        "_extensions/journal/typst-template.typ",
    } <= found  # fmt: skip
    code = {path.name for path in files if not path.is_relative_to(root)}
    assert {"learning_curves.py", "estimate.py", "store.py", "gallery_page.css"} <= code
    assert files.are_texts({root / "report/part.md", root / "docs/b.svg"})
    assert not files.are_texts({root / "report/part.md", root / "experiments/exp01.yaml"})
    assert not files.are_texts({root / "_quarto.yml"})
