"""A gallery for the web: pictures by group, each opens larger with all that is known of it.

One piece of HTML that needs no server and no other file. Without JavaScript the pictures stand
there with their captions, and each has its facts in its title.
"""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cvlib.journal import numbers
from cvlib.journal.errors import JournalError
from cvlib.journal.gallery import each_once, groups_of
from cvlib.journal.handle import of_mistakes
from cvlib.journal.notes import skip_sentences
from cvlib.journal.quantity import keys_of, short_names
from cvlib.markup import markdown

if TYPE_CHECKING:
    from PIL import Image

    from cvlib.journal.gallery import Group
    from cvlib.journal.mistake_cases import Mistakes

PAGE_GROUPS = (
    "label-error", "ambiguous", "every model", "label errors", "confident", "pairs:5", "only right",
    "others",
)  # fmt: skip

BYTES = 560_000  # of a whole gallery; the pictures share what the words leave
_WORDS = 1_100  # bytes of one picture's words, about

_HOW = (
    "Arrow keys, Home and End move between pictures; Enter or a click shows one larger, with every "
    "model's answer; Escape closes it."
)

LONGEST = 96  # pixels
SMALL = 48  # shown with hard pixels, as PNG
_QUALITIES = (85, 75, 65, 55, 45, 35, 25)


