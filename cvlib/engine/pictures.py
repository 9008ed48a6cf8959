"""The picture files that a chapter shows: found, or an error that names the line."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from cvlib.engine.ast import elements_in
from cvlib.engine.chapter_tree import ChapterTree
from cvlib.engine.errors import RenderError
from cvlib.engine.source_lines import line_of


@dataclass(frozen=True)
class Picture:
    """`reference` as the markdown has it, `place` in the output, `path` of the file."""

    reference: str
    place: str
    path: Path


def pictures_of(chapter: ChapterTree, root: Path) -> Iterator[Picture]:
    """Yield the pictures of a chapter, each file checked to be there."""
    executed = chapter.executed
    folder = str(PurePosixPath(executed.file).parent)
    for element in elements_in(chapter.blocks):
        if element["t"] != "Image":
            continue
        reference = element["c"][2][0]
        line = line_of(executed.source, reference)
        if reference.startswith(("http:", "https:", "data:", "//")):
            raise RenderError(
                f"the picture {reference[:60]!r} is not a file of the project; "
                "save it beside the chapter",
                file=executed.file,
                line=line,
            )
        path = executed.path_of(reference, root)
        if not path.is_file():
            raise RenderError(
                f"the picture {reference!r} is not there (looked at {path}); "
                "if a cell made it, run the chapter again",
                file=executed.file,
                line=line,
            )
        place = posixpath.normpath(posixpath.join(folder, reference)).lstrip("/")
        if reference.startswith("/"):
            place = posixpath.normpath(reference.lstrip("/"))
        if place.startswith(".."):
            raise RenderError(
                f"the picture {reference!r} lies outside the project; copy it into it",
                file=executed.file,
                line=line,
            )
        yield Picture(reference, place, path)
