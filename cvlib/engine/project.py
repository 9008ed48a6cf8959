"""`_quarto.yml`, with its profile and the extension's defaults, as typed and checked data."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from cvlib.engine.book import Contents, read_book
from cvlib.engine.errors import BookError, Unsupported
from cvlib.engine.project_keys import check_keys
from cvlib.engine.yaml_lines import YamlFile, parse_yaml

Freeze = Literal["auto", True, False]
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


@dataclass(frozen=True)
class Format:
    """One output format: `name` as in `_quarto.yml`, and all of its options, merged.

    `execute` holds echo, eval, output, include, warning, error and fig-width, fig-height (inches),
    fig-dpi, fig-format (retina, png or svg).
    """

    name: str
    target: Target
    options: Mapping[str, Any]
    execute: Mapping[str, Any]


@dataclass(frozen=True)
class Book:
    """A book project as the embedded engine sees it. Paths are absolute."""

    root: Path
    profile: str | None
    book: Contents
    formats: Mapping[Target, Format]
    output_dir: Path
    freeze: Freeze
    bibliography: tuple[Path, ...]
    csl: Path | None
    crossref: Mapping[str, Any]
    lang: str
    metadata: Mapping[str, Any] = field(repr=False)

    @property
    def freeze_dir(self) -> Path:
        """Where frozen chapters are kept."""
        return self.root / "_freeze"


def load_book(root: Path, profile: str | None = None) -> Book:
    """Read `_quarto.yml` and `_quarto-<profile>.yml` below `root`.

    Raises ProjectError or Unsupported, which name file, line and key.
    """
    root = root.resolve()
    metadata, files = read_metadata(root, profile)
    for file in files:
        check_keys(file)
    source = files[0]
    if metadata.get("project", {}).get("type") != "book":
        raise Unsupported(
            "the embedded engine renders projects of `type: book` only",
            file=source.name,
            line=source.line("project", "type"),
        )
    if metadata.get("jupyter", "python3") != "python3":
        raise Unsupported(
            f"kernel {metadata['jupyter']!r}: chapters run in this Python, as `python3`",
            file=source.name,
            line=source.line("jupyter"),
        )
    output = str(metadata["project"].get("output-dir", "_book"))
    return Book(
        root=root,
        profile=profile,
        book=read_book(root, metadata.get("book", {}), source),
        formats=_formats(root, metadata, source),
        output_dir=root / output,
        freeze=_freeze(metadata, files[-1]),
        bibliography=tuple(_files(root, metadata, "bibliography", source)),
        csl=next(iter(_files(root, metadata, "csl", source)), None),
        crossref=metadata.get("crossref") or {},
        lang=str(metadata.get("lang", "en")),
        metadata=metadata,
    )


def read_metadata(root: Path, profile: str | None) -> tuple[dict[str, Any], list[YamlFile]]:
    """Read `_quarto.yml` with its profile, keys unchecked: what Quarto itself would take is there.

    Returns both merged, and the files with the lines of their keys.
    """
    files = [_read(root / "_quarto.yml")]
    if profile:
        files.append(_read(root / f"_quarto-{profile}.yml"))
    metadata: dict[str, Any] = {}
    for file in files:
        metadata = merge(metadata, file.data)
    return metadata, files


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


def _read(path: Path) -> YamlFile:
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise BookError(
            f"there is no {path.name} in {path.parent}: a render needs the project's folder, "
            "or --profile names a profile that has no file"
        ) from None
    return parse_yaml(text, path.name)


def _freeze(metadata: Mapping[str, Any], file: YamlFile) -> Freeze:
    value = (metadata.get("execute") or {}).get("freeze", False)
    if value not in ("auto", True, False):
        raise BookError(
            f"execute.freeze is {value!r}, expected auto, true or false",
            file=file.name,
            line=file.line("execute", "freeze"),
        )
    return value


def _files(root: Path, metadata: Mapping[str, Any], key: str, source: YamlFile) -> list[Path]:
    value = metadata.get(key)
    names = [] if value is None else value if isinstance(value, list) else [value]
    for name in names:
        if not (root / str(name)).is_file():
            raise BookError(
                f"`{key}` names {name}, which does not exist",
                file=source.name,
                line=source.line(key),
            )
    return [root / str(name) for name in names]


def _formats(root: Path, metadata: Mapping[str, Any], source: YamlFile) -> dict[Target, Format]:
    declared = metadata.get("format") or {"html": {}}
    sections = {"project", "book", "format", "execute", "crossref"}
    common = {key: value for key, value in metadata.items() if key not in sections}
    formats: dict[Target, Format] = {}
    for name, given in declared.items():
        line = source.line("format", name)
        target = _target(name, source.name, line)
        if target in formats:
            raise Unsupported(
                f"two formats that both make {'a PDF' if target == 'typ' else 'HTML'}: "
                f"{formats[target].name} and {name}",
                file=source.name,
                line=line,
            )
        own = given if isinstance(given, dict) else {}
        extension = _extension_of(root, name)
        options = merge(merge(extension, common), own)
        execute = execute_options(metadata, extension, own, target)
        if execute["fig-format"] not in ("retina", "png", "svg"):
            raise Unsupported(
                f"fig-format {execute['fig-format']!r}, expected retina, png or svg",
                file=source.name,
                line=source.line("format", name, "fig-format"),
            )
        formats[target] = Format(name, target, options, execute)
    _check_one_execution(formats, source)
    return formats


def _target(name: str, file: str, line: int | None) -> Target:
    if name == "html":
        return "html"
    if name.endswith("-typst"):
        return "typ"
    raise Unsupported(
        f"format `{name}`: the embedded engine makes `html`, and Typst with an extension (`journal-typst`)",
        file=file,
        line=line,
    )


def execute_options(
    metadata: Mapping[str, Any],
    extension: Mapping[str, Any],
    own: Mapping[str, Any],
    target: Target,
) -> dict[str, Any]:
    """Return what decides how the cells run, and what of them is shown, for one format.

    metadata: all of `_quarto.yml`; extension: the format's defaults; own: what stands below it.
    """
    execute: dict[str, Any] = {**_EXECUTE_DEFAULTS, "fig-format": _FIGURE_FORMATS[target]}
    everywhere = metadata.get("execute") or {}
    for layer in (extension, metadata, everywhere, own, own.get("execute") or {}):
        if isinstance(layer, Mapping):
            execute.update({key: layer[key] for key in execute if key in layer})
    return execute


def _extension_of(root: Path, name: str) -> dict[str, Any]:
    path = root / "_extensions" / name.removesuffix("-typst") / "_extension.yml"
    if name.endswith("-typst") and not path.is_file():
        raise BookError(
            f"format `{name}` needs its extension, but there is no {os.path.relpath(path, root)}",
            file="_quarto.yml",
        )
    return extension_options(root, name)


def extension_options(root: Path, name: str) -> dict[str, Any]:
    """Return what `_extensions/<x>/_extension.yml` sets for the format `<x>-typst`, if it is there."""
    path = root / "_extensions" / name.removesuffix("-typst") / "_extension.yml"
    if not name.endswith("-typst") or not path.is_file():
        return {}
    extension = parse_yaml(path.read_text(encoding="utf-8"), os.path.relpath(path, root))
    contributed = (extension.data.get("contributes") or {}).get("formats") or {}
    return merge(contributed.get("common") or {}, contributed.get("typst") or {})


def _check_one_execution(formats: Mapping[Target, Format], source: YamlFile) -> None:
    """One execution serves all formats, so what decides how it runs must agree."""
    if len(formats) < 2:
        return
    first, second = formats.values()
    for key in ("eval", "error", "fig-width", "fig-height", "fig-dpi"):
        if first.execute[key] != second.execute[key]:
            raise Unsupported(
                f"`{key}` is {first.execute[key]} for {first.name} and {second.execute[key]} for "
                f"{second.name}: one execution serves both formats, give it once at the top level",
                file=source.name,
                line=source.line("format", second.name, key),
            )
    if {"png", "retina"} <= {each.execute["fig-format"] for each in formats.values()}:
        raise Unsupported(
            "`fig-format` is png for one format and retina for the other: a figure is drawn as PNG "
            "once, give the same to both",
            file=source.name,
            line=source.line("format", second.name, "fig-format"),
        )
