"""The picture files that chapters show: there, readable, and not empty."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from cvlib.check.finding import Findings, check, failed, unchecked
from cvlib.check.submission import CheckedChapter, Submission, without_blocks

_PICTURE = re.compile(
    r"\]\((?P<path>(?![a-z]+:)[^()\s]+\.(?:svg|png|jpe?g|gif|webp|pdf))"
    r"(?:[ \t]+[\"'][^)]*)?\)(?:\{[^{}]*?#(?P<label>fig-[\w:.-]+))?",
    re.IGNORECASE,
)
# A picture is of one colour if fewer of its points than this share differ from the commonest:
# a single thin line through a figure of the report's size is five times as much.
_FEWEST = 0.001
# Steps of 256 by which colours may differ, as compression leaves them.
_SAME = 12

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


@check("pictures")
def pictures(submission: Submission) -> Findings:
    """Look at every picture of the frozen chapters, of both formats, and of plain markdown."""
    chapters = submission.chapters
    if loose := [c.file for c in chapters if c.chapter.cells and not c.markdown]:
        yield unchecked(f"not executed, so that its figures are not known: {', '.join(loose)}")
    seen: set[Path] = set()
    for chapter in chapters:
        for reference, label, path in picture_files(submission, chapter):
            if path in seen:
                continue
            seen.add(path)
            says = why_blank(path) if path.is_file() else "is not there"
            if says:
                yield failed(
                    f"the picture {reference} {says}",
                    f"`cvlib render {Path(chapter.file).stem} --fresh` makes the figures of its cells again."
                    if "_files/" in reference
                    else "Put the picture there, or take it out of the text.",
                    _place(chapter, reference, label),
                    label=label,
                )
    return f"{len(seen)} picture files, none missing and none empty"


def picture_files(
    submission: Submission, chapter: CheckedChapter
) -> Iterator[tuple[str, str | None, Path]]:
    """Yield each picture of a chapter as it is named, with its label and its file."""
    for target in ("typ", "html"):
        executed = chapter.executed(target)
        if executed is None:
            continue
        for found in _PICTURE.finditer(without_blocks(executed.markdown)):
            path = executed.path_of(found["path"], submission.project.root)
            yield found["path"], found["label"], path


def _place(chapter: CheckedChapter, reference: str, label: str | None) -> tuple[str, int | None]:
    """Find the cell or the line that shows a picture."""
    stem = re.sub(r"-output-\d+\.\w+$", "", reference.rsplit("/", 1)[-1])
    places = (chapter.find(rf"{re.escape(n)}\b") for n in (reference, label, stem) if n)
    return next((place for place in places if place[1] is not None), (chapter.file, None))


def why_blank(path: Path) -> str | None:
    """Say what is wrong with a picture file: unreadable or empty; None if it shows something."""
    if path.suffix.lower() == ".svg":
        return _why_empty(path)
    if path.suffix.lower() == ".pdf":
        return None  # none of the engines' figures; the PDF itself is looked at, too
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path) as image:
            pixels = np.asarray(image.convert("RGBA").convert("RGB"))
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError) as error:
        return f"cannot be read: {error}"
    return "is of one colour" if is_one_colour(pixels) else None


def is_one_colour(pixels: np.ndarray) -> bool:
    """Tell whether (height, width, 3) uint8 pixels are all, or nearly all, of one colour."""
    if pixels.size == 0:
        return True
    colours = pixels.reshape(-1, pixels.shape[-1]).astype(np.int16)
    commonest = np.median(colours, axis=0)
    differ = (np.abs(colours - commonest) > _SAME).any(axis=1)
    return bool(differ.mean() < _FEWEST)


def _why_empty(path: Path) -> str | None:
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
    panels = [
        group
        for group in root.iter("{http://www.w3.org/2000/svg}g")
        # without ticks, it was made as room for words or a legend
        if _PANEL.fullmatch(group.get("id") or "")
        and any((child.get("id") or "").startswith("matplotlib.axis_") for child in group)
    ]
    empty = [panel for panel in panels if not _has_data(panel)]
    if not empty:
        return None
    which = "its panel is" if len(panels) == 1 else f"{len(empty)} of its panels are"
    return f"shows no data: {which} empty but for the axes"


def _marks(element: ElementTree.Element) -> Iterator[ElementTree.Element]:
    """Yield everything visible below `element`."""
    for child in element:
        if _name(child) in _ABSTRACT or not _is_visible(child):
            continue
        if _name(child) not in _DRAWN:
            yield from _marks(child)
        elif _name(child) != "path" or (child.get("d") or "").strip():
            yield child


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
        elif not _FURNITURE.fullmatch(name) and (list(_marks(child)) or _name(child) in _DRAWN):
            return True  # points are symbols that are used
    return False


def _name(element: ElementTree.Element) -> str:
    return element.tag.rsplit("}", 1)[-1] if isinstance(element.tag, str) else ""
