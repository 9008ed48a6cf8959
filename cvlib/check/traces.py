"""Every number that a chapter computes says from which runs it came, and those runs are there."""

from __future__ import annotations

import bisect
import re
from collections.abc import Iterator, Sequence

from cvlib.check.finding import Finding, failed, note, ok, unchecked
from cvlib.check.inline_values import SPAN, InlineValue, OtherText, inline_values
from cvlib.check.subject import CheckedChapter, Subject

_RUNS = re.compile(r"\bruns=\"([^\"]*)\"")
_SOURCE = re.compile(r"\bsource=\"([^\"]*)\"")
_DESCRIBED = re.compile(r"<dc:description>\s*runs:([0-9a-f\s]*)</dc:description>")
_HEAD = 1 << 16  # characters of an SVG that hold its metadata
# Digits inside a name are no number: EXP02, H1, ResNet-18.
_NAME = re.compile(r"[^\W\d_][\w-]*")

_REMEDY = (
    "Let it be what the journal gives (`exp.accuracy(…)`, `exp.difference(…)`), not text or a number "
    "that Python made of it: those have lost their runs. Then render the chapter again."
)


def find(subject: Subject) -> Iterator[Finding]:
    """Check each inline value of the frozen chapters, and every run that anything names."""
    stored = subject.stored_keys
    count, wrong = 0, 0
    for chapter in subject.chapters:
        markdown = chapter.frozen.get("typ") or chapter.frozen.get("html")
        if markdown is None:
            if "`{python} " in chapter.prose.source:
                yield unchecked(f"{chapter.file} is not frozen, so that its values are not known")
            continue
        try:
            values = inline_values(chapter.prose, markdown)
        except OtherText as error:
            values = []
            yield unchecked(
                f"the frozen copy of {chapter.file} has another text than the chapter, at “{error}…”",
                "`make report` executes the chapter again.",
            )
        found = [*_untraced(values), *_unknown(subject, chapter, markdown, stored)]
        count += len(values)
        wrong += len(found)
        yield from found
    if not wrong:
        yield ok(f"{count} computed values, each traced to its runs")
    yield note("numbers that are typed by hand are not checked: let the journal compute them")


def _untraced(values: list[InlineValue]) -> Iterator[Finding]:
    for value in values:
        if has_untraced_number(value.markdown):
            yield failed(
                f"`{{python}} {value.expression}` gives {_plain(value)}, which does not say from "
                "which runs it came",
                _REMEDY,
                file=value.file,
                line=value.line,
            )


def has_untraced_number(markdown: str) -> bool:
    """Tell whether there is a number outside of the spans that name runs or a source."""

    def keep(span: re.Match[str]) -> str:
        attributes = span["attributes"]
        named = (_RUNS.search(attributes) or _SOURCE.search(attributes)) is not None
        return "" if named else span["text"]

    return re.search(r"\d", _NAME.sub("", SPAN.sub(keep, markdown))) is not None


def _unknown(
    subject: Subject, chapter: CheckedChapter, markdown: str, stored: Sequence[str]
) -> Iterator[Finding]:
    """Yield what names runs that the store does not have, or a file that is not there."""
    for name in dict.fromkeys([*_named(_RUNS, markdown), *_drawn(chapter)]):
        if not _is_stored(name, stored):
            yield failed(
                f"what it shows comes from the run {name}…, which is not in {subject.shown(subject.layout.runs)}",
                "Restore it from git, or let the chapter be executed with the runs that there are: "
                "`make report`.",
                file=chapter.file,
            )
    for name in dict.fromkeys(_named(_SOURCE, markdown)):
        if not (subject.root / name).is_file():
            yield failed(
                f"values come from {name}, which does not exist",
                "`make report` executes the chapter again.",
                file=chapter.file,
            )


def _named(attribute: re.Pattern[str], markdown: str) -> Iterator[str]:
    for span in SPAN.finditer(markdown):
        for value in attribute.findall(span["attributes"]):
            yield from value.split() if attribute is _RUNS else [value]


def _drawn(chapter: CheckedChapter) -> Iterator[str]:
    """Yield the runs that the figures of a frozen chapter name in their metadata."""
    for path in sorted(chapter.folder.glob("figure-*/*.svg")):
        with path.open(encoding="utf-8", errors="replace") as figure:
            described = _DESCRIBED.search(figure.read(_HEAD))
        if described:
            yield from described[1].split()


def _is_stored(prefix: str, stored: Sequence[str]) -> bool:
    position = bisect.bisect_left(stored, prefix)
    return position < len(stored) and stored[position].startswith(prefix)


def _plain(value: InlineValue) -> str:
    text = re.sub(r"\\(.)", r"\1", value.markdown).replace("\u00a0", " ")
    return repr(text[:50] + "…" if len(text) > 50 else text)
