"""What a chapter reads, as digests by name; the same digests as they are now.

    spec exp01 base, results exp01 base, reviews exp01     an experiment, by title, seeds, variant …
    hypothesis H5, hypotheses listed, book experiments     what the whole report declares
    file report/notes.csv, folder report/figures           below the project's root
    path report/extra.csv                                  looked for: `file`, `folder` or `none`
    code cvlib.journal.table                               a module of cvlib, by meaning
    included report/_setup.qmd, cited simonyan2015very     beside its cells
    option html echo                                       how its cells run, and what is shown

A frozen copy is true as long as every digest is the one that it was made with. A module's digest has
two halves: of its source, which is quick to compare, and of its syntax tree without comments,
docstrings and formatting, which decides.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from cvlib.files import DamagedFile, canonical_json

if TYPE_CHECKING:
    from cvlib.project import Project
    from cvlib.studies.status import RunStatus

DIGITS = 16
CODE, FILE, FOLDER, PATH = "code", "file", "folder", "path"
PACKAGE = "package"  # its version is said where it differs, and draws nothing anew
SPEC, RESULTS, REVIEWS = "spec", "results", "reviews"
_EXPERIMENT = ("experiment", RESULTS)  # what was handed out of one
_PACKAGE = Path(__file__).resolve().parents[1]
_LEFT_BEHIND = re.compile(
    r"__pycache__|\..*(cache|checkpoints)|\.quarto|.*_files|.*\.quarto_ipynb.*|site_libs"
)


class Reads(dict[str, str]):
    """Name -> digest. words: for some names, what is the matter with them, for a reason."""

    def __init__(
        self, digests: Mapping[str, str] | None = None, words: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(digests or {})
        self.words = dict(words or {})

    def add(self, other: Reads) -> None:
        """Take in what another part of the project says."""
        self.update(other)
        self.words.update(other.words)


# ── what Project hands out ───────────────────────────────────────────────────────────────────


def handed_out_digests(handed: Mapping[tuple[str, str], Project]) -> dict[str, str]:
    """Digests of everything that was handed out: (kind, name) -> the project that did."""
    reads = Reads()
    experiments = {name: project for (kind, name), project in handed.items() if kind in _EXPERIMENT}
    for name, project in experiments.items():
        reads.add(experiment_reads(project, name))
    for (kind, name), project in handed.items():
        if kind not in (*_EXPERIMENT, "asked"):
            reads.add(declared_reads(project, kind, name))
    return reads


def experiment_reads(project: Project, name: str) -> Reads:
    """What a chapter may show of one experiment; trains and fetches nothing.

    One that cannot be read has the error for its digest. `exp01@full` is that of another profile.
    """
    from cvlib.project import Project, ProjectError
    from cvlib.yaml_source import SpecError

    plain, _, profile = name.partition("@")
    asked = Project(project.root, profile) if profile not in ("", project.profile) else project
    try:
        statuses = asked.statuses(plain)
        experiment = asked.plan(plain).experiment
    except (SpecError, ProjectError) as error:
        # not ours to report: executing the chapter says it, with its line
        return Reads({f"{SPEC} {name}": digest(str(error))})
    shown = {
        "title": experiment.title,
        "question": experiment.question,
        "profile": experiment.profile,
        "seeds": [
            *experiment.seeds,
            *([v.name, *v.seeds] for v in experiment.variants if v.seeds != experiment.seeds),
        ],
        "order of variants": [variant.name for variant in experiment.variants],
    }
    reads = Reads({f"{SPEC} {name} {what}": digest(value) for what, value in shown.items()})
    for variant in experiment.variants:
        spec = variant.spec.canonical()
        reads[f"{SPEC} {name} {variant.name}"] = digest([variant.label, variant.factor, spec])
        runs = [status for status in statuses if status.planned.variant == variant.name]
        key = f"{RESULTS} {name} {variant.name}"
        reads[key] = digest([_shown_of(asked, run) for run in runs])
        if said := _words(runs):
            reads.words[key] = said
    return reads


def _shown_of(project: Project, status: RunStatus) -> list[object]:
    key = status.planned.key
    # why a run is missing tells of this machine, and no chapter shows it
    reason = "" if status.state == "missing" else status.reason
    shown: list[object] = [key, status.state, status.cue, reason, project.run_digest(key)]
    if status.cue == "environment" and status.result is not None:
        # of this machine as well: `cvlib status` and a render say it, and no page is drawn anew for it
        shown = [key, "fresh", None, "", project.run_digest(key)]
    return [*shown, status.note] if status.note else shown


def _words(runs: Iterable[RunStatus]) -> str:
    said: dict[str, None] = {}
    for run in runs:
        if run.state == "stale":
            said[f"stale by {run.cue}: {run.reason}"] = None
        elif run.state == "missing":
            said["not trained yet"] = None
        elif run.state != "fresh":
            said[f"{run.state}: {run.reason}"] = None
    return "; ".join(said)


def results_fingerprint(project: Project, experiment_id: str) -> str:
    """Eight hex digits of an experiment's numbers alone: what its runs and its reviews say.

    A result that became stale, a new label or title leave it as it is.
    """
    runs = [
        [run.variant, run.seed, project.run_digest(run.key)]
        for run in project.plan(experiment_id).runs
    ]
    path = project.reviews / f"{experiment_id}.json"
    reviewed = hashlib.sha256(path.read_bytes()).hexdigest() if path.exists() else ""
    return hashlib.sha256(canonical_json([runs, reviewed]).encode()).hexdigest()[:8]


def stored_runs(handed: Mapping[tuple[str, str], Project]) -> set[str]:
    """Keys of the runs of the experiments that were handed out."""
    from cvlib.errors import CvlibError

    keys: set[str] = set()
    for (kind, name), project in handed.items():
        if kind in _EXPERIMENT and "@" not in name:
            try:
                keys.update(run.key for run in project.plan(name).runs if run.key)
            except CvlibError:
                continue
    return keys


def declared_reads(project: Project, kind: str, name: str) -> Reads:
    """Of `reviews exp01`, `hypothesis H5`, `hypotheses listed` (or `all`, `changed`), `book experiments`."""
    path = project.reviews / f"{name}.json"
    if kind == REVIEWS:
        return Reads({f"{REVIEWS} {name}": _sha(path.read_bytes()) if path.exists() else "none"})
    return Reads({f"{kind} {name}": _declared_digest(project, kind, name)})


def _declared_digest(project: Project, kind: str, name: str) -> str:
    from cvlib.studies.registered import looks_of

    if kind == "book":
        return digest(project.experiments_of_book())
    try:
        declared = {one.id: one for one in project.hypotheses()}
        revised = {id: [one.words(), one.was.statement] for id, one in project.revisions().items()}
        if name == "changed":
            return digest(revised)
        if name == "listed":
            listed = [[one.id, one.title, one.statement] for one in declared.values()]
            return digest([listed, revised] if revised else listed)
        wanted = (
            [declared[name]] if name in declared else declared.values() if name == "all" else []
        )
        said = [
            [one.id, one.title, one.statement, one.experiment, one.shown]
            + [claim.model_dump(mode="json") for claim in one.claims]
            + ([revised[one.id]] if one.id in revised else [])
            + ([looks_of(project, one)] if one.settle else [])
            for one in wanted
        ]
    except (ValueError, DamagedFile) as error:
        return digest(str(error))
    return digest(said) if said else "none"


# ── files and modules ────────────────────────────────────────────────────────────────────────


def path_digest(
    kind: str, path: Path, since: float | None = None, but: Collection[str] = ()
) -> str:
    """Digest of a file's bytes, of a folder's listing, or of what stands at a path.

    since: a file that changed after that time was not what was read; its digest is ''. but: paths
    that the listing leaves out, besides what caches and renders leave behind.
    """
    try:
        if kind == FILE:
            if since is not None and path.stat().st_mtime > since:
                return ""
            return _sha(path.read_bytes())
        if kind == FOLDER:
            names = [
                entry.name + "/" * entry.is_dir()
                for entry in path.iterdir()
                if str(entry) not in but and not _LEFT_BEHIND.fullmatch(entry.name)
            ]
            return digest(sorted(names))
        return "folder" if path.is_dir() else "file" if path.exists() else "none"
    except OSError:
        return "none"


def source_digest(path: Path, since: float | None = None) -> str:
    """`source:`, the first half of a module's digest. since: see `path_digest`."""
    try:
        if since is not None and path.stat().st_mtime > since:
            return ""
        return _sha(path.read_bytes().replace(b"\r\n", b"\n")) + ":"
    except OSError:
        return "none"


