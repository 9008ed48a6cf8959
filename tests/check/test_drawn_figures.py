"""A figure shows something in the PDF."""

from __future__ import annotations

import io

from PIL import Image

from cvlib.check.drawn_figures import find
from tests.check.made import CURVE, SVG, bad, subject_of, verdicts


def figure(name: str) -> str:
    return f'#figure(supplement: [Figure], image("{name}", width: 8cm), caption: [Curves])\n'


def png(colour: str, dot: bool = False) -> bytes:
    image = Image.new("RGB", (200, 80), colour)
    if dot:
        image.paste("black", (20, 20, 60, 40))
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def test_figures_with_lines_and_with_pixels_pass(tmp_path):
    files = {"a.svg": CURVE, "b.png": png("white", dot=True)}
    subject = subject_of(tmp_path, figure("a.svg") + figure("b.png"), files)
    (found,) = find(subject)
    assert found.verdict == "ok" and found.says.startswith("2 pictures")


def test_a_figure_of_one_colour_fails_by_its_number(tmp_path):
    files = {"a.svg": CURVE, "b.png": png("navy")}
    (found,) = bad(find(subject_of(tmp_path, figure("a.svg") + figure("b.png"), files)))
    assert found.label == "Figure 2" and found.page == 1
    assert "Figure 2 is empty: it is of one colour" in found.says


def test_a_figure_of_nothing_fails(tmp_path):
    (found,) = bad(find(subject_of(tmp_path, figure("a.svg"), {"a.svg": SVG.format("")})))
    assert "has no picture" in found.says and found.page == 1


def test_an_untagged_pdf_is_said_not_to_be_checked(tmp_path, monkeypatch):
    subject = subject_of(tmp_path, figure("a.svg"), {"a.svg": SVG.format("")})
    monkeypatch.setattr(type(subject.pdf), "is_tagged", False)
    assert verdicts(find(subject)) == ["unchecked"]
