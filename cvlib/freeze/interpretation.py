"""Blocks of prose that interpret results, and whether they were read since the results changed.

    ::: {.interpretation reviewed="exp02=77d0e1aa"}
    **Fine-tuning beats the probe.** …
    :::

`reviewed` names, for each experiment that the chapter reads, the fingerprint of the results that the
text was written against; `cvlib reviewed exp02` fills it in. `of="exp02"` narrows a block to some of
them. Fenced code is no block. Where both engines find the fingerprints is `fingerprints_file`: without
Python, too.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cvlib.engine.chapter import parse_chapter
from cvlib.engine.errors import BookError
from cvlib.errors import CvlibError
from cvlib.files import readable_json, replace_text
from cvlib.freeze.carry_over import refreeze
from cvlib.freeze.frozen_copy import freeze_folder
from cvlib.freeze.reads import results_fingerprint

if TYPE_CHECKING:
    from cvlib.project import Project

CLASS = "interpretation"
NEVER = "never reviewed"

_OPENING = re.compile(rf"^\s*:{{3,}}\s*\{{(?P<inside>[^}}\n]*\.{CLASS}\b[^}}\n]*)\}}\s*$")
_FENCE = re.compile(r"^\s*(`{3,}|~{3,})")
_PAIR = re.compile(r"\b(reviewed|of)\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|(\S+))")
_WORDS = 8


@dataclass(frozen=True)
class InterpretationBlock:
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


def blocks_in(file: str, text: str) -> Iterator[InterpretationBlock]:
    """The blocks of one chapter, in order."""
    lines = text.splitlines()
    for number, inside in _openings(lines):
        given = _attributes(inside)
        pairs = (item.partition("=") for item in given.get("reviewed", "").split())
        yield InterpretationBlock(
            file,
            number,
            _beginning(lines[number:]),
            tuple(given.get("of", "").split()),
            {name: digits for name, _, digits in pairs},
        )


def fingerprints(project: Project, experiments: Iterable[str]) -> dict[str, str]:
    """Experiment id -> fingerprint of its results and reviews.

    An experiment that cannot be read is left out: executing a chapter says what is wrong with it.
    """
    found: dict[str, str] = {}
    for name in sorted(set(experiments)):
        with suppress(CvlibError):
            found[name] = results_fingerprint(project, name)
    return found


def fingerprints_file(project: Project) -> Path:
    """Where both engines find the fingerprints of all experiments.

    Beside the frozen chapters, so that a clone without Python has them; of another profile, which
    freezes nothing, among the files that a render leaves.
    """
    if project.profile == "default":
        return project.root / "_freeze" / "fingerprints.json"
    return project.root / ".quarto" / f"fingerprints-{project.profile}.json"


def note_fingerprints(project: Project) -> dict[str, str]:
    """Bring the file up to date and return what it holds."""
    now = fingerprints(project, project.experiment_ids())
    path = fingerprints_file(project)
    if noted_fingerprints(path) != now and (now or path.exists()):
        replace_text(path, readable_json(now))
    return now


def noted_fingerprints(path: Path) -> dict[str, str] | None:
    """What a file of fingerprints holds; None where there is none that can be read."""
    try:
        return {str(k): str(v) for k, v in json.loads(path.read_text(encoding="utf-8")).items()}
    except (OSError, ValueError, AttributeError):
        return None


def blocks_to_review(project: Project, files: Iterable[str] | None = None) -> list[ToReview]:
    """Every block whose results changed since it was reviewed, in the order of the book."""
    found = []
    for file in files if files is not None else book_files(project):
        blocks = list(blocks_in(file, project.chapter(file).text))
        now = fingerprints(project, project.experiments_of(file)) if blocks else {}
        for block in blocks:
            if changed := block.changed(now):
                found.append(
                    ToReview(file, block.line, block.words, tuple(changed), not block.reviewed)
                )
    return found


def mark_reviewed(project: Project, file: str) -> int:
    """Write the present fingerprints into every block of a chapter; the number that changed.

    A frozen copy of the chapter goes on: it is changed alike.
    Raises BookError for a chapter without such a block.
    """
    path = project.root / file
    text = path.read_bytes().decode("utf-8")
    lines = text.splitlines(keepends=True)
    now = fingerprints(project, project.experiments_of(file))
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
        before = parse_chapter(project.root, file, text)
        path.write_bytes("".join(lines).encode("utf-8"))
        project.forget_chapter(file)
        refreeze(freeze_folder(project.root, file), before, project.chapter(file))
    return changed


def book_files(project: Project) -> list[str]:
    """The book's chapters that are there, in order."""
    files = [entry.file for entry in project.book().chapters]
    return [file for file in files if (project.root / file).is_file()]


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
