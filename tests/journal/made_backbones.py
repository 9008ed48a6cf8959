"""A project with made results of every kind: fine-tuned on a grid, probed, from scratch, skipped."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from cvlib.project import Project
from cvlib.results.store import Store
from cvlib.studies.plan import PlannedRun
from tests.journal.made import FINGERPRINT, provenance

CLASSES = (
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat",
    "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
)  # fmt: skip
NO_WEIGHTS = "no weights of NAME: not in data/weights, not in the hub's cache, hub out of reach"
TEST_IMAGES = 400

EXPERIMENT = """\
title: Backbones
question: Does fine-tuning beat a linear probe?
dataset: {name: fashion_mnist, subset: 2000, test_subset: 400}
base:
  model: {kind: backbone, name: resnet18, weights: none}
  train: {epochs: 5, optimizer: {name: adamw, lr: 1e-3}, schedule: {name: cosine}}
variants:
  base: {label: fine-tuned}
VARIANTS
  probe-a: {label: probe of A, factor: probe, set: {train: {mode: linear_probe, shots: [1, 5, 10, 50], draws: 3}, embedding: {}}}
  probe-b: {label: probe of B, factor: probe, set: {model.name: resnet34, train: {mode: linear_probe, shots: [1, 5, 10, 50], draws: 3}, embedding: {}}}
  tuned: {label: B after fine-tuning, factor: fine-tuning, set: {model.name: resnet34, embedding: {}}}
  scratch-500: {label: CNN 500, factor: CNN, set: {model: {kind: custom_cnn}, dataset.subset: 500}}
  scratch-2000: {label: CNN 2000, factor: CNN, set: {model: {kind: custom_cnn}}}
  scratch-8000: {label: CNN 8000, factor: CNN, set: {model: {kind: custom_cnn}, dataset.subset: 8000}}
  vit-500: {label: ViT 500, factor: ViT, set: {model: {kind: custom_vit}, dataset.subset: 500}}
  vit-2000: {label: ViT 2000, factor: ViT, set: {model: {kind: custom_vit}}}
  vit-8000: {label: ViT 8000, factor: ViT, set: {model: {kind: custom_vit}, dataset.subset: 8000}}
  dino: {label: DINOv2, factor: probe, set: {model: {name: vit_small_patch14_dinov2.lvd142m, weights: pretrained}, train: {mode: linear_probe, shots: [1, 5], draws: 3}, embedding: {}}}
  clip: {label: CLIP, factor: probe, set: {model: {name: vit_base_patch32_clip_224.openai, weights: pretrained}, train: {mode: linear_probe}, embedding: {}}}
seeds: [0, 1]
"""

LRS = ("1e-4", "3e-4", "1e-3", "3e-3")
GRID = "\n".join(
    f"  {name}-{lr}: {{label: '{name} {lr}', factor: schedule, "
    f"set: {{train.schedule: {{name: {name}}}, train.optimizer.lr: {lr}}}}}"
    for name in ("constant", "cosine", "one_cycle")
    for lr in LRS
    if (name, lr) != ("cosine", "1e-3")
)


def make_backbones(root: Path, classes: int = 10) -> Project:
    """A project whose exp02 has every kind of variant; CLIP and DINOv2 are skipped."""
    layout = empty_backbones(root)
    for run in planned_backbones(layout):
        if run.start.needed:
            continue
        if run.variant == "one_cycle-3e-3":
            _fail(layout, run)
        else:
            write_backbone(layout, run, classes)
    return layout


def empty_backbones(root: Path) -> Project:
    """The same without results."""
    (root / "_quarto.yml").write_text("project: {type: book}\n")
    for folder in ("experiments", "report", "data"):
        (root / folder).mkdir()
    (root / "experiments" / "exp02.yaml").write_text(EXPERIMENT.replace("VARIANTS", GRID))
    layout = Project(root)
    layout.runs.mkdir()
    note(layout)
    return layout


def note(layout: Project) -> None:
    """Let the store know the data, and that two backbones' weights could not be had."""
    from cvlib.files import canonical_json
    from cvlib.studies.plan import DATASETS_NOTE
    from cvlib.studies.plan import WEIGHTS_NOTE as WEIGHTS_NOTE

    variants = Project(layout.root, layout.profile).experiment("exp02").variants
    names = {
        canonical_json(v.spec.dataset.model_dump(mode="json", exclude_none=True)) for v in variants
    }
    (layout.runs / DATASETS_NOTE).write_text(json.dumps(dict.fromkeys(names, FINGERPRINT)))
    wanted = {
        v.spec.model.name for v in variants if getattr(v.spec.model, "weights", None) is not None
    }
    reasons = {name: {"unreachable": NO_WEIGHTS.replace("NAME", name)} for name in wanted}
    (layout.runs / WEIGHTS_NOTE).write_text(json.dumps(reasons))


