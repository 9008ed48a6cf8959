"""A book as its freezing needs it: chapters, formats, options, read without refusing anything.

What the embedded engine does not support, Quarto may; how a chapter was frozen can be judged either way.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cvlib.engine.errors import BookError
from cvlib.engine.project import Freeze, Target, execute_options, extension_options, merge
from cvlib.engine.yaml_lines import parse_yaml

# Options that decide what a frozen copy holds besides those of each format; a dash stands for the
# whole project. Whether and where a kernel is kept, and what is left for debugging, changes nothing.
_OF_THE_PROJECT = ("jupyter", "params", "engine")


@dataclass(frozen=True)
class BookFiles:
    """A book's chapters (files, relative to `root`) and what decides how they are executed.

    targets: the formats that freeze as html or typ. options: `html echo` -> its value as JSON.
    """

    root: Path
    profile: str | None
    freeze: Freeze
    chapters: tuple[str, ...]
    targets: tuple[Target, ...]
    options: Mapping[str, str]
    bibliography: tuple[Path, ...]


def read_book_files(root: Path, profile: str | None = None) -> BookFiles:
    """Read `_quarto.yml`, and `_quarto-<profile>.yml` where there is one.

    Raises ProjectError for what is no YAML, or no book.
    """
    metadata = _read(root / "_quarto.yml")
    if profile and (root / f"_quarto-{profile}.yml").is_file():
        metadata = merge(metadata, _read(root / f"_quarto-{profile}.yml"))
    book = metadata.get("book")
    if not isinstance(book, dict):
        raise BookError("there is no `book:` with chapters", file="_quarto.yml")
    execute = metadata.get("execute")
    freeze = execute.get("freeze", False) if isinstance(execute, dict) else False
    bibliography = metadata.get("bibliography") or []
    names = bibliography if isinstance(bibliography, list) else [bibliography]
    options, targets = _options(root, metadata)
    return BookFiles(
        root=root,
        profile=profile,
        freeze=freeze if freeze in ("auto", True) else False,
        chapters=tuple(_chapters([book.get("chapters"), book.get("appendices")])),
        targets=targets,
        options=options,
        bibliography=tuple(root / str(name) for name in names),
    )


def _read(path: Path) -> dict[str, Any]:
    return parse_yaml(path.read_text(encoding="utf-8"), path.name).data


def _chapters(entry: Any) -> Iterator[str]:
    if isinstance(entry, str) and entry.endswith(".qmd"):
        yield entry
    elif isinstance(entry, list):
        for inner in entry:
            yield from _chapters(inner)
    elif isinstance(entry, dict):
        yield from _chapters([entry.get("part"), entry.get("chapters"), entry.get("file")])


def _options(root: Path, metadata: Mapping[str, Any]) -> tuple[dict[str, str], tuple[Target, ...]]:
    options = {f"- {key}": _json(metadata[key]) for key in _OF_THE_PROJECT if key in metadata}
    targets: list[Target] = []
    declared = metadata.get("format") or {"html": {}}
    for name in [declared] if isinstance(declared, str) else declared:
        given = declared[name] if isinstance(declared, dict) else {}
        target: Target | None = "html" if name == "html" else None
        if name == "typst" or name.endswith("-typst"):
            target = "typ"
        if target is None or target in targets:
            continue
        targets.append(target)
        own = given if isinstance(given, dict) else {}
        extension = extension_options(root, name)
        for key, value in execute_options(metadata, extension, own, target).items():
            options[f"{target} {key}"] = _json(value)
    return options, tuple(targets)


def _json(value: Any) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False, default=str)
