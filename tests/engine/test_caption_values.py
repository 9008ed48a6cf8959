"""Values in captions and titles read the same with both engines; Quarto 1.10 made the references."""

from __future__ import annotations

import difflib
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from pypdf import PdfReader

from cvlib.engine.book import load_book
from cvlib.engine.chapter import read_chapter
from cvlib.engine.convert import to_typst
from cvlib.engine.errors import BookError, CellFailed, RenderError, Unsupported
from cvlib.engine.execute import execute_chapter
from cvlib.engine.quarto import ANSWER, find_quarto, with_captions_filled
from cvlib.freeze.frozen_copy import FrozenCopy, freeze_folder, read_frozen, write_record
from cvlib.freeze.render import render
from cvlib.journal import captions
from cvlib.project import Project
from tests.engine.chapters import FIXTURES, copy_fixture, small_book
from tests.engine.convert_books import executed
from tests.engine.convert_books import small_book as convert_book

REFERENCES = FIXTURES / "caption_values"
REPOSITORY = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def rendered(tmp_path_factory) -> Path:
    """The fixture's project, rendered by the embedded engine."""
    root = copy_fixture("caption_values", tmp_path_factory.mktemp("book"))
    render(Project(root), engine="embedded", notify=lambda _: None)
    return root


def lines(markdown: str) -> list[str]:
    """Without the ids that Quarto draws at random, and what spans did not say when it froze these."""
    markdown = re.sub(r' exact=(\\*")[^"\\]*\1', "", markdown)
    return re.sub(r"#(?:cell-\d+|[0-9a-f]{8}) \.cell", "#ID .cell", markdown).splitlines()


def words(pdf: Path) -> str:
    pages = PdfReader(pdf).pages
    return " ".join(" ".join(page.extract_text() for page in pages).split())


@pytest.mark.parametrize("target", ["html", "typ"])
@pytest.mark.parametrize("chapter", ["captions", "title"])
def test_frozen_markdown_is_quartos_with_its_values_in_place(rendered, chapter, target):
    quartos = (REFERENCES / f"quarto-1.10.{chapter}.{target}.md").read_text()
    ours = read_frozen(rendered / "_freeze" / "report" / chapter, target)
    assert ours is not None
    difference = difflib.unified_diff(
        lines(with_captions_filled(quartos)), lines(ours.markdown), n=0
    )
    assert list(difference) == []
    assert "{python}" not in ours.markdown and ANSWER not in ours.markdown


def test_the_pdf_reads_as_quartos(rendered):
    assert (
        words(rendered / "_output" / "captions.pdf")
        == (REFERENCES / "quarto-1.10.pdf.txt").read_text().strip()
    )


def test_a_freeze_of_quarto_gives_the_same_pages(rendered, tmp_path):
    """Quarto freezes captions as written, with the values below; both engines read that."""
    copy = Path(shutil.copytree(rendered, tmp_path / "copy"))
    for chapter in ("captions", "title"):
        for target in ("html", "typ"):
            record = copy / "_freeze" / "report" / chapter / "execute-results" / f"{target}.json"
            frozen = json.loads(record.read_text())
            frozen["result"]["markdown"] = (
                REFERENCES / f"quarto-1.10.{chapter}.{target}.md"
            ).read_text()
            record.write_text(json.dumps(frozen))
        before = FrozenCopy(freeze_folder(rendered, f"report/{chapter}.qmd")).record
        write_record(freeze_folder(copy, f"report/{chapter}.qmd"), before)
    assert render(Project(copy), engine="embedded", notify=lambda _: None).executed == {}
    assert words(copy / "_output" / "captions.pdf") == words(rendered / "_output" / "captions.pdf")
    page = "_output/report/captions.html"
    ids = re.compile(r' (?:id|data-exact)="[^"]*"')
    assert ids.sub("", (copy / page).read_text()) == ids.sub("", (rendered / page).read_text())


