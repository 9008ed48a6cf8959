"""A render runs what must run and nothing else, and leaves whole files."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from cvlib.engine.errors import BookError, CellFailed
from cvlib.engine.execute import Executed
from cvlib.freeze.render import render
from cvlib.project import Project
from tests.engine.chapters import QUARTO_YML, leave_reads, plain_conversion, small_book


class Book:
    """A small book, rendered with a stand-in for the kernel that counts executions."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch, **texts: str) -> None:
        self.root = small_book(root, **texts)
        self.ran: list[str] = []
        self.said: list[str] = []
        plain_conversion(monkeypatch)
        monkeypatch.setattr("cvlib.engine.execute.execute_chapter", self._execute)

    def _execute(self, book, chapter, on_stderr=None, *, setup, give_up):
        assert "recorder" in setup
        self.ran.append(chapter.file)
        if "raise" in chapter.text:
            raise CellFailed("ValueError", file=chapter.file, line=4)
        markdown = f"{chapter.text} ![](one_files/figure-html/f.png)"
        leave_reads(self.root, chapter.file, "report/data.csv")
        return {t: Executed(markdown, {"f.png": b"x"} if t == "html" else {}) for t in book.formats}

    def render(self, **options):
        self.ran.clear()
        self.said.clear()
        return render(
            Project(self.root), notify=self.said.append, **{"engine": "embedded", **options}
        )

    def edit(self, file: str, old: str, new: str) -> None:
        path = self.root / file
        assert old in path.read_text()
        path.write_text(path.read_text().replace(old, new))


@pytest.fixture
def book(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Book:
    return Book(tmp_path / "book", monkeypatch)


def test_only_chapters_with_code_run_and_only_once(book: Book):
    first = book.render()
    assert book.ran == ["report/one.qmd"]
    assert first.executed == {"report/one.qmd": "never executed"}
    assert [path.name for path in first.outputs] == ["small.pdf", "index.html"]
    again = book.render()
    assert book.ran == [] and again.executed == {} and again.frozen == ("report/one.qmd",)
    assert "print(1)" in (book.root / "_output" / "small.pdf").read_text()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda b: b.edit("report/one.qmd", "print(1)", "print(2)"), "text changed"),
        (
            lambda b: (b.root / "report/data.csv").write_text("b\n"),
            "file report/data.csv changed",
        ),
        (
            lambda b: (b.root / "_freeze/report/one/figure-html/f.png").unlink(),
            "figure missing: figure-html/f.png",
        ),
    ],
)
def test_what_changed_is_the_reason_to_run_again(book: Book, change, reason):
    book.render()
    change(book)
    assert book.render().executed == {"report/one.qmd": reason}
    assert any(f"report/one.qmd: {reason}" in line for line in book.said)
    assert book.render().executed == {}


def test_text_of_a_chapter_without_code_costs_no_execution(book: Book):
    book.render()
    book.edit("report/two.qmd", "# Two", "# Second")
    assert book.render().executed == {}
    assert "# Second" in (book.root / "_output" / "small.pdf").read_text()


def test_an_included_file_counts(tmp_path, monkeypatch):
    one = "{{< include part.qmd >}}\n\n```{python}\n1\n```\n"
    (tmp_path / "b").mkdir()
    book = Book(tmp_path / "b" / "book", monkeypatch, one=one)
    (book.root / "report" / "part.qmd").write_text("first")
    book.render()
    assert book.render().executed == {}
    (book.root / "report" / "part.qmd").write_text("second")
    reason = "included file report/part.qmd changed"
    assert book.render().executed == {"report/one.qmd": reason}


def test_a_chapter_that_is_named_runs_in_any_case(book: Book):
    book.render()
    for name in ("one", "report/one", "report/one.qmd"):
        assert book.render(chapters=[name]).executed == {"report/one.qmd": "asked for"}
    with pytest.raises(BookError, match="index, one, two"):
        book.render(chapters=["three"])


def test_fresh_runs_everything(book: Book):
    book.render()
    assert book.render(fresh=True).executed == {"report/one.qmd": "asked to run afresh"}


def test_fresh_runs_the_named_chapter_alone(tmp_path, monkeypatch):
    book = Book(tmp_path / "book", monkeypatch, two="# Two\n\n```{python}\n2\n```\n")
    book.render()
    assert book.render(chapters=["two"], fresh=True).executed == {"report/two.qmd": "asked for"}


def test_a_failing_cell_leaves_freeze_and_outputs_as_they_were(book: Book):
    book.render()
    before = {p: p.read_bytes() for p in book.root.rglob("*") if p.is_file()}
    book.edit("report/one.qmd", "print(1)", "raise ValueError")
    with pytest.raises(CellFailed):
        book.render()
    after = {p: p.read_bytes() for p in book.root.rglob("*") if p.is_file()}
    changed = {p.name for p in {*before, *after} if before.get(p) != after.get(p)}
    assert changed == {"one.qmd"}


def test_without_freeze_nothing_is_kept_and_one_execution_serves_both(tmp_path, monkeypatch):
    yml = QUARTO_YML.replace("freeze: auto", "freeze: false")
    book = Book(tmp_path / "book", monkeypatch, yml=yml)
    book.render()
    assert book.ran == ["report/one.qmd"]
    assert not (book.root / "_freeze").exists()
    assert book.render().executed == {"report/one.qmd": "freeze is off"}


