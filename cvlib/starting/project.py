"""`cvlib init`: a project of one's own, made from this one; whole or not at all."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cvlib.project import PROFILES, Project
from cvlib.starting import TEMPLATES, StartError, filled
from cvlib.starting.chapter import chapter_text, escaped
from cvlib.starting.course import new_settings, pdf_name
from cvlib.starting.dataset import DIGITS, StartData, inspect_dataset
from cvlib.starting.errors import said_of
from cvlib.starting.experiment import chapter_file, experiment_yaml
from cvlib.starting.project_book import new_book
from cvlib.starting.project_files import copy_project, source_project, without_shipped_tests
from cvlib.studies.experiment import parse_experiment

if TYPE_CHECKING:
    from cvlib.settings import Settings

TITLE = "Experiment journal"
FIRST = "exp01"
FIRST_TITLE = "A small CNN: width, depth, augmentation"
FIRST_QUESTION = (
    "What do twice the channels, twice the convolutions, and random crops change in the test accuracy "
    "of a small convolutional network, and what does each cost in training time?"
)


@dataclass(frozen=True)
class NewProject:
    """What was made. pdf: the name of its PDF; data: what the first experiment is trained on."""

    root: Path
    pdf: str
    data: StartData


@dataclass(frozen=True)
class Words:
    """What the report is called, and whose it is. course, module: None for the source's own."""

    author: str
    title: str = TITLE
    course: str | None = None
    module: str | None = None


def new_project(folder: Path, words: Words, dataset: str = DIGITS) -> NewProject:
    """Make a project in `folder`, which must be empty or not there.

    A relative PATH of `dataset` starts at the working folder. Raises StartError, DataError where
    the pictures cannot be classified; then nothing is left behind.
    """
    source = source_project()
    folder = folder.expanduser().absolute()
    _check_folder(folder, source)
    data = inspect_dataset(dataset, Path.cwd(), None)
    settings = new_settings(source, words.course, words.module)
    pdf = pdf_name(settings, words.author)
    with _staged(folder) as root:
        copy_project(source, root)
        without_shipped_tests(root / "pyproject.toml")
        book = (source / "_quarto.yml").read_text(encoding="utf-8")
        with said_of("_quarto.yml"):
            _write(root / "_quarto.yml", new_book(book, words, settings, pdf))
        data.make_link(root)
        _write_first_experiment(root, data)
        _fill_templates(root, words, settings, data)
        _check(root)
    return NewProject(folder, pdf, data)


def _write_first_experiment(root: Path, data: StartData) -> None:
    text = experiment_yaml(FIRST, FIRST_TITLE, data.name, data.image_size, FIRST_QUESTION)
    yaml = root / "experiments" / f"{FIRST}.yaml"
    _write(yaml, text)
    _write(root / chapter_file(FIRST), chapter_text(parse_experiment(yaml), []))


def _fill_templates(root: Path, words: Words, settings: Settings, data: StartData) -> None:
    """Every file below `templates/project/` becomes one of the project."""
    carried = ""
    if data.link is not None:
        carried = (
            f"\nThe pictures are in `{data.link.as_posix()}`, a link that git leaves out: on another "
            "machine, put the same\nfolder there, or link it. The results stay true then.\n"
        )
    values = {"title": escaped(words.title), "author": escaped(words.author), "data": carried}
    values |= {"course": escaped(settings.course), "module": escaped(str(settings.module))}
    for template in sorted((TEMPLATES / "project").rglob("*")):
        if template.is_file():
            text = filled(template.read_text(encoding="utf-8"), values)
            _write(root / template.relative_to(TEMPLATES / "project"), text)


def _check(root: Path) -> None:
    """Read what was written, as a render and a run will."""
    from cvlib.engine.book import load_book
    from cvlib.settings import load_settings
    from cvlib.studies.hypotheses import load_hypotheses

    load_settings(root)
    for profile in PROFILES:
        load_book(root, None if profile == "default" else profile)
        parse_experiment(Project(root).experiment_file(FIRST), profile)
    load_hypotheses(Project(root))


def _check_folder(folder: Path, source: Path) -> None:
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise StartError(f"{folder} is there and is no folder; choose another")
    if folder.is_dir() and any(folder.iterdir()):
        raise StartError(f"{folder} is not empty; name a folder that is not there yet")
    if not folder.parent.is_dir():
        raise StartError(f"{folder.parent} is not there; `mkdir -p {folder.parent}` makes it")
    if folder.resolve().is_relative_to(source):
        beside = source.parent / folder.name
        raise StartError(
            f"{folder} lies in the project that it would be made from; choose a folder beside it, "
            f"such as {beside}"
        )


@contextmanager
def _staged(folder: Path) -> Iterator[Path]:
    """A folder to build in, which becomes `folder` at the end; gone if anything goes wrong."""
    was_there = folder.is_dir()
    # in the folder itself if there is one: it may be where the person stands, or a disk of its own
    where = folder if was_there else folder.parent
    try:
        staging = Path(tempfile.mkdtemp(prefix=".cvlib-init-", dir=where))
    except OSError as error:
        raise StartError(f"{where} cannot be written to: {error.strerror}") from None
    moved: list[Path] = []
    try:
        yield staging
        staging.chmod(0o755)  # mkdtemp's folders are for their owner alone
        if not was_there:
            staging.rename(folder)
            return
        for path in sorted(staging.iterdir()):
            moved.append(path.rename(folder / path.name))
        staging.rmdir()
    except BaseException as error:
        for path in moved:
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
        shutil.rmtree(staging, ignore_errors=True)
        if isinstance(error, OSError):
            raise StartError(f"{folder} could not be written: {error}") from None
        raise


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8", newline="\n")
