"""What a project keeps: whether each of it is as it was written, and what nothing refers to any more."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import zipfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass, field
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

from cvlib.data.decode import cache_file
from cvlib.data.fingerprint import cached_fingerprint, compute_fingerprint, fingerprint_note
from cvlib.data.notes import file_digest, read_cached
from cvlib.data.sources import open_source
from cvlib.errors import CvlibError
from cvlib.files import is_leftover, open_sealed, read_note
from cvlib.freeze.freshness import frozen_copy
from cvlib.freeze.frozen_chapter import described_runs
from cvlib.freeze.frozen_copy import FrozenCopy, freeze_folder, read_frozen
from cvlib.freeze.lock import lock_folder
from cvlib.freeze.marks import marks
from cvlib.models.timm_names import table_file
from cvlib.probing.feature_cache import why_damaged
from cvlib.project import PROFILES, Project
from cvlib.results.reviews import read_reviews
from cvlib.results.store import Store, lock_if_free
from cvlib.studies.execute import features_made_by
from cvlib.studies.plan import PlannedRun
from cvlib.studies.registered import read_registered, registered_file
from cvlib.studies.status import CONFIRMED, git

Lock = Callable[[], AbstractContextManager[bool]]
_OF_NOBODY = "a run of no experiment"


@dataclass(frozen=True)
class Artefact:
    """Something that is kept.

    name: for a person. path: a file or a folder. why_damaged: what is wrong with it, '' when it is
    whole. touches: what rests on it, in words. remade: what comes of deleting it; '' where it may not
    be. remedy: what a person can do. lock: held while it is mended; gives False where another process
    works on it.
    """

    kind: str
    name: str
    path: Path
    why_damaged: Callable[[], str]
    touches: Callable[[], str] = str
    remade: str = ""
    remedy: str = ""
    lock: Lock = field(default=lambda: nullcontext(True))


def artefacts(project: Project) -> list[Artefact]:
    """Everything that is kept for any profile of the project."""
    stores = chain.from_iterable(map(_of_a_store, profiles(project)))
    return [*stores, *_registered(project), *_of_the_data(project), *_frozen(project)]


def profiles(project: Project) -> list[Project]:
    """The project in its own profile, and in each other one that has a store."""
    others = (Project(project.root, name) for name in PROFILES if name != project.profile)
    return [project, *(other for other in others if other.runs.is_dir())]


def size(*paths: Path) -> int:
    """Bytes of all files that are there or in folders that are, each counted once."""
    found = 0
    for file in {file for path in paths for file in (path.rglob("*") if path.is_dir() else [path])}:
        with suppress(OSError):
            found += file.lstat().st_size * (not file.is_dir())
    return found


def damaged(found: Iterable[Artefact]) -> Iterator[tuple[Artefact, str]]:
    """Those that are not as they were written, and what is wrong with each; read by several threads.

    One that another process works on is not judged.
    """
    found = list(found)
    with ThreadPoolExecutor() as threads:
        for artefact, why in zip(found, threads.map(_why_damaged, found), strict=True):
            if why:
                yield artefact, why


def mend(root: Path, artefact: Artefact) -> str:
    """Mend what needs no training; returns how it was, '' where it could not be."""
    with artefact.lock() as mine:
        if not mine:
            return ""
        # the working copy alone: what is staged for a commit is a person's own
        with suppress(OSError, subprocess.CalledProcessError):
            if git(root, "ls-tree", "HEAD", "--", str(artefact.path)):
                git(root, "restore", "--source=HEAD", "--worktree", "--", str(artefact.path))
                if not artefact.why_damaged():
                    return "restored from git"
        if not artefact.remade:
            return ""
        _delete(artefact.path)
        return f"deleted: {artefact.remade}"


def _why_damaged(artefact: Artefact) -> str:
    try:
        if not artefact.why_damaged():
            return ""
        with artefact.lock() as mine:  # it may have been replaced while it was read
            return artefact.why_damaged() if mine and artefact.path.exists() else ""
    except FileNotFoundError:
        return ""  # by now


def _delete(path: Path) -> None:
    shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)


# ── each kind: where it is, what would be wrong with it, what rests on it ────────────────────────


def _of_a_store(project: Project) -> Iterator[Artefact]:
    store, names, shown = Store(project.runs), _names(project), _Shown(project)
    for key in store.keys():  # noqa: SIM118
        folder, name, lock = store.root / key, names.get(key, _OF_NOBODY), partial(store.lock, key)
        again = f"`cvlib run {name.partition('/')[0]}` trains it again" * (name != _OF_NOBODY)
        rest = partial(shown.of, key)
        yield Artefact(
            "results", name, folder, partial(_problems, store, key), rest,
            remedy=again or "delete it: nothing asks for it", lock=lock,
        )  # fmt: skip
        for path in sorted(folder.glob("*.safetensors")):
            yield Artefact(
                "weights", f"{name}, {path.name}", path, partial(_of_weights, store, key, path.name),
                remade="`cvlib run --rerun all` makes weights again, the result stands without", lock=lock,
            )  # fmt: skip
    for path in sorted(store.root.glob(".scratch/*/checkpoint*")):
        key = path.parent.name
        yield Artefact(
            "checkpoints", names.get(key, _OF_NOBODY), path, partial(_of_checkpoint, path),
            remade="the run starts anew", lock=partial(store.lock, key),
        )  # fmt: skip
    for path in sorted(store.root.glob("*.json")):
        makes = "confirm" if path.name == CONFIRMED else "run"
        of_a_failure = path.name.endswith(".failed.json")
        yield Artefact(
            "notes", path.name, path, partial(_said, read_note, path),
            remade="it said why a run failed when it was last tried" * of_a_failure,
            remedy=f"delete it: `cvlib {makes}` writes it again",
        )  # fmt: skip
    for path in sorted(project.reviews.glob("*.json")):
        yield Artefact(
            "reviews", path.stem, path, partial(_said, read_reviews, path),
            partial(shown.of_experiment, path.stem),
            remedy="delete it: `cvlib dashboard --export-tags` writes it again",
        )  # fmt: skip


def _registered(project: Project) -> Iterator[Artefact]:
    if (path := registered_file(project)).exists():
        yield Artefact(
            "notes", path.name, path, lambda: _said(lambda _: read_registered(project), path),
            remedy="delete it, and every hypothesis counts as written after its runs",
        )  # fmt: skip


def _of_the_data(project: Project) -> Iterator[Artefact]:
    data = project.data
    for path in sorted((data / "features").glob("??/*")):
        yield Artefact(
            "features", path.name[:12], path, partial(why_damaged, path), remade="computed again",
            lock=partial(lock_if_free, data / "features" / ".locks" / f"{path.name}.lock"),
        )  # fmt: skip
    for path in sorted((data / ".cache").rglob("*.sealed")):
        name = path.relative_to(data / ".cache").as_posix()
        yield Artefact("caches", name, path, partial(_said, _open, path), remade="worked out again")
    for note in sorted((data / ".cache" / "weights").glob("*.sealed")):
        with suppress(KeyError):
            noted = read_cached(note)
            path = Path(noted["path"])
            yield Artefact(
                "starting weights", path.name, path, partial(_of_a_file, path, noted["sha256"]),
                remedy="delete it: `cvlib weights fetch` gets it again",
            )  # fmt: skip
    seen = set()
    for run in chain.from_iterable(map(_planned, profiles(project))):
        if run.data_is_local and (name := run.spec.dataset.model_dump_json()) not in seen:
            seen.add(name)
            yield Artefact(
                "data", run.spec.dataset.name, data, partial(_of_data, data, run),
                remedy="get them again (`cvlib data`), or `cvlib run` trains on what they are now",
            )  # fmt: skip


def _frozen(project: Project) -> Iterator[Artefact]:
    for entry in project.book().chapters:
        folder = freeze_folder(project.root, entry.file)
        if folder.is_dir():
            yield Artefact(
                "frozen chapters", entry.file, folder, partial(_of_frozen, folder),
                partial(str, entry.file), remade="the next render executes it",
                lock=partial(lock_if_free, lock_folder(project.root) / "render.lock"),
            )  # fmt: skip


def _said(read: Callable[[Path], object], path: Path) -> str:
    try:
        read(path)
    except CvlibError as error:
        return str(error)
    return ""


def _problems(store: Store, key: str) -> str:
    return "; ".join(store.problems(key))


def _open(path: Path) -> None:
    with open_sealed(path):
        pass


def _of_weights(store: Store, key: str, name: str) -> str:
    if store.problems(key):
        return ""  # which is said of the result
    return "altered" * (name in store.damaged_weights(key))


def _of_checkpoint(path: Path) -> str:
    if not zipfile.is_zipfile(path) or path.read_bytes()[:2] != b"PK":
        return _said(_open, path)
    with zipfile.ZipFile(path) as file:  # of cvlib 0.1.0
        return f"{bad} in it was altered" if (bad := file.testzip()) else ""


def _of_a_file(path: Path, sha256: str) -> str:
    found = path.is_file() and file_digest(path) != sha256
    return "it is another file than the one that was used, with its size and times" * found


def _of_data(data: Path, run: PlannedRun) -> str:
    spec = run.spec.dataset
    try:
        now = compute_fingerprint(open_source(spec.name, data), spec).value
    except CvlibError as error:
        return str(error)
    return "they have changed, and their files' sizes and times have not" * (
        now != run.dataset_fingerprint
    )


def _of_frozen(folder: Path) -> str:
    copy = FrozenCopy(folder)
    for target in copy.targets:
        if said := _said(partial(read_frozen, target=target, any_scripts=True), folder):
            return said
    unread = (folder / "execute-results" / "inputs.json").exists() and copy.record is None
    return copy.damage or "its record cannot be read" * unread


def _planned(project: Project) -> list[PlannedRun]:
    """All runs that are asked for. Raises SpecError, ProjectError."""
    return [run for name in project.experiment_ids() for run in project.plan(name).runs]


def _names(project: Project) -> dict[str, str]:
    """Key -> `exp01/base seed 0`, of what the store holds and of what is asked for."""
    store, found = Store(project.runs), {}
    for key in store.keys():  # noqa: SIM118
        with suppress(OSError, ValueError, KeyError, TypeError):
            made_for = json.loads((store.root / key / "provenance.json").read_bytes())["made_for"]
            found[key] = f"{made_for['experiment']}/{made_for['variant']} seed {made_for['seed']}"
    return found | {run.key: run.name for run in _planned(project) if run.key is not None}


class _Shown:
    """What the frozen chapters show of each run."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._counts: dict[str, Counter[str]] = {}

    def of(self, key: str) -> str:
        """`report/exp01.qmd (12 values and tables, 2 figures)`."""
        said = []
        for file, counts in self._read().items():
            values = sum(n for name, n in counts.items() if key.startswith(name.removesuffix("#")))
            figures = sum(
                n for name, n in counts.items() if name[-1] == "#" and key.startswith(name[:-1])
            )
            if values:
                said.append(f"{file} ({values - figures} values and tables, {figures} figures)")
        return ", ".join(said)

    def of_experiment(self, name: str) -> str:
        """The chapters that ask for an experiment."""
        chapters = (entry.file for entry in self._project.book().chapters)
        return ", ".join(f for f in chapters if name in self._project.experiments_of(f))

    def _read(self) -> dict[str, Counter[str]]:
        for entry in self._project.book().chapters if not self._counts else ():
            copy, counts = frozen_copy(self._project, entry.file), Counter[str]()
            with suppress(CvlibError):
                for markdown in copy.markdowns[:1]:
                    counts.update(chain.from_iterable(mark.runs for mark in marks(markdown)))
            for picture in copy.folder.glob("figure-html/*.*"):
                counts.update(f"{name}#" for name in described_runs(picture))
            self._counts[entry.file] = counts
        return self._counts