@cache
def module_digest(path: Path, source: str) -> str:
    """`source:meaning` of a module whose source has this digest; `source` where that is another."""
    from cvlib.studies.syntax import normalised

    if path.suffix != ".py" or source_digest(path) != source:
        return source
    try:
        return source + _sha(normalised(path.read_text(encoding="utf-8")).encode())
    except (SyntaxError, ValueError):  # the chapter that imports it will say so
        return source


def with_meanings(project: Project, reads: Mapping[str, str]) -> dict[str, str]:
    """Digests of modules with their second half, which a kernel leaves to the one who keeps them."""
    return {
        name: module_digest(_place(project, name), value) if value.endswith(":") else value
        for name, value in reads.items()
    }


def digest_now(project: Project, name: str, recorded: str, wrote: Collection[str] = ()) -> str:
    """Digest of a file, folder, path or module as it is now; `recorded` where it means the same."""
    kind, _, _ = name.partition(" ")
    path = _place(project, name)
    if ":" not in recorded:
        written = {str(project.root / name) for name in wrote}
        return path_digest(FILE if kind == CODE else kind, path, but=written)
    now = project.once(("source", str(path)), lambda: source_digest(path))
    if now == "none" or recorded.startswith(now):
        return now if now == "none" else recorded
    now, meaning = module_digest(path, now), recorded.partition(":")[2]
    return recorded if meaning and now.endswith(f":{meaning}") else now


def _place(project: Project, name: str) -> Path:
    kind, _, what = name.partition(" ")
    if kind != CODE:
        return project.root / what
    return _PACKAGE.parent / what if "/" in what else module_path(what)


def module_path(name: str) -> Path:
    """Where the source of a module of cvlib lies, or would lie."""
    base = _PACKAGE.parent.joinpath(*name.split("."))
    package = base / "__init__.py"
    return package if package.exists() else base.with_suffix(".py")


# ── experiments that chapters ask for ────────────────────────────────────────────────────────


def experiments_named(code: Iterable[str], known: Iterable[str]) -> list[str]:
    """Ids that stand in quotes in a chapter's code: what a chapter that never ran will ask for.

    A guess, good enough to train before the chapter runs; nothing is called true by it.
    """
    text = "\n".join(code)
    return [name for name in known if re.search(rf"[\"']{re.escape(name)}[\"'/]", text)]


def digest(value: object) -> str:
    """16 hex digits over plain data."""
    return _sha(
        json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()
    )


def _sha(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:DIGITS]
