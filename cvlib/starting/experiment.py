"""`cvlib new`: an experiment's YAML, its chapter, and its place in the book; all three or none."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml.scalarstring import DoubleQuotedScalarString

from cvlib.files import replace_text
from cvlib.project import Project
from cvlib.starting import TEMPLATES, StartError, filled
from cvlib.starting.chapter import chapter_text
from cvlib.starting.dataset import DIGITS, StartData, inspect_dataset
from cvlib.starting.yaml_edit import edit_yaml, folded, insert_item, wrapped
from cvlib.studies.experiment import parse_experiment
from cvlib.yaml_source import parse_yaml, read_text, read_yaml

TO_NAME = "To be named"
TO_ASK = "To write: what this experiment is to find out, in one or two sentences."
_NAME = re.compile(r"exp(\d{2,})")
_ID = re.compile(r"\b(exp)(\d{2,})\b", re.IGNORECASE)
_JOURNAL = re.compile(r"report/exp\d+\.qmd")


@dataclass(frozen=True)
class NewExperiment:
    """What was made. data: of the dataset in words, '' where it is the project's own."""

    name: str
    runs: int
    data: str


def new_experiment(
    project: Project,
    name: str | None,
    *,
    original: str | None = None,
    dataset: str | None = None,
    title: str | None = None,
) -> NewExperiment:
    """Make `experiments/<name>.yaml`, `report/<name>.qmd` and a line in `_quarto.yml`.

    name: None for the next free one. original: the experiment to copy; None: the template, on the
    project's own dataset. A relative path of `dataset` starts at the working folder. Raises
    StartError, or the error of the project that is in the way; then nothing has changed.
    """
    name = name or next_name(project)
    if not _NAME.fullmatch(name):
        raise StartError(
            f"{name!r} is no name of an experiment: expected exp and a number of two digits; the "
            f"next free one is {next_name(project)}"
        )
    for file in (f"experiments/{name}.yaml", chapter_file(name)):
        if (project.root / file).exists():
            raise StartError(
                f"{file} exists and is left as it is; the next free name is {next_name(project)}"
            )
    title = " ".join(title.split()) if title is not None else None
    if title == "":
        raise StartError("the title is empty; leave --title out to write it later")
    data = None if dataset is None else inspect_dataset(dataset, project.root)
    if original is not None:
        text = _copied(project, original, name, title, data)
    elif data is not None:
        text = experiment_yaml(name, title, data.name, data.image_size)
    elif ids := project.experiment_ids():  # on the dataset of the project's first experiment
        own = parse_experiment(project.experiment_file(ids[0])).variants[0].spec.dataset
        text = experiment_yaml(name, title, own.name, own.image_size)
    else:
        text = experiment_yaml(name, title, DIGITS, None)
    book = project.root / "_quarto.yml"
    book_text = read_text(book, book.name)
    made: list[Path] = []
    try:
        yaml, chapter = project.experiments / f"{name}.yaml", project.root / chapter_file(name)
        _write(yaml, text, made)
        if data is not None and (link := data.make_link(project.root)):
            made.append(link)
        fields = read_yaml(yaml, yaml.name, none_is_null=True).data
        for profile in ("default", *(fields.get("profiles") or {})):
            parse_experiment(yaml, profile)
        experiment = parse_experiment(yaml)
        _write(chapter, chapter_text(experiment, list(fields.get("grid") or {})), made)
        replace_text(book, with_chapter(book_text, chapter_file(name)))
    except BaseException:  # Ctrl-C, too
        for path in reversed(made):
            path.unlink(missing_ok=True)
        raise
    runs = sum(len(variant.seeds) for variant in experiment.variants)
    return NewExperiment(name, runs, data.words if data else "")


# ── names ────────────────────────────────────────────────────────────────────────────────────────


def next_name(project: Project) -> str:
    """The first free name behind the last: `exp06` where `exp05` has a YAML or a chapter.

    A number that was left out on the way stays free for whoever asks for it by name.
    """
    chapters = [path.stem for path in (project.root / "report").glob("*.qmd")]
    names = [*project.experiment_ids(), *chapters]
    taken = [int(match[1]) for name in names if (match := _NAME.fullmatch(name))]
    return f"exp{max(taken, default=0) + 1:02d}"


def chapter_file(name: str) -> str:
    """The chapter of an experiment, relative to the project."""
    return f"report/{name}.qmd"


# ── the YAML ─────────────────────────────────────────────────────────────────────────────────────