def test_values_keep_their_runs_in_captions_titles_headings_and_tables_of_the_web(rendered):
    page = (rendered / "_output" / "report" / "captions.html").read_text()
    span = r'<span\s+class="value"\s+data-exact="5.09"\s+data-runs="03234b5f94 0715fed6b6">'
    for place in (r"<h1[^>]*>.*?{}", r"<h2[^>]*>.*?{}", r"<figcaption>.*?{}"):
        assert re.search(place.format(span), page), place
    assert re.search(
        r'<td>\s*<span\s+class="value"\s+data-exact="3"\s+data-source="experiments/exp01.yaml">',
        page,
    )
    assert 'class="traced" data-runs="03234b5f94"' in page
    title = re.search(r"<title>(.*?)</title>", page)
    assert title and title.group(1).replace("\u00a0", " ").startswith(
        "A title with +5.09 [4.21, 5.97] points in it"
    )


def test_an_alternative_text_is_plain(rendered):
    frozen = read_frozen(rendered / "_freeze" / "report" / "captions", "typ")
    assert frozen is not None
    alt = re.search(r"fig-alt='((?:\\.|[^'\\])*)'", frozen.markdown)
    assert alt is not None
    assert alt.group(1).replace("\\'", "'").replace("\u00a0", " ") == (
        "A line that gains +5.09 [4.21, 5.97] points, it's it's *plain* text."
    )


@pytest.mark.skipif(find_quarto() is None, reason="no Quarto on PATH or in QUARTO")
def test_quarto_itself_fills_captions_and_titles(tmp_path):
    root = copy_fixture("caption_values", tmp_path)
    environment = {**os.environ, "QUARTO_PYTHON": sys.executable, "PYTHONPATH": str(REPOSITORY)}
    done = subprocess.run(
        [str(find_quarto()), "render"], cwd=root, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert (
        words(root / "_output" / "captions.pdf")
        == (REFERENCES / "quarto-1.10.pdf.txt").read_text().strip()
    )
    for page in ("index.html", "report/captions.html", "report/title.html"):
        text = (root / "_output" / page).read_text()
        assert "<code>{python}" not in text and ANSWER not in text


CELL = """\
```{{python}}
#| label: tbl-a
#| tbl-cap: "{caption}"
from IPython.display import Markdown
seeds = 3
Markdown("| a |\\n|---|\\n| 1 |")
```
"""


def execute(root: Path, chapter: str) -> str:
    small_book(root, one=chapter)
    project = load_book(root)
    return execute_chapter(project, read_chapter(root, "report/one.qmd"))["typ"].markdown


def test_a_caption_sees_what_its_own_cell_made(tmp_path):
    written = execute(tmp_path / "b", "# One\n\n" + CELL.format(caption="Over `{python} seeds`."))
    assert "tbl-cap='Over 3.'" in written


def test_a_value_that_fails_is_named_with_the_line_of_its_option(tmp_path):
    with pytest.raises(CellFailed, match=r"^report/one\.qmd:5: .*`{python} nothing`.*NameError"):
        execute(tmp_path / "b", "# One\n\n" + CELL.format(caption="Over `{python} nothing`."))


def test_a_title_that_needs_a_cell_is_told_where_to_stand(tmp_path):
    with pytest.raises(CellFailed, match=r"one\.qmd:2: .*NameError.*block of its own"):
        execute(tmp_path / "b", '---\ntitle: "Over `{python} seeds`"\n---\n\n```{python}\n1\n```\n')


def test_a_value_that_breaks_its_yaml_is_told_how_to_be_written(tmp_path):
    quotes = '---\ntitle: "A `{python} chr(34)` mark"\n---\n\n```{python}\n1\n```\n'
    with pytest.raises(BookError, match=r"one\.qmd:2: .*no YAML any more.*title: >-"):
        execute(tmp_path / "b", quotes)
    block = "---\ntitle: >-\n  A `{python} chr(34)` mark\n---\n\n```{python}\n1\n```\n"
    assert '  A " mark' in execute(tmp_path / "c", block)


def test_a_second_yaml_block_gives_a_title_and_nothing_else(tmp_path):
    cell = "```{python}\nseeds = 3\n```\n\n"
    assert "title: Over 3" in execute(
        tmp_path / "b", cell + "---\ntitle: Over `{python} seeds`\n---\n\nText.\n"
    )
    with pytest.raises(Unsupported, match=r"one\.qmd:6: `execute` in a second YAML block"):
        execute(tmp_path / "c", cell + "---\nexecute: {echo: true}\n---\n\nText.\n")


def test_a_value_in_the_title_of_a_chapter_without_cells_is_refused(tmp_path):
    with pytest.raises(Unsupported, match=r"one\.qmd:2: .*without a cell"):
        execute(tmp_path / "b", '---\ntitle: "Over `{python} 3`"\n---\n\nText.\n')


# ── what a kernel that Quarto started says ─────────────────────────────────────────────────────


class Shell:
    """What is needed of IPython's."""

    def __init__(self) -> None:
        self.events = self
        self.asked: list[str] = []
        self.registered: list[str] = []

    def register(self, name: str, _function: object) -> None:
        self.registered.append(name)

    def user_expressions(self, expressions: dict[str, str]) -> dict[str, dict]:
        self.asked = list(expressions)
        return {
            text: {"status": "error", "ename": "NameError", "evalue": "no such name"}
            if text == "nothing"
            else {"status": "ok", "data": {"text/plain": "3"}}
            for text in expressions
        }


@pytest.fixture
def kernel(monkeypatch, tmp_path):
    """A kernel of Quarto's that runs `a.qmd`, with a shell of ours."""
    shell = Shell()
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))
    monkeypatch.setenv("QUARTO_DOCUMENT_PATH", str(tmp_path))
    monkeypatch.setenv("QUARTO_DOCUMENT_FILE", "a.qmd")
    monkeypatch.delenv("CVLIB_ENGINE", raising=False)
    (tmp_path / "a.qmd").write_text(
        "# A\n\n" + CELL.format(caption="`{python} 1 + 2` `{python} nothing`")
    )
    return shell


