"""Quarto's `_freeze`: executed chapters kept on disk, read and written in its own format.

Beside Quarto's records lies `inputs.json`, which Quarto does not know: digests of what the execution
read besides the chapter's text. Quarto goes by the text alone. (It lies in `execute-results`, the
one folder of a freeze that Quarto does not copy on to the pages.)
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from cvlib.engine.errors import RenderError

if TYPE_CHECKING:
    from cvlib.engine.project import Target

TARGETS: tuple[Target, ...] = ("html", "typ")
_ANSWER = "cvlib-values: "  # `cvlib.journal.captions.ANSWER`, which takes the journal to import
_SIDECAR = "execute-results/inputs.json"
_CDN_SCRIPTS = re.compile(r"<script[^>]*(?:require\.min\.js|jquery[^>]*\.js)[^>]*></script>|"
                          r"<script[^>]*>define\('jquery'[^<]*</script>")  # fmt: skip


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


def read_frozen(folder: Path, target: Target, *, any_scripts: bool = False) -> Frozen | None:
    """Read one format, written by Quarto or by us; None if there is none.

    Raises PublishError for a file that is not a freeze record, or one that needs scripts in the
    page's head, which no page of the embedded engine has (any_scripts: it need not).
    """
    path = folder / "execute-results" / f"{target}.json"
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        result = record["result"]
        frozen = Frozen(record["hash"], _filled(result["markdown"]))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (ValueError, KeyError, TypeError) as error:
        raise RenderError(
            f"{path} is no freeze record ({error}); delete {folder} to execute the chapter again"
        ) from None
    # The loaders of require.js and jquery that Quarto adds for any HTML output are of no use here.
    extra = [text for texts in (result.get("includes") or {}).values() for text in texts]
    if (
        target == "html"
        and not any_scripts
        and any(_CDN_SCRIPTS.sub("", text).strip() for text in extra)
    ):
        raise RenderError(f"{path} was frozen with scripts that the embedded engine cannot place")
    return frozen


def _filled(markdown: str) -> str:
    """With the values of captions in place, which Quarto freezes beside them."""
    if _ANSWER not in markdown:
        return markdown
    from cvlib.engine.quarto_captions import with_captions_filled

    return with_captions_filled(markdown)


def why_unusable(folder: Path, chapter: Identified, targets: Iterable[Target]) -> str | None:
    """Say why the frozen copy cannot be used for `targets`: none, another text, a lost figure."""
    for target in targets:
        try:
            frozen = read_frozen(folder, target, any_scripts=True)
        except RenderError:
            return "its frozen copy cannot be read"
        if frozen is None:
            return "never executed" if not folder.exists() else f"not frozen for {target}"
        if frozen.hash != chapter.hash:
            return "text changed"
        missing = missing_figures(folder, chapter.file, frozen)
        if missing:
            return f"figure missing: {missing[0]}"
    return None


def missing_figures(folder: Path, file: str, frozen: Frozen) -> list[str]:
    """Return the figures that the markdown shows and the freeze has lost."""
    pattern = re.compile(rf"\]\({re.escape(Path(file).stem)}_files/([^)\s]+)\)")
    return [name for name in pattern.findall(frozen.markdown) if not (folder / name).is_file()]


def write_frozen(
    folder: Path,
    chapter: Identified,
    markdowns: Mapping[Target, str],
    figures: Mapping[str, Mapping[str, bytes]],
    inputs: Mapping[str, str] | None,
) -> None:
    """Put the executed chapter in `folder`, whole: it is staged beside it and renamed.

    `figures` maps a folder (`figure-html`) to its files. `inputs` None writes no sidecar.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    staged = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        staged.chmod(0o755)
        fill_folder(staged, chapter, markdowns, figures)
        if inputs is not None:
            write_sidecar(staged, inputs)
        _swap(staged, folder)
    finally:
        shutil.rmtree(staged, ignore_errors=True)


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
        record = _record(chapter, target, markdown)
        text = json.dumps(record, indent=2, ensure_ascii=False)
        (results / f"{target}.json").write_text(text, encoding="utf-8", newline="\n")
    for name, files in figures.items():
        if files:
            (folder / name).mkdir()
        for file, content in files.items():
            (folder / name / file).write_bytes(content)


def _record(chapter: Identified, target: Target, markdown: str) -> dict[str, Any]:
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


def frozen_targets(folder: Path) -> list[Target]:
    """The formats that a frozen copy holds."""
    return [t for t in TARGETS if (folder / "execute-results" / f"{t}.json").is_file()]


def frozen_markdowns(folder: Path) -> list[str]:
    """The markdown of every format that a frozen copy holds."""
    records = (read_frozen(folder, t, any_scripts=True) for t in frozen_targets(folder))
    return [record.markdown for record in records if record is not None]


def recorded_inputs(folder: Path) -> dict[str, str] | None:
    """Read what a frozen copy was made from.

    None if that was never written down, or if Quarto has executed the chapter since.
    """
    record = _read_sidecar(folder)
    if record is None:
        return None
    made = copy_digests(folder)
    return record["inputs"] if made and made.items() <= record["of"].items() else None


def write_sidecar(folder: Path, inputs: Mapping[str, str]) -> None:
    """Write what the frozen copy in `folder` was made from, with a digest of that copy."""
    sidecar = {"of": copy_digests(folder), "inputs": dict(sorted(inputs.items()))}
    if sidecar == _read_sidecar(folder):
        return
    staged = folder / f"{_SIDECAR}.{os.getpid()}"
    text = json.dumps(sidecar, indent=1, ensure_ascii=False)
    staged.write_text(text + "\n", encoding="utf-8", newline="\n")
    staged.replace(folder / _SIDECAR)


def copy_digests(folder: Path) -> dict[str, str]:
    """Format -> digest of its frozen markdown: a record is believed only of the copy it was made for."""
    digests: dict[str, str] = {}
    for target in frozen_targets(folder):
        path = folder / "execute-results" / f"{target}.json"
        try:
            markdown = json.loads(path.read_text(encoding="utf-8"))["result"]["markdown"]
        except (OSError, ValueError, KeyError, TypeError):
            continue  # read_frozen says what is wrong with it
        digests[target] = hashlib.sha256(markdown.encode()).hexdigest()[:16]
    return digests


def _read_sidecar(folder: Path) -> dict[str, dict[str, str]] | None:
    try:
        sidecar = json.loads((folder / _SIDECAR).read_text(encoding="utf-8"))
        return {"of": dict(sidecar["of"]), "inputs": dict(sidecar["inputs"])}
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _swap(staged: Path, folder: Path) -> None:
    """Move `staged` to `folder`, whatever is there; another render may do the same."""
    old = staged.with_name(staged.name + ".old")
    for _ in range(100):
        with contextlib.suppress(FileNotFoundError):
            folder.rename(old)
        try:
            staged.rename(folder)
            break
        except OSError:
            shutil.rmtree(old, ignore_errors=True)
    else:
        raise RenderError(f"{folder} is being rewritten all the time; is another render running?")
    shutil.rmtree(old, ignore_errors=True)