def planned_backbones(layout: Project) -> list[PlannedRun]:
    return list(Project(layout.root, layout.profile).plan("exp02").runs)


def write_backbone(layout: Project, run: PlannedRun, classes: int = 10) -> None:
    """A made result; a probe's logits are the same for every seed."""
    is_probe = run.spec.train.mode == "linear_probe"
    names = [v.name for v in Project(layout.root, layout.profile).experiment("exp02").variants]
    place = names.index(run.variant)
    generator = np.random.default_rng([place, 0 if is_probe else run.seed])
    accuracy = _accuracy(run)
    labels = np.random.default_rng(7).integers(0, classes, TEST_IMAGES)
    correct = generator.random(TEST_IMAGES) < accuracy
    logits = generator.normal(0, 1, (TEST_IMAGES, classes))
    predicted = np.where(correct, labels, (labels + 1) % classes)
    logits[np.arange(TEST_IMAGES), predicted] = logits.max(axis=1) + 1
    metrics = {
        "test_accuracy": float(correct.mean()),
        "test_loss": 0.4,
        "val_accuracy": accuracy + 0.001 * place / 30,
        "val_loss": 0.4,
        "parameters": 5130,
        "flops": 3.1e7,
        "images_per_second": 800.0,
        "train_images": 0.9 * (run.spec.dataset.subset or 2000),
        "val_images": 0.1 * (run.spec.dataset.subset or 2000),
        "test_images": TEST_IMAGES,
    }
    tables: dict[str, list] = {}
    history: list[dict[str, float]] = []
    noise = np.random.default_rng([place, run.seed, 1])
    if is_probe:
        metrics |= {
            "train_seconds": 2.5 + noise.random(),
            "extract_seconds": 2.2,
            "solve_seconds": 0.5,
            "chosen_c": 0.01,
            "knn_10_accuracy": accuracy - 0.05,
            "knn_20_accuracy": accuracy - 0.045,
            "ridge_accuracy": accuracy - 0.02,
        }
        tables["protocol"] = [
            {"text": f"average pool of the last map, 96×96 bicubic, {256 * (1 + place % 2)} values"}
        ]
        tables["few_shot"] = [
            {
                "shots": shots,
                "draw": draw,
                "accuracy": accuracy - 0.4 / shots**0.6 + 0.03 * noise.normal() / shots**0.3,
                "c": 0.1,
            }
            for shots in run.spec.train.shots or ()
            for draw in range(3)
        ]
    else:
        seconds = np.full(5, 8.0 + place) * noise.uniform(0.95, 1.05, 5)
        val = accuracy * np.array([0.7, 0.9, 0.96, 0.99, 1.0])
        history = [
            {
                "epoch": e + 1,
                "train_loss": 1 / (e + 1),
                "train_accuracy": float(val[e]),
                "val_loss": 1.1 / (e + 1),
                "val_accuracy": float(val[e]),
                "lr": 0.001,
                "seconds": float(seconds[e]),
                "images_per_second": 200.0,
            }
            for e in range(5)
        ]
        metrics |= {
            "best_epoch": 5,
            "epochs": 5,
            "train_seconds": float(seconds.sum()),
            "val_accuracy": float(val.max()),
        }
    embedding = None
    if run.spec.embedding is not None:
        metrics |= {
            "silhouette": 0.1 + 0.01 * place,
            "silhouette_half_width": 0.013,
            "knn_purity": 0.6,
            "knn_purity_half_width": 0.021,
            "mapped_images": 400,
        }
        embedding = _map(labels, classes, place)
        tables["overlaps"] = [
            {"a": "T-shirt/top", "b": "Shirt", "share": 0.213},
            {"a": "Pullover", "b": "Coat", "share": 0.157},
            {"a": "Dress", "b": "Coat", "share": 0.041},
        ]
        names_of = CLASSES if classes == 10 else [f"texture {n}" for n in range(classes)]
        tables["classes"] = [{"name": name} for name in names_of]
    Store(layout.runs).write_run(
        str(run.key),
        spec=run.spec.canonical(),
        dataset_fingerprint=FINGERPRINT,
        metrics=metrics,
        history=history,
        logits=logits,
        labels=labels,
        ids=np.arange(TEST_IMAGES),
        provenance=provenance(run),
        weights={},
        tables=tables or None,
        embedding=embedding,
    )