def ran(code: str, success: bool = True) -> SimpleNamespace:
    return SimpleNamespace(success=success, info=SimpleNamespace(raw_cell=code))


CODE = 'from IPython.display import Markdown\nseeds = 3\nMarkdown("| a |\\n|---|\\n| 1 |")'


def test_a_kernel_answers_below_the_cell_whose_caption_asks(kernel, capsys):
    captions._answer(kernel, ran(CODE))
    said = capsys.readouterr().out
    assert json.loads(said.removeprefix(ANSWER)) == {
        "1 + 2": {"text/plain": "3"},
        "nothing": {"error": "NameError: no such name"},
    }
    with pytest.raises(RenderError, match="`nothing` in a caption failed: NameError"):
        with_captions_filled(f"::: {{.cell}}\n\n```\n{said}```\n:::\n")


@pytest.mark.parametrize("other", [ran("seeds = 3"), ran(CODE, success=False)])
def test_a_kernel_says_nothing_below_other_cells(kernel, capsys, other):
    captions._answer(kernel, other)
    assert capsys.readouterr().out == "" and kernel.asked == []


def test_only_a_kernel_of_quartos_answers(kernel, monkeypatch):
    captions.answer_quarto()
    assert kernel.registered == ["post_run_cell"]
    monkeypatch.setenv("CVLIB_ENGINE", "embedded")
    captions.answer_quarto()
    monkeypatch.delenv("QUARTO_DOCUMENT_PATH")
    captions.answer_quarto()
    assert kernel.registered == ["post_run_cell"]


TEXT = """\
# Home: {0} {{#sec-home}}

In the text {0}, **{0}**, [a link with {0}](https://example.org) and a note.^[It is {0}.]

## A heading with {0}

| Hypothesis | Measured |
|:-----------|---------:|
| {0}, in a row so long that pandoc gives its columns shares of the width | more by {0} |

: A caption with {0}. {{#tbl-a}}

Term
:   Defined as {0}.

::: {{.callout-note title='Of {0}'}}
It is {0}.{1}
:::

See @tbl-a.
"""
SPANS = (
    '[5.09 \\[4.21, 5.97\\] points]{.value runs="03234b5f94"}',
    '[]{.traced runs="03234b5f94"}',
)


def test_spans_leave_no_trace_in_the_pdf(tmp_path):
    plain, marked = (
        to_typst(project, executed(project, "typ"))
        for name, values in (("plain", ("5.09 \\[4.21, 5.97\\] points", "")), ("marked", SPANS))
        for project in [convert_book(tmp_path / name, {"index.qmd": TEXT.format(*values)})]
    )
    assert plain == marked
