"""What is read from a PDF is where it says."""

from __future__ import annotations

import numpy as np
import pytest

from cvlib.check.pdf import Pdf
from cvlib.engine.errors import RenderError
from tests.check.made import CURVE, make_pdf

CM = 72 / 2.54


def test_headings_are_found_with_level_page_and_place(tmp_path):
    body = "= One\nText\n== Two\n#pagebreak()\n#v(5cm)\n= Three\n"
    one, two, three = Pdf(make_pdf(tmp_path, body)).outline
    assert [(e.title, e.level, e.page) for e in (one, two, three)] == [
        ("1 One", 0, 1),
        ("1.1 Two", 1, 1),
        ("2 Three", 0, 2),
    ]
    assert one.top == pytest.approx(2.0 * CM, abs=2)
    assert two.top > one.top
    assert three.top == pytest.approx(7.0 * CM, abs=3)


def test_texts_have_their_boxes_and_heads_and_feet_are_apart(tmp_path):
    page = Pdf(make_pdf(tmp_path, "#pagebreak()#place(dx: 3cm, dy: 10cm)[Here]")).pages[1]
    (here,) = [d for d in page.content if "Here" in d.text]
    assert here.box.left == pytest.approx((2.1 + 3) * CM, abs=2)
    assert here.box.top == pytest.approx((2.0 + 10) * CM, abs=4)
    assert any(d.text.strip() == "2 of 2" for d in page.objects if d.is_artifact)
    assert not any("of 2" in d.text for d in page.content)


def test_a_figure_s_content_is_found_by_its_tag(tmp_path):
    page = Pdf(make_pdf(tmp_path, 'Text #image("a.svg", width: 6cm)', {"a.svg": CURVE})).pages[0]
    (tag,) = page.tags
    box = page.box_of(tag)
    assert tag.kind == "Figure" and box is not None
    assert box.width == pytest.approx(6 * CM, abs=2)
    assert all(d.kind != "text" for d in page.drawn_of(tag))


def test_places_inside_a_transparency_group_are_those_on_the_page(tmp_path):
    svg = CURVE.replace("<path", '<g opacity="0.5"><path').replace("</svg>", "</g></svg>")
    body = '#place(dx: 4cm, dy: 9cm, image("a.svg", width: 6cm))'
    page = Pdf(make_pdf(tmp_path, body, {"a.svg": svg})).pages[0]
    paths = [d.box for d in page.content if d.kind == "path"]
    assert paths and all(box.left > 6 * CM and box.top > 10 * CM for box in paths)


def test_ink_is_cut_out_where_asked(tmp_path):
    page = Pdf(
        make_pdf(tmp_path, "#place(dx: 5cm, dy: 5cm, square(size: 4cm, fill: black))")
    ).pages[0]
    (square,) = [d for d in page.objects if d.kind == "path"]
    assert page.ink(square.box).mean() < 20
    corner = page.ink(square.box._replace(left=0, right=square.box.left - 5))
    assert np.ptp(corner) == 0 and corner.max() == 255


def test_a_file_that_is_no_pdf_is_refused(tmp_path):
    path = tmp_path / "a.pdf"
    path.write_text("words")
    with pytest.raises(RenderError, match="cannot be read as a PDF"):
        Pdf(path)
    with pytest.raises(RenderError, match="cannot be read"):
        Pdf(tmp_path / "none.pdf")
