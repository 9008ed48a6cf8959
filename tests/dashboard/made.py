"""Projects on scikit-learn's digits with made predictions; nothing is trained, nothing fetched."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from cvlib.data.load import load
from cvlib.project import Project
from cvlib.results.run import Run
from cvlib.results.store import Store
from cvlib.studies.plan import PlannedRun

EXP01 = """\
title: Digits by small networks
question: Which network reads digits?
dataset: {name: DATASET, subset: 200, test_subset: 120}
base:
  model: {depth: 2, width: 4}
  train: {epochs: 1}
variants:
  base: {label: base network}
  wide: {label: width 8, factor: width, set: {model.width: 8}}
  wide-r: {label: width 6, factor: width, set: {model.width: 6}}
  no-norm: {label: no norm, factor: norm, set: {model.norm: null}}
  convs-2: {label: 2 convolutions, factor: depth, set: {model.convs_per_block: 2}}
  size: {label: 5×5 filters, factor: filters, set: {model.kernel_size: 5}}
seeds: [0, 1]
profiles:
  quick: {seeds: [0]}
"""
# tested on more images, the 120 among them
EXP02 = EXP01.replace("test_subset: 120", "test_subset: 200").replace("by small", "again by small")

# variant -> validation accuracy, test accuracy: the orders differ on purpose
MADE = {
    "base": (0.80, 0.95),
    "wide": (0.90, 0.80),
    "wide-r": (0.89, 0.97),
    "no-norm": (0.70, 0.85),
    "convs-2": (0.95, 0.75),
    "size": (0.60, 0.90),
}


def make_project(root: Path, dataset: str = "digits") -> Project:
    """Two experiments, their runs without results."""
    (root / "experiments").mkdir(parents=True)
    (root / "data").mkdir()
    (root / "_quarto.yml").write_text("project: {type: book}\n")
    for name, text in (("exp01", EXP01), ("exp02", EXP02)):
        (root / "experiments" / f"{name}.yaml").write_text(text.replace("DATASET", dataset))
    return Project(root)


def filled_project(root: Path, dataset: str = "digits") -> Project:
    """The same with a made result of every run; `base` of exp01 keeps maps of 50 images."""
    layout = make_project(root, dataset)
    for run in planned(layout, "exp01") + planned(layout, "exp02"):
        write(layout, run, maps=run.name == "exp01/base seed 0")
    return layout


def planned(layout: Project, experiment_id: str = "exp01") -> list[PlannedRun]:
    return list(Project(layout.root, layout.profile).plan(experiment_id).runs)


def one(layout: Project, name: str) -> PlannedRun:
    """The planned run of a name such as `exp01/base seed 0`."""
    return next(r for r in planned(layout, name.partition("/")[0]) if r.name == name)


def stored(layout: Project, name: str) -> Run:
    run = Store(layout.runs).read(str(one(layout, name).key))
    assert isinstance(run, Run)
    return run


def write(layout: Project, run: PlannedRun, *, draw: int = 0, maps: bool = False) -> None:
    """Write a made result. draw: another number gives other predictions under the same key."""
    data = load(run.spec.dataset, layout.data)
    ids, labels = data.test.ids, data.test.labels
    val, accuracy = MADE[run.variant]
    classes = len(data.class_names)
    generator = np.random.default_rng([list(MADE).index(run.variant), run.seed, draw])
    wrong = generator.random(len(ids)) > accuracy
    predicted = np.where(wrong, (labels + generator.integers(1, 3, len(ids))) % classes, labels)
    logits = generator.normal(0, 1, (len(ids), classes))
    logits[np.arange(len(ids)), predicted] += generator.uniform(4, 8, len(ids))
    points = generator.normal(0, 1, (50, 2)).astype(np.float32)
    Store(layout.runs).write_run(
        str(run.key),
        spec=run.spec.canonical(),
        dataset_fingerprint=data.fingerprint,
        metrics={"test_accuracy": float((~wrong).mean()), "val_accuracy": val},
        history=[],
        logits=logits,
        labels=labels,
        ids=ids,
        provenance={
            "made_for": {"experiment": run.experiment, "variant": run.variant, "seed": run.seed},
            "code": {},
            "packages": {},
        },
        weights={},
        embedding={"pca": points, "tsne": points[::-1], "labels": labels[:50], "ids": ids[:50]}
        if maps
        else None,
    )
