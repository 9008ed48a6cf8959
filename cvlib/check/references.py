"""Every reference and every citation leads somewhere, in the chapters and in the PDF."""

from __future__ import annotations

import re
from collections.abc import Iterator

from cvlib.check.finding import Finding, failed, ok, unchecked
from cvlib.check.labels import (
    as_defined,
    bibliography_keys,
    calls_in,
    cell_labels,
    is_label,
    labels_in,
)
from cvlib.check.subject import CheckedChapter, Subject
from cvlib.engine.source_lines import nearest

# What Quarto, pandoc and LaTeX print in place of what they did not find.
_IN_PDF = re.compile(r"\?@[\w:.-]+|\?\?+|\[\?\]|@(?:fig|tbl|sec|eq|lst)-[\w-]+", re.IGNORECASE)


def find_in_chapters(subject: Subject) -> Iterator[Finding]:
    """Compare the labels and keys that chapters call with those that there are."""
    labels: set[str] = set()
    for chapter in subject.chapters:
        labels |= labels_in(chapter.result) | labels_in(chapter.prose.source)
        if chapter.has_cells and "typ" not in chapter.frozen:
            labels |= cell_labels(chapter.prose.source)
    try:
        keys = {key for path in subject.bibliography for key in bibliography_keys(path)}
    except (ValueError, KeyError, TypeError, OSError) as error:
        yield unchecked(f"the bibliography cannot be read: {error}")
        return
    count, wrong = 0, 0
    for chapter in subject.chapters:
        # the source, too: a frozen copy may be of an earlier text
        calls = [*calls_in(chapter.prose.source), *calls_in(chapter.result)]
        for called in dict.fromkeys(calls):
            count += 1
            if is_label(called):
                found = _label(called, labels, chapter)
            else:
                found = _citation(called, keys, chapter)
            if found is not None:
                wrong += 1
                yield found
    if not wrong:
        yield ok(f"{count} references and citations, all of them resolved")


def _label(called: str, labels: set[str], chapter: CheckedChapter) -> Finding | None:
    if {called, as_defined(called)} & labels:
        return None
    file, line = _place(called, chapter)
    kind = called.split("-")[0].lower()
    same_kind = [label for label in labels if label.startswith(kind + "-")]
    return failed(
        f"the reference @{called} leads nowhere{nearest(called, same_kind)}",
        "Correct it, or label what is meant.",
        file=file,
        line=line,
        label=called,
    )


def _citation(called: str, keys: set[str], chapter: CheckedChapter) -> Finding | None:
    if called in keys:
        return None
    file, line = _place(called, chapter)
    near = nearest(called, keys)
    return failed(
        f"the citation @{called} is not in the bibliography{near if near.startswith('; did') else ''}",
        "Correct the key, or add the work to the bibliography. (A plain @ is written \\@.)",
        file=file,
        line=line,
        label=called,
    )


def _place(called: str, chapter: CheckedChapter) -> tuple[str, int | None]:
    return chapter.prose.find(rf"@\{{?{re.escape(called)}(?![\w-])")


def find_in_pdf(subject: Subject) -> Iterator[Finding]:
    """Search the PDF for what is printed in place of a reference that was not found."""
    cited = {
        key
        for chapter in subject.chapters
        for key in calls_in(chapter.prose.source)
        if not is_label(key)
    }
    wrong = 0
    for page in subject.pdf.pages:
        text = page.text
        marks = [found[0].rstrip(".:") for found in _IN_PDF.finditer(text)]
        # pandoc prints the key of a citation that it did not find, with a question mark
        marks += [f"{key}?" for key in sorted(cited) if f"{key}?" in text]
        for mark in dict.fromkeys(marks):
            wrong += 1
            yield failed(
                f"the PDF prints {mark!r} where a reference was not resolved",
                "Mend the reference in the chapter, then `make report`.",
                page=page.number,
                label=mark.strip("?@[]") or None,
            )
    if not wrong:
        yield ok("no unresolved reference is printed")
