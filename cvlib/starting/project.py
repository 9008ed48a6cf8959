"""`cvlib init`: a small project of one's own, which depends on the library; whole or not at all.

Its files are those below `templates/project/`, with `<<name>>` filled in; `dot_x` becomes `.x`. Some
of them are links to this repository's own, so that there is one look and one list of versions.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cvlib.markup import markdown
from cvlib.project import PROFILES, Project
from cvlib.settings import Settings, UnusableName, ascii_name, expected_pdf_name, split_name
from cvlib.starting import TEMPLATES, StartError, filled
from cvlib.starting.chapter import chapter_text
from cvlib.starting.dataset import DIGITS, StartData, inspect_dataset
from cvlib.starting.experiment import chapter_file, experiment_yaml
from cvlib.starting.wheel import code_version, vendor
from cvlib.studies.experiment import parse_experiment

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


def new_project(
    folder: Path,
    author: str,
    dataset: str = DIGITS,
    *,
    title: str = TITLE,
    course: str | None = None,
    module: str | None = None,
) -> NewProject:
    """Make a project in `folder`, which must be empty or not there.

    A relative PATH of `dataset` starts at the working folder. course, module: None for the default
    of the settings. Raises StartError, DataError where the pictures cannot be classified; then
    nothing is left behind.
    """
    folder = folder.expanduser().absolute()
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise StartError(f"{folder} is there and is no folder; choose another")
    if folder.is_dir() and any(folder.iterdir()):
        raise StartError(f"{folder} is not empty; name a folder that is not there yet")
    if not folder.parent.is_dir():
        raise StartError(f"{folder.parent} is not there; `mkdir -p {folder.parent}` makes it")
    data = inspect_dataset(dataset)
    number = int(module) if module is not None and module.isdecimal() else module
    given = {"course": course, "module": number}
    settings = Settings(**{key: value for key, value in given.items() if value is not None})
    try:
        for part in split_name(author):
            ascii_name(part)
    except UnusableName as error:
        raise StartError(
            f"--author: {error}. It becomes part of the PDF's name: give it in Latin letters, and "
            "change `author` in _quarto.yml afterwards, with `first-name` and `last-name` below "
            "`cvlib:`"
        ) from None
    pdf = expected_pdf_name(settings, author)
    with _staged(folder) as root:
        data.make_link(root)
        _write_templates(root, title, author, settings, pdf, data)
        text = experiment_yaml(FIRST, FIRST_TITLE, data.name, data.image_size, FIRST_QUESTION)
        _write(root / f"experiments/{FIRST}.yaml", text)
        experiment = parse_experiment(root / f"experiments/{FIRST}.yaml")
        _write(root / chapter_file(FIRST), chapter_text(experiment, []))
        vendor(root)
        _check(root)
    return NewProject(folder, pdf, data)


def _write_templates(
    root: Path, title: str, author: str, settings: Settings, pdf: str, data: StartData
) -> None:
    carried = ""
    if data.link is not None:
        carried = (
            f"\nThe pictures are in `{data.link.as_posix()}`, a link that git leaves out: on another "
            "machine, put the same\nfolder there, or link it. The results stay true then.\n"
        )
    texts = {"title": title, "author": author}
    texts |= {"course": settings.course, "module": str(settings.module)}
    values = {name: markdown(text, prose=True) for name, text in texts.items()}
    written = {
        # Quarto reads these as Markdown
        "book_title": values["title"],
        "book_subtitle": markdown(f"{settings.course}, module {settings.module}", prose=True),
        "book_author": values["author"],
        "output_file": pdf.removesuffix(".pdf"),
        "course_name": settings.course,
        "module_number": settings.module,
    }
    # in YAML; JSON's quotes and escapes are YAML's
    values |= {name: json.dumps(value, ensure_ascii=False) for name, value in written.items()}
    values |= {"data": carried, "version": code_version()}
    templates = TEMPLATES / "project"
    for where, _, names in os.walk(templates, followlinks=True):
        for name in names:
            template = Path(where, name)
            target = template.relative_to(templates).as_posix().replace("dot_", ".")
            _write(root / target, filled(template, values))


def _check(root: Path) -> None:
    """Read what was written, as a render and a run will."""
    from cvlib.settings import load_settings

    load_settings(root)
    for profile in PROFILES:
        project = Project(root, profile)
        project.book()
        parse_experiment(project.experiment_file(FIRST), profile)
    Project(root).hypotheses()


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
