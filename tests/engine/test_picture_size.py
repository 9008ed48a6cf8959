"""How large a figure is on the screen."""

from __future__ import annotations

from cvlib.engine.convert import to_html
from cvlib.engine.pictures import PRINT_TO_SCREEN, screen_size
from tests.engine.convert_books import executed, small_book

SVG = '<?xml version="1.0"?>\n<svg xmlns="x" width="{}" height="{}" viewBox="0 0 1 1"></svg>'


def test_a_figure_drawn_for_the_full_width_of_the_page_fills_the_text_of_the_screen(tmp_path):
    (tmp_path / "a.svg").write_text(SVG.format("453.6pt", "144pt"))  # 6.3 by 2 inches
    width, height = screen_size(tmp_path / "a.svg")
    assert 700 < width <= 768 and abs(width / height - 6.3 / 2) < 0.01


def test_units_of_svg_agree(tmp_path):
    sizes = set()
    for width, height in (("96", "48px"), ("1in", "36pt"), ("2.54cm", "12.7mm")):
        (tmp_path / "a.svg").write_text(SVG.format(width, height))
        sizes.add(screen_size(tmp_path / "a.svg"))
    assert sizes == {(round(96 * PRINT_TO_SCREEN), round(48 * PRINT_TO_SCREEN))}


def test_what_has_no_size_keeps_none(tmp_path):
    (tmp_path / "a.svg").write_text(SVG.format("100%", "50%"))
    assert screen_size(tmp_path / "a.svg") is None
    assert screen_size(tmp_path / "a.png") is None


def test_size_of_the_text_wins_over_that_of_the_file(tmp_path):
    text = '# Home\n\n![one](a.svg){fig-alt="x"}\n\n![two](a.svg){width=50%}\n'
    project = small_book(tmp_path, {"index.qmd": text})
    (project.root / "a.svg").write_text(SVG.format("72pt", "36pt"))
    to_html(project, executed(project, "html"), tmp_path / "out")
    page = (tmp_path / "out" / "index.html").read_text()
    assert 'width="120" height="60"' in page
    assert page.count("height=") == 1 and "width: 50%" in page
