"""How the PDF's pages look: nothing outside of the text, no table cut off, no empty figure, no loose font."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import combinations

import numpy as np

from cvlib.check.finding import Findings, check, failed, unchecked
from cvlib.check.pdf import Box, Drawn, Font, Page, Tagged, around
from cvlib.check.pictures import is_one_colour
from cvlib.check.submission import Submission

# In points. Typst hangs punctuation by up to 2 points into the margin, and letters reach below
# the line that they stand on; whatever sticks out further is seen.
_SIDE = 4.0
_DEPTH = 6.0
# Points by which the texts of two cells of a table may share room: accents and exponents touch.
_TOUCH = 1.5
_CAPTION = 60  # points to a caption; panels have a line of their own between picture and caption

_TOO_WIDE = (
    "Break or shorten it: a long word or link, a line of code, a formula; give a figure a smaller "
    "`width=`; let a table have fewer columns."
)
_TABLE_TOO_WIDE = (
    "Let it have fewer columns or rows, or shorter words in its cells; a long table may run over "
    "several pages, a wide one may not."
)
_NOTHING_DRAWN = (
    "See what its cell draws (`cvlib render CHAPTER --fresh --to html`): the variants that it names "
    "may have no results."
)


@check("margins", of_pdf=True)
def margins(submission: Submission) -> Findings:
    """Measure all texts, then look at the margins for anything else that is drawn there."""
    pdf = submission.pdf
    for page in pdf.pages:
        area = submission.text_area(page.width, page.height)
        # the check of tables says so of theirs
        tables = [tag.content_ids for tag in page.tags if tag.kind == "Table"]
        texts = [d for d in page.words if not any(d.content_id in ids for ids in tables)]
        says = [
            f"{_quoted(found)} {what}"
            for what, found in _outside(page, area, texts, pdf.is_tagged)
            if found
        ]
        if not says and not any(_is_wide(d, area) for d in page.words):
            says = [
                f"something is drawn in the {side} margin: a figure or a rule that is too wide"
                for side in _inked_margins(page, area)
            ]
        for said in says:
            yield failed(said, _TOO_WIDE, page=page.number)
    if not pdf.is_tagged:
        yield unchecked(
            "the PDF is not tagged, so that its heads and feet cannot be told from its text: only "
            "the margins at the sides were looked at",
            "Typst 0.14 and later tags what it writes.",
        )
    return "all content is inside the margins"


def _outside(
    page: Page, area: Box, texts: Sequence[Drawn], is_tagged: bool
) -> Iterator[tuple[str, list[Drawn]]]:
    on_page = [d for d in texts if d.box.left >= 0 and d.box.right <= page.width]
    whole = Box(0, 0, page.width, page.height)
    off_page = [d for d in texts if around([whole, d.box]) != whole]
    yield "runs off the page", off_page
    yield "stands in the margin", [d for d in on_page if _is_wide(d, area)]
    if is_tagged:
        low = [d for d in on_page if area.bottom + _DEPTH < d.box.bottom <= page.height]
        yield "stands below the last line, in the foot of the page", low


def _is_wide(drawn: Drawn, area: Box) -> bool:
    return drawn.box.left < area.left - _SIDE or drawn.box.right > area.right + _SIDE


def _inked_margins(page: Page, area: Box) -> list[str]:
    """Return the first side on which something is drawn beyond the text area."""
    strips = {
        "left": Box(0, 0, area.left - _SIDE, page.height),
        "right": Box(area.right + _SIDE, 0, page.width, page.height),
    }
    wide = [(side, strip) for side, strip in strips.items() if strip.width >= 1]
    inked = (side for side, strip in wide if np.ptp(page.ink(strip), axis=(0, 1)).max() > 16)
    return [side for side in [next(inked, None)] if side is not None]


def _quoted(texts: Sequence[Drawn]) -> str:
    words = texts[0].text.strip()
    more = f" and {len(texts) - 1} more" if len(texts) > 1 else ""
    return f"the text {words[:40] + '…' if len(words) > 40 else words!r}{more}"


@check("tables", of_pdf=True)
def tables(submission: Submission) -> Findings:
    """Measure every table of a tagged PDF with its rules."""
    if not submission.pdf.is_tagged:
        yield unchecked("the PDF is not tagged, so that its tables cannot be found")
        return None
    count = 0
    for page, tag in _tagged(submission, "Table"):
        if not page.drawn_of(tag):
            continue
        count += 1
        if says := _wrong_with_table(page, tag, submission.text_area(page.width, page.height)):
            name = _caption(page, tag, submission)
            yield failed(
                f"{name or 'a table'} {says}", _TABLE_TOO_WIDE, page=page.number, label=name
            )
    return f"{count} tables and parts of tables, none of them cut off"


def _wrong_with_table(page: Page, tag: Tagged, area: Box) -> str | None:
    box = page.box_of(tag)
    assert box is not None
    # its rules are lines at the height of its rows
    rules = [
        d.box
        for d in page.objects
        if d.kind == "path" and d.is_artifact and d.box.height < 3
        if box.top - 12 < d.box.top < box.bottom + 12
    ]
    ruled = around([box, *rules]) or box
    if ruled.right > page.width or ruled.left < 0:
        return "runs off the page at its side"
    if ruled.right > area.right + _SIDE:
        return f"is cut off: it sticks {ruled.right - area.right:.0f} points into the right margin"
    if ruled.left < area.left - _SIDE:
        return f"is cut off: it sticks {area.left - ruled.left:.0f} points into the left margin"
    if box.bottom > area.bottom + _DEPTH:
        return "runs into the foot of the page"
    words = [d for d in page.words if d.content_id in tag.content_ids]
    for first, second in combinations(words, 2):
        if first.content_id != second.content_id and _overlap(first.box, second.box):
            return f"has texts over one another: {first.text.strip()!r} and {second.text.strip()!r}"
    return None


def _overlap(first: Box, second: Box) -> bool:
    width = min(first.right, second.right) - max(first.left, second.left)
    height = min(first.bottom, second.bottom) - max(first.top, second.top)
    return width > _TOUCH and height > _TOUCH


@check("figures", of_pdf=True)
def figures(submission: Submission) -> Findings:
    """Look at what the PDF draws for each figure that it tags."""
    if not submission.pdf.is_tagged:
        yield unchecked("the PDF is not tagged, so that its figures cannot be found")
        return None
    count = 0
    for page, tag in _tagged(submission, "Figure"):
        count += 1
        box = page.box_of(tag)
        if box is not None and not is_one_colour(page.ink(box)):
            continue
        name = _caption(page, tag, submission)
        says = "has no picture" if box is None else "is empty: it is of one colour"
        yield failed(f"{name or 'a figure'} {says}", _NOTHING_DRAWN, page=page.number, label=name)
    return f"{count} pictures, none of them empty"


def _tagged(submission: Submission, kind: str) -> Iterator[tuple[Page, Tagged]]:
    for page in submission.pdf.pages:
        yield from ((page, tag) for tag in page.tags if tag.kind == kind)


def _caption(page: Page, tag: Tagged, submission: Submission) -> str | None:
    """Return `Figure 3` or `Table 2`: the caption nearest below a figure, or above a table."""
    box = page.box_of(tag)
    if box is None:
        return None
    word = submission.book.float_titles["fig" if tag.kind == "Figure" else "tbl"]
    numbered = re.compile(rf"\s*({re.escape(word)}[ \u00a0]\d+)\b")

    def distance(drawn: Drawn) -> float:
        if tag.kind == "Figure":
            return drawn.box.top - box.bottom
        # Typst may tag a table's caption as part of the table
        return max(0.0, box.top - drawn.box.bottom)

    captions = [
        (distance(drawn), found[1].replace("\u00a0", " "))
        for drawn in page.words
        if (found := numbered.match(drawn.text)) and -4 < distance(drawn) < _CAPTION
    ]
    return min(captions)[1] if captions else None


@check("fonts", of_pdf=True)
def fonts(submission: Submission) -> Findings:
    """Ask the font of every text whether its letters are in the file: it looks the same everywhere."""
    pages: dict[Font, list[int]] = defaultdict(list)
    for page in submission.pdf.pages:
        for font in {drawn.font for drawn in page.objects if drawn.font is not None}:
            pages[font].append(page.number)
    if not pages:
        yield failed(
            "the PDF has no text; it may be a scan or a print of pictures",
            "Hand in the PDF that `make report` makes.",
        )
        return None
    loose = [font for font in pages if not font.is_embedded]
    for font in sorted(loose, key=lambda font: font.name):
        yield failed(
            f"the font {font.name} is not embedded",
            "Render with Typst (`make report`), which embeds all; other programs that write PDFs "
            "have a setting for it.",
            page=pages[font][0],
        )
    return f"{len(pages)} fonts, all embedded"
