"""Numbers in the text: none is typed, one quantity has one rounding, and what is compared is comparable."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from typing import TYPE_CHECKING

from cvlib.check.finding import Findings, check, failed, note
from cvlib.check.submission import CheckedChapter, Submission, blank
from cvlib.freeze.marks import Mark, as_read, marks, without_marks

if TYPE_CHECKING:
    from cvlib.results.run import Run

_DIGITS = re.compile(r"\d[\d.,]*")
# A number with the unit of a result. What is no result: the level of an interval, and what another's
# work found, for which a source is named in the sentence.
_RESULT = re.compile(
    r"(?<![\w.×^-])[+−±]?\d[\d.,]*(?:[\s\u00a0]*%|[\s\u00a0]+(?:points?|seconds|minutes|hours|min|s|times)\b)"
    r"(?![\s\u00a0]+(?:confidence[\s\u00a0]+)?(?:\w-)?intervals?\b)"
)
_INLINE = re.compile(r"`[^`\n]*`|\{[^{}]*\}|<[^>\n]*>|\]\([^)]*\)|\$[^$\n]*\$")
_SENTENCE_END = re.compile(r"[.!?:;](?=\s)|\n[ \t]*\n")


@check("typed numbers")
def typed(submission: Submission) -> Findings:
    """Search the prose for numbers with the unit of a result that no code computed."""
    count = 0
    for chapter in submission.chapters:
        prose = _INLINE.sub(blank, chapter.prose)
        for found in _RESULT.finditer(prose):
            if "[@" in _sentence(chapter.prose, found.start()):
                continue
            count += 1
            yield failed(
                f"“{' '.join(found[0].split())}” is typed, not computed",
                "Let the journal compute it (`{python} exp.accuracy(…)`), name its source in the sentence "
                "(`[@key]`), or write it in words where it is no result.",
                chapter.place(found.start()),
            )
    return None if count else "no result is typed by hand"


def _sentence(text: str, at: int) -> str:
    """The sentence around a place."""
    start = max((found.end() for found in _SENTENCE_END.finditer(text, 0, at)), default=0)
    end = _SENTENCE_END.search(text, at)
    return text[start : end.start() if end else None]


@check("roundings")
def roundings(submission: Submission) -> Findings:
    """Compare the digits of all values of the report that are the same number before rounding."""
    written: dict[tuple[str, tuple[str, ...]], dict[str, str]] = defaultdict(dict)
    for chapter, mark in _values(submission):
        if mark.exact and (digits := _DIGITS.search(mark.text)):
            unit = mark.text[digits.end() :].strip()[:1]
            quantity = mark.exact.lstrip("-") + unit, mark.runs
            written[quantity].setdefault(digits[0], chapter.file)
    several = [texts for texts in written.values() if len(texts) > 1]
    for texts in several:
        said = " and ".join(f"{digits} ({file})" for digits, file in texts.items())
        yield failed(
            f"one quantity has two roundings: {said}",
            "Let the same function of the journal write it in both places.",
        )
    return None if several else "each quantity has one rounding"


@check("same images")
def images(submission: Submission) -> Findings:
    """Ask of each sentence that compares percents whether they are of the same test images."""
    tested = {
        status.result.key[:10]: _test_set(status.result)
        for status in submission.runs
        if status.result is not None
    }
    count = 0
    for chapter in submission.chapters:
        for sentence, found in _sentences(chapter):
            sets = {
                tested[key]
                for mark in found
                if "%" in mark.text
                for key in mark.runs
                if key in tested
            }
            if len(sets) > 1 and "images" not in sentence:
                count += 1
                said = " and ".join(sorted(f"{number:,.0f} of {name}" for name, number in sets))
                shown = as_read(sentence)
                yield note(
                    f"“{shown[:90]}…” has percents of different test images ({said})",
                    "Say so in the sentence, or compare with `exp.difference`, which takes the common images.",
                    file=chapter.file,
                )
    return (
        None if count else "what stands in one sentence was tested on the same images, or says so"
    )


def _test_set(run: Run) -> tuple[str, float]:
    return str(run.spec["dataset"]["name"]), run.metrics.get("test_images", 0)


def _values(submission: Submission) -> Iterator[tuple[CheckedChapter, Mark]]:
    for chapter in submission.chapters:
        for mark in marks(chapter.markdown or ""):
            if mark.markdown:
                yield chapter, mark


def _sentences(chapter: CheckedChapter) -> Iterator[tuple[str, list[Mark]]]:
    """Each sentence of the frozen chapter that holds two values or more, with them."""
    text = chapter.markdown or ""
    found = [mark for mark in marks(text) if mark.markdown]
    # the points of numbers end no sentence
    covered = without_marks(text, lambda mark: " " * (mark.end - mark.start))
    start = 0
    for end in [*(each.end() for each in _SENTENCE_END.finditer(covered)), len(text)]:
        inside = [mark for mark in found if start <= mark.start < end]
        if len(inside) > 1 and "|" not in covered[start:end]:
            yield text[start:end], inside
        start = end
