"""`cvlib doctor`: what this machine and the project have and lack, each with what to do about it."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, metadata, version
from pathlib import Path

import typer

_DEVICES = """
import json, torch
found = {"threads": torch.get_num_threads(), "cuda": [], "mps": torch.backends.mps.is_available()}
if torch.cuda.is_available():
    found["cuda"] = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
print(json.dumps(found))
"""
_COMPARED = ("torch", "torchvision", "timm", "numpy", "pandas", "matplotlib", "pydantic")


Findings = Iterator[tuple[str, str, str]]  # ok, note or BAD; of what; what is so, and what to do


def doctor() -> None:
    """Check the machine: Python, packages, device, Quarto, the embedded engine, data, store.

    Changes nothing and uses no network.

    Example: cvlib doctor
    """
    is_well = True
    for examine in (_library, _packages, _devices, _engines, _dashboard, _project):
        for verdict, what, says in examine():
            typer.echo(f"{verdict:<4}  {what:<12} {says}")
            is_well = is_well and verdict != "BAD"
    raise typer.Exit(0 if is_well else 1)


def _library() -> Findings:
    from cvlib.starting.wheel import code_version

    # an older Python than 3.10 gets no further than `make setup`, which says so
    yield ("ok", "Python", ".".join(map(str, sys.version_info[:3])))
    place = Path(__file__).resolve().parents[1]
    # as a chapter's kernel, from this folder: something in it may hide this cvlib
    found = "from importlib.util import find_spec; print(find_spec('cvlib').origin)"
    asked = subprocess.run([sys.executable, "-c", found], capture_output=True, text=True)
    if (imported := Path(asked.stdout.strip()).resolve().parent) == place:
        yield ("ok", "library", f"cvlib-journal {code_version()}, {place}")
    else:
        yield (
            "BAD",
            "library",
            f"chapters would import another cvlib, {imported}, not this one, {place}: rename that; a "
            "project that carries its own library is worked on with its own .venv/bin/cvlib",
        )
    try:
        summary = metadata("cvlib")["Summary"] or ""
    except PackageNotFoundError:
        return
    what = "this library under its old name" if "journal" in summary else "another library"
    yield (
        "note",
        "library",
        f"the package cvlib {version('cvlib')}, {what}, is installed, too: `{sys.executable} -m pip "
        "uninstall cvlib`, then install cvlib-journal again (`rm -f .venv/.installed; make setup`)",
    )


def _packages() -> Findings:
    from cvlib.starting import TEMPLATES

    pinned: dict[str, set[str]] = {}  # several versions of one: one for each Python
    for line in (TEMPLATES / "project/constraints.txt").read_text().splitlines():
        if match := re.match(r"([A-Za-z0-9_.-]+)==([^ ;]+)", line):
            pinned.setdefault(match[1], set()).add(match[2])
    other = []
    for name in _COMPARED:
        try:
            have = version(name).split("+")[0]
        except PackageNotFoundError:
            yield ("BAD", "packages", f"{name} is not installed; run `make setup`")
            continue
        if have not in pinned.get(name, {have}):
            other.append(f"{name} {have} (pinned {' or '.join(sorted(pinned[name]))})")
    if other:
        yield ("note", "packages", "other versions than pinned: " + ", ".join(other))
    else:
        yield ("ok", "packages", f"as pinned; torch {version('torch')}")


def _devices() -> Findings:
    # torch is asked in a process of its own: a broken driver must not break the doctor
    asked = subprocess.run([sys.executable, "-c", _DEVICES], capture_output=True, text=True)
    if asked.returncode:
        last = asked.stderr.strip().splitlines()[-1:] or ["no message"]
        yield ("BAD", "torch", f"does not start: {last[0]}; run `make setup`")
        return
    found = json.loads(asked.stdout)
    if found["cuda"]:
        yield ("ok", "device", f"cuda: {', '.join(found['cuda'])}")
    elif found["mps"]:
        yield ("ok", "device", "mps (Apple GPU)")
    else:
        yield ("note", "device", "no GPU that torch can use; training runs on the CPU")
    from cvlib.studies.run import default_workers

    yield ("ok", "workers", f"{default_workers()} side by side, one thread each")


def _engines() -> Findings:
    from cvlib.engine.quarto import find_quarto

    try:
        quarto = find_quarto()
    except ValueError as error:
        yield ("BAD", "quarto", str(error))
    else:
        if quarto is None:
            yield ("note", "quarto", "not on PATH; the embedded engine renders")
        else:
            yield ("ok", "quarto", f"{quarto}")
    for what, package in (("pandoc", "pypandoc-binary"), ("typst", "typst")):
        try:
            yield ("ok", what, f"from the wheel {package} {version(package)}")
        except PackageNotFoundError:
            yield ("BAD", what, f"{package} is not installed; run `make setup`")


def _dashboard() -> Findings:
    from cvlib.dashboard.environment import URI, find_mongod, unusable

    try:
        found = f"FiftyOne {version('fiftyone')}"
    except PackageNotFoundError:
        yield ("note", "dashboard", "not installed; `make dashboard` does that")
        return
    if os.environ.get(URI):
        yield ("ok", "dashboard", f"{found}, MongoDB of {URI}")
    elif (mongod := find_mongod()) is None:
        to_do = "`python -m cvlib.dashboard.environment --install`"
        yield ("note", "dashboard", f"{found}, but no MongoDB; {to_do}")
    elif why := unusable(mongod):
        yield ("BAD", "dashboard", f"{found}, but {mongod} does not run: {why}")
    else:
        yield ("ok", "dashboard", f"{found}, {mongod}")


def _project() -> Findings:
    from cvlib.project import ProjectError, find_project
    from cvlib.results.store import Store
    from cvlib.starting.wheel import code_version
    from cvlib.yaml_source import SpecError

    try:
        project = find_project()
        plans = [project.plan(name) for name in project.experiment_ids()]
    except (ProjectError, SpecError) as error:
        yield ("BAD", "project", str(error))
        return
    yield ("ok", "project", f"{len(plans)} experiment(s)")
    for wheel in (project.root / "vendor").glob("cvlib_journal-*.whl"):
        required = wheel.name.split("-")[1]
        if required != code_version():
            yield (
                "note",
                "library",
                f"the project requires {required}: `make setup` installs it, `cvlib vendor` "
                "requires this one",
            )
    local = {run.spec.dataset.name: run.data_is_local for plan in plans for run in plan.runs}
    for name, is_local in local.items():
        says = "on this machine" if is_local else f"not here yet; `cvlib data {name}` fetches it"
        yield ("ok" if is_local else "note", "data", f"{name} {says}")
    store = Store(project.runs)
    keys = store.keys()
    if broken := [key for key in keys if store.problems(key)]:
        says = f"{len(broken)} of {len(keys)} runs damaged; `cvlib status` names them"
        yield ("BAD", "store", says)
    else:
        yield ("ok", "store", f"{len(keys)} runs, checksums verified")
    free = shutil.disk_usage(project.root).free >> 30
    yield ("ok" if free >= 5 else "note", "disk", f"{free} GiB free")
