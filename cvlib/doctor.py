"""What `cvlib doctor` finds on this machine, each finding with what to do about it."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal

Verdict = Literal["good", "note", "bad"]

_DEVICES = """
import json, torch
found = {"threads": torch.get_num_threads(), "cuda": [], "mps": torch.backends.mps.is_available()}
if torch.cuda.is_available():
    found["cuda"] = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
print(json.dumps(found))
"""


@dataclass(frozen=True)
class Finding:
    """One line of the examination."""

    verdict: Verdict
    what: str
    says: str

    def line(self) -> str:
        """For the terminal."""
        mark = {"good": "ok  ", "note": "note", "bad": "BAD "}[self.verdict]
        return f"{mark}  {self.what:<12} {self.says}"


def examine() -> list[Finding]:
    """Examine the machine and the project; changes nothing and uses no network."""
    return [*_python(), *_packages(), *_devices(), *_engines(), *_dashboard(), *_project()]


def _python() -> Iterator[Finding]:
    # an older Python than 3.10 gets no further than `make setup`, which says so
    yield Finding("good", "Python", ".".join(map(str, sys.version_info[:3])))


def _packages() -> Iterator[Finding]:
    constraints = Path(__file__).resolve().parents[1] / "constraints.txt"
    if not constraints.exists():
        yield Finding("note", "packages", "no constraints.txt beside cvlib; versions not compared")
        return
    pinned: dict[str, set[str]] = {}
    for line in constraints.read_text().splitlines():
        if match := re.match(r"([A-Za-z0-9_.-]+)==([^ ;]+)", line):
            pinned.setdefault(match[1], set()).add(match[2])
    # several pins: one for each Python
    other = []
    for name in ("torch", "torchvision", "timm", "numpy", "pandas", "matplotlib", "pydantic"):
        try:
            have = version(name).split("+")[0]
        except PackageNotFoundError:
            yield Finding("bad", "packages", f"{name} is not installed; run `make setup`")
            continue
        if have not in pinned.get(name, {have}):
            other.append(f"{name} {have} (pinned {' or '.join(sorted(pinned[name]))})")
    if other:
        yield Finding("note", "packages", "other versions than pinned: " + ", ".join(other))
    else:
        yield Finding("good", "packages", f"as pinned; torch {version('torch')}")


def _devices() -> Iterator[Finding]:
    # torch is asked in a process of its own: a broken driver must not break the doctor
    asked = subprocess.run([sys.executable, "-c", _DEVICES], capture_output=True, text=True)
    if asked.returncode:
        last = asked.stderr.strip().splitlines()[-1:] or ["no message"]
        yield Finding("bad", "torch", f"does not start: {last[0]}; run `make setup`")
        return
    found = json.loads(asked.stdout)
    if found["cuda"]:
        yield Finding("good", "device", f"cuda: {', '.join(found['cuda'])}")
    elif found["mps"]:
        yield Finding("good", "device", "mps (Apple GPU)")
    else:
        yield Finding("note", "device", "no GPU that torch can use; training runs on the CPU")
    from cvlib.studies.run import default_workers

    yield Finding("good", "workers", f"{default_workers()} side by side, one thread each")


def _engines() -> Iterator[Finding]:
    from cvlib.engine.quarto import find_quarto

    try:
        quarto = find_quarto()
    except ValueError as error:
        yield Finding("bad", "quarto", str(error))
    else:
        if quarto is None:
            yield Finding("note", "quarto", "not on PATH; the embedded engine renders")
        else:
            yield Finding("good", "quarto", f"{quarto}")
    for what, package in (("pandoc", "pypandoc-binary"), ("typst", "typst")):
        try:
            yield Finding("good", what, f"from the wheel {package} {version(package)}")
        except PackageNotFoundError:
            yield Finding("bad", what, f"{package} is not installed; run `make setup`")


def _dashboard() -> Iterator[Finding]:
    from cvlib.dashboard.environment import URI, find_mongod, unusable

    try:
        found = f"FiftyOne {version('fiftyone')}"
    except PackageNotFoundError:
        yield Finding("note", "dashboard", "not installed; `make dashboard` does that")
        return
    if os.environ.get(URI):
        yield Finding("good", "dashboard", f"{found}, MongoDB of {URI}")
    elif (mongod := find_mongod()) is None:
        yield Finding(
            "note",
            "dashboard",
            f"{found}, but no MongoDB; `python -m cvlib.dashboard.environment --install`",
        )
    elif why := unusable(mongod):
        yield Finding("bad", "dashboard", f"{found}, but {mongod} does not run: {why}")
    else:
        yield Finding("good", "dashboard", f"{found}, {mongod}")


def _project() -> Iterator[Finding]:
    from cvlib.project import ProjectError, find_project
    from cvlib.results.store import Store
    from cvlib.studies.located_yaml import SpecError

    try:
        layout = find_project()
        plans = [layout.plan(name) for name in layout.experiment_ids()]
    except (ProjectError, SpecError) as error:
        yield Finding("bad", "project", str(error))
        return
    yield Finding("good", "project", f"{len(plans)} experiment(s)")
    local = {run.spec.dataset.name: run.data_is_local for plan in plans for run in plan.runs}
    for name, is_local in local.items():
        says = "on this machine" if is_local else f"not here yet; `cvlib data {name}` fetches it"
        yield Finding("good" if is_local else "note", "data", f"{name} {says}")
    store = Store(layout.runs)
    keys = store.keys()
    broken = [key for key in keys if store.problems(key)]
    if broken:
        yield Finding(
            "bad", "store", f"{len(broken)} of {len(keys)} runs damaged; `cvlib status` names them"
        )
    else:
        yield Finding("good", "store", f"{len(keys)} runs, checksums verified")
    free = shutil.disk_usage(layout.root).free >> 30
    yield Finding("good" if free >= 5 else "note", "disk", f"{free} GiB free")