# ── what nothing refers to ───────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Unused:
    """Something that nothing refers to. delete: gives False where another process has come to use it."""

    kind: str
    name: str
    path: Path
    delete: Callable[[], bool]


def unused(project: Project) -> Iterator[Unused]:
    """What may go. Raises SpecError, ProjectError where an experiment does not say what it asks for."""
    everything = profiles(project)
    for each in everything:
        yield from _unused_runs(each)
    runs = list(chain.from_iterable(map(_planned, everything)))
    yield from _unused_caches(project.data, runs)
    chapters = {freeze_folder(project.root, entry.file) for entry in project.book().chapters}
    for path in sorted((project.root / "_freeze").rglob("execute-results")):
        if path.parent not in chapters and not path.parent.name.startswith("."):
            name = path.parent.relative_to(project.root).as_posix()
            yield Unused("frozen chapters", name, path.parent, _deletes(path.parent))
    for folder in (project.data / ".cache", project.data / "features", project.root / "_freeze"):
        for path in sorted(folder.rglob(".*")):
            if is_leftover(path):
                yield Unused("leftovers", path.name, path, _deletes(path))


def _unused_runs(project: Project) -> Iterator[Unused]:
    store, names = Store(project.runs), _names(project)
    wanted = {run.key for run in _planned(project)}
    # of these the data or the weights are not here, and what is stored may be theirs
    unknown = [run.spec.canonical() for run in _planned(project) if run.key is None]
    for key in store.keys():  # noqa: SIM118
        if key not in wanted and not (unknown and _spec(store, key) in (None, *unknown)):
            path, name = store.root / key, names.get(key, _OF_NOBODY)
            yield Unused("runs", name, path, partial(_remove, store, key))
    for path in sorted(store.root.glob("*.failed.json")):
        if path.name.partition(".")[0] not in store:
            yield Unused("leftovers", path.name, path, _deletes(path))
    for path in sorted(store.root.glob(".scratch/*")):
        found = re.search("[0-9a-f]{64}", path.name)
        if found is None or path.name != found[0] or path.name not in wanted:
            name = names.get(found[0], _OF_NOBODY) if found else path.name
            key = found[0] if found else path.name
            yield Unused("checkpoints", name, path, _deletes(path, partial(store.lock, key)))


