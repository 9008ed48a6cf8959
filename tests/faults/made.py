"""Small projects on the digits of scikit-learn, one experiment with a run of each kind."""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
from pathlib import Path

import numpy as np

from cvlib.cli import main
from cvlib.project import Project
from cvlib.results.run import Run
from cvlib.results.store import Store
from cvlib.studies.execute import Ended, Task, Worker
from cvlib.studies.run import make_tasks

EXTENSIONS = Path(__file__).parents[2] / "_extensions"

EXPERIMENT = """\
title: One of each kind
question: What do faults cost?
dataset: {name: digits, subset: 160, test_subset: 60}
base:
  model: {kind: custom_cnn, depth: 2, width: 4}
  train: {epochs: 2, batch_size: 32, optimizer: {name: adamw, lr: 1e-2}, augment: {crop_padding: 1}}
variants:
  cnn: {label: CNN}
  vit: {label: ViT, set: {model: {kind: custom_vit, patch_size: 4, width: 16, depth: 1, heads: 2}}}
  fine-tune:
    label: fine-tuning
    set: {model: {kind: backbone, name: test_resnet, weights: none, image_size: 32}}
  probe:
    label: linear probe
    set:
      model: {kind: backbone, name: test_resnet, weights: none, image_size: 32}
      train: {mode: linear_probe, values: 20}
  probe-then-fine-tune:
    label: probe, then fine-tuning
    set:
      model: {kind: backbone, name: test_resnet, weights: none, image_size: 32}
      train.mode: probe_then_fine_tune
seeds: [0]
"""


def make_project(root: Path, experiment: str = EXPERIMENT) -> Project:
    """A project with one experiment and no chapter."""
    (root / "experiments").mkdir(parents=True, exist_ok=True)
    (root / "data").mkdir(exist_ok=True)
    (root / "_quarto.yml").write_text("project: {type: book}\n")
    (root / "experiments" / "exp01.yaml").write_text(experiment)
    return Project(root)


def tasks_of(project: Project) -> dict[str, Task]:
    """A task for each run, by variant, done or not."""
    made = make_tasks(project, project.plan("exp01").runs, {}, project.root / "elsewhere")
    shutil.rmtree(project.root / "elsewhere", ignore_errors=True)
    return {task.run.variant: task for task in made}


def execute(project: Project, task: Task, again: bool = False) -> Ended:
    """Make one run in this process; again: in place of the stored one."""
    replaces = Store(project.runs).digest(task.run.key or "") if again else ""
    return Worker(project, "cpu").execute(Task(task.run, replaces))


def bits(project: Project, key: str) -> str:
    """Digest of all that a run computed, times apart. Raises what `Store.read` raises."""
    run = Store(project.runs).read(key)
    assert isinstance(run, Run), run
    found = run.predictions()
    digest = hashlib.sha256()
    for array in (found.logits, found.labels, found.ids):
        digest.update(np.ascontiguousarray(array).tobytes())
    timed = ("seconds", "per_second")
    rows = [
        {name: value for name, value in row.items() if not any(t in name for t in timed)}
        for row in [dict(run.metrics), *run.history]
    ]
    digest.update(repr([sorted(row.items()) for row in rows]).encode())
    for path in sorted(run.folder.glob("*.safetensors")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def warm_up() -> None:
    """Import, before anything is forked, what every attempt needs."""
    import sklearn.datasets
    import timm
    import torch

    torch.set_num_threads(1)
    timm.create_model("test_resnet")
    sklearn.datasets.load_digits()


CHAPTER = """\
# EXP01

```{python}
from cvlib.journal import experiment
e = experiment("exp01")
e.table("accuracy", "parameters", "flops")
```

```{python}
import matplotlib.pyplot as plt
figure, axes = plt.subplots(figsize=(2, 1))
axes.plot([1, 3, 2])
figure
```

The best has `{python} e.accuracy("cnn")`.
"""

BOOK = """\
project: {type: book, output-dir: _output}
book:
  title: Faults
  author: Ada Lovelace
  output-file: faults
  chapters: [index.qmd, report/exp01.qmd]
jupyter: python3
execute: {echo: false, freeze: auto}
format:
  html: {theme: cosmo}
  journal-typst: default
"""


def add_chapters(project: Project) -> None:
    """A book of two chapters; the second shows a table, a figure and a number of the experiment."""
    (project.root / "report").mkdir(exist_ok=True)
    (project.root / "_quarto.yml").write_text(BOOK)
    (project.root / "index.qmd").write_text("# Description\n\nFaults are made here.\n")
    (project.root / "report" / "exp01.qmd").write_text(CHAPTER)
    shutil.copytree(EXTENSIONS, project.root / "_extensions", dirs_exist_ok=True)


def command(project: Project, *words: str) -> None:
    """`cvlib words…` in this process, in the project's folder; ends by SystemExit."""
    os.chdir(project.root)
    sys.argv = ["cvlib", *words]
    main()
