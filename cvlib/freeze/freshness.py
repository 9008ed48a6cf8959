"""Which frozen chapters are true, and why not: text, spec, results, code, included files, options.

One judgement for both engines, the hook that Quarto starts, and `cvlib status`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from cvlib.engine.bibliography import cited_entries
from cvlib.engine.project import Target
from cvlib.freeze.book_files import BookFiles
from cvlib.freeze.chapter_source import read_source
from cvlib.freeze.freeze import (
    Identified,
    freeze_folder,
    frozen_markdowns,
    frozen_targets,
    recorded_inputs,
    why_unusable,
)
from cvlib.freeze.reasons import CITED, INCLUDED, OPTION, OWN_KINDS, RESULTS, reason

if TYPE_CHECKING:
    from cvlib.freeze.inputs import Inputs as Digests
    from cvlib.freeze.inputs import InputsReader
    from cvlib.project import Project


class Read(Identified, Protocol):
    """A chapter that was read, parsed or not. included: files, relative to the project."""

    @property
    def included(self) -> tuple[str, ...]: ...  # noqa: D102


# What a chapter (its file, relative to the project) reads by its code: name -> digest.
Inputs = Callable[[str], Mapping[str, str]]


@dataclass(frozen=True)
class Freshness:
    """How it is decided whether a frozen copy stands.

    inputs: None means that only text, included files, cited entries and options count. always:
    chapters that run in any case; fresh: all of them. trust_freeze: accept copies without a record.
    verified: it is known that every copy stands.
    """

    book: BookFiles
    inputs: Inputs | None = None
    fresh: bool = False
    always: frozenset[str] = frozenset()
    trust_freeze: bool = False
    verified: bool = False

    def why_execute(self, chapter: Read) -> str | None:
        """Say why `chapter` must run, or None if its frozen copy stands."""
        if self.fresh:
            return "asked to run afresh"
        if chapter.file in self.always:
            return "asked for"
        if self.book.freeze is False:
            return "freeze is off"
        if self.verified:
            return None
        return self.why_untrue(chapter, self.book.targets)

    def why_untrue(
        self,
        chapter: Read,
        targets: Iterable[Target],
        before: Digests | None = None,
        folder: Path | None = None,
    ) -> str | None:
        """Say why the frozen copy of `chapter` is not what running it now would give.

        before: what it reads now, where that is known already; folder: of a copy elsewhere.
        """
        folder = folder or freeze_folder(self.book.root, chapter.file)
        unusable = why_unusable(folder, chapter, targets)
        if unusable is not None:
            return unusable
        recorded = recorded_inputs(folder)
        if recorded is None:
            trusted = self.trust_freeze or self.inputs is None
            return None if trusted else "frozen without a record of what it was made from"
        before = self.before(chapter) if before is None else before
        now = before | self._cited(frozen_markdowns(folder))
        if self.inputs is None:
            recorded = _of_kind(OWN_KINDS, recorded)
        return reason(recorded, now, before.words) or None

    def before(self, chapter: Read) -> Digests:
        """Digests of everything besides its text that `chapter` would read if it ran now."""
        from cvlib.freeze.inputs import Inputs as Digests

        told = self.inputs(chapter.file) if self.inputs else {}
        digests = Digests(dict(told), getattr(told, "words", None))
        digests.update(_included(self.book.root, chapter))
        for name, value in self.book.options.items():
            digests[f"{OPTION} {name}"] = value
        return digests

    def after(self, file: str, before: Digests, markdowns: Iterable[str]) -> Digests:
        """The same once the chapter ran, and with the entries that it cites.

        What was edited while it ran was not what it read: all is as it was before, but for results
        that were not fresh and that the chapter trained itself.
        """
        from cvlib.freeze.inputs import Inputs as Digests

        read = Digests(dict(before))
        trained = [
            name
            for name, words in before.words.items()
            if name.startswith(RESULTS) and not words.startswith("skipped")
        ]
        again = getattr(self.inputs, "again", None)
        if trained and again is not None:
            now = again(file)
            read.update({name: now[name] for name in trained if name in now})
        read.update(self._cited(markdowns))
        return read

    def _cited(self, markdowns: Iterable[str]) -> dict[str, str]:
        entries = cited_entries(markdowns, self.book.bibliography)
        return {f"{CITED} {key}": digest for key, digest in entries.items()}


class ProjectInputs:
    """What the chapters of a project read; an experiment that several of them read is read once.

    source: the folder that holds the package `cvlib`; None: where this one lies.
    """

    def __init__(self, layout: Project, source: Path | None = None) -> None:
        self._layout = layout
        self._source = source

    @cached_property
    def reader(self) -> InputsReader:
        """With what was read so far."""
        from cvlib.freeze.inputs import InputsReader

        return InputsReader(self._layout, self._source)

    def __call__(self, file: str) -> Digests:
        """What the chapter `file` reads by its code."""
        root = self._layout.root
        chapter = read_source(root, file)
        folder = freeze_folder(root, file)
        there = frozen_targets(folder)
        recorded = None
        if there and why_unusable(folder, chapter, there) is None:
            recorded = recorded_inputs(folder)
        included = _included(root, chapter)
        if recorded is not None and included != _of_kind(INCLUDED, recorded):
            recorded = None
        return self.reader.of_text(chapter.text, recorded, (root / file).parent)

    def experiments_of(self, file: str) -> list[str]:
        """Ids of the experiments that the chapter `file` reads, sorted."""
        return self.reader.experiments_of(read_source(self._layout.root, file).text)

    def again(self, file: str) -> Digests:
        """The same, with experiments read anew: running a chapter may have trained."""
        self.__dict__.pop("reader", None)
        return self(file)


def _included(root: Path, chapter: Read) -> dict[str, str]:
    found = {}
    for file in chapter.included:
        content = (root / file).read_bytes().replace(b"\r\n", b"\n")
        found[f"{INCLUDED} {file}"] = hashlib.sha256(content).hexdigest()[:16]
    return found


def _of_kind(kinds: str | tuple[str, ...], inputs: Mapping[str, str]) -> dict[str, str]:
    return {name: digest for name, digest in inputs.items() if name.startswith(kinds)}
