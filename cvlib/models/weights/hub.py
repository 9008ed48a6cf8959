"""The hub's cache on this disk, read as its documented layout says, without importing its client.

models--ORG--NAME/refs/main holds a commit; snapshots/COMMIT/FILE is (a link to) the file. A file
gets its place there only when it is whole. https://huggingface.co/docs/huggingface_hub/guides/manage-cache
"""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import urlsplit

from cvlib.models.timm_names import TimmEntry

ENDPOINT = "https://huggingface.co"
WEIGHTS = ("model.safetensors", "pytorch_model.bin")  # names in timm's repositories, best first
_TRUE = {"1", "ON", "YES", "TRUE"}


def hub_cache() -> Path:
    """Return the cache's folder: HF_HUB_CACHE, else under HF_HOME, else under ~/.cache."""
    for name in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"):
        if given := os.environ.get(name):
            return _expanded(given)
    return hub_home() / "hub"


def hub_cache_shown() -> str:
    """Return the cache's folder for people, with ~ for their home."""
    folder, home = hub_cache(), Path.home()
    return f"~/{folder.relative_to(home)}" if folder.is_relative_to(home) else str(folder)


def hub_home() -> Path:
    """Return the hub client's own folder: HF_HOME, else under XDG_CACHE_HOME, else ~/.cache."""
    if given := os.environ.get("HF_HOME"):
        return _expanded(given)
    return _expanded(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "huggingface"


def endpoint() -> str:
    """Return the hub's address: HF_ENDPOINT, else the public one."""
    return (os.environ.get("HF_ENDPOINT") or ENDPOINT).rstrip("/")


def is_offline() -> bool:
    """Return whether the environment forbids the network: HF_HUB_OFFLINE, TRANSFORMERS_OFFLINE."""
    given = os.environ.get("HF_HUB_OFFLINE") or os.environ.get("TRANSFORMERS_OFFLINE") or ""
    return given.upper() in _TRUE


def repository(entry: TimmEntry) -> tuple[str, str]:
    """Return the repository's id and the revision asked for, `main` if none is."""
    assert entry.hub_id is not None
    name, _, revision = entry.hub_id.partition("@")
    return name, revision or "main"


def hub_folder(entry: TimmEntry) -> Path:
    """Return where the cache keeps all of the repository's files."""
    return hub_cache() / f"models--{repository(entry)[0].replace('/', '--')}"


def cached_files(entry: TimmEntry, names: tuple[str, ...] = WEIGHTS) -> list[Path]:
    """Return the whole files of these names that a cache on this disk has, in their order.

    What timm names by an address alone has one file, whatever the names.
    """
    if entry.hub_id is None:
        path = url_cache_file(entry)
        return [path] if path is not None and path.is_file() else []
    folder, (_, revision) = hub_folder(entry), repository(entry)
    try:
        commit = (folder / "refs" / revision).read_text().strip()
    except OSError:
        commit = revision  # the name of a commit itself
    paths = [folder / "snapshots" / commit / file for file in names]
    return [path for path in paths if path.is_file()]


def url_cache_file(entry: TimmEntry) -> Path | None:
    """Return where torch.hub keeps a file that timm names by its address alone; None without one."""
    if entry.url is None:
        return None
    return torch_hub_cache() / Path(urlsplit(entry.url).path).name


def torch_hub_cache() -> Path:
    """Return torch.hub's folder of files: under TORCH_HOME, XDG_CACHE_HOME, or ~/.cache."""
    home = os.environ.get("TORCH_HOME")
    root = (
        _expanded(home)
        if home
        else _expanded(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "torch"
    )
    return root / "hub" / "checkpoints"


def _expanded(path: str) -> Path:
    return Path(os.path.expandvars(path)).expanduser()
