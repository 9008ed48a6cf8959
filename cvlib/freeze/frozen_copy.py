"""Quarto's `_freeze`: executed chapters kept on disk, read and written in its own format.

Beside Quarto's records lies `inputs.json`, which Quarto does not know: what was read while the
chapter was executed, with digests. Quarto goes by the text alone. (It lies in `execute-results`, the
one folder of a freeze that Quarto does not copy on to the pages.)
"""

from __future__ import annotations

import glob
import json
import os
import re
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from cvlib.engine.errors import RenderError
from cvlib.files import (
    OLD,
    DamagedFile,
    canonical_json,
    read_note,
    replace_folder,
    replace_text,
    restore_folder,
    sealed_json,
    sha256_file,
    sha256_text,
    write_durably,
)

if TYPE_CHECKING:
    from cvlib.engine.book import Target

TARGETS: tuple[Target, ...] = ("html", "typ")
_ANSWER = "cvlib-values: "  # `cvlib.journal.captions.ANSWER`, which takes the journal to import
_SIDECAR = "execute-results/inputs.json"
FORMAT = 3
_CDN_SCRIPTS = re.compile(r"<script[^>]*(?:require\.min\.js|jquery[^>]*\.js)[^>]*></script>|"
                          r"<script[^>]*>define\('jquery'[^<]*</script>")  # fmt: skip


@dataclass(frozen=True)
class Record:
    """What was read while a chapter was executed.

    reads: name -> digest, see `cvlib.freeze.reads`; experiments: ids of those that it asked for;
    wrote: files that it wrote itself, which count nowhere. guessed: by cvlib 0.1.0, from the
    chapter's source, so that something may be missing.
    """

    reads: Mapping[str, str]
    experiments: tuple[str, ...] = ()
    wrote: tuple[str, ...] = ()
    guessed: bool = False


class Identified(Protocol):
    """A chapter by its file, relative to the project, and Quarto's hash of its text."""

    @property
    def file(self) -> str: ...  # noqa: D102
    @property
    def hash(self) -> str: ...  # noqa: D102


@dataclass(frozen=True)
class Frozen:
    """One format of a frozen chapter."""

    hash: str
    markdown: str


def freeze_folder(root: Path, file: str) -> Path:
    """Return where the chapter `file` is kept: `_freeze/report/exp01` for `report/exp01.qmd`."""
    return root / "_freeze" / Path(file).with_suffix("")


class FrozenCopy:
    """The frozen copy of one chapter as it lies in `folder`; each of its files is read once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._read: dict[Target, dict[str, Any] | None] = {}

    @cached_property
    def targets(self) -> list[Target]:
        """The formats that it holds."""
        return [t for t in TARGETS if (self.folder / "execute-results" / f"{t}.json").is_file()]

    def read(self, target: Target, *, any_scripts: bool = False) -> Frozen | None:
        """One format, written by Quarto or by us; None if there is none.

        Raises RenderError for a file that is no freeze record, or one that needs scripts in the
        page's head, which no page of the embedded engine has (any_scripts: it need not).
        """
        content = self._content(target)
        if content is None:
            return None
        result = content["result"]
        # The loaders of require.js and jquery that Quarto adds for any HTML output are of no use here.
        extra = [text for texts in (result.get("includes") or {}).values() for text in texts]
        if (
            target == "html"
            and not any_scripts
            and any(_CDN_SCRIPTS.sub("", text).strip() for text in extra)
        ):
            raise RenderError(
                f"{self._path(target)} was frozen with scripts that the embedded engine cannot place"
            )
        return Frozen(content["hash"], _filled(result["markdown"]))

    def why_unusable(self, chapter: Identified, targets: Iterable[Target]) -> str | None:
        """Why it cannot be used for `targets`: there is none, of another text, a figure is lost."""
        for target in targets:
            try:
                frozen = self.read(target, any_scripts=True)
            except RenderError:
                return "its frozen copy cannot be read"
            if frozen is None:
                return f"not frozen for {target}" if self.folder.exists() else "never executed"
            if frozen.hash != chapter.hash:
                return "text changed"
            shown = rf"\]\({re.escape(Path(chapter.file).stem)}_files/([^)\s]+)\)"
            for name in re.findall(shown, frozen.markdown):
                if not (self.folder / name).is_file():
                    return f"figure missing: {name}"
        return None

    @property
    def markdowns(self) -> list[str]:
        """The markdown of every format."""
        frozen = (self.read(target, any_scripts=True) for target in self.targets)
        return [one.markdown for one in frozen if one is not None]

    @cached_property
    def damage(self) -> str | None:
        """What is not as it was recorded. Quarto, which keeps no record, may have written it since."""
        content = self._sidecar
        if content is None or content["format"] == 1:
            return None
        for target, digest in self.digests.items():
            if content["of"].get(target) != digest:
                return f"its frozen copy for {target} is not the one that was recorded"
        for name, digest in content["figures"].items():
            if _digest_of(self.folder / name) != digest:
                how = "altered" if (self.folder / name).exists() else "missing"
                return f"figure {how}: {name}"
        return None

    @cached_property
    def digests(self) -> dict[str, str]:
        """Format -> digest of its result: a record is believed only of the copy it was made for."""
        digests: dict[str, str] = {}
        for target in self.targets:
            try:
                content = self._content(target)
            except RenderError:
                continue  # `read` says what is wrong with it
            if content is not None:
                digests[target] = sha256_text(canonical_json(content))[:16]
        return digests

    @property
    def hashes(self) -> set[str]:
        """Quarto's hashes of the text that each format was made of."""
        frozen = (self.read(t, any_scripts=True) for t in self.targets if t in self.digests)
        return {one.hash for one in frozen if one is not None}

    @cached_property
    def record(self) -> Record | None:
        """What was read when it was made.

        None if that was never written down, or if Quarto has executed the chapter since.
        """
        content = self._sidecar
        if content is None or not self.digests or self.damage is not None:
            return None
        if content["format"] == 1:
            return Record(content["inputs"], guessed=True)
        return Record(content["reads"], tuple(content["experiments"]), tuple(content["wrote"]))

    @cached_property
    def _sidecar(self) -> dict[str, Any] | None:
        try:
            content = read_note(self.folder / _SIDECAR)
            if content.setdefault("format", 1) == 1:  # of cvlib 0.1.0
                return {**content, "of": {}, "figures": {}} if dict(content["inputs"]) else None
            if content["format"] == FORMAT:
                return {
                    **content,
                    **{name: dict(content[name]) for name in ("of", "figures", "reads")},
                }
        except (DamagedFile, OSError, ValueError, KeyError, TypeError):
            pass  # no record, or not a whole one: the chapter is executed
        return None

    def _path(self, target: Target) -> Path:
        return self.folder / "execute-results" / f"{target}.json"

    def _content(self, target: Target) -> dict[str, Any] | None:
        if target not in self._read:
            path = self._path(target)
            try:
                content = json.loads(path.read_text(encoding="utf-8"))
                if not isinstance(content["hash"], str):
                    raise TypeError("its hash is no text")
                content["result"]["markdown"].encode()
                self._read[target] = content
            except (FileNotFoundError, NotADirectoryError):
                self._read[target] = None
            except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
                raise RenderError(
                    f"{path} is no freeze record ({error}); delete {self.folder} to execute the "
                    "chapter again"
                ) from None
        return self._read[target]


