"""The course's rules are settings, with defaults, and errors that say what was expected."""

from __future__ import annotations

from pathlib import Path

import pytest

from cvlib.engine.book import load_book
from cvlib.settings import Settings, expected_pdf_name, load_settings
from cvlib.yaml_source import SpecError
from tests.engine.chapters import QUARTO_YML, small_book

REPOSITORY = Path(__file__).parents[1]


def settings(tmp_path, section: str) -> Settings:
    (tmp_path / "_quarto.yml").write_text("project: {type: book}\n" + section, encoding="utf-8")
    return load_settings(tmp_path)


def test_the_defaults_are_the_course_s_and_the_repository_states_them(tmp_path):
    assert settings(tmp_path, "") == settings(tmp_path, "cvlib:\n") == load_settings(REPOSITORY)
    pages = load_settings(REPOSITORY).pages
    assert (pages.total, pages.description, pages.journal, pages.summary) == (
        (5, 10),
        1.3,
        (3, 8),
        1,
    )


def test_what_is_given_goes_before_the_defaults(tmp_path):
    given = settings(tmp_path, "cvlib: {course: Vision, module: B, pages: {summary: 2}}\n")
    assert (given.course, given.module, given.pages.summary) == ("Vision", "B", 2)
    assert given.pages.total == (5, 10)


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ("cvlib: 3", "_quarto.yml:2: cvlib: 3; expected keys below it"),
        (
            "cvlib:\n  modul: 2",
            "_quarto.yml:3: unknown key 'modul' in cvlib; did you mean 'module'?",
        ),
        ("cvlib:\n  pdf-names: a", "did you mean 'pdf-name'?"),
        (
            "cvlib:\n  pages:\n    total: 10",
            "_quarto.yml:4: cvlib.pages.total: 10; expected [lowest,",
        ),
        ("cvlib:\n  pages: {journal: [8, 3]}", "cvlib.pages.journal: [8, 3]; expected [lowest,"),
        ("cvlib:\n  pages: {summary: -1}", "cvlib.pages.summary: -1; expected the highest"),
        ("cvlib:\n  pdf-name: a_{name}.pdf", "unknown {name}; there is: {first}, {last}, {module}"),
        ("cvlib:\n  pdf-name: out/a.pdf", "expected a file's name that ends in .pdf"),
        ("cvlib:\n  pdf-name: a.doc", "expected a file's name that ends in .pdf"),
        ("cvlib:\n  pdf-name: 'a{.pdf'", "cvlib.pdf-name: 'a{.pdf'"),
    ],
)
def test_a_wrong_setting_is_named_with_its_line(tmp_path, section, message):
    with pytest.raises(SpecError) as caught:
        settings(tmp_path, section)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("author", "name"),
    [
        ("Ivan Franko", "Ivan_Franko"),
        ("Jürgen Groß", "Juergen_Gross"),
        ("Anna Maria Schmidt", "Anna-Maria_Schmidt"),
        ("Karl-Heinz Müller-Lüdenscheidt", "Karl-Heinz_Mueller-Luedenscheidt"),
        ("Ludwig van Beethoven", "Ludwig_van-Beethoven"),
        ("García Márquez, Gabriel", "Gabriel_Garcia-Marquez"),
        ("Seán O’Brien", "Sean_OBrien"),
        ("Ørjan Łaski", "Oerjan_Laski"),
        ("J. R. R. Tolkien", "J-R-R_Tolkien"),
        ("Jürgen Vogel", "Juergen_Vogel"),
    ],
)
def test_names_are_written_as_in_passports(author, name):
    assert expected_pdf_name(Settings(), author) == f"dl4cv2024_{name}_module2.pdf"


@pytest.mark.parametrize("author", ["Madonna", "Іван Франко", "Ivan .", ", Franko"])
def test_a_name_that_does_not_fit_asks_for_the_settings(author):
    with pytest.raises(SpecError, match=r"first-name.*last-name"):
        expected_pdf_name(Settings(), author)


def test_names_in_the_settings_go_before_the_author(tmp_path):
    given = settings(tmp_path, "cvlib: {first-name: Ivan, last-name: Franko, module: 3}\n")
    assert expected_pdf_name(given, "Іван Франко") == "dl4cv2024_Ivan_Franko_module3.pdf"


def test_the_embedded_engine_passes_the_section_over(tmp_path):
    root = small_book(tmp_path / "book", yml=QUARTO_YML + "cvlib: {module: 2}\n")
    assert load_book(root).title == "Small"
