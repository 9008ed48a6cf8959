"""The `book:` section: title, authors, and the chapters in order with their part."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from cvlib.publish.errors import ProjectError, Unsupported
from cvlib.publish.yaml_lines import YamlFile


@dataclass(frozen=True)
class ChapterEntry:
    """Where a chapter stands in the book. `file` is relative to the project, with `/`."""

    file: str
    kind: Literal["chapter", "appendix"]
    part: str | None
    depth: int

    @property
    def name(self) -> str:
        """The file's stem, as in `cvlib render exp01`."""
        return Path(self.file).stem


@dataclass(frozen=True)
class Book:
    """A book's title block and its chapters, in reading order."""

    title: str
    subtitle: str | None
    authors: tuple[str, ...]
    date: str | None
    description: str | None
    output_file: str
    chapters: tuple[ChapterEntry, ...]


def read_book(root: Path, book: Mapping[str, Any], source: YamlFile) -> Book:
    """Check the merged `book:` section; `source` gives the lines of errors."""
    for key in ("title", "author", "chapters"):
        if not book.get(key):
            raise ProjectError(
                f"`book.{key}` must be set", file=source.name, line=source.line("book")
            )
    chapters: list[ChapterEntry] = []
    _read_entries(chapters, book["chapters"], ("book", "chapters"), "chapter", None, source)
    _read_entries(
        chapters, book.get("appendices") or [], ("book", "appendices"), "appendix", None, source
    )
    if chapters[0].file != "index.qmd":
        raise ProjectError(
            f"the first chapter must be index.qmd beside _quarto.yml, found {chapters[0].file}",
            file=source.name,
            line=source.line("book", "chapters"),
        )
    seen: set[str] = set()
    for entry in chapters:
        if not (root / entry.file).is_file():
            raise ProjectError(f"chapter {entry.file} does not exist", file=source.name,
                               line=source.line("book", "chapters"))  # fmt: skip
        if entry.file in seen:
            raise ProjectError(f"chapter {entry.file} is listed twice", file=source.name,
                               line=source.line("book", "chapters"))  # fmt: skip
        seen.add(entry.file)
    title = str(book["title"])
    slug = re.sub(r"[^\w-]+", "-", title).strip("-")
    return Book(
        title=title,
        subtitle=_text(book.get("subtitle")),
        authors=_authors(book["author"], source),
        date=_text(book.get("date")),
        description=_text(book.get("description")),
        output_file=str(book.get("output-file") or slug),
        chapters=tuple(chapters),
    )


def _read_entries(
    chapters: list[ChapterEntry],
    entries: Any,
    path: tuple[str | int, ...],
    kind: Literal["chapter", "appendix"],
    part: str | None,
    source: YamlFile,
) -> None:
    if not isinstance(entries, list):
        raise ProjectError(f"`{path[-1]}` must be a list of files", file=source.name,
                           line=source.line(*path))  # fmt: skip
    for position, entry in enumerate(entries):
        line = source.line(*path, position)
        if isinstance(entry, str):
            if not entry.endswith(".qmd"):
                raise Unsupported(
                    f"chapter {entry!r}: only .qmd files", file=source.name, line=line
                )
            chapters.append(ChapterEntry(entry, kind, part, 0 if part is None else 1))
        elif isinstance(entry, dict) and set(entry) == {"part", "chapters"} and part is None:
            title = str(entry["part"])
            if title.endswith(".qmd"):
                raise Unsupported(
                    f"a part that is a page of its own ({title}); give its title as text",
                    file=source.name,
                    line=line,
                )
            below = (*path, position, "chapters")
            _read_entries(chapters, entry["chapters"], below, kind, title, source)
        else:
            raise Unsupported(
                f"{entry!r}: expected a file, or `part: TITLE` with `chapters:` of files",
                file=source.name,
                line=line,
            )


def _authors(value: Any, source: YamlFile) -> tuple[str, ...]:
    people = value if isinstance(value, list) else [value]
    names = [person.get("name") if isinstance(person, dict) else person for person in people]
    for name in names:
        if not isinstance(name, str):
            raise ProjectError(f"author {name!r}: expected a name as text", file=source.name,
                               line=source.line("book", "author"))  # fmt: skip
    return tuple(str(name) for name in names)


def _text(value: Any) -> str | None:
    return None if value is None else str(value)
