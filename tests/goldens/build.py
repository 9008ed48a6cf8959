"""Everything that cvlib makes of two projects, as plain text: the goldens of the refactoring.

    python -m tests.goldens.build                  what differs from the committed goldens
    python -m tests.goldens.build --write          write them
    python -m tests.goldens.build --fresh          execute the shipped chapters, frozen or not
    python -m tests.goldens.build shipped          only the report of this repository

Only the command line is run and only files are read: no module of cvlib is imported here, since all
of them may move. What is masked, and why, is in `normalise.py`.
"""

from __future__ import annotations

import argparse
import difflib
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from tests.goldens.normalise import (
    CODE_CUE,
    ENVIRONMENT,
    Masks,
    without_numbers_elsewhere,
    without_stale_marks,
)
from tests.goldens.pages import page_lines

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
GOLDENS = HERE / "expected"
# Of this repository, what the shipped report is not made from.
NO_PART_OF_THE_REPORT = {"benchmarks", "cvlib", "data", "tests"}

SHIPPED_TRACES = (
    "tbl-exp01",
    "tbl-exp02",
    "tbl-verdicts",
    "fig-exp01-time",
    "fig-exp04-maps",
    "fig-exp05-gallery",
    "91.6 ± 1.2%",
    "+5.09 [4.21, 5.97] points",
    "65.5% [62.2, 68.6]",
    "24k",
)
DIGITS_TRACES = (
    "tbl-exp01",
    "tbl-verdicts",
    "fig-exp01",
    "tbl-none",  # no such label: the answer names the nearest
    "@accuracy",  # the first value of that kind in the chapter, found in its page
    "@difference",
    "2",
    "270",
    "1,437",  # not shown: the answer names the nearest
    "base network",
)


def build(name: str, folder: Path, fresh: bool = False) -> dict[str, str]:
    """Goldens of the project `name`, made below `folder`: path of the golden -> text."""
    return {"shipped": shipped, "digits": digits}[name](folder, fresh)


def shipped(folder: Path, fresh: bool) -> dict[str, str]:
    """The report of this repository, from its frozen chapters and committed results."""
    root = folder / "report"
    root.mkdir()
    for source in ROOT.iterdir():
        if source.name.startswith((".", "_output")) or source.name in NO_PART_OF_THE_REPORT:
            continue
        if source.is_dir():
            shutil.copytree(source, root / source.name, ignore=_unfinished)
        else:
            shutil.copy(source, root / source.name)
    (root / "data").mkdir()
    if (ROOT / "data/FashionMNIST").exists():  # asked for only where a chapter is executed
        (root / "data/FashionMNIST").symlink_to(ROOT / "data/FashionMNIST")
    return _goldens(Project(root, folder, timed=False), SHIPPED_TRACES, fresh)


def digits(folder: Path, fresh: bool) -> dict[str, str]:
    """A project made by `cvlib init`, its six runs trained in seconds."""
    project = Project(folder / "digits", folder, timed=True)
    said = project.cvlib(
        "init", str(project.root), "--author", "Ada Lovelace", "--title", "Digits", cwd=ROOT
    )
    _edit(project.root / "experiments/exp01.yaml", SMALL)
    # how long a training took is another number each time
    _edit(project.root / "report/exp01.qmd", {', "seconds")': ")"})
    run = project.cvlib("run", "--quiet", "--workers", "2")
    made = _goldens(project, DIGITS_TRACES, fresh)
    provenance = next(iter(sorted((project.root / "experiments/runs").glob("*/provenance.json"))))
    return {
        "init.txt": project.settled(said),
        "run.txt": project.settled(run),
        ENVIRONMENT: _environment(json.loads(provenance.read_text(encoding="utf-8"))),
        **made,
    }


# The experiment of `cvlib init`, made tiny: 300 images, four epochs, two seeds.
SMALL = {
    "\n  subset: 2000 ": "\n  subset: 300 ",
    "test_subset: 2000": "test_subset: 100",
    "depth: 3 ": "depth: 2 ",
    "width: 16\n": "width: 4\n",
    "epochs: 8": "epochs: 4",
    "batch_size: 64": "batch_size: 16",
    "model.width: 32": "model.width: 8",
    "  deep:    {": "  # deep:    {",
    "seeds: [0, 1, 2]": "seeds: [0, 1]",
}


