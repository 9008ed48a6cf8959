"""timm's list of models, kept on disk: looking a name up needs no `import timm`, which takes seconds."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from difflib import get_close_matches
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from cvlib.data.notes import read_cached, write_cached
from cvlib.errors import CvlibError

FORMAT = 2  # raise it when the table below changes
_OF_TENSORS = (".safetensors", ".pth", ".pt", ".bin")
_known: dict[str, dict[str, Any]] = {}  # timm's version -> its models


class ModelError(CvlibError, ValueError):
    """A model's name or options are not what timm knows; the message names the nearest."""


@dataclass(frozen=True)
class TimmEntry:
    """One set of pretrained weights that timm knows, or a model that it has none for.

    name: with its tag, such as resnet18.a1_in1k. hub_id: repository on the hub, perhaps with
    `@revision`. url: for weights that are on no hub, or were elsewhere before.
    """

    name: str
    hub_id: str | None
    url: str | None

    @property
    def repository(self) -> tuple[str, str]:
        """The hub's repository and the revision asked for, `main` if none is."""
        name, _, revision = (self.hub_id or "").partition("@")
        return name, revision or "main"

    @property
    def is_fetchable(self) -> bool:
        """Whether timm names a place, and there a file of tensors that can be read."""
        of_tensors = PurePosixPath(urlsplit(self.url or "").path).suffix in _OF_TENSORS
        return self.hub_id is not None or of_tensors


def timm_entry(name: str, cache: Path) -> TimmEntry:
    """Look a model up by its name, with or without a tag; without one, timm's default tag.

    cache: the project's data/.cache. Raises ModelError with the nearest names if timm has no such
    model, or knows it under another name now.
    """
    table = timm_table(cache)
    full = table["defaults"].get(name, name)
    if full not in table["entries"]:
        raise ModelError(f"timm {table['timm']} has no model {name!r}{_hint(name, table)}")
    return TimmEntry(full, *table["entries"][full])


def timm_was_asked(cache: Path) -> bool:
    """Whether the models of the installed timm are known: if not, looking one up takes seconds."""
    try:
        return _timm_version() in _known or table_file(cache).exists()
    except ModelError:
        return False


def _hint(name: str, table: dict[str, Any]) -> str:
    """What to write instead of a name that timm does not have."""
    bare = name.removeprefix("hf-hub:").removeprefix("hf_hub:").removeprefix("timm/")
    if bare != name and (bare in table["entries"] or bare in table["defaults"]):
        return f"; write it as timm lists it: {bare!r}"
    if renamed := table["renamed"].get(name):
        return f" any more; its name now is {renamed!r}"
    architecture = name.split(".", 1)[0]
    tagged = [full for full in table["entries"] if full.startswith(f"{architecture}.")]
    if tagged:
        near = get_close_matches(name, tagged, n=1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        tags = ", ".join(full.split(".", 1)[1] for full in tagged)
        return f"; {hint}{architecture} has the tags {tags}"
    if near := get_close_matches(architecture, table["defaults"], n=3, cutoff=0.7):
        return f"; did you mean {' or '.join(map(repr, near))}?"
    return f"; timm.list_models('*{architecture[:6]}*') lists similar ones"


def timm_table(cache: Path) -> dict[str, Any]:
    """Return timm's models: entries (full name -> hub_id, url), defaults (architecture -> full name).

    Kept in `cache` by timm's version. The first call makes it, in a process of its own unless timm
    is imported already: a status call must not grow by torch.
    """
    path = table_file(cache)
    table = _known.get(_timm_version()) or read_cached(path)
    if not table or not path.exists():
        table = table or (make_table() if "timm" in sys.modules else _made_elsewhere())
        write_cached(path, table)  # for the next process
    _known[_timm_version()] = table
    return table


def _made_elsewhere() -> dict[str, Any]:
    code = (
        "import json, sys; from cvlib.models.timm_names import make_table; "
        "json.dump(make_table(), sys.stdout)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    if done.returncode:
        last = done.stderr.strip().splitlines()[-1:] or ["it said nothing"]
        raise ModelError(f"timm {_timm_version()} cannot be asked for its models: {last[0]}")
    return json.loads(done.stdout)


def make_table() -> dict[str, Any]:
    """Ask timm for all its models. Imports timm."""
    import timm
    from timm.models import get_deprecated_models, get_pretrained_cfg

    entries: dict[str, Any] = {}
    defaults: dict[str, str] = {}
    for name in [*timm.list_models(), *timm.list_models(include_tags=True)]:
        config = get_pretrained_cfg(name, allow_unregistered=True)
        full, hub_id, url = name, None, None
        if config is not None:
            full = f"{name.split('.', 1)[0]}.{config.tag}" if config.tag else name
            hub_id, url = config.hf_hub_id, config.url
        entries[full] = [hub_id or None, url if isinstance(url, str) and url else None]
        if "." not in name:
            defaults[name] = full
    return {
        "timm": timm.__version__,
        "entries": entries,
        "defaults": defaults,
        "renamed": {old: new for old, new in get_deprecated_models().items() if new},
    }


def table_file(cache: Path) -> Path:
    """Where what this timm's names mean is kept."""
    return cache / "timm" / f"{_timm_version()}-{FORMAT}.sealed"


@lru_cache(maxsize=1)
def _timm_version() -> str:
    try:
        return version("timm")
    except PackageNotFoundError:
        raise ModelError("timm is not installed; `pip install timm` gives the backbones") from None
