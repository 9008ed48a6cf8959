"""`_quarto.yml` is read as Quarto reads it; what is not supported is named with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from cvlib.engine.book import load_book, merge, read_book
from cvlib.engine.errors import BookError, Unsupported
from tests.engine.chapters import QUARTO_YML, copy_fixture, small_book


def test_chapters_keep_their_order_and_part(tmp_path: Path):
    chapters = load_book(small_book(tmp_path / "book")).chapters
    assert [(c.file, c.part) for c in chapters] == [
        ("index.qmd", None),
        ("report/one.qmd", "Journal"),
        ("report/two.qmd", None),
    ]


def test_profile_is_merged_over_the_project(tmp_path: Path):
    root = copy_fixture("every_option", tmp_path)
    plain, quick = load_book(root), load_book(root, "quick")
    assert (plain.output_dir.name, plain.freeze) == ("_output", "auto")
    assert (quick.output_dir.name, quick.freeze) == ("_output-quick", False)
    assert quick.chapters == plain.chapters and quick.title == plain.title


def test_lists_are_joined_without_repeats_and_mappings_merged():
    below = {"a": {"x": 1, "y": 2}, "css": ["one.css"], "k": 1}
    above = {"a": {"y": 3}, "css": ["one.css", "two.css"], "k": None}
    assert merge(below, above) == {"a": {"x": 1, "y": 3}, "css": ["one.css", "two.css"], "k": 1}


def test_format_options_win_over_the_top_level(tmp_path: Path):
    yml = QUARTO_YML.replace("html: default", "html: {toc: true, echo: false}") + "toc: false\n"
    project = load_book(small_book(tmp_path / "b", yml=yml))
    assert project.formats["html"].options["toc"] is True
    assert project.formats["typ"].options["toc"] is False
    assert project.formats["html"].execute["echo"] is False
    assert project.formats["typ"].execute["echo"] is True


@pytest.mark.parametrize(
    ("before", "after", "names", "line"),
    [
        ("  output-dir: _output", "  output-dri: _output", "project.output-dri", 3),
        ("  title: Small", "  title: Small\n  cover-image: x.png", "book.cover-image", 6),
        ("html: default", "html:\n    code-link: true", "format.html.code-link", 13),
        ("html: default", "pdf: default", "format `pdf`", 12),
        ("index.qmd, ", "index.qmd, report/none.qmd, ", "report/none.qmd does not exist", 8),
        ("freeze: auto", "freeze: sometimes", "execute.freeze is 'sometimes'", 10),
        ("type: book", "type: website", "type: book", 2),
        ("  title: Small", "  title: Small\n  title: Large", "`title` is given twice", 6),
    ],
)
def test_what_is_wrong_is_named_with_its_line(tmp_path, before, after, names, line):
    assert before in QUARTO_YML
    root = small_book(tmp_path / "book", yml=QUARTO_YML.replace(before, after))
    with pytest.raises((BookError, Unsupported)) as caught:
        load_book(root)
    assert names in str(caught.value)
    assert str(caught.value).startswith(f"_quarto.yml:{line}: ")


def test_formats_that_need_two_executions_are_refused(tmp_path: Path):
    yml = QUARTO_YML.replace("html: default", "html: {fig-width: 9}")
    with pytest.raises(Unsupported, match="one execution serves both"):
        load_book(small_book(tmp_path / "book", yml=yml))


def test_the_shipped_project_can_be_read():
    root = Path(__file__).parents[2]
    assert set(load_book(root).formats) == {"html", "typ"}
    assert load_book(root, "quick").freeze is False


def test_what_quarto_may_take_is_read_and_its_problems_noted(tmp_path: Path):
    yml = QUARTO_YML.replace("  title: Small", "  cover-image: x.png")
    yml = yml.replace("journal-typst: default", "typst: {echo: false}\n  pdf: default")
    book = read_book(small_book(tmp_path / "book", yml=yml), "no-such-profile")
    assert [entry.name for entry in book.chapters] == ["index", "one", "two"]
    assert book.targets == ("html", "typ") and book.options["typ echo"] == "false"
    said = [problem.message for problem in book.problems]
    for part in ("no-such-profile", "cover-image", "book.title", "`typst`", "`pdf`"):
        assert any(part in message for message in said), part
    assert len(said) == 5


def test_what_decides_an_execution_is_known_for_each_format(tmp_path: Path):
    book = load_book(small_book(tmp_path / "book", yml=QUARTO_YML + "jupyter: python3\n"))
    assert book.options["- jupyter"] == '"python3"'
    assert (book.options["html fig-format"], book.options["typ fig-format"]) == (
        '"retina"',
        '"svg"',
    )
    assert len(book.options) == 1 + 2 * 10
