"""What a new project gets from this one: everything but the study that this one is about."""

from __future__ import annotations

import shutil
from pathlib import Path

from cvlib.starting import StartError

# Files and folders of the project that are copied as they are.
COPIED = (
    ".ci",
    ".github",
    ".gitignore",
    ".pre-commit-config.yaml",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "LICENSE",
    "Makefile",
    "_extensions",
    "_quarto-full.yml",
    "_quarto-quick.yml",
    "benchmarks",
    "constraints.txt",
    "cvlib",
    "data/README.md",
    "docs",
    "pyproject.toml",
    "tests",
)
# What is this project's own, and is made anew; a test asserts that each file is in one of the two.
LEFT_OUT = (
    "README.md",
    "_freeze",
    "_quarto.yml",
    "docs/dashboard.png",
    "docs/report-page.png",
    "experiments",
    "index.qmd",
    "references.bib",
    "report",
)
_DEBRIS = shutil.ignore_patterns(
    "__pycache__",
    "*.pyc",
    ".DS_Store",
    ".ipynb_checkpoints",
    "*.egg-info",
    ".*_cache",
    ".hypothesis",
)


def source_project() -> Path:
    """The project that this cvlib lies in; StartError where it was installed without one."""
    root = Path(__file__).resolve().parents[2]
    lacks = [name for name in (*COPIED, "_quarto.yml") if not (root / name).exists()]
    if lacks:
        raise StartError(
            f"cvlib init copies the project that cvlib lies in, and {root} is none: it has no "
            f"{', '.join(lacks[:3])}. Run it from a checkout of cvlib, after `make setup` there"
        )
    return root


def copy_project(source: Path, target: Path) -> None:
    """Copy what a project needs into the empty folder `target`."""
    for name in COPIED:
        from_, to = source / name, target / name
        if from_.is_dir():
            shutil.copytree(from_, to, ignore=_DEBRIS)
        else:
            to.parent.mkdir(exist_ok=True)
            shutil.copy2(from_, to)
    for name in LEFT_OUT:
        (target / name).unlink(missing_ok=True)


_ALL, _OWN = '"-q --strict-markers"', """"-q --strict-markers -m 'not shipped'\""""


def without_shipped_tests(pyproject: Path) -> None:
    """Let the tests of the shipped study, which the new project does not have, be left out."""
    text = pyproject.read_text(encoding="utf-8")
    if _OWN in text:
        return  # made from a project that was made so
    if text.count(_ALL) != 1:
        raise StartError(f"pyproject.toml has no `addopts = {_ALL}` to add `-m 'not shipped'` to")
    pyproject.write_text(text.replace(_ALL, _OWN), encoding="utf-8")