def _spec(store: Store, key: str) -> Any:
    with suppress(OSError, ValueError, KeyError, TypeError):
        return json.loads((store.root / key / "spec.json").read_bytes())["spec"]
    return None


def _remove(store: Store, key: str) -> bool:
    with store.lock(key) as mine:
        if mine:
            store.remove(key)
    return mine


def _unused_caches(data: Path, runs: list[PlannedRun]) -> Iterator[Unused]:
    wanted, judged = {table_file(data / ".cache")}, ["timm", "fingerprints", "images"]
    for run in {run.spec.dataset.model_dump_json(): run for run in runs}.values():
        spec = run.spec.dataset
        source = open_source(spec.name, data)
        wanted.add(fingerprint_note(source, spec))
        if run.data_is_local:
            wanted.add(cache_file(data, cached_fingerprint(source, spec).content, spec))
        elif "images" in judged:
            judged.remove("images")
    for path in chain.from_iterable(sorted((data / ".cache" / n).glob("*.sealed")) for n in judged):
        if path not in wanted:
            name = path.relative_to(data / ".cache").as_posix()
            yield Unused("caches", name, path, _deletes(path))
    for path in sorted((data / ".cache" / "weights").glob("*.sealed")):
        if not Path(read_cached(path).get("path", "")).is_file():
            yield Unused("caches", f"weights/{path.name}", path, _deletes(path))
    yield from _unused_features(data / "features", runs)


def _unused_features(root: Path, runs: list[PlannedRun]) -> Iterator[Unused]:
    used = {(run.dataset_fingerprint, run.start.sha256 or "random") for run in runs}
    now = features_made_by()
    for folder in sorted(root.glob("??/*")):
        with suppress(CvlibError, KeyError, TypeError):
            of = read_note(folder / "meta.json")["identity"]
            asked = (of["dataset_fingerprint"], of["weights"]) in used
            if not asked or any(of[name] != value for name, value in now.items()):
                lock = partial(lock_if_free, root / ".locks" / f"{folder.name}.lock")
                name = f"{of['backbone']}, {of['split']}, {folder.name[:6]}"
                yield Unused("features", name, folder, _deletes(folder, lock))


def _deletes(path: Path, lock: Lock = lambda: nullcontext(True)) -> Callable[[], bool]:
    def delete() -> bool:
        with lock() as mine:
            if mine and path.exists():
                _delete(path)
        return mine

    return delete