def experiment_yaml(
    name: str, title: str | None, dataset: str, image_size: int | None, question: str = TO_ASK
) -> str:
    """The commented template for one experiment.

    image_size: of pictures that have no size of their own, else None.
    """
    size = ""
    if image_size is not None:
        size = f"{f'  image_size: {image_size}':25}# pictures are cut square and resized to this\n"
    values = {
        "id": name,
        "ID": name.upper(),
        # `imagefolder:data/birds` needs no quotes; a path with a blank or a `#` in it may
        "dataset": dataset if re.fullmatch(r"[\w:./+-]+", dataset) else json.dumps(dataset),
        "title": json.dumps(title or TO_NAME, ensure_ascii=False),
        "question": "\n  ".join([">-", *wrapped(question)]),
        "image_size": size,
    }
    return filled(TEMPLATES / "experiment.yaml", values)


def _copied(
    project: Project, original: str, name: str, title: str | None, data: StartData | None
) -> str:
    """A copy of an experiment: its title and question are to be written anew.

    Comments stay; those that name the original name the copy.
    """
    path = project.experiment_file(original)
    parse_experiment(path)  # its own mistakes are said of it, not of the copy

    def change(fields: dict[str, Any]) -> None:
        fields["title"] = DoubleQuotedScalarString(title or TO_NAME)
        fields["question"] = folded(TO_ASK)
        fields.pop("more_seeds", None)  # they were to settle what the original left open
        if data is not None:
            _replace_dataset(fields, data)

    lines = read_text(path, path.name).splitlines(keepends=True)
    text = "".join(_with_renamed_comment(line, original, name) for line in lines)
    try:
        return edit_yaml(
            text, change, lambda edited: parse_yaml(edited, name, none_is_null=True).data
        )
    except StartError as error:
        raise StartError(f"experiments/{original}.yaml: {error}") from None


def _replace_dataset(fields: dict[str, Any], data: StartData) -> None:
    """Name another dataset wherever the file, or a profile of it, names one."""
    profiles = (fields.get("profiles") or {}).values()
    for holder in (fields, *((profile or {}).get("set") or {} for profile in profiles)):
        if isinstance(holder.get("dataset"), str):
            holder["dataset"] = data.name
        elif "name" in (holder.get("dataset") or {}):
            holder["dataset"]["name"] = data.name
        if "dataset.name" in holder:
            holder["dataset.name"] = data.name
    if data.image_size is not None:
        if isinstance(fields["dataset"], str):
            fields["dataset"] = {"name": data.name}
        fields["dataset"].setdefault("image_size", data.image_size)


def _with_renamed_comment(line: str, original: str, name: str) -> str:
    before, hash_, comment = line.partition("#")
    if not hash_ or (before.strip() and not before.endswith(" ")):
        return line

    def new(match: re.Match[str]) -> str:
        if match[0].lower() != original:
            return match[0]
        return name.upper() if match[1].isupper() else name

    return before + hash_ + _ID.sub(new, comment)


# ── the book ─────────────────────────────────────────────────────────────────────────────────────


def with_chapter(text: str, file: str) -> str:
    """Return the text of `_quarto.yml` with `file` behind the last chapter of the journal.

    That is the part that holds the experiments' chapters, else the last part; a book without parts
    gets it behind its last experiment, else before its last chapter, which is the summary.
    Raises StartError where the book has no list of chapters, or the text cannot be edited.
    """

    def is_journal(chapter: Any) -> bool:
        return isinstance(chapter, str) and _JOURNAL.fullmatch(chapter) is not None

    def insert(book: dict[str, Any]) -> None:
        chapters = (book.get("book") or {}).get("chapters")
        if not isinstance(chapters, list) or not chapters:
            raise StartError("`book: chapters:` lists no chapters; this is no report of cvlib's")
        parts = [c["chapters"] for c in chapters if isinstance(c, dict) and c.get("chapters")]
        with_journal = [part for part in parts if any(map(is_journal, part))]
        experiments = [n for n, chapter in enumerate(chapters) if is_journal(chapter)]
        part = (with_journal or parts or [chapters])[-1]
        behind = experiments[-1] + 1 if experiments else max(len(chapters) - 1, 1)
        insert_item(part, len(part) if parts else behind, file)

    try:
        return edit_yaml(text, insert, lambda edited: parse_yaml(edited, "_quarto.yml").data)
    except StartError as error:
        hint = f": add `- {file}` to its chapters" if "by hand" in str(error) else ""
        raise StartError(f"_quarto.yml: {error}{hint}") from None


def _write(path: Path, text: str, made: list[Path]) -> None:
    path.parent.mkdir(exist_ok=True)
    with path.open("x", encoding="utf-8", newline="") as file:  # never over another
        made.append(path)
        file.write(text)
