"""Once all chapters were found to be true, they stay so as long as no file changed that was looked at.

The full judgement takes apart code, resolves experiments and reads every run. Where nothing changed since,
by each file's size and times, its outcome is known: a render is not to wait for it. The change time sees
what a restored modification time would hide.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import cvlib
from cvlib.freeze.lock import lock_folder

if TYPE_CHECKING:
    from cvlib.freeze.chapter_source import ChapterSource
    from cvlib.freeze.experiment_digests import ExperimentReader
    from cvlib.project import Project
    from cvlib.studies.status import RunStatus

# A file may change twice within one tick of the file system's clock. Younger ones are not trusted.
_TICK_NS = 100_000_000
_SKIPPED = {"__pycache__", ".cache", ".scratch", ".locks", "site_libs"}


@dataclass
class Watch:
    """What a judgement looked at. trees: folders with all below; folders: with folders below alone."""

    files: list[str] = field(default_factory=list)
    trees: list[str] = field(default_factory=list)
    folders: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Verified:
    """That all chapters (their files) are true, and no run of theirs is to be trained.

    signature: of all that this was judged by; notes: what is to be said of their runs all the same.
    """

    signature: str
    chapters: tuple[str, ...]
    notes: tuple[str, ...]


def verified(layout: Project) -> Verified | None:
    """The last judgement that all chapters are true, if it still holds."""
    try:
        content = json.loads(_path(layout).read_text(encoding="utf-8"))
        watch = Watch(**content["watch"])
        chapters, notes = tuple(content["chapters"]), tuple(content["notes"])
        known = Verified(content["signature"], chapters, notes)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return known if signature(layout, watch)[0] == known.signature else None


def remember(
    layout: Project,
    bibliography: Iterable[Path],
    chapters: Sequence[ChapterSource],
    reader: ExperimentReader,
) -> None:
    """Keep the judgement that all `chapters` are true. reader: that read their experiments.

    Not if a run is to be trained, or if a file is so young that it may change unseen.
    """
    from cvlib.studies.status import needs_work

    statuses = reader.read_so_far()
    if any(needs_work(status, None) for status in statuses):
        return
    watch = _watched(layout, bibliography, chapters, reader)
    now, youngest = signature(layout, watch)
    if youngest > time.time_ns() - _TICK_NS:
        return
    path = _path(layout)
    content = {
        "signature": now,
        "watch": asdict(watch),
        "chapters": [chapter.file for chapter in chapters if chapter.executes],
        "notes": list(run_notes(statuses)),
    }
    staged = path.with_name(f"{path.name}.{os.getpid()}")
    staged.write_text(json.dumps(content), encoding="utf-8")
    staged.replace(path)


def run_notes(statuses: Sequence[RunStatus]) -> Iterator[str]:
    """What is to be said of runs that the report shows, and that are not to be trained."""
    for cue in ("code", "environment"):
        stale = sum(s.state == "stale" and s.cue == cue for s in statuses)
        if stale:
            yield (
                f"{stale} of {len(statuses)} runs are stale by {cue}; the report says so. "
                f"`cvlib run --rerun {cue}` trains them again."
            )
    for status in statuses:
        if status.state == "failed":
            yield f"{status.planned.name} failed: {status.reason}"


def _watched(
    layout: Project,
    bibliography: Iterable[Path],
    chapters: Iterable[ChapterSource],
    reader: ExperimentReader,
) -> Watch:
    """Everything that tells whether a book's chapters are true."""
    from cvlib.freeze.inputs import python_of
    from cvlib.freeze.named_files import named_files
    from cvlib.models.weights.hub import hub_cache, torch_hub_cache

    root = layout.root
    profiles = [root / "_quarto.yml", root / f"_quarto-{layout.profile}.yml"]
    files = [*profiles, *bibliography]
    for chapter in chapters:
        path = root / chapter.file
        files += [path, *(root / file for file in chapter.included)]
        files += named_files(python_of(chapter.text), path.parent)
    # installing another torch, or a package with weights, changes the folder that it lies in
    files += [Path(p) for p in sys.path if p.endswith(("site-packages", "dist-packages"))]
    trees = [Path(cvlib.__file__).parent, layout.experiments, layout.data]
    trees += [root / "_extensions", root / "_freeze"]
    for path in reader.paths_outside():
        (trees if path.is_dir() else files).append(path)
    folders = [hub_cache(), torch_hub_cache()]
    return Watch([str(f) for f in files], [str(t) for t in trees], [str(f) for f in folders])


def signature(layout: Project, watch: Watch) -> tuple[str, int]:
    """A checksum of the state of all that is watched, and the youngest time in it, in ns."""
    digest = hashlib.sha256(f"{layout.root}\0{layout.profile}\0{sys.version}\n".encode())
    youngest = 0
    for line, changed in _states(watch):
        digest.update(line.encode(errors="surrogateescape"))
        youngest = max(youngest, changed)
    return digest.hexdigest(), youngest


def _states(watch: Watch) -> Iterator[tuple[str, int]]:
    for path in watch.files:
        yield _state(path)
    for path in watch.trees:
        yield from _tree(path)
    for path in watch.folders:
        yield from _folders(path)


def _state(path: str) -> tuple[str, int]:
    try:
        found = os.stat(path)  # noqa: PTH116 (thousands of files: a Path for each costs more)
    except OSError:
        return f"{path}\0missing\n", 0
    times = found.st_mtime_ns, found.st_ctime_ns
    return f"{path}\0{found.st_size}\0{times[0]}\0{times[1]}\0{found.st_ino}\n", max(times)


def _tree(path: str) -> Iterator[tuple[str, int]]:
    try:
        entries = sorted(os.scandir(path), key=lambda entry: entry.name)
    except OSError:
        yield f"{path}\0missing\n", 0
        return
    for entry in entries:
        if entry.name in _SKIPPED:
            continue
        if entry.is_dir():
            yield from _tree(entry.path)
        else:
            yield _state(entry.path)


def _folders(path: str) -> Iterator[tuple[str, int]]:
    yield _state(path)
    try:
        below = sorted(entry.path for entry in os.scandir(path) if entry.is_dir())
    except OSError:
        return
    for inner in below:
        yield from _folders(inner)


def _path(layout: Project) -> Path:
    return lock_folder(layout.root) / f"true-{layout.profile}.json"
