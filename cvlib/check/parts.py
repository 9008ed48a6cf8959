"""What the course asks of the PDF as a whole: its name, its parts in their order, its length."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from cvlib.check.finding import Finding, Findings, check, failed, note, ok
from cvlib.check.pdf import OutlineEntry
from cvlib.check.submission import Submission
from cvlib.settings import expected_pdf_name
from cvlib.yaml_source import SpecError

_DESCRIPTION = (
    ("Background", re.compile(r"background", re.IGNORECASE)),
    ("Hypotheses", re.compile(r"hypothes[ei]s|research questions?", re.IGNORECASE)),
    ("Plan", re.compile(r"\bplan\b", re.IGNORECASE)),
)
_EXPERIMENT = re.compile(r"EXP(\d+)\b")
# Sections at the end that count to no part, whatever their level.
_UNCOUNTED = ("provenance", "references", "bibliography", "acknowledg", "appendi")
_NUMBER = re.compile(r"^(?:\d+|[A-Z])(?:\.\d+)*\.?\s+")
_SHORTER = "Shorten the text, or leave out a figure or rows of a table (`variants=[…]`)."
_LONGER = "The course expects more: say what was found, and why."


@check("file name", of_pdf=True)
def file_name(submission: Submission) -> Findings:
    """Compare the file's name with the pattern of the settings, filled with the first author."""
    yml, author = submission.book.source, submission.book.names[0]
    try:
        expected = expected_pdf_name(submission.settings, author)
    except SpecError as error:
        yield failed(str(error), "Give the names.", (yml.file, yml.line("book", "author")))
        return None
    found = submission.pdf_path.name
    if found == expected:
        return found
    case = ", in other letters (capitals count)" if found.lower() == expected.lower() else ""
    to_do = f"Set `book: output-file: {expected.removesuffix('.pdf')}` and render again."
    words = author.split()
    if len(words) != 2 or not all(word in expected for word in words):
        to_do += (
            " Umlauts are written as in passports (ü as ue), other accents are left off, several first "
            "or last names are joined by hyphens; for another name set `cvlib: first-name:` and "
            "`last-name:`."
        )
    yield failed(
        f"the PDF is called {found}, expected {expected} for the author {author!r}{case}",
        to_do,
        (yml.file, yml.line("book", "output-file")),
    )
    return None


@dataclass(frozen=True)
class Section:
    """A heading at the top of the outline with the headings below it, up to where it ends."""

    title: str
    start: OutlineEntry
    end: OutlineEntry | None
    below: tuple[OutlineEntry, ...]

    @property
    def chapters(self) -> list[str]:
        """The titles one level below, without their numbers."""
        return [_bare(e.title) for e in self.below if e.level == self.start.level + 1]

    @property
    def experiments(self) -> list[int]:
        """The numbers of the experiments among them."""
        return [int(found[1]) for title in self.chapters if (found := _EXPERIMENT.match(title))]


def section_called(outline: Sequence[OutlineEntry], word: str) -> Section | None:
    """Return the first section at the top whose title holds `word`.

    It ends where the next one, or provenance, references or an appendix below it, begins.
    """
    for place, entry in enumerate(outline):
        if entry.level != 0 or word not in _bare(entry.title).lower():
            continue
        behind = range(place + 1, len(outline))
        stop = next(
            (
                i
                for i in behind
                if outline[i].level == 0 or _bare(outline[i].title).lower().startswith(_UNCOUNTED)
            ),
            len(outline),
        )
        end = outline[stop] if stop < len(outline) else None
        return Section(_bare(entry.title), entry, end, tuple(outline[place + 1 : stop]))
    return None


def _bare(title: str) -> str:
    """Return a title without its number: `2.1 EXP01: …` is `EXP01: …`."""
    return _NUMBER.sub("", title)


@check("parts", of_pdf=True)
def required_parts(submission: Submission) -> Findings:
    """Look for Description, Experiment Journal and Summary, and for what belongs below them."""
    outline = submission.pdf.outline
    if not outline:
        yield failed(
            "the PDF has no outline, so that none of its parts can be found",
            "Render it with `make report`, or with Quarto's Typst format; both write one.",
        )
        return None
    found: dict[str, Section] = {}
    for word, title, remedy in (
        ("description", "Description", "index.qmd begins with `# Description`."),
        ("journal", "Experiment Journal", "In _quarto.yml experiments stand below `part: Experiment Journal`."),
        ("summary", "Summary", "The last chapter, report/summary.qmd, begins with `# Summary`."),
    ):  # fmt: skip
        section = section_called(outline, word)
        if section is None:
            yield failed(f"there is no part {title!r}", remedy)
        else:
            found[word] = section
    places = [(section.start.page, section.start.top) for section in found.values()]
    if places != sorted(places):
        yield failed(
            "the parts stand in another order than Description, Experiment Journal, Summary",
            "Order `book: chapters:` in _quarto.yml.",
        )
    if "description" in found:
        yield from _description(found["description"])
    if "journal" in found:
        yield from _journal(found["journal"])
    count = len(found["journal"].experiments) if "journal" in found else 0
    return f"Background, Hypotheses, Plan; {count} experiments; Summary"


