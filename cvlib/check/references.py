"""Every reference and every citation leads somewhere, in the chapters and in the PDF."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator
from pathlib import Path

from cvlib.check.finding import Findings, check, failed, unchecked
from cvlib.check.submission import Submission, blank, without_blocks
from cvlib.engine.citations import BIBTEX_KEY
from cvlib.engine.errors import nearest
from cvlib.markup import markdown
from cvlib.yaml_source import parse_yaml

# What Quarto, pandoc and LaTeX print in place of what they did not find.
_IN_PDF = re.compile(r"\?@[\w:.-]+|\?\?+|\[\?\]|@(?:fig|tbl|sec|eq|lst)-[\w-]+", re.IGNORECASE)

_KINDS = "fig|tbl|sec|eq|lst|thm|lem|cor|prp|cnj|def|exm|exr|alg|nte|tip|wrn|imp|cau|vid"
_LABEL = re.compile(rf"(?:{_KINDS})-.+", re.IGNORECASE)
_DEFINED = re.compile(rf"\{{[^{{}}]*?#((?:{_KINDS})-[\w:.-]+)")
# As pandoc reads a key: letters, digits and _, and inside of it some punctuation.
_CALL = re.compile(
    r"(?<![\w\\@./])@(?:\{(?P<braced>[^}\s]+)\}|(?P<key>\w(?:\w|[:.#$%&\-+?<>~/](?=\w))*))"
)
_CODE_SPAN = re.compile(r"(?<!`)(`+)(?!`).+?(?<!`)\1(?!`)")
_LINK_TARGET = re.compile(r"(?<=\]\()[^()\s]+|<https?:[^>\s]+>|https?://[^\s)>\]]+")


@check("references")
def references(submission: Submission) -> Findings:
    """Compare the labels and keys that chapters call with those that there are."""
    labels: set[str] = set()
    for chapter in submission.chapters:
        for text in (chapter.result, chapter.text):
            labels.update(_DEFINED.findall(without_blocks(text)))
        if chapter.typst is None:  # then its cells may show what they label
            labels.update(str(cell.options.get("label")) for cell in chapter.chapter.cells)
    try:
        keys = {key for path in submission.book.bibliography for key in _bibliography_keys(path)}
    except (ValueError, KeyError, TypeError, OSError) as error:
        yield unchecked(f"the bibliography cannot be read: {error}")
        return None
    count = 0
    for chapter in submission.chapters:
        # the source, too: a frozen copy may be of an earlier text
        calls = [*_calls_in(chapter.text), *_calls_in(chapter.result)]
        for called in dict.fromkeys(calls):
            count += 1
            says = _wrong_with(called, labels, keys)
            if says is not None:
                at = chapter.find(rf"@\{{?{re.escape(called)}(?![\w-])")
                yield failed(*says, at, label=called)
    return f"{count} references and citations, all of them resolved"


def _wrong_with(
    called: str, labels: Collection[str], keys: Collection[str]
) -> tuple[str, str] | None:
    """What is to be said of a call, and what to do."""
    if not _LABEL.fullmatch(called):
        if called in keys:
            return None
        near = nearest(called, keys)
        near = near if near.startswith("; did") else ""
        return (
            f"the citation @{called} is not in the bibliography{near}",
            "Correct the key, or add the work to the bibliography. (A plain @ is written \\@.)",
        )
    # `Fig-x`, at the start of a sentence, is `fig-x`
    if {called, called[:1].lower() + called[1:]} & set(labels):
        return None
    kind = called.split("-")[0].lower()
    same_kind = [label for label in labels if label.startswith(kind + "-")]
    return (
        f"the reference @{called} leads nowhere{nearest(called, same_kind)}",
        "Correct it, or label what is meant.",
    )


@check("printed marks", of_pdf=True)
def printed_marks(submission: Submission) -> Findings:
    """Search the PDF for what is printed in place of a reference that was not found."""
    calls = {key for c in submission.chapters for key in _calls_in(c.text)}
    cited = sorted(key for key in calls if not _LABEL.fullmatch(key))
    written = "\n".join(chapter.result for chapter in submission.chapters)
    for page in submission.pdf.pages:
        text = page.text
        marks = [found[0].rstrip(".:") for found in _IN_PDF.finditer(text)]
        # a name may look like one; it is escaped where it is written
        marks = [mark for mark in marks if markdown(mark) not in written]
        # pandoc prints the key of a citation that it did not find, with a question mark
        marks += [f"{key}?" for key in cited if f"{key}?" in text]
        for mark in dict.fromkeys(marks):
            yield failed(
                f"the PDF prints {mark!r} where a reference was not resolved",
                "Mend the reference in the chapter, then `make report`.",
                page=page.number,
                label=mark.strip("?@[]") or None,
            )
    return "no unresolved reference is printed"


def _calls_in(markdown: str) -> Iterator[str]:
    """Yield every `@key` of a text, code and the targets of links left out."""
    text = without_blocks(markdown)
    for pattern in (_CODE_SPAN, _LINK_TARGET):
        text = pattern.sub(blank, text)
    for found in _CALL.finditer(text):
        yield found["braced"] or found["key"]


def _bibliography_keys(path: Path) -> set[str]:
    """Return the keys of a bibliography: BibTeX, CSL JSON or CSL YAML; ValueError for another."""
    text = path.read_text(encoding="utf-8")
    if path.suffix in (".bib", ".bibtex"):
        return set(BIBTEX_KEY.findall(text))
    if path.suffix == ".json":
        return {str(entry["id"]) for entry in json.loads(text)}
    if path.suffix in (".yaml", ".yml"):
        return {str(entry["id"]) for entry in parse_yaml(text, path.name).data["references"]}
    raise ValueError(f"{path.name}: expected .bib, .json or .yaml")
