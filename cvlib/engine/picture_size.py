"""How large a picture is shown on a screen."""

from __future__ import annotations

import re
from pathlib import Path

# Figures are drawn for the printed page, with letters of 8 pt. So much larger, they are as wide on
# the screen as the text, and their letters as large as those of a caption.
PRINT_TO_SCREEN = 1.25
_PIXELS = {"": 1.0, "px": 1.0, "pt": 4 / 3, "in": 96.0, "cm": 96 / 2.54, "mm": 96 / 25.4}
_SVG = re.compile(rb"<svg\b[^>]*>")
_LENGTH = re.compile(rb'\b(width|height)\s*=\s*["\']\s*([\d.]+)\s*([a-z]*)\s*["\']')


def screen_size(path: Path) -> tuple[int, int] | None:
    """Return width and height in CSS pixels of an SVG; None for what has pixels of its own."""
    if path.suffix != ".svg":
        return None
    tag = _SVG.search(path.read_bytes())
    sizes = {
        name.decode(): float(number) * _PIXELS[unit.decode()] * PRINT_TO_SCREEN
        for name, number, unit in _LENGTH.findall(tag.group() if tag else b"")
        if unit.decode() in _PIXELS
    }
    if len(sizes) < 2:
        return None
    return round(sizes["width"]), round(sizes["height"])
