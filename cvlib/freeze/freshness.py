"""Which frozen chapters are true, and why not: one judgement for both engines, the hook and `cvlib status`."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cvlib.engine.bibliography import cited_entries
from cvlib.engine.errors import BookError
from cvlib.freeze.frozen_copy import FrozenCopy, Record, freeze_folder
from cvlib.freeze.reads import (
    CODE,
    FILE,
    FOLDER,
    PACKAGE,
    PATH,
    RESULTS,
    REVIEWS,
    SPEC,
    Reads,
    declared_reads,
    digest_now,
    experiment_reads,
    experiments_named,
    with_meanings,
)
from cvlib.recorder import reads_file
from cvlib.studies.syntax import version_here

if TYPE_CHECKING:
    from cvlib.engine.book import Target
    from cvlib.project import Project

INCLUDED, CITED, OPTION = "included", "cited", "option"
_TEXTUAL = (INCLUDED, CITED)  # part of what a chapter says, not of what its cells see
_NAMED = 4


def experiments_of(project: Project, file: str) -> list[str]:
    """Ids of the experiments that a chapter asked for when it was executed, sorted.

    Of one that has no record, those that its code names.
    """
    record = frozen_copy(project, file).record
    if record is not None and not record.guessed:
        return sorted(record.experiments)
    code = [cell.code for cell in project.chapter(file).cells]
    return experiments_named(code, project.experiment_ids())


def frozen_copy(project: Project, file: str) -> FrozenCopy:
    """The frozen copy of a chapter, read once a command; `project.forget_chapter` after a change."""
    return project.once(("frozen", file), lambda: FrozenCopy(freeze_folder(project.root, file)))


def why_execute(project: Project, file: str) -> str | None:
    """Why a chapter must run, None if its frozen copy stands in every format of the book."""
    if project.book().freeze is False:
        return "freeze is off"
    return project.once(("why", file), lambda: why_untrue(project, file, project.book().targets))


def why_untrue(
    project: Project, file: str, targets: Iterable[Target], copy: FrozenCopy | None = None
) -> str | None:
    """Why the frozen copy of a chapter is not what running it now would give; None if it is.

    copy: one that lies elsewhere. Raises BookError for a chapter that includes a file that is not
    there.
    """
    copy = copy or frozen_copy(project, file)
    if (why := copy.why_unusable(project.chapter(file), targets)) is not None:
        return why
    if copy.damage is not None:
        return copy.damage
    if copy.record is None:
        return "frozen without a record of what it was made from"
    if copy.record.guessed:
        return "frozen by an earlier cvlib, which did not record what a chapter reads"
    now = reads_now(project, file, copy.record, copy.markdowns)
    return reason(copy.record.reads, now) or None


def reads_now(project: Project, file: str, record: Record, markdowns: Iterable[str] = ()) -> Reads:
    """What the record names, as it is now. markdowns: executed texts, for they cite."""
    now = own_reads(project, file)
    experiments: set[str] = set()
    for name, recorded in record.reads.items():
        kind, _, what = name.partition(" ")
        if kind in (CODE, FILE, FOLDER, PATH):
            now[name] = digest_now(project, name, recorded, record.wrote)
        elif kind == PACKAGE:
            now[name] = recorded
        elif kind in (SPEC, RESULTS):
            experiments.add(what.partition(" ")[0])
        elif kind not in (INCLUDED, CITED, OPTION):
            now.add(declared_reads(project, kind, what))
    for experiment in sorted(experiments):
        now.add(experiment_reads(project, experiment))
    now.update(cited_reads(project, markdowns))
    return now


def own_reads(project: Project, file: str) -> Reads:
    """What the engines read of a chapter besides its text: included files, and options of the book."""
    reads = Reads()
    for included, text in project.chapter(file).included.items():
        content = text.replace("\r\n", "\n").encode()
        reads[f"{INCLUDED} {included}"] = hashlib.sha256(content).hexdigest()[:16]
    for name, value in project.book().options.items():
        reads[f"{OPTION} {name}"] = value
    return reads


def cited_reads(project: Project, markdowns: Iterable[str]) -> dict[str, str]:
    """The entries of the bibliography that executed texts cite."""
    entries = cited_entries(markdowns, project.book().bibliography)
    return {f"{CITED} {key}": digest for key, digest in entries.items()}


# ── in words ─────────────────────────────────────────────────────────────────────────────────


def reason(recorded: Mapping[str, str], now: Reads) -> str:
    """Say what differs, `code changed: cvlib.journal.table`; '' when nothing does."""
    by_kind: dict[str, list[str]] = defaultdict(list)
    for name in sorted({**recorded, **now}):
        if recorded.get(name) != now.get(name):
            kind, _, rest = name.partition(" ")
            by_kind[kind].append(rest)
    said = list(_experiments(by_kind.pop(SPEC, []), by_kind.pop(RESULTS, []), recorded, now))
    said += [f"reviews of {experiment} changed" for experiment in by_kind.pop(REVIEWS, [])]
    said += [_option(name, recorded, now) for name in by_kind.pop(OPTION, [])]
    if by_kind.pop("hypotheses", []):
        said.append("the list of hypotheses changed")
    if by_kind.pop("book", []):
        said.append("the book's chapters ask for other experiments")
    if code := by_kind.pop(CODE, []):
        said.append(f"code changed: {_listed(code)}")
    for place in by_kind.pop(PATH, []):
        there = now.get(f"{PATH} {place}") != "none"
        said.append(f"{place} is there now" if there else f"{place} is gone")
    nouns = {INCLUDED: "included file", CITED: "bibliography entry", FOLDER: "folder"}
    for kind, names in by_kind.items():
        noun = nouns.get(kind, kind)
        several = {"bibliography entry": "bibliography entries", "hypothesis": "hypotheses"}
        said.append(
            f"{noun if len(names) == 1 else several.get(noun, noun + 's')} {_listed(names)} changed"
        )
    return "; ".join(said)


def _experiments(
    specs: list[str], results: list[str], recorded: Mapping[str, str], now: Reads
) -> Iterator[str]:
    """A changed spec explains the results that changed with it."""
    of_spec: dict[str, list[str]] = defaultdict(list)
    for name in specs:
        experiment, _, what = name.partition(" ")
        of_spec[experiment].append(what)
    for experiment, parts in of_spec.items():
        if f"{SPEC} {experiment}" in now:
            yield f"experiment {experiment} cannot be read"
            continue
        words = [now.words.get(f"{RESULTS} {experiment} {what}", "") for what in parts]
        told = _listed(list(dict.fromkeys(v.removeprefix("stale by spec: ") for v in words if v)))
        named = [part for part in parts if part]
        yield f"spec of {experiment} changed: {_listed(named)}" + (f" ({told})" if told else "")
    groups: dict[tuple[str, str], list[str]] = defaultdict(list)
    for name in results:
        experiment, _, variant = name.partition(" ")
        if experiment not in of_spec:
            groups[experiment, now.words.get(f"{RESULTS} {name}", "")].append(variant)
    for (experiment, state), variants in groups.items():
        told = f" ({state})" if state else ""
        yield f"results of {experiment} changed: {_listed(variants)}{told}"


def _option(name: str, recorded: Mapping[str, str], now: Mapping[str, str]) -> str:
    target, _, key = name.partition(" ")
    of = {"typ": " for the PDF", "html": " for HTML"}.get(target, "")
    before, after = (values.get(f"{OPTION} {name}", "none") for values in (recorded, now))
    return f"option {key}{of} changed: {before} → {after}"


def _listed(names: list[str]) -> str:
    left = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {left} more" if left > 0 else "")


# ── all chapters of a book ───────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class ChapterStatus:
    """A chapter that runs code. reason: why it would run again; None: frozen and true.

    versions: of a true one, the packages that have another version here than it was made with.
    """

    file: str
    reason: str | None
    versions: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Plain data for `cvlib status --json`."""
        found: dict[str, Any] = {"file": self.file, "reason": self.reason}
        return {**found, "versions": list(self.versions)} if self.versions else found