def read_frozen(folder: Path, target: Target, *, any_scripts: bool = False) -> Frozen | None:
    """One format of the frozen copy in `folder`; see `FrozenCopy.read`."""
    return FrozenCopy(folder).read(target, any_scripts=any_scripts)


def _filled(markdown: str) -> str:
    """With the values of captions in place, which Quarto freezes beside them."""
    if _ANSWER not in markdown:
        return markdown
    from cvlib.engine.quarto import with_captions_filled

    return with_captions_filled(markdown)


def write_frozen(
    folder: Path,
    chapter: Identified,
    markdowns: Mapping[Target, str],
    figures: Mapping[str, Mapping[str, bytes]],
    record: Record | None,
) -> None:
    """Put the executed chapter in `folder`, whole: it is staged beside it and renamed.

    `figures` maps a folder (`figure-html`) to its files. `record` None writes none.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    staged = folder.with_name(f".{folder.name}-{os.getpid()}")
    staged.mkdir()
    try:
        fill_folder(staged, chapter, markdowns, figures)
        if record is not None:
            write_record(staged, record)
        replace_folder(staged, folder)
    finally:
        shutil.rmtree(staged, ignore_errors=True)


def clear_leftovers(folder: Path) -> None:
    """Put right what a render that was killed left of a frozen copy; its lock is to be held."""
    for staged in folder.parent.glob(f".{glob.escape(folder.name)}-[0-9]*"):
        restore_folder(staged.with_name(staged.name.removesuffix(OLD)), folder)


def fill_folder(
    folder: Path,
    chapter: Identified,
    markdowns: Mapping[Target, str],
    figures: Mapping[str, Mapping[str, bytes]],
) -> None:
    """Write the records and figures of a freeze into an empty folder."""
    results = folder / "execute-results"
    results.mkdir()
    for target, markdown in markdowns.items():
        text = json.dumps(_frozen_json(chapter, target, markdown), indent=2, ensure_ascii=False)
        write_durably(results / f"{target}.json", text.encode())
    for name, files in figures.items():
        if files:
            (folder / name).mkdir()
        for file, content in files.items():
            write_durably(folder / name / file, content)


def _frozen_json(chapter: Identified, target: Target, markdown: str) -> dict[str, Any]:
    files = f"{Path(chapter.file).stem}_files"
    result: dict[str, Any] = {
        "engine": "jupyter",
        "markdown": markdown,
        "supporting": [files if target == "html" else f"{files}/figure-typst"],
        "filters": [],
    }
    if target == "html":
        result["includes"] = {}
    return {"hash": chapter.hash, "result": result}


def write_record(folder: Path, record: Record) -> None:
    """Write what the frozen copy in `folder` was made from, with digests of that copy."""
    content = {"format": FORMAT, "of": FrozenCopy(folder).digests, **asdict(record)}
    del content["guessed"]
    content["figures"] = {
        path.relative_to(folder).as_posix(): _digest_of(path)
        for path in sorted(folder.glob("figure-*/*"))
        if path.is_file()
    }
    text = sealed_json(content)
    path = folder / _SIDECAR
    if not path.exists() or path.read_bytes() != text.encode():
        replace_text(path, text)


def _digest_of(path: Path) -> str:
    return sha256_file(path)[:16] if path.is_file() else ""
