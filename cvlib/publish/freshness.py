"""Which chapters must run, and why: text, results, included files, lost figures."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from cvlib.publish.chapter import Chapter
from cvlib.publish.freeze import freeze_folder, why_stale
from cvlib.publish.project import Project

# What a chapter (its file, relative to the project) reads: name -> digest.
Inputs = Callable[[str], Mapping[str, str]]

_INCLUDED = "included file "


@dataclass(frozen=True)
class Freshness:
    """How a render decides whether a frozen copy stands.

    `inputs` None means that only texts and included files count. `always` are chapters that run in
    any case, `fresh` makes all of them run. `trust_freeze` accepts records without inputs.
    """

    inputs: Inputs | None = None
    fresh: bool = False
    always: frozenset[str] = frozenset()
    trust_freeze: bool = False

    def why_execute(self, project: Project, chapter: Chapter) -> str | None:
        """Say why `chapter` must run, or None if its frozen copy stands."""
        if self.fresh:
            return "asked to run afresh"
        if chapter.file in self.always:
            return "asked for"
        if project.freeze is False:
            return "freeze is off"
        folder = freeze_folder(project.root, chapter.file)
        return why_stale(
            folder,
            chapter,
            tuple(project.formats),
            self.inputs_of(project.root, chapter),
            only=None if self.inputs else _INCLUDED,
            trust_freeze=self.trust_freeze or self.inputs is None,
        )

    def inputs_of(self, root: Path, chapter: Chapter) -> dict[str, str]:
        """Return the digests of everything besides its text that the chapter reads."""
        digests = dict(self.inputs(chapter.file)) if self.inputs else {}
        for file in chapter.included:
            content = (root / file).read_bytes()
            digests[_INCLUDED + file] = hashlib.sha256(content).hexdigest()
        return digests
