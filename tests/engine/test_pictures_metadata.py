"""Of a picture's metadata the description stays, and what makes equal pictures differ goes."""

from __future__ import annotations

import io

from matplotlib.figure import Figure

from cvlib.engine import png, svg

SAID = "runs: 03234b5f94 <0715fed6b6> & more"


def drawn(kind: str, **metadata) -> bytes:
    figure, buffer = Figure(figsize=(1, 1)), io.BytesIO()
    figure.add_subplot().plot([1, 2])
    figure.savefig(buffer, format=kind, metadata=metadata)
    return buffer.getvalue()


def test_a_png_keeps_its_description_and_loses_its_program():
    bare = png.without_text(drawn("png", Description=SAID))
    assert png.description(bare) == SAID
    assert b"Software" not in bare and b"matplotlib" not in bare


def test_an_svg_keeps_its_description_and_loses_its_date():
    text = drawn("svg", Description=SAID, Date="2024-01-01").decode()
    bare = svg.without_metadata(text)
    assert svg.description(bare) == SAID
    assert "dc:date" not in bare and "matplotlib.org" not in bare


def test_pictures_without_a_description_lose_all_metadata():
    assert png.description(png.without_text(drawn("png"))) == ""
    bare = svg.without_metadata(drawn("svg", Date="2024-01-01").decode())
    assert svg.description(bare) == "" and "<metadata>" not in bare
