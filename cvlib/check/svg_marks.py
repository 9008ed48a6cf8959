"""What is drawn in an SVG, and in the panels of one that Matplotlib drew."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

_DRAWN = frozenset({
    "path", "rect", "circle", "ellipse", "line", "polyline", "polygon", "text", "image", "use",
})  # fmt: skip
_ABSTRACT = frozenset(
    {"defs", "clipPath", "mask", "symbol", "metadata", "style", "pattern", "marker"}
)
# Matplotlib names the groups of a panel. Axes, titles, legends and texts are there without data, too.
_FURNITURE = re.compile(r"(?:matplotlib\.axis|text|legend|patch)_\d+")
_PANEL = re.compile(r"axes_\d+")
_BARS = re.compile(r"patch_\d+")


def why_empty(path: Path) -> str | None:
    """Say what an SVG lacks; None if something is drawn in it, and in each of its panels."""
    try:
        root = ElementTree.parse(path).getroot()
    except (ElementTree.ParseError, OSError) as error:
        return f"cannot be read: {error}"
    if _name(root) != "svg":
        return "is no SVG"
    marks = list(_marks(root))
    if not marks or all(_is_background(mark, root) for mark in marks):
        return "is empty: nothing is drawn in it"
    empty = [group.get("id", "") for group in _panels(root) if not _has_data(group)]
    if empty:
        which = (
            "its panel is" if len(list(_panels(root))) == 1 else f"{len(empty)} of its panels are"
        )
        return f"shows no data: {which} empty but for the axes"
    return None


def _marks(element: ElementTree.Element) -> list[ElementTree.Element]:
    """Return everything visible below `element`."""
    found = []
    for child in element:
        if _name(child) in _ABSTRACT or not _is_visible(child):
            continue
        if _name(child) in _DRAWN:
            if _name(child) != "path" or (child.get("d") or "").strip():
                found.append(child)
        else:
            found += _marks(child)
    return found


def _is_visible(element: ElementTree.Element) -> bool:
    style = (element.get("style") or "").replace(" ", "")
    hidden = "display:none" in style or "visibility:hidden" in style
    unpainted = "fill:none" in style and ("stroke:none" in style or "stroke:" not in style)
    return (
        not hidden and not (unpainted and _name(element) != "g") and element.get("opacity") != "0"
    )


def _is_background(mark: ElementTree.Element, root: ElementTree.Element) -> bool:
    """Tell whether a mark is an area as large as the whole picture."""
    if _name(mark) == "rect":
        return mark.get("width") in ("100%", root.get("width")) and mark.get("x") in (None, "0")
    box = (root.get("viewBox") or "").split()
    corners = re.findall(r"-?[\d.]+", mark.get("d") or "") if _name(mark) == "path" else []
    if len(box) != 4 or len(corners) not in (8, 10):
        return False
    xs, ys = [float(x) for x in corners[::2]], [float(y) for y in corners[1::2]]
    width, height = float(box[2]), float(box[3])
    return max(xs) - min(xs) >= 0.99 * width and max(ys) - min(ys) >= 0.99 * height


def _panels(root: ElementTree.Element) -> list[ElementTree.Element]:
    return [
        group
        for group in root.iter("{http://www.w3.org/2000/svg}g")
        if _PANEL.fullmatch(group.get("id") or "") and _has_axis(group)
    ]


def _has_axis(panel: ElementTree.Element) -> bool:
    """Tell whether a panel has ticks: without, it was made as room for words or a legend."""
    return any((child.get("id") or "").startswith("matplotlib.axis_") for child in panel)


def _has_data(panel: ElementTree.Element) -> bool:
    background = True
    for child in panel:
        name = child.get("id") or ""
        if _BARS.fullmatch(name):
            # the first is the panel's background; of the rest, spines are open lines without area
            shapes = [mark for mark in _marks(child) if "z" in (mark.get("d") or "").lower()]
            if shapes and not background:
                return True
            background = False
        elif not _FURNITURE.fullmatch(name) and _shows(child):
            return True
    return False


def _shows(group: ElementTree.Element) -> bool:
    """Tell whether an artist drew something; points are symbols that are used."""
    return bool(_marks(group)) or _name(group) in _DRAWN


def _name(element: ElementTree.Element) -> str:
    return element.tag.rsplit("}", 1)[-1] if isinstance(element.tag, str) else ""
