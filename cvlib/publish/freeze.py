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
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cvlib.journal.captions import ANSWER
from cvlib.publish.chapter import Chapter
from cvlib.publish.errors import PublishError
from cvlib.publish.project import Target

_SIDECAR = "execute-results/inputs.json"
_CDN_SCRIPTS = re.compile(r"<script[^>]*(?:require\.min\.js|jquery[^>]*\.js)[^>]*></script>|"
                          r"<script[^>]*>define\('jquery'[^<]*</script>")  # fmt: skip


@dataclass(frozen=True)
class Frozen:
    """One format of a frozen chapter."""

    hash: str
    markdown: str


def freeze_folder(root: Path, file: str) -> Path:
    """Return where the chapter `file` is kept: `_freeze/report/exp01` for `report/exp01.qmd`."""
    return root / "_freeze" / Path(file).with_suffix("")


def read_frozen(folder: Path, target: Target) -> Frozen | None:
    """Read one format, written by Quarto or by us; None if there is none.

    Raises PublishError for a file that is not a freeze record, or one that needs scripts in the
    page's head, which no page of the embedded engine has.
    """
    path = folder / "execute-results" / f"{target}.json"
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        result = record["result"]
        frozen = Frozen(record["hash"], _filled(result["markdown"]))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (ValueError, KeyError, TypeError) as error:
        raise PublishError(
            f"{path} is no freeze record ({error}); delete {folder} to execute the chapter again"
        ) from None
    # The loaders of require.js and jquery that Quarto adds for any HTML output are of no use here.
    extra = [text for texts in (result.get("includes") or {}).values() for text in texts]
    if target == "html" and any(_CDN_SCRIPTS.sub("", text).strip() for text in extra):
        raise PublishError(f"{path} was frozen with scripts that the embedded engine cannot place")
    return frozen


def _filled(markdown: str) -> str:
    """With the values of captions in place, which Quarto freezes beside them."""
    if ANSWER not in markdown:
        return markdown
    from cvlib.publish.quarto_captions import with_captions_filled

    return with_captions_filled(markdown)


def why_stale(
    folder: Path,
    chapter: Chapter,
    targets: tuple[Target, ...],
    inputs: Mapping[str, str],
    *,
    only: str | None = None,
    trust_freeze: bool = False,
) -> str | None:
    """Say why the frozen copy of `chapter` cannot stand for it, or None if it can.

    `inputs` are the digests of what the chapter reads now; with `only`, just the names that begin
    so are compared. `trust_freeze` accepts a record of Quarto's, which has none.
    """
    for target in targets:
        frozen = read_frozen(folder, target)
        if frozen is None:
            return "never executed" if not folder.exists() else f"not frozen for {target}"
        if frozen.hash != chapter.hash:
            return "text changed"
        missing = missing_figures(folder, chapter, frozen)
        if missing:
            return f"figure missing: {missing[0]}"
    recorded = recorded_inputs(folder)
    if recorded is None:
        return None if trust_freeze else "frozen without a record of its results"
    changed = sorted(
        name
        for name in {*recorded, *inputs}
        if recorded.get(name) != inputs.get(name) and name.startswith(only or "")
    )
    return f"results changed: {', '.join(changed)}" if changed else None


def missing_figures(folder: Path, chapter: Chapter, frozen: Frozen) -> list[str]:
    """Return the figures that the markdown shows and the freeze has lost."""
    pattern = re.compile(rf"\]\({re.escape(Path(chapter.file).stem)}_files/([^)\s]+)\)")
    return [name for name in pattern.findall(frozen.markdown) if not (folder / name).is_file()]


def write_frozen(
    folder: Path,
    chapter: Chapter,
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
    chapter: Chapter,
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


def record_inputs(folder: Path, inputs: Mapping[str, str]) -> None:
    """Write what the frozen chapter in `folder`, made by Quarto just now, has read."""
    if (folder / _SIDECAR).parent.is_dir():
        write_sidecar(folder, inputs)


def _record(chapter: Chapter, target: Target, markdown: str) -> dict[str, Any]:
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


def recorded_inputs(folder: Path) -> dict[str, str] | None:
    """Read the sidecar; None if there is none, or if Quarto has frozen the chapter anew since."""
    try:
        sidecar = json.loads((folder / _SIDECAR).read_text(encoding="utf-8"))
        same = sidecar["of"] == _digest(folder)
        return dict(sidecar["inputs"]) if same else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def write_sidecar(folder: Path, inputs: Mapping[str, str]) -> None:
    """Write what the frozen copy in `folder` was made from, with a digest of that copy."""
    sidecar = {"of": _digest(folder), "inputs": dict(sorted(inputs.items()))}
    staged = folder / f"{_SIDECAR}.{os.getpid()}"
    staged.write_text(json.dumps(sidecar, indent=2) + "\n", encoding="utf-8", newline="\n")
    staged.replace(folder / _SIDECAR)


def _digest(folder: Path) -> str:
    """Hash the frozen markdown, so that a sidecar is taken only with the record it was made for."""
    digest = hashlib.sha256()
    for path in sorted((folder / "execute-results").glob("*.json")):
        if path == folder / _SIDECAR:
            continue
        markdown = json.loads(path.read_text(encoding="utf-8"))["result"]["markdown"]
        digest.update(f"{path.stem}\0{markdown}\0".encode())
    return digest.hexdigest()


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
        raise PublishError(f"{folder} is being rewritten all the time; is another render running?")
    shutil.rmtree(old, ignore_errors=True)