def other_versions(project: Project, file: str) -> tuple[str, ...]:
    """Packages that a frozen chapter was made with in another version: `matplotlib 3.9 → 3.10`."""
    record = frozen_copy(project, file).record
    found = []
    for name, before in record.reads.items() if record is not None else ():
        kind, _, package = name.partition(" ")
        if kind == PACKAGE and (now := version_here(package)) != before:
            found.append(f"{package} {before} → {now}")
    return tuple(found)


def chapter_statuses(project: Project, experiments: Collection[str] = ()) -> list[ChapterStatus]:
    """Every chapter with code, in the order of the book; executes and changes nothing.

    experiments: only chapters that read one of these; all when none is named. Empty for a project
    that is no book, and where freeze is off.
    """
    try:
        book = project.book()
    except BookError:
        return []
    if book.freeze is False:
        return []
    found = []
    for entry in book.chapters:
        try:
            if not project.chapter(entry.file).executes:
                continue
            if experiments and not set(experiments) & set(project.experiments_of(entry.file)):
                continue
            why = why_execute(project, entry.file)
            versions = other_versions(project, entry.file) if why is None else ()
            found.append(ChapterStatus(entry.file, why, versions))
        except FileNotFoundError:
            found.append(ChapterStatus(entry.file, "there is no such file"))
        except (OSError, BookError) as error:
            found.append(ChapterStatus(entry.file, str(error)))
    return found


