"""Of a picture's metadata the description stays, and what makes equal pictures differ goes."""

from __future__ import annotations

import io

from matplotlib.figure import Figure

from cvlib.engine.pictures import (
    picture_description,
    png_without_text,
    svg_without_metadata,
)

SAID = "runs: 03234b5f94 <0715fed6b6> & more"


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
