"""The `book:` section: title, authors, and the chapters in order with their part."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from cvlib.engine.errors import BookError, Unsupported
from cvlib.engine.yaml_lines import YamlFile

_Kind = Literal["chapter", "appendix"]


@dataclass(frozen=True)
class ChapterEntry:
    """Where a chapter stands in the book. `file` is relative to the project, with `/`."""

    file: str
    kind: _Kind
    part: str | None
    depth: int

    @property
    def name(self) -> str:
        """The file's stem, as in `cvlib render exp01`."""
        return Path(self.file).stem


@dataclass(frozen=True)
class Contents:
    """A book's title block and its chapters, in reading order."""

    title: str
    subtitle: str | None
    authors: tuple[str, ...]
    date: str | None
    description: str | None
    output_file: str
    chapters: tuple[ChapterEntry, ...]


def read_book(root: Path, book: Mapping[str, Any], source: YamlFile) -> Contents:
    """Check the merged `book:` section; `source` gives the lines of errors."""
    for key in ("title", "author", "chapters"):
        if not book.get(key):
            raise BookError(f"`book.{key}` must be set", file=source.name, line=source.line("book"))
    chapters: list[ChapterEntry] = []

    def read(entries: Any, path: tuple[str | int, ...], kind: _Kind, part: str | None) -> None:
        """Append the entries at `path`, and those of parts."""
        if not isinstance(entries, list):
            raise BookError("expected a list of files", file=source.name, line=source.line(*path))
        for position, entry in enumerate(entries):
            where: tuple[str | int, ...] = (*path, position)
            if isinstance(entry, str):
                _check_file(root, entry, chapters, source.name, source.line(*where))
                chapters.append(ChapterEntry(entry, kind, part, 0 if part is None else 1))
            else:
                title = _part_title(entry, part, source.name, source.line(*where))
                read(entry["chapters"], (*where, "chapters"), kind, title)

    read(book["chapters"], ("book", "chapters"), "chapter", None)
    read(book.get("appendices") or [], ("book", "appendices"), "appendix", None)
    if chapters[0].file != "index.qmd":
        raise BookError(
            f"the first chapter must be index.qmd beside _quarto.yml, found {chapters[0].file}",
            file=source.name,
            line=source.line("book", "chapters"),
        )
    title = str(book["title"])
    slug = re.sub(r"[^\w-]+", "-", title).strip("-")
    return Contents(
        title=title,
        subtitle=_text(book.get("subtitle")),
        authors=_authors(book["author"], source),
        date=_text(book.get("date")),
        description=_text(book.get("description")),
        output_file=str(book.get("output-file") or slug),
        chapters=tuple(chapters),
    )


def _check_file(
    root: Path, file: str, before: list[ChapterEntry], name: str, line: int | None
) -> None:
    if not file.endswith(".qmd"):
        raise Unsupported(f"chapter {file!r}: only .qmd files", file=name, line=line)
    if not (root / file).is_file():
        raise BookError(f"chapter {file} does not exist", file=name, line=line)
    if any(file == entry.file for entry in before):
        raise BookError(f"chapter {file} is listed twice", file=name, line=line)


def _part_title(entry: Any, outer: str | None, name: str, line: int | None) -> str:
    if not isinstance(entry, dict) or set(entry) != {"part", "chapters"} or outer is not None:
        raise Unsupported(
            f"{entry!r}: expected a file, or `part: TITLE` with `chapters:` of files",
            file=name,
            line=line,
        )
    title = str(entry["part"])
    if title.endswith(".qmd"):
        raise Unsupported(
            f"a part that is a page of its own ({title}); give its title as text",
            file=name,
            line=line,
        )
    return title


def _authors(value: Any, source: YamlFile) -> tuple[str, ...]:
    people = value if isinstance(value, list) else [value]
    names = [person.get("name") if isinstance(person, dict) else person for person in people]
    for name in names:
        if not isinstance(name, str):
            raise BookError(f"author {name!r}: expected a name as text", file=source.name,
                               line=source.line("book", "author"))  # fmt: skip
    return tuple(str(name) for name in names)


def _text(value: Any) -> str | None:
    return None if value is None else str(value)
