"""`cvlib new`: an experiment's YAML, its chapter, and its place in the book; all three or none."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cvlib.project import Project
from cvlib.results.files import replace_text
from cvlib.starting import StartError
from cvlib.starting.chapter import chapter_text
from cvlib.starting.dataset import DIGITS, StartData, inspect_dataset
from cvlib.starting.errors import said_of
from cvlib.starting.experiment import chapter_file, experiment_yaml, next_name, with_chapter
from cvlib.starting.experiment_text import copied
from cvlib.starting.names import check_name
from cvlib.studies.experiment import Experiment, parse_experiment
from cvlib.studies.located_yaml import read_yaml


@dataclass(frozen=True)
class Made:
    """What was made. data: of the dataset in words, '' where it is the project's own."""

    name: str
    experiment: Path
    chapter: Path
    runs: int
    data: str


def new_experiment(
    layout: Project,
    name: str | None,
    *,
    original: str | None = None,
    dataset: str | None = None,
    title: str | None = None,
    working: Path | None = None,
) -> Made:
    """Make `experiments/<name>.yaml`, `report/<name>.qmd` and a line in `_quarto.yml`.

    name: None for the next free one. original: the experiment to copy; None: the template, on the
    project's own dataset. working: where a relative path of `dataset` starts. Raises StartError,
    or the error of the project that is in the way; then nothing has changed.
    """
    name = name or next_name(layout)
    check_name(layout, name)
    title = " ".join(title.split()) if title is not None else None
    if title == "":
        raise StartError("the title is empty; leave --title out to write it later")
    data = (
        inspect_dataset(dataset, working or Path.cwd(), layout.root)
        if dataset is not None
        else None
    )
    text = _yaml(layout, name, original, data, title)
    book = layout.root / "_quarto.yml"
    book_text = _read(book)
    with _undone_on_error() as made:
        yaml, chapter = layout.experiments / f"{name}.yaml", layout.root / chapter_file(name)
        _write(yaml, text, made)
        if data is not None and (link := data.make_link(layout.root)):
            made.append(link)
        experiment = _checked(yaml, layout)
        grid = list(read_yaml(yaml, yaml.name).data.get("grid") or {})
        _write(chapter, chapter_text(experiment, grid), made)
        edited = with_chapter(book_text, chapter_file(name))
        replace_text(book, edited)
    runs = len(experiment.variants) * len(experiment.seeds)
    return Made(name, yaml, chapter, runs, data.words if data else "")


def _yaml(
    layout: Project, name: str, original: str | None, data: StartData | None, title: str | None
) -> str:
    dataset = data.name if data else None
    size = data.image_size if data else None
    if original is not None:
        path = layout.experiment_file(original)
        parse_experiment(path)  # its own mistakes are said of it, not of the copy
        text = _read(path)
        with said_of(f"experiments/{original}.yaml"):
            return copied(text, original, name, title, dataset, size)
    if dataset is None:
        dataset, size = _own_dataset(layout)
    return experiment_yaml(name, title, dataset, size)


def _own_dataset(layout: Project) -> tuple[str, int | None]:
    """The dataset of the project's first experiment and the size of its images; else the digits."""
    ids = layout.experiment_ids()
    if not ids:
        return DIGITS, None
    first = parse_experiment(layout.experiment_file(ids[0])).variants[0].spec.dataset
    return first.name, first.image_size


def _checked(path: Path, layout: Project) -> Experiment:
    """The experiment as the project's profile has it; every profile of the file is read."""
    for profile in ("default", *(read_yaml(path, path.name).data.get("profiles") or {})):
        parse_experiment(path, profile)
    return parse_experiment(path)


@contextmanager
def _undone_on_error() -> Iterator[list[Path]]:
    """Remove what was made when anything goes wrong, Ctrl-C included."""
    made: list[Path] = []
    try:
        yield made
    except BaseException:
        for path in reversed(made):
            path.unlink(missing_ok=True)
        raise


def _write(path: Path, text: str, made: list[Path]) -> None:
    path.parent.mkdir(exist_ok=True)
    with path.open("x", encoding="utf-8", newline="") as file:  # never over another
        made.append(path)
        file.write(text)


def _read(path: Path) -> str:
    # bytes, so that the line ends of Windows stay
    return path.read_bytes().decode()