def statuses_text(statuses: list[ChapterStatus]) -> str:
    """A line a chapter, below a head with their number."""
    if not statuses:
        return ""
    true = sum(status.reason is None for status in statuses)
    lines = [f"chapters  {true} of {len(statuses)} frozen and true"]
    width = max(len(status.file) for status in statuses)
    for s in statuses:
        other = f", made with other packages: {', '.join(s.versions)}" if s.versions else ""
        lines.append(f"  {s.file:<{width}}  {s.reason or 'frozen and true'}{other}")
    if any(s.versions for s in statuses):
        lines.append("  `cvlib render CHAPTER --fresh` makes it anew with those that are here")
    return "\n".join(lines)


# ── what a kernel left ───────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class KernelReads:
    """What the recorder of a chapter's kernel wrote down. late: why it may not be all."""

    hash: str
    late: str | None
    record: Record


def take_reads(project: Project, file: str) -> KernelReads | None:
    """What the kernel of a chapter left, once; None where it left nothing."""
    path = reads_file(project.root, file)
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        path.unlink()
        record = Record(content["reads"], tuple(content["experiments"]), tuple(content["wrote"]))
        return KernelReads(content["hash"], content["late"], record)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def whole_record(
    project: Project, record: Record, own: Mapping[str, str], markdowns: Iterable[str]
) -> Record:
    """The record of an execution: what its kernel read, with what the engines read of the chapter.

    own: `own_reads` when it began. Where the chapter trained, results are read anew from now on.
    """
    for experiment in record.experiments:
        now = experiment_reads(project, experiment)
        if any(record.reads.get(n) != d for n, d in now.items() if n.startswith(RESULTS)):
            project.forget_results()
            break
    reads = {**own, **with_meanings(project, record.reads), **cited_reads(project, markdowns)}
    return Record(reads, record.experiments, record.wrote)


def record_of_other_text(
    project: Project, file: str, record: Record, markdowns: Iterable[str]
) -> Record:
    """The record of a copy that goes on with the chapter's present prose."""
    kept = {n: d for n, d in record.reads.items() if n.partition(" ")[0] not in _TEXTUAL}
    reads = {**kept, **own_reads(project, file), **cited_reads(project, markdowns)}
    return Record(reads, record.experiments, record.wrote)


def differs_in_prose_alone(project: Project, file: str, record: Record) -> bool:
    """Whether nothing that a record names changed, apart from included and cited texts."""
    now = reads_now(project, file, record)
    sides = [
        {n: d for n, d in side.items() if n.partition(" ")[0] not in _TEXTUAL}
        for side in (record.reads, now)
    ]
    return not record.guessed and sides[0] == sides[1]
