"""`_quarto.yml`, with its profile and the extension's defaults, as typed data.

`read_book` refuses nothing that Quarto may take: what the embedded engine does not carry out, or finds
wrong, is noted in `Book.problems`. `load_book` raises these.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from cvlib.engine.errors import BookError, RenderError, Unsupported, raise_all
from cvlib.engine.supported import HARMLESS_KEYS, PROJECT_KEYS
from cvlib.engine.tree import as_read
from cvlib.yaml_source import Yaml, read_yaml

Freeze = Literal["auto", True, False]
KeyPath = tuple[str | int, ...]
Target = Literal["html", "typ"]

# What Quarto takes where nothing is said. Figures: Quarto draws 7 x 5 inches for HTML and 5.5 x 3.5
# for Typst; one execution serves both here, so that the size of the printed page is taken for both.
_EXECUTE_DEFAULTS: dict[str, Any] = {
    "echo": True,
    "eval": True,
    "output": True,
    "include": True,
    "warning": True,
    "error": False,
    "fig-width": 5.5,
    "fig-height": 3.5,
    "fig-dpi": 96,
}
_FIGURE_FORMATS = {"html": "retina", "typ": "svg"}
# Options that decide what a frozen copy holds besides those of each format. Whether and where a kernel
# is kept, and what is left for debugging, changes nothing.
_OPTIONS_OF_THE_PROJECT = ("jupyter", "params", "engine")
_NOT_OF_FORMATS = {"project", "book", "format", "execute", "crossref"}


@dataclass(frozen=True)
class ChapterEntry:
    """Where a chapter stands in the book. `file` is relative to the project, with `/`."""

    file: str
    kind: Literal["chapter", "appendix"]
    part: str | None

    @property
    def name(self) -> str:
        """The file's stem, as in `cvlib render exp01`."""
        return Path(self.file).stem


@dataclass(frozen=True)
class Format:
    """One output format: `name` as in `_quarto.yml`, and all of its options, merged.

    `execute` holds echo, eval, output, include, warning, error and fig-width, fig-height (inches),
    fig-dpi, fig-format (retina, png or svg).
    """

    name: str
    options: Mapping[str, Any]
    execute: Mapping[str, Any]


@dataclass(frozen=True)
class Book:
    """A book project: its title block, its chapters in reading order, its formats. Paths are absolute.

    metadata: all of `_quarto.yml` with the profile; source: the file itself, for the lines of its
    keys; problems: what stops the embedded engine, in the order in which it is found.
    """

    root: Path
    profile: str | None
    title: str
    subtitle: str | None
    authors: tuple[str, ...]
    date: str | None
    description: str | None
    output_file: str
    chapters: tuple[ChapterEntry, ...]
    formats: Mapping[Target, Format]
    output_dir: Path
    freeze: Freeze
    bibliography: tuple[Path, ...]
    csl: Path | None
    crossref: Mapping[str, Any]
    lang: str
    metadata: Mapping[str, Any] = field(repr=False)
    source: Yaml = field(repr=False)
    problems: tuple[RenderError, ...] = field(compare=False)

    @property
    def targets(self) -> tuple[Target, ...]:
        """The formats that freeze as html or typ, in the order of `_quarto.yml`."""
        return tuple(self.formats)

    @property
    def pdf(self) -> Path:
        """Where a render puts the report as PDF."""
        return self.output_dir / f"{self.output_file}.pdf"

    @cached_property
    def options(self) -> dict[str, str]:
        """What decides how chapters are executed: `html echo` -> its value as JSON.

        A dash in the place of the format stands for the whole project.
        """
        found = {f"- {k}": self.metadata[k] for k in _OPTIONS_OF_THE_PROJECT if k in self.metadata}
        for target, each in self.formats.items():
            found |= {f"{target} {key}": value for key, value in each.execute.items()}
        return {
            name: json.dumps(value, sort_keys=True, ensure_ascii=False, default=str)
            for name, value in found.items()
        }

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The authors as they read; `authors`, like title and subtitle, is Markdown, as in Quarto."""
        return tuple(map(as_read, self.authors))

    @property
    def style_sheets(self) -> list[Path]:
        """The project's own style sheets: `format: html: css`."""
        given = self.formats["html"].options.get("css") if "html" in self.formats else None
        return [self.root / name for name in ([given] if isinstance(given, str) else given or [])]

    @property
    def float_titles(self) -> dict[str, str]:
        """What figures and tables are called: `crossref: fig-title`, or "Figure"; by fig and tbl."""
        default = {"fig": "Figure", "tbl": "Table"}
        return {kind: str(self.crossref.get(f"{kind}-title", default[kind])) for kind in default}