@of_mistakes
def gallery_page(
    found: Mistakes, groups: Sequence[str] | None = None, limit: int = 120
) -> GalleryPage:
    """A gallery for the web, with more pictures and every model's answer; nothing in the PDF.

    limit: pictures in all, shared out among the groups.

    Example: found.gallery_page(limit=12)
    """
    if not 1 <= limit <= 400:
        raise JournalError(f"limit {limit!r}: expected 1 to 400 pictures")
    wanted = groups or PAGE_GROUPS
    if found.is_skipped:
        return GalleryPage(f"<p>{escape(' '.join(skip_sentences(found.variants[:1])))}</p>", wanted)
    rows = shared_out(groups_of(found, wanted), limit)
    if not rows:
        return GalleryPage("<p>No mistakes to show.</p>", wanted)
    room = max(600, (BYTES // sum(len(ids) for _, ids in rows) - _WORDS) * 3 // 4)
    sections = "\n".join(_section(found, group, ids, room) for group, ids in rows)
    runs = keys_of(model.variant for model in found.cases.models)
    handler = escape(_packed("gallery_page.js"), quote=True)
    html = (
        f"<style>\n{_packed('gallery_page.css')}\n</style>\n"
        f'<div class="mistake-gallery" data-runs="{short_names(runs)}" '
        f'onclick="this.onkeydown(event)" onkeydown="{handler}">\n'
        f"<p>{escape(_HOW)}</p>\n{sections}\n{_VIEW}\n</div>"
    )
    return GalleryPage(html, wanted)


@dataclass(frozen=True, repr=False)
class GalleryPage:
    """Shown as HTML by a notebook and on the web; a format that has no HTML shows a sentence."""

    html: str
    groups: Sequence[str]

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return {
            "text/html": self.html,
            "text/markdown": markdown("The pictures of these mistakes are in the web edition."),
            "text/plain": repr(self),
        }

    def __repr__(self) -> str:
        return f"<gallery of {', '.join(self.groups)}>"


def _section(found: Mistakes, group: Group, ids: np.ndarray, room: int) -> str:
    buttons = "\n".join(
        _button(found, image, picture, room)
        for image, picture in zip(ids.tolist(), found.pictures.of(ids), strict=True)
    )
    here = "" if len(ids) == len(group.ids) else f", {len(ids)} shown here"
    heading = f"{escape(group.title)} <small>{escape(group.count)}{here}</small>"
    return f'<h4>{heading}</h4>\n<div class="mistakes">\n{buttons}\n</div>'


def _button(found: Mistakes, image: int, picture: np.ndarray, room: int) -> str:
    subject = found.cases.subject
    row = subject.row_of[image]
    true = found.short_names[int(subject.labels[row])]
    answer = found.short_names[int(subject.answer[row])]
    sure = f"{100 * subject.confidence[row]:.0f}%"
    alt = f"{true}, taken for {answer} with a confidence of {sure}"
    if not subject.mistaken[row]:
        alt, answer = f"{true}, rightly named with a confidence of {sure}", "right"
    title = "\n".join(f"{name}: {value}" for name, value in _facts(found, image))
    height, width = picture.shape[:2]
    pixels = ' class="small"' if max(height, width) <= SMALL else ""  # shown as squares
    # <svg>, not <img>: that stands in a chapter's HTML for a picture that the PDF would lose,
    # and a render refuses it; what the PDF shows instead is in _repr_mimebundle_
    return (
        f'<button type="button" title="{escape(title)}"><svg{pixels} role="img" '
        f'aria-label="{escape(alt)}" viewBox="0 0 {width} {height}"><image width="{width}" '
        f'height="{height}" href="{thumbnail(picture, room)}"/></svg>'
        f"<span>{escape(true)}</span><span>→ {escape(answer)}</span><span>{sure}</span></button>"
    )


_VIEW = (
    '<dialog onclose="this.parentNode.shown.focus()"><div></div><p>'
    '<button type="button" value="-1">Previous</button>'
    '<button type="button" value="1">Next</button>'
    '<button type="button" value="close">Close</button></p></dialog>'
)


def shared_out(groups: Sequence[Group], limit: int) -> list[tuple[Group, np.ndarray]]:
    """Groups with their ids, each image once: as many of each as fit when all get the same room.

    A group with fewer leaves its room to the others.
    """
    low, high = 1, limit
    while low < high:  # the largest number a group that keeps within the limit
        middle = (low + high + 1) // 2
        if sum(len(ids) for _, ids in each_once(groups, middle)) <= limit:
            low = middle
        else:
            high = middle - 1
    rows = each_once(groups, low)
    # more groups than pictures: the first ones
    return rows if low > 1 else rows[:limit]


def _packed(name: str) -> str:
    """An asset without its comments and indentation."""
    text = (Path(__file__).parent / name).read_text(encoding="utf-8")
    text = re.sub(r"/\*.*?\*/\s*", "", text, flags=re.DOTALL)
    return "\n".join(line.strip() for line in text.splitlines() if line.strip())


def _facts(found: Mistakes, image: int) -> list[tuple[str, str]]:
    """Names with values: label, each model's answer, scores, properties, verdict."""
    names, subject = found.class_names, found.cases.subject
    row = subject.row_of[image]
    said = [("Label", names[int(subject.labels[row])])]
    for model in found.cases.models:
        if (own := model.row_of.get(image)) is not None:
            answer = names[int(model.answer[own])]
            value = f"{answer}, {100 * model.confidence[own]:.0f}%"
            seeds = model.wrong[:, own]
            if len(seeds) > 1:
                value += f" ({int((~seeds).sum())} of {len(seeds)} seeds right)"
            said.append((model.variant.label, value))
    said.append(("Hardness", f"{found.scores['hardness'][row]:.2f} nats"))
    said.append(("Mistakenness", f"{found.scores['mistakenness'][row]:.2f}"))
    suggested = found.suggested_labels.get(image)
    if suggested is not None:
        said.append(("Label by confident learning", names[suggested]))
    for name, values in found.properties.items():
        if np.ptp(values) > 0:  # the same for every image, such as the size, says nothing
            said.append((name.replace("_", " ").capitalize(), numbers.two_digits(values[row])))
    if image in found.verdicts:
        said.append(("Review", found.verdicts[image].replace("-", " ")))
    said.append(("Image", found.pictures.names(subject.ids[[row]])[0]))
    # a colon would be read as the end of the name
    return [(name.replace(": ", " "), value) for name, value in said]


def thumbnail(picture: np.ndarray, most_bytes: int) -> str:
    """A data URI of (H, W, C) uint8: PNG where the picture is small, else JPEG of so many bytes.

    The longest side is at most 96 pixels; JPEG's quality, then the size, is lowered until the
    file is small enough.
    """
    from PIL import Image

    image = Image.fromarray(picture[..., 0] if picture.shape[-1] == 1 else picture)
    if max(image.size) <= SMALL:
        uri, size = _uri(image, "png")
        if size <= most_bytes:
            return uri
    for longest in (LONGEST, 72, 48):
        smaller = image.copy()
        smaller.thumbnail((longest, longest), Image.Resampling.LANCZOS)
        for quality in _QUALITIES:
            uri, size = _uri(smaller, "jpeg", quality=quality)
            if size <= most_bytes:
                return uri
    return uri


def _uri(image: Image.Image, kind: str, **options: int) -> tuple[str, int]:
    """A data URI of the picture, and the bytes of its file."""
    buffer = io.BytesIO()
    image.save(buffer, kind, optimize=True, **options)
    content = buffer.getvalue()
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}", len(content)
