"""A project with made results: the store's own files, written by Store, filled by a generator."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from cvlib.files import canonical_json
from cvlib.project import Project
from cvlib.results.store import Store
from cvlib.studies.plan import DATASETS_NOTE, PlannedRun
from cvlib.studies.spec import entries
from cvlib.studies.status import package_versions
from cvlib.studies.syntax import code_fingerprint

EXPERIMENT = """\
title: Custom CNN
question: Which part of a small CNN earns its cost?
dataset: {name: fashion_mnist, subset: 2000, test_subset: 1000}
base:
  model: {depth: 3, width: 16}
  train: {epochs: 6, batch_size: 128}
variants:
  base: {}
  depth2: {label: 2 blocks, factor: depth, set: {model.depth: 2}}
  depth4: {label: 4 blocks, factor: depth, set: {model.depth: 4}}
  narrow: {label: 8 channels, factor: width, set: {model.width: 8}}
  wide: {label: 32 channels, factor: width, set: {model.width: 32}}
  wider: {label: 64 channels, factor: width, set: {model.width: 64}}
  kernel5: {label: 5×5, factor: kernel size, set: {model.kernel_size: 5}}
  kernel1: {label: 1×1, factor: kernel size, set: {model.kernel_size: 1}}
  group: {label: group norm, factor: norm, set: {model.norm: group}}
  no_norm: {label: no norm, factor: norm, set: {model.norm: null}}
  dropout: {label: dropout 0.3, factor: dropout, set: {model.dropout: 0.3}}
  flip: {label: flip, factor: augmentation, set: {train.augment.flip: true}}
  crop_flip: {label: crop + flip, factor: augmentation, set: {train.augment: {crop_padding: 2, flip: true}}}
seeds: [0, 1, 2]
profiles:
  quick: {seeds: [0], variants: [base, wide, flip]}
"""

# accuracy, share of the base's seconds, parameters, FLOPs
MADE = {
    "base": (0.905, 1.00, 24_000, 3.1e6),
    "depth2": (0.889, 0.82, 6_100, 2.4e6),
    "depth4": (0.907, 1.08, 98_000, 3.6e6),
    "narrow": (0.886, 0.62, 6_300, 0.9e6),
    "wide": (0.916, 1.95, 93_000, 11.6e6),
    "wider": (0.921, 4.60, 372_000, 45.0e6),
    "kernel5": (0.909, 2.10, 64_000, 8.5e6),
    "kernel1": (0.801, 0.55, 3_400, 0.4e6),
    "group": (0.898, 1.22, 24_000, 3.1e6),
    "no_norm": (0.884, 0.85, 23_800, 3.0e6),
    "dropout": (0.903, 1.01, 24_000, 3.1e6),
    "flip": (0.908, 1.02, 24_000, 3.1e6),
    "crop_flip": (0.900, 1.06, 24_000, 3.1e6),
}
FINGERPRINT = "f" * 64
TEST_IMAGES = 1000


def make_project(root: Path, yaml: str = EXPERIMENT) -> Project:
    """A project folder with one experiment and no results."""
    (root / "_quarto.yml").write_text("project: {type: book}\n")
    (root / "experiments").mkdir()
    (root / "report").mkdir()
    (root / "data").mkdir()
    (root / "experiments" / "exp01.yaml").write_text(yaml)
    layout = Project(root)
    note_data(layout)
    return layout


def note_data(layout: Project) -> None:
    """Let the store know the dataset's fingerprint, as in a clone that has no data."""
    experiment = Project(layout.root, layout.profile).experiment("exp01")
    names = {
        canonical_json(v.spec.dataset.model_dump(mode="json", exclude_none=True))
        for v in experiment.variants
    }
    layout.runs.mkdir(exist_ok=True)
    (layout.runs / DATASETS_NOTE).write_text(json.dumps(dict.fromkeys(names, FINGERPRINT)))


def planned(layout: Project, experiment: str = "exp01") -> list[PlannedRun]:
    plan = Project(layout.root, layout.profile).plan(experiment)
    return list(plan.runs)


def fill(layout: Project, experiment: str = "exp01", **changes: object) -> None:
    """Write a made result for every run. changes: laid over the provenance."""
    for run in planned(layout, experiment):
        write(layout, run, **changes)


def write(layout: Project, run: PlannedRun, **changes: object) -> None:
    """Write a made result for one run; the same bits for the same variant and seed."""
    position = list(MADE).index(run.variant)
    generator = np.random.default_rng([position, run.seed])
    accuracy, slowness, parameters, flops = MADE[run.variant]
    shared = np.random.default_rng(7)
    labels = shared.integers(0, 10, TEST_IMAGES)
    hardness = shared.uniform(0, 0.24, TEST_IMAGES) * (1 - accuracy) / 0.12
    correct = generator.random(TEST_IMAGES) > hardness
    predicted = np.where(correct, labels, (labels + 1) % 10)
    logits = generator.normal(0, 1, (TEST_IMAGES, 10))
    logits[np.arange(TEST_IMAGES), predicted] = logits.max(axis=1) + 1
    epochs = run.spec.train.epochs
    seconds = 5.5 * slowness * generator.uniform(0.95, 1.05, epochs)
    rise = 1 - 0.75 * np.exp(-0.9 * np.arange(1, epochs + 1))
    val = accuracy * rise + generator.normal(0, 0.004, epochs)
    loss = 1.9 * np.exp(-0.55 * np.arange(epochs)) + 1.6 * (1 - accuracy)
    loss += generator.normal(0, 0.01, epochs)
    rate = 1800 / seconds
    history = [
        {
            "epoch": e + 1,
            "train_loss": float(loss[e]),
            "train_accuracy": float(val[e]),
            "val_loss": float(loss[e] + 0.02),
            "val_accuracy": float(val[e]),
            "lr": 0.003,
            "seconds": float(seconds[e]),
            "images_per_second": float(rate[e]),
        }
        for e in range(epochs)
    ]
    Store(layout.runs).write_run(
        str(run.key),
        spec=run.spec.canonical(),
        dataset_fingerprint=str(run.dataset_fingerprint),
        metrics={
            "test_accuracy": float(correct.mean()),
            "test_loss": 0.3,
            "val_accuracy": float(val.max()),
            "val_loss": 0.31,
            "best_epoch": int(val.argmax()) + 1,
            "epochs": epochs,
            "parameters": parameters,
            "flops": flops,
            "train_seconds": float(seconds.sum()),
            "images_per_second": float(rate.mean()),
            "train_images": 1800,
            "val_images": 200,
            "test_images": TEST_IMAGES,
        },
        history=history,
        logits=logits,
        labels=labels,
        ids=np.arange(TEST_IMAGES),
        provenance={**provenance(run), **changes},
        weights={},
    )


def fail(layout: Project, run: PlannedRun, reason: str, lasting: bool = True) -> None:
    """Record that a run ended without a result."""
    Store(layout.runs).write_failure(
        str(run.key),
        spec=run.spec.canonical(),
        dataset_fingerprint=str(run.dataset_fingerprint),
        reason=reason,
        lasting=lasting,
        provenance=provenance(run),
    )


def provenance(run: PlannedRun) -> dict[str, object]:
    return {
        "made_for": {"experiment": run.experiment, "variant": run.variant, "seed": run.seed},
        "code": code_fingerprint(entries(run.spec)),
        "packages": package_versions(),
        "processor": "AMD EPYC",
        "git_commit": "0123456789ab",
        "environment": {
            "device": "cpu",
            "device_name": "CPU, AVX512 kernels",
            "precision": "float32",
            "threads": 1,
        },
    }