def rewrite(layout: Project, run: PlannedRun, **changes: object) -> None:
    """Store a made result again with some of its parts changed."""
    old = Store(layout.runs).read(str(run.key))
    predictions = old.predictions()
    parts: dict[str, object] = {
        "spec": old.spec,
        "dataset_fingerprint": old.dataset_fingerprint,
        "metrics": old.metrics,
        "history": old.history,
        "logits": predictions.logits,
        "labels": predictions.labels,
        "ids": predictions.ids,
        "provenance": old.provenance,
        "weights": {},
        "tables": old.tables or None,
        "embedding": old.embedding(),
    }
    Store(layout.runs).write_run(str(run.key), **{**parts, **changes})


def make_stale(layout: Project, *variants: str) -> None:
    """Let the runs of these variants be made by other code."""
    for run in planned_backbones(layout):
        if run.variant in variants:
            old = Store(layout.runs).read(str(run.key))
            code = {"cvlib.probing.run": "0"}
            rewrite(layout, run, provenance={**old.provenance, "code": code})


def _accuracy(run: PlannedRun) -> float:
    if run.spec.train.mode == "linear_probe":
        return {"probe-a": 0.82, "probe-b": 0.85}.get(run.variant, 0.8)
    if run.variant.startswith(("scratch", "vit")):
        size = np.log2(run.spec.dataset.subset / 500)
        return 0.72 + 0.035 * size if run.variant.startswith("scratch") else 0.55 + 0.06 * size
    worth = {"constant": -0.02, "cosine": 0.01, "one_cycle": 0.0}[run.spec.train.schedule.name]
    lr = run.spec.train.optimizer.lr
    return 0.88 + worth - 0.05 * abs(np.log10(lr / 1e-3)) ** 1.5


def _map(labels: np.ndarray, classes: int, place: int) -> dict[str, np.ndarray]:
    generator = np.random.default_rng(place)
    centres = generator.normal(0, 22, (classes, 2))
    tsne = centres[labels] + generator.normal(0, 5, (len(labels), 2))
    pca = 0.3 * centres[labels] + generator.normal(0, 5, (len(labels), 2))
    return {
        "tsne": tsne.astype(np.float32),
        "pca": pca.astype(np.float32),
        "explained": np.array([0.231, 0.124, 0.08], dtype=np.float32),
        "perplexity": np.array([30], dtype=np.float32),
        "labels": labels,
        "ids": np.arange(len(labels)),
    }


def _fail(layout: Project, run: PlannedRun) -> None:
    Store(layout.runs).write_failure(
        str(run.key),
        spec=run.spec.canonical(),
        dataset_fingerprint=FINGERPRINT,
        reason="training loss is nan at step 12",
        lasting=True,
        provenance=provenance(run),
    )