def load_book(root: Path, profile: str | None = None) -> Book:
    """Read `_quarto.yml` and `_quarto-<profile>.yml` below `root` for the embedded engine.

    Raises BookError or Unsupported, which name file, line and key.
    """
    book = _Reader(root.resolve(), profile).read()
    raise_all(book.problems)
    return book


def read_book(root: Path, profile: str | None = None) -> Book:
    """Read the same as far as Quarto may take it: keys are unchecked, the profile's file may miss.

    Raises BookError for what is no YAML, or no book.
    """
    book = _Reader(root.resolve(), profile).read()
    if not isinstance(book.metadata.get("book"), dict):
        raise BookError("there is no `book:` with chapters", file="_quarto.yml")
    return book


def merge(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Merge as Quarto does: mappings key by key, lists joined without repeats, else `above`."""
    merged = dict(below)
    for key, value in above.items():
        old = merged.get(key)
        if isinstance(old, Mapping) and isinstance(value, Mapping):
            merged[key] = merge(old, value)
        elif old and value and (isinstance(old, list) or isinstance(value, list)):
            both = [*(old if isinstance(old, list) else [old])]
            both += value if isinstance(value, list) else [value]
            merged[key] = list({json.dumps(item, sort_keys=True): item for item in both}.values())
        elif value is not None or key not in merged:
            merged[key] = value
    return merged


class _Reader:
    """Reads one book; notes what stops the embedded engine, and reads on."""

    def __init__(self, root: Path, profile: str | None) -> None:
        self.root = root
        self.profile = profile
        self.problems: list[RenderError] = []
        self.files: list[Yaml] = []
        self.metadata: dict[str, Any] = {}
        for name in ("_quarto.yml", *([f"_quarto-{profile}.yml"] if profile else [])):
            if (root / name).exists():
                file = read_yaml(root / name, name, error=BookError)
                self.files.append(file)
                self.metadata = merge(self.metadata, file.data)
            else:
                missing = BookError(
                    f"there is no {name} in {root}: a render needs the project's folder, "
                    "or --profile names a profile that has no file"
                )
                if not self.files:
                    raise missing
                self.problems.append(missing)

    def read(self) -> Book:
        for file in self.files:
            self._check_keys(file)
        project, book = _mapping(self.metadata.get("project")), _mapping(self.metadata.get("book"))
        if project.get("type") != "book":
            message = "the embedded engine renders projects of `type: book` only"
            self._stop(message, ("project", "type"))
        kernel = self.metadata.get("jupyter", "python3")
        if kernel != "python3":
            message = f"kernel {kernel!r}: chapters run in this Python, as `python3`"
            self._stop(message, ("jupyter",))
        for key in ("title", "author", "chapters"):
            if not book.get(key):
                self._stop(f"`book.{key}` must be set", ("book",), BookError)
        title = str(book.get("title") or "")
        return Book(
            root=self.root,
            profile=self.profile,
            title=title,
            subtitle=_text(book.get("subtitle")),
            date=_text(book.get("date")),
            description=_text(book.get("description")),
            output_file=str(book.get("output-file") or re.sub(r"[^\w-]+", "-", title).strip("-")),
            chapters=self._chapters(book),
            authors=self._authors(book.get("author") or []),
            formats=self._formats(),
            output_dir=self.root / str(project.get("output-dir", "_book")),
            freeze=self._freeze(),
            bibliography=self._paths("bibliography"),
            csl=next(iter(self._paths("csl")), None),
            crossref=_mapping(self.metadata.get("crossref")),
            lang=str(self.metadata.get("lang", "en")),
            metadata=self.metadata,
            source=self.files[0],
            problems=tuple(self.problems),
        )

    def _stop(
        self,
        message: str,
        path: KeyPath,
        kind: type[RenderError] = Unsupported,
        file: Yaml | None = None,
    ) -> None:
        """Note a problem with the line of the key at `path`."""
        file = file or self.files[0]
        self.problems.append(kind(message, file=file.file, line=file.line(*path)))

    def _check_keys(self, file: Yaml) -> None:
        """Note every key that the table of supported keys does not hold."""
        formats = file.data.get("format") or {}
        if not isinstance(formats, dict):
            message = "`format:` as one name; write `format: {html: {…}}`"
            self._stop(message, ("format",), file=file)
            formats = {}
        self._check_section(file, "", (), file.data)
        for section in ("project", "book", "crossref", "execute"):
            self._check_section(file, section, (section,), file.data.get(section))
        for name, options in formats.items():
            if isinstance(options, dict):
                path: KeyPath = ("format", name)
                self._check_section(file, "format", path, options)
                self._check_section(file, "execute", (*path, "execute"), options.get("execute"))

    def _check_section(self, file: Yaml, section: str, path: KeyPath, holder: Any) -> None:
        if not isinstance(holder, dict | None):
            message = f"`{'.'.join(map(str, path))}` must be a mapping, found {holder!r}"
            self._stop(message, path, BookError, file)
            return
        supported = PROJECT_KEYS[section]
        for key in holder or ():
            if key not in supported | HARMLESS_KEYS[section]:
                name = ".".join(map(str, (*path, key)))
                message = (
                    f"key `{name}` is not supported by the embedded engine "
                    f"(supported here: {', '.join(sorted(supported))})"
                )
                self._stop(message, (*path, str(key)), file=file)

    def _chapters(self, book: Mapping[str, Any]) -> tuple[ChapterEntry, ...]:
        found: list[ChapterEntry] = []

        def add(file: str, kind: Any, part: str | None, path: KeyPath) -> None:
            if not file.endswith(".qmd"):
                self._stop(f"chapter {file!r}: only .qmd files", path)
                return
            if not (self.root / file).is_file():
                self._stop(f"chapter {file} does not exist", path, BookError)
            elif any(file == entry.file for entry in found):
                self._stop(f"chapter {file} is listed twice", path, BookError)
            found.append(ChapterEntry(file, kind, part))

        def read(entries: Any, kind: str, part: str | None, path: KeyPath) -> None:
            if not isinstance(entries, list):
                self._stop("expected a list of files", path, BookError)
                return
            for position, entry in enumerate(entries):
                place: KeyPath = (*path, position)
                if isinstance(entry, str):
                    add(entry, kind, part, place)
                    continue
                if _mapping(entry).keys() != {"part", "chapters"} or part is not None:
                    expected = "expected a file, or `part: TITLE` with `chapters:` of files"
                    self._stop(f"{entry!r}: {expected}", place)
                if isinstance(entry, dict):
                    title = str(entry.get("part") or entry.get("file") or "")
                    if title.endswith(".qmd"):
                        message = f"a part that is a page of its own ({title})"
                        self._stop(f"{message}; give its title as text", place)
                        add(title, kind, part, place)
                    read(entry.get("chapters") or [], kind, title, (*place, "chapters"))

        for key, kind in (("chapters", "chapter"), ("appendices", "appendix")):
            read(book.get(key) or [], kind, None, ("book", key))
        if found and found[0].file != "index.qmd":
            message = "the first chapter must be index.qmd beside _quarto.yml, found "
            self._stop(message + found[0].file, ("book", "chapters"), BookError)
        return tuple(found)

    def _authors(self, value: Any) -> tuple[str, ...]:
        people = value if isinstance(value, list) else [value]
        names = [person.get("name") if isinstance(person, dict) else person for person in people]
        for name in names:
            if not isinstance(name, str):
                message = f"author {name!r}: expected a name as text"
                self._stop(message, ("book", "author"), BookError)
        return tuple(str(name) for name in names)

    def _formats(self) -> dict[Target, Format]:
        declared = self.metadata.get("format") or {"html": {}}
        if not isinstance(declared, dict):
            listed = declared if isinstance(declared, list) else [declared]
            declared = dict.fromkeys(map(str, listed))
        common = {k: v for k, v in self.metadata.items() if k not in _NOT_OF_FORMATS}
        formats: dict[Target, Format] = {}
        for name, given in declared.items():
            path: KeyPath = ("format", name)
            target: Target | None = "html" if name == "html" else None
            if name == "typst" or name.endswith("-typst"):
                target = "typ"
            if target is None or name == "typst":
                message = (
                    f"format `{name}`: the embedded engine makes `html`, "
                    "and Typst with an extension (`journal-typst`)"
                )
                self._stop(message, path)
            if target is None:
                continue
            if target in formats:
                what = "a PDF" if target == "typ" else "HTML"
                names = f"{formats[target].name} and {name}"
                self._stop(f"two formats that both make {what}: {names}", path)
                continue
            own = _mapping(given)
            extension = self._extension(name)
            execute = self._execute(extension, own, target)
            if execute["fig-format"] not in ("retina", "png", "svg"):
                message = f"fig-format {execute['fig-format']!r}, expected retina, png or svg"
                self._stop(message, (*path, "fig-format"))
            formats[target] = Format(name, merge(merge(extension, common), own), execute)
        if len(formats) == 2:
            self._check_one_execution(*formats.values())
        return formats

    def _execute(
        self, extension: Mapping[str, Any], own: Mapping[str, Any], target: Target
    ) -> dict[str, Any]:
        """What decides how the cells run, and what of them is shown, for one format.

        extension: the format's defaults; own: what `_quarto.yml` says below the format.
        """
        execute: dict[str, Any] = {**_EXECUTE_DEFAULTS, "fig-format": _FIGURE_FORMATS[target]}
        everywhere = self.metadata.get("execute")
        for layer in (extension, self.metadata, everywhere, own, own.get("execute")):
            if isinstance(layer, Mapping):
                execute.update({key: layer[key] for key in execute if key in layer})
        return execute

    def _extension(self, name: str) -> dict[str, Any]:
        """What `_extensions/<x>/_extension.yml` sets for the format `<x>-typst`, if it is there."""
        if not name.endswith("-typst"):
            return {}
        file = f"_extensions/{name.removesuffix('-typst')}/_extension.yml"
        if not (self.root / file).is_file():
            message = (
                f"format `{name}` needs its extension, but there is no {os.path.normpath(file)}"
            )
            self.problems.append(BookError(message, file="_quarto.yml"))
            return {}
        extension = read_yaml(self.root / file, file, error=BookError)
        contributed = _mapping(_mapping(extension.data.get("contributes")).get("formats"))
        return merge(contributed.get("common") or {}, contributed.get("typst") or {})

    def _check_one_execution(self, first: Format, second: Format) -> None:
        """One execution serves both formats, so what decides how it runs must agree."""
        for key in ("eval", "error", "fig-width", "fig-height", "fig-dpi"):
            if first.execute[key] != second.execute[key]:
                message = (
                    f"`{key}` is {first.execute[key]} for {first.name} and {second.execute[key]} for "
                    f"{second.name}: one execution serves both formats, give it once at the top level"
                )
                self._stop(message, ("format", second.name, key))
        if {"png", "retina"} <= {first.execute["fig-format"], second.execute["fig-format"]}:
            message = (
                "`fig-format` is png for one format and retina for the other: a figure is drawn as "
                "PNG once, give the same to both"
            )
            self._stop(message, ("format", second.name, "fig-format"))

    def _freeze(self) -> Freeze:
        value: Any = _mapping(self.metadata.get("execute")).get("freeze", False)
        if value in ("auto", True, False):
            return value  # type: ignore[no-any-return]
        message = f"execute.freeze is {value!r}, expected auto, true or false"
        self._stop(message, ("execute", "freeze"), BookError, self.files[-1])
        return False

    def _paths(self, key: str) -> tuple[Path, ...]:
        value = self.metadata.get(key)
        names = [] if value is None else value if isinstance(value, list) else [value]
        for name in names:
            if not (self.root / str(name)).is_file():
                self._stop(f"`{key}` names {name}, which does not exist", (key,), BookError)
        return tuple(self.root / str(name) for name in names)


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: Any) -> str | None:
    return None if value is None else str(value)
