"""The parts that the course asks for are there, in their order."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from cvlib.check.finding import Finding, failed, note, ok
from cvlib.check.sections import Section, bare, section_called
from cvlib.check.subject import Subject

DESCRIPTION = (
    ("Background", re.compile(r"background", re.IGNORECASE)),
    ("Hypotheses", re.compile(r"hypothes[ei]s|research questions?", re.IGNORECASE)),
    ("Plan", re.compile(r"\bplan\b", re.IGNORECASE)),
)
_EXPERIMENT = re.compile(r"EXP(\d+)\b")


def find(subject: Subject) -> Iterator[Finding]:
    """Look for Description, Experiment Journal and Summary, and for what belongs below them."""
    outline = subject.pdf.outline
    if not outline:
        yield failed(
            "the PDF has no outline, so that none of its parts can be found",
            "Render it with `make report`, or with Quarto's Typst format; both write one.",
        )
        return
    found: dict[str, Section] = {}
    wrong: list[Finding] = []
    for word, title, remedy in (
        ("description", "Description", "index.qmd begins with `# Description`."),
        ("journal", "Experiment Journal", "In _quarto.yml experiments stand below `part: Experiment Journal`."),
        ("summary", "Summary", "The last chapter, report/summary.qmd, begins with `# Summary`."),
    ):  # fmt: skip
        section = section_called(outline, word)
        if section is None:
            wrong.append(failed(f"there is no part {title!r}", remedy))
        else:
            found[word] = section
    places = [(section.start.page, section.start.top) for section in found.values()]
    if places != sorted(places):
        wrong.append(
            failed(
                "the parts stand in another order than Description, Experiment Journal, Summary",
                "Order `book: chapters:` in _quarto.yml.",
            )
        )
    if "description" in found:
        wrong += _description(found["description"])
    if "journal" in found:
        wrong += _journal(found["journal"])
    yield from wrong
    if not any(finding.verdict == "failed" for finding in wrong):
        count = len(_experiments(found["journal"]))
        yield ok(f"Background, Hypotheses, Plan; {count} experiments; Summary")


def _description(section: Section) -> Iterator[Finding]:
    titles = [bare(entry.title) for entry in section.below]
    for name, pattern in DESCRIPTION:
        if not any(pattern.search(title) for title in titles):
            yield failed(
                f"{section.title} has no section {name!r} (there is: {_listed(titles)})",
                f"Add `## {name}` to index.qmd.",
                page=section.start.page,
                file="index.qmd",
            )


def _journal(section: Section) -> Iterator[Finding]:
    level = section.start.level + 1
    below = [bare(entry.title) for entry in section.below if entry.level == level]
    numbers = _experiments(section)
    if not numbers:
        yield failed(
            f"{section.title} has no experiment (there is: {_listed(below)})",
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
    for title in below:
        if not _EXPERIMENT.match(title):
            yield note(f"{title!r} stands in {section.title} and has no number EXPnn")


def _experiments(section: Section) -> list[int]:
    level = section.start.level + 1
    titles = (bare(entry.title) for entry in section.below if entry.level == level)
    return [int(found[1]) for title in titles if (found := _EXPERIMENT.match(title))]


def _listed(titles: Sequence[str]) -> str:
    return ", ".join(titles) or "nothing"
