"""How large a figure is on the screen, and what stays of its metadata."""

from __future__ import annotations

import io

from matplotlib.figure import Figure

from cvlib.engine.convert import to_html
from cvlib.engine.pictures import (
    PRINT_TO_SCREEN,
    picture_description,
    png_without_text,
    screen_size,
    svg_without_metadata,
)
from tests.engine.convert_books import executed, small_book

SAID = "runs: 03234b5f94 <0715fed6b6> & more"
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


def drawn(kind: str, **metadata) -> bytes:
    figure, buffer = Figure(figsize=(1, 1)), io.BytesIO()
    figure.add_subplot().plot([1, 2])
    figure.savefig(buffer, format=kind, metadata=metadata)
    return buffer.getvalue()


def description(tmp_path, kind: str, content: bytes) -> str:
    (tmp_path / f"a.{kind}").write_bytes(content)
    return picture_description(tmp_path / f"a.{kind}")


def test_a_png_keeps_its_description_and_loses_its_program(tmp_path):
    bare = png_without_text(drawn("png", Description=SAID))
    assert description(tmp_path, "png", bare) == SAID
    assert b"Software" not in bare and b"matplotlib" not in bare


def test_an_svg_keeps_its_description_and_loses_its_date(tmp_path):
    text = drawn("svg", Description=SAID, Date="2024-01-01").decode()
    bare = svg_without_metadata(text)
    assert description(tmp_path, "svg", bare.encode()) == SAID
    assert "dc:date" not in bare and "matplotlib.org" not in bare


def test_pictures_without_a_description_lose_all_metadata(tmp_path):
    assert description(tmp_path, "png", png_without_text(drawn("png"))) == ""
    bare = svg_without_metadata(drawn("svg", Date="2024-01-01").decode())
    assert description(tmp_path, "svg", bare.encode()) == "" and "<metadata>" not in bare