def _environment(provenance: dict[str, Any]) -> str:
    """What the last bits of a training depend on, as its own provenance has it."""
    packages = ("torch", "numpy", "scikit-learn", "pillow", "matplotlib")
    lines = {name: metadata.version(name).split("+")[0] for name in packages}
    lines |= {"kernels": provenance["environment"]["device_name"]}
    return "".join(f"{name}: {value}\n" for name, value in lines.items())


class Project:
    """A folder in which `python -m cvlib` is run."""

    def __init__(self, root: Path, scratch: Path, timed: bool) -> None:
        self.root = root
        self.typst = scratch / "report.typ"
        self.masks = Masks({str(root.resolve()): "<project>", str(root): "<project>"}, timed)
        kept = ("CVLIB_", "QUARTO", "HF_", "TRANSFORMERS_", "TORCH_", "XDG_")
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(kept)},
            "PYTHONPATH": os.pathsep.join([str(HERE / "recorder"), str(ROOT)]),
            "GOLDEN_TYPST_SOURCE": str(self.typst),
            # no weights but those that come as packages, whatever this machine has
            "HF_HOME": str(scratch / "no-hub"),
            "TORCH_HOME": str(scratch / "no-torch-hub"),
            "HF_HUB_OFFLINE": "1",
            # no commit of a repository that the temporary folder happens to lie in
            "GIT_CEILING_DIRECTORIES": str(scratch.parent),
            # the arithmetic of any x86-64, so that trainings agree between machines
            "ATEN_CPU_CAPABILITY": "default",
            "ONEDNN_MAX_CPU_ISA": "SSE41",
            "MKL_CBWR": "COMPATIBLE",
            "COLUMNS": "120",
            "NO_COLOR": "1",
        }

    def cvlib(self, *arguments: str, cwd: Path | None = None) -> str:
        """What a command says, and its exit code."""
        done = self._python(["-m", "cvlib", *arguments], cwd=cwd)
        return _said(arguments, done.stdout, done.stderr, done.returncode)

    def several(self, *commands: Sequence[str]) -> list[str]:
        """What each of several commands says, run in one process."""
        done = self._python([str(HERE / "recorder/several.py")], json.dumps(commands))
        if done.returncode:
            raise RuntimeError(done.stderr)
        return [
            _said(arguments, *said)
            for arguments, said in zip(commands, json.loads(done.stdout), strict=True)
        ]

    def _python(
        self, arguments: Sequence[str], given: str = "", cwd: Path | None = None
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, *arguments],
            cwd=cwd or self.root,
            env=self.environment,
            input=given,
            capture_output=True,
            text=True,
            encoding="utf-8",
        )

    def settled(self, text: str) -> str:
        return self.masks.apply(text)


def _said(arguments: Sequence[str], out: str, err: str, code: int) -> str:
    said = out + (f"--- stderr\n{err}" if err else "")
    if "Traceback (most recent call last)" in err:
        raise RuntimeError(f"cvlib {' '.join(arguments)} crashed:\n{said}")
    return f"{said.rstrip()}\n--- exit code {code}\n"


