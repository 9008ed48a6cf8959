"""Blocks of prose that interpret results, and whether they were read since the results changed.

    ::: {.interpretation reviewed="exp02=77d0e1aa"}
    **Fine-tuning beats the probe.** …
    :::

`reviewed` names, for each experiment that the chapter reads, the fingerprint of the results that the
text was written against; `cvlib reviewed exp02` fills it in. `of="exp02"` narrows a block to some of
them. Fenced code is no block.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cvlib.engine.chapter import parse_chapter, read_chapter
from cvlib.engine.errors import BookError, Unsupported
from cvlib.freeze.freeze import freeze_folder
from cvlib.freeze.refreeze import refreeze

if TYPE_CHECKING:
    from cvlib.project import Project

CLASS = "interpretation"
NEVER = "never reviewed"

_OPENING = re.compile(rf"^\s*:{{3,}}\s*\{{(?P<inside>[^}}\n]*\.{CLASS}\b[^}}\n]*)\}}\s*$")
_FENCE = re.compile(r"^\s*(`{3,}|~{3,})")
_PAIR = re.compile(r"\b(reviewed|of)\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|(\S+))")
_WORDS = 8


@dataclass(frozen=True)
class Block:
    """One block in a chapter. line: of its opening; words: how it begins."""

    file: str
    line: int
    words: str
    of: tuple[str, ...]
    reviewed: Mapping[str, str]

    def changed(self, now: Mapping[str, str]) -> list[str]:
        """Experiments whose results are not those the text was written against.

        now: fingerprints of the experiments that the chapter reads.
        """
        mine = {k: v for k, v in now.items() if not self.of or k in self.of}
        return sorted(name for name in mine if self.reviewed.get(name) != mine[name])


@dataclass(frozen=True)
class ToReview:
    """A block to read again. changed: experiments whose results are new to it."""

    file: str
    line: int
    words: str
    changed: tuple[str, ...]
    never: bool

    @property
    def reason(self) -> str:
        """`exp02 changed since it was reviewed`, or `never reviewed`."""
        return NEVER if self.never else f"{', '.join(self.changed)} changed since it was reviewed"


def blocks_in(file: str, text: str) -> Iterator[Block]:
    """The blocks of one chapter, in order."""
    lines = text.splitlines()
    for number, inside in _openings(lines):
        given = _attributes(inside)
        pairs = (item.partition("=") for item in given.get("reviewed", "").split())
        yield Block(
            file,
            number,
            _beginning(lines[number:]),
            tuple(given.get("of", "").split()),
            {name: digits for name, _, digits in pairs},
        )


def chapter_fingerprints(layout: Project, file: str) -> dict[str, str]:
    """Fingerprints of the experiments that a chapter reads."""
    from cvlib.freeze.fingerprints import results_fingerprints
    from cvlib.freeze.inputs import experiments_of

    return results_fingerprints(layout, experiments_of(layout, layout.root / file))


def blocks_to_review(layout: Project, files: Iterable[str] | None = None) -> list[ToReview]:
    """Every block whose results changed since it was reviewed, in the order of the book."""
    found = []
    for file in files if files is not None else book_files(layout):
        blocks = list(blocks_in(file, (layout.root / file).read_text(encoding="utf-8")))
        now = chapter_fingerprints(layout, file) if blocks else {}
        for block in blocks:
            if changed := block.changed(now):
                found.append(
                    ToReview(file, block.line, block.words, tuple(changed), not block.reviewed)
                )
    return found


def mark_reviewed(layout: Project, file: str) -> int:
    """Write the present fingerprints into every block of a chapter; the number that changed.

    A frozen copy of the chapter goes on: it is changed alike.
    Raises ProjectError for a chapter without such a block.
    """
    path = layout.root / file
    text = path.read_bytes().decode("utf-8")
    lines = text.splitlines(keepends=True)
    now = chapter_fingerprints(layout, file)
    blocks = changed = 0
    for number, inside in _openings([line.rstrip("\r\n") for line in lines]):
        blocks += 1
        of = _attributes(inside).get("of", "").split()
        value = " ".join(f"{k}={v}" for k, v in sorted(now.items()) if not of or k in of)
        new = lines[number - 1].replace(inside, _with_reviewed(inside, value))
        changed += new != lines[number - 1]
        lines[number - 1] = new
    if not blocks:
        raise BookError(
            f"no block of interpretation; put the text between `::: {{.{CLASS}}}` and `:::`",
            file=file,
        )
    if changed:
        path.write_bytes("".join(lines).encode("utf-8"))
        _carry_on(layout.root, file, text)
    return changed


def _carry_on(root: Path, file: str, before: str) -> None:
    """Let the frozen copy of a chapter go on that was of the text `before`."""
    with suppress(Unsupported):  # Quarto may well understand it, and executes it again
        refreeze(
            freeze_folder(root, file), parse_chapter(root, file, before), read_chapter(root, file)
        )


def review_note(block: Block, now: Mapping[str, str]) -> str:
    """What a page says above a block that is to be read again; '' above one that is not."""
    changed = block.changed(now)
    if not changed:
        return ""
    chapter = Path(block.file).stem
    names = ", ".join(name.upper() for name in changed)
    why = (
        f"Results of {names} changed since this was written"
        if block.reviewed
        else ("Not reviewed beside its results yet")
    )
    return f"{why}. Read it again, then: cvlib reviewed {chapter}"


def book_files(layout: Project) -> list[str]:
    """The book's chapters that are there, in order."""
    from cvlib.freeze.book_files import read_book_files

    book = read_book_files(layout.root, layout.quarto_profile)
    return [file for file in book.chapters if (layout.root / file).is_file()]


def _openings(lines: list[str]) -> Iterator[tuple[int, str]]:
    """Line number from 1, and what stands in the braces, of each block's opening."""
    fence = ""
    for number, line in enumerate(lines, 1):
        if found := _FENCE.match(line):
            mark = found[1]
            if not fence:
                fence = mark
            elif mark[0] == fence[0] and len(mark) >= len(fence):
                fence = ""
        elif not fence and (opening := _OPENING.match(line)):
            yield number, opening["inside"]


def _attributes(inside: str) -> dict[str, str]:
    return {m[1]: next(g for g in m.groups()[1:] if g is not None) for m in _PAIR.finditer(inside)}


def _with_reviewed(inside: str, value: str) -> str:
    pattern = re.compile(r"\breviewed\s*=\s*(?:\"[^\"]*\"|'[^']*'|\S+)")
    attribute = f'reviewed="{value}"'
    if pattern.search(inside):
        return pattern.sub(lambda _: attribute, inside, count=1)
    return f"{inside.rstrip()} {attribute}"


def _beginning(lines: list[str]) -> str:
    for line in lines:
        if line.strip():
            words = re.sub(r"[*_]", "", line).split()
            return " ".join(words[:_WORDS]) + (" …" if len(words) > _WORDS else "")
    return ""