def test_freeze_true_keeps_the_copy_of_a_changed_text_and_says_so(tmp_path, monkeypatch):
    yml = QUARTO_YML.replace("freeze: auto", "freeze: true")
    book = Book(tmp_path / "book", monkeypatch, yml=yml)
    book.render()
    book.edit("report/one.qmd", "print(1)", "print(2)")
    assert book.render().executed == {}
    assert any("text changed, but freeze is true" in line for line in book.said)


def test_unchanged_pages_are_not_touched_and_pages_that_are_gone_are_removed(book: Book):
    book.render()
    (book.root / "_output" / "mine.txt").write_text("not of the site")
    page = book.root / "_output" / "report" / "two.html"
    os.utime(page, (1, 1))
    book.render(chapters=["one"])
    assert page.stat().st_mtime == 1
    book.edit("_quarto.yml", ", report/two.qmd", "")
    book.render()
    assert not page.exists()
    assert (book.root / "_output" / "mine.txt").exists()


def test_pdf_alone_leaves_the_pages_alone(book: Book):
    book.render(to="html")
    assert not (book.root / "_output" / "small.pdf").exists()
    assert [path.name for path in book.render(to="pdf").outputs] == ["small.pdf"]
    assert (book.root / "_output" / "index.html").exists()


def test_no_half_written_output_is_left(book: Book, monkeypatch: pytest.MonkeyPatch):
    book.render()

    def fail(project, chapters, out):
        out.write_text("half")
        raise OSError("disk full")

    monkeypatch.setattr(sys.modules["cvlib.engine.convert"], "to_pdf", fail)
    with pytest.raises(OSError, match="disk full"):
        book.render()
    assert "print(1)" in (book.root / "_output" / "small.pdf").read_text()
    assert not list((book.root / "_output").glob(".staging*"))


@pytest.mark.parametrize(("option", "value"), [("to", "docx"), ("engine", "rmarkdown")])
def test_unknown_choices_are_named(book: Book, option, value):
    with pytest.raises(BookError, match=value):
        book.render(**{option: value})


def test_a_frozen_render_imports_nothing_heavy(book: Book):
    book.render()
    script = f"""
import sys, types
stub = types.ModuleType("cvlib.engine.convert")
stub.to_pdf = lambda p, c, out: out.write_text("")
stub.to_html = lambda p, c, out, now: None
sys.modules["cvlib.engine.convert"] = stub
import cvlib.engine
cvlib.engine.convert = stub
from pathlib import Path
from cvlib.freeze.render import render
from cvlib.project import Project
result = render(Project(Path({str(book.root)!r})), engine="embedded")
assert result.executed == {{}}, result
heavy = {{"nbclient", "nbformat", "jupyter_client", "zmq", "torch", "matplotlib", "pandas",
          "numpy", "pydantic", "IPython"}}
print(heavy & set(sys.modules))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "set()"


BAD = """\
---
title: [
---

## A {#sec-a}

See @fig-nowhere, @fig-made, @fig-printed, @sec-two and [@nobody]. [A link](gone.qmd). ![](gone.png)

```{python}
#| labell: x
#| layout-ncol: x
1
```

```{python}
#| label: fig-made
#| fig-cap: A figure.
print(f"PRINTS")
```

::: {.panel-tabset}
:::

{{< include gone.qmd >}}

```{r}
"""


@pytest.mark.parametrize(("prints", "figure"), [("", "fig-"), ("::: {{#{'fig-printed'}", "none")])
def test_all_that_is_wrong_is_told_at_once_with_its_place(tmp_path: Path, prints, figure):
    """What an execution would make, or what an unreadable part may hold, is not missed."""
    two = "# Two {#sec-two}\n\nSee @tbl-gone and @sec-a.\n"
    root = small_book(tmp_path / "book", one=BAD.replace("PRINTS", prints), two=two)
    with pytest.raises(BookError) as caught:
        render(Project(root), engine="embedded", to="html", notify=lambda _: None)
    told = str(caught.value).splitlines()
    places = [line.split(": ")[0].removeprefix("report/") for line in told]
    words = ["YAML", "@nobody", "`labell`", "`layout-ncol`", ".panel-tabset"]
    missed = ["fig-nowhere", "fig-printed", "gone.png", "@tbl-gone"]
    for word in [*words, "link to 'gone.qmd'", "gone.qmd does not exist", "never closed"]:
        assert word in str(caught.value), word
    assert [name in str(caught.value) for name in missed] == [figure == "fig-"] * len(missed)
    assert places[:2] == ["one.qmd:3", "one.qmd:7"] and "one.qmd:26" in places
    assert not any(name in str(caught.value) for name in ("@fig-made", "@sec-two", "@sec-a"))


def test_beside_a_failing_cell_the_rest_is_told(tmp_path: Path):
    one = "# One\n\n```{python}\n1 / 0\n```\n\nSee @fig-gone.\n"
    root = small_book(tmp_path / "book", one=one)
    with pytest.raises(CellFailed) as caught:
        render(Project(root), engine="embedded", to="html", notify=lambda _: None)
    told = [line for line in str(caught.value).splitlines() if line.startswith("report/")]
    assert [line.split(": ")[0] for line in told] == ["report/one.qmd:4", "report/one.qmd:7"]