def _goldens(project: Project, traces: tuple[str, ...], fresh: bool) -> dict[str, str]:
    rendered = project.cvlib("render", "--engine", "embedded", *(["--fresh"] if fresh else []))
    if "exit code 0" not in rendered or not project.typst.exists():
        raise RuntimeError(f"the render failed, or compiled no Typst source:\n{rendered}")
    out, freeze = project.root / "_output", project.root / "_freeze"
    made: dict[str, str] = {}
    for page in sorted(out.rglob("*.html")):
        name = page.relative_to(out).with_suffix("").as_posix()
        made[f"pages/{name}.txt"] = page_lines(page.read_text(encoding="utf-8"))
    made["report.typ"] = project.typst.read_text(encoding="utf-8")
    for output in ("html", "typ"):
        for frozen in sorted(freeze.rglob(f"execute-results/{output}.json")):
            name = frozen.parents[1].relative_to(freeze).as_posix()
            record = json.loads(frozen.read_text(encoding="utf-8"))
            made[f"freeze/{name}.{output}.md"] = record["result"]["markdown"]
    made["figures.txt"] = "".join(
        f"{figure.relative_to(freeze).as_posix()} {_digest(figure)}\n"
        for figure in sorted(freeze.rglob("*.svg"))
    )
    values = [_value(made, asked) for asked in traces]
    status, check, *traced = project.several(
        ["status", "--json"],
        ["check", "--json"],
        *(["trace", value] for value in values),
        ["trace", values[0], "--json"],
    )
    made["status.json"] = status
    made["check.json"] = check
    made["trace.json"] = traced.pop()
    made["trace.txt"] = "\n".join(
        f"$ cvlib trace {asked!r}\n{said}" for asked, said in zip(traces, traced, strict=True)
    )
    return {name: project.settled(text) for name, text in made.items()}


def _value(made: Mapping[str, str], asked: str) -> str:
    """Of `@accuracy`, the value that the interpretation of EXP01 shows first; else as asked."""
    if not asked.startswith("@"):
        return asked
    text = made["freeze/report/exp01.html.md"].split("## Interpretation")[1]
    values = re.findall(r"\[((?:[^\[\]]|\\\[|\\\])+)\]\{\.value(?: exact=\"[^\"]*\")? runs=", text)
    return values[("@accuracy", "@difference").index(asked)].replace("\\", "")


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]


def _edit(path: Path, changes: Mapping[str, str]) -> None:
    text = path.read_text(encoding="utf-8")
    for old, new in changes.items():
        if old not in text:
            raise RuntimeError(f"{old!r} is not in {path.name}: `cvlib init` writes another text")
        text = text.replace(old, new)
    path.write_text(text, encoding="utf-8")


def _unfinished(_folder: str, names: list[str]) -> list[str]:
    return [name for name in names if name in (".scratch", ".locks") or name.startswith("runs-")]


def differences(name: str, made: Mapping[str, str]) -> str:
    """Unified diff of the committed goldens and of what was made now; '' when they agree."""
    expected = {
        path.relative_to(GOLDENS / name).as_posix(): path.read_text(encoding="utf-8")
        for path in sorted((GOLDENS / name).rglob("*"))
        if path.is_file()
    }
    choose = without_stale_marks if name == "shipped" else without_numbers_elsewhere
    ease = choose(expected, made)
    return "".join(
        _diff(f"{name}/{file}", expected.get(file, ""), made.get(file, ""), ease)
        for file in sorted(expected.keys() | made.keys())
    )


def _diff(file: str, expected: str, made: str, ease: Callable[[str], str]) -> str:
    before, after = ease(expected).splitlines(True), ease(made).splitlines(True)
    return "".join(difflib.unified_diff(before, after, f"expected/{file}", f"made/{file}", n=1))


def write(name: str, made: Mapping[str, str]) -> None:
    shutil.rmtree(GOLDENS / name, ignore_errors=True)
    for file, text in made.items():
        path = GOLDENS / name / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="\n")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.goldens.build", description=__doc__)
    parser.add_argument("projects", nargs="*", help="shipped, digits; both when left out")
    parser.add_argument("--write", action="store_true", help="write the goldens")
    parser.add_argument("--fresh", action="store_true", help="execute every chapter")
    asked = parser.parse_args()
    found = ""
    for name in asked.projects or ("shipped", "digits"):
        with tempfile.TemporaryDirectory() as folder:
            made = build(name, Path(folder), asked.fresh)
        if asked.write and name == "shipped" and CODE_CUE in made["status.json"]:
            parser.error("runs are stale by code: their marks would be part of the goldens")
        if asked.write:
            write(name, made)
        else:
            found += differences(name, made)
    print(found, end="")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
