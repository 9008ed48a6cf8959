"""The seam between the two halves: a chapter after its cells ran, for one format."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal


@dataclass(frozen=True)
class ExecutedChapter:
    """One chapter's markdown as Quarto's engine would have written it.

    `file` is the .qmd's path relative to the project, with forward slashes. `depth` is 0 for a
    chapter at the top and 1 for one inside `part`. `supporting` is the folder whose content the
    markdown calls `<stem>_files/` (a freeze keeps it as `_freeze/<path without .qmd>/`); None when
    the chapter made no figures. `source` is the .qmd as written, for the line numbers of errors.
    """

    file: str
    kind: Literal["chapter", "appendix"]
    part: str | None
    depth: int
    markdown: str
    supporting: Path | None
    source: str

    def path_of(self, reference: str, root: Path) -> Path:
        """Return where a picture lies that the markdown names by `reference`.

        A figure of a cell (`exp01_files/figure-html/fig-a-output-1.png`) lies under `supporting`,
        any other reference beside the chapter, or below the project's root if it begins with `/`.
        """
        if reference.startswith("/"):
            return root / reference.lstrip("/")
        own_files = Path(self.file).stem + "_files/"
        if self.supporting is not None and reference.startswith(own_files):
            return self.supporting / reference[len(own_files) :]
        return (root / self.file).parent / reference