def _description(section: Section) -> Iterator[Finding]:
    titles = [_bare(entry.title) for entry in section.below]
    for name, pattern in _DESCRIPTION:
        if not any(pattern.search(title) for title in titles):
            yield failed(
                f"{section.title} has no section {name!r} (there is: {_listed(titles)})",
                f"Add `## {name}` to index.qmd.",
                page=section.start.page,
                file="index.qmd",
            )


def _journal(section: Section) -> Iterator[Finding]:
    numbers = section.experiments
    if not numbers:
        yield failed(
            f"{section.title} has no experiment (there is: {_listed(section.chapters)})",
            "The heading of each begins with its number: `# EXP01: What it is about`.",
            page=section.start.page,
        )
        return
    if len(set(numbers)) < len(numbers):
        twice = next(n for n in numbers if numbers.count(n) > 1)
        yield failed(
            f"EXP{twice:02d} stands twice in {section.title}",
            "Give each experiment a number of its own.",
            page=section.start.page,
        )
    elif numbers != list(range(1, len(numbers) + 1)):
        names = ", ".join(f"EXP{number:02d}" for number in numbers)
        yield note(f"the experiments are numbered {names}, not from EXP01 on without a gap")
    for title in section.chapters:
        if not _EXPERIMENT.match(title):
            yield note(f"{title!r} stands in {section.title} and has no number EXPnn")


def _listed(titles: Sequence[str]) -> str:
    return ", ".join(titles) or "nothing"


@check("pages", of_pdf=True)
def total_pages(submission: Submission) -> Findings:
    """Count the pages of the PDF."""
    count = len(submission.pdf.pages)
    yield _judged(f"{count} pages", count, *submission.settings.pages.total)
    return None


@check("lengths", of_pdf=True)
def part_lengths(submission: Submission) -> Findings:
    """Measure Description, Experiment Journal and Summary in heights of the text area."""
    limits = submission.settings.pages
    for word, lowest, highest in (
        ("description", 0.0, limits.description),
        ("journal", *limits.journal),
        ("summary", 0.0, limits.summary),
    ):
        section = section_called(submission.pdf.outline, word)
        if section is None:
            continue  # the check of the required parts says so
        length = pages_of(section, submission)
        says = f"{section.title}: {length:.2f} pages"
        yield _judged(says, round(length, 2), lowest, highest, page=section.start.page)
    return None


def _judged(
    says: str, length: float, lowest: float, highest: float, page: int | None = None
) -> Finding:
    allowed = f"{lowest:g} to {highest:g}" if lowest else f"at most {highest:g}"
    if length > highest:
        return failed(f"{says}, {allowed} allowed", _SHORTER, page=page)
    if length < lowest:
        return failed(f"{says}, {allowed} asked for", _LONGER, page=page)
    if not lowest and length < highest / 4:
        return note(f"{says} ({allowed}): rather short", page=page)
    return ok(f"{says} ({allowed})")


def pages_of(section: Section, submission: Submission) -> float:
    """Return a section's length in heights of the text area.

    From the top of its heading to the next section's heading. Where that begins a page, to the last
    line before it: white space that is left over is not counted.
    """
    pages, first, end = submission.pdf.pages, section.start.page, section.end
    last = end.page if end is not None else len(pages)
    begins_page = end is not None and all(
        drawn.box.bottom > end.top for drawn in pages[end.page - 1].content
    )
    length = 0.0
    for page in pages[first - 1 : last]:
        area = submission.text_area(page.width, page.height)
        top = section.start.top if page.number == first else area.top
        bottom = area.bottom
        if end is not None and page.number == end.page:
            bottom = end.top
        elif page.number == last or (page.number == last - 1 and begins_page):
            # where its content ends, rules and boxes with it
            ends = [d.box.bottom for d in page.objects if d.box.top >= area.top]
            bottom = max((end for end in ends if end <= area.bottom + 1), default=area.top)
        length += max(0.0, bottom - max(top, area.top)) / area.height
    return length
