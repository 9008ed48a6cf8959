"""A project with pictures and made predictions whose mistakes are known."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from cvlib.data.load import fingerprint, load
from cvlib.project import Project
from cvlib.results.reviews import Reviews, write_reviews
from cvlib.results.store import Store
from cvlib.studies.plan import WEIGHTS_NOTE as WEIGHTS_NOTE
from cvlib.studies.plan import PlannedRun
from tests.journal.made import provenance

EXPERIMENT = """\
title: Mistakes
question: Where does it err?
dataset: DATASET
base:
  model: {kind: custom_cnn, depth: 2, width: 8}
variants:
  base: {}
  mapped: {factor: map, set: {model: {kind: backbone, name: resnet34, weights: none}, embedding: {}}}
  subset: {label: half the test, factor: data, set: {dataset.test_subset: HALF}}
  perfect: {label: never wrong, factor: rest, set: {model.depth: 3}}
  missing: {label: not trained, factor: rest, set: {model.depth: 4}}
  gone: {label: no weights, factor: rest, set: {model: {kind: backbone, name: resnet18, weights: pretrained}}}
seeds: SEEDS
profiles:
  quick: {seeds: [0]}
"""

PLANTED = 40  # one image in so many has a wrong label: all but `perfect` are sure of another
Wrong = Callable[[np.ndarray, np.ndarray, np.random.Generator], np.ndarray]


def dark_is_wrong(
    images: np.ndarray, labels: np.ndarray, generator: np.random.Generator
) -> np.ndarray:
    """Of the darkest fifth of each class three in four are wrong, of the others one in 25."""
    brightness = images.mean(axis=(1, 2, 3))
    chance = np.full(len(labels), 0.04)
    for label in np.unique(labels):
        own = np.flatnonzero(labels == label)
        chance[own[np.argsort(brightness[own])[: len(own) // 5]]] = 0.75
    return generator.random(len(labels)) < chance


def at_random(images: np.ndarray, labels: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """One in eight is wrong."""
    return generator.random(len(labels)) < 0.125


def never(images: np.ndarray, labels: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """All are right."""
    return np.zeros(len(labels), dtype=bool)


WRONG: dict[str, Wrong] = {
    "base": dark_is_wrong,
    "mapped": at_random,
    "subset": at_random,
    "perfect": never,
}


def make_mistakes(
    root: Path,
    dataset: str = "{name: digits}",
    half: int = 100,
    seeds: str = "[0, 1, 2]",
    profile: str = "default",
) -> Project:
    """A project whose exp01 has results of four variants; one is not trained, one was skipped."""
    (root / "_quarto.yml").write_text("project: {type: book}\n")
    for folder in ("experiments", "report", "data"):
        (root / folder).mkdir(exist_ok=True)
    yaml = EXPERIMENT.replace("DATASET", dataset).replace("HALF", str(half))
    (root / "experiments" / "exp01.yaml").write_text(yaml.replace("SEEDS", seeds))
    layout = Project(root, profile)
    layout.runs.mkdir()
    reason = {"unreachable": "no weights of resnet18"}
    (layout.runs / WEIGHTS_NOTE).write_text(json.dumps({"resnet18": reason}))
    for run in Project(layout.root, layout.profile).plan("exp01").runs:
        if run.variant in WRONG:
            write_mistakes(layout, run)
    return layout


def write_mistakes(layout: Project, run: PlannedRun) -> None:
    """A made result: each wrong image is taken for the class after its own."""
    data = load(run.spec.dataset, layout.data)
    images, labels, classes = data.test.images, data.test.labels, len(data.class_names)
    generator = np.random.default_rng([list(WRONG).index(run.variant), run.seed])
    wrong = WRONG[run.variant](images, labels, generator)
    if run.variant != "perfect":
        wrong[::PLANTED] = True
    predicted = np.where(wrong, (labels + 1) % classes, labels)
    logits = generator.normal(0, 1, (len(labels), classes))
    sure = generator.uniform(0.5, 6, len(labels))
    sure[::PLANTED] = 9
    logits[np.arange(len(labels)), predicted] = logits.max(axis=1) + sure
    embedding = None
    if run.spec.embedding is not None:
        half = len(labels) // 2
        points = np.random.default_rng(1).normal(0, 1, (half, 2)) + labels[:half, None] * 5
        embedding = {
            "tsne": points.astype(np.float32),
            "pca": points.astype(np.float32),
            "explained": np.array([0.3, 0.2], dtype=np.float32),
            "perplexity": np.array(30, dtype=np.float32),
            "labels": labels[:half],
            "ids": data.test.ids[:half],
        }
    Store(layout.runs).write_run(
        str(run.key),
        spec=run.spec.canonical(),
        dataset_fingerprint=fingerprint(run.spec.dataset, layout.data),
        metrics={"test_accuracy": float(1 - wrong.mean()), "train_seconds": 1.0},
        history=[],
        logits=logits,
        labels=labels,
        ids=data.test.ids,
        provenance=provenance(run),
        weights={},
        embedding=embedding,
    )


def review(layout: Project, tags: dict[str, list[int]]) -> None:
    """Write what a person said of exp01's images."""
    layout.reviews.mkdir(exist_ok=True)
    content = {tag: tuple(ids) for tag, ids in tags.items()}
    write_reviews(layout.reviews / "exp01.json", Reviews("exp01", "digits", "f" * 64, (), content))


def make_pictures(root: Path, classes: int, each: int, side: int) -> str:
    """A folder of colour pictures with train and test; returns the dataset for the YAML."""
    generator = np.random.default_rng(3)
    for split, count in (("train", max(2, each // 2)), ("test", each)):
        for label in range(classes):
            folder = root / "data" / "pictures" / split / f"group/kind {label}"
            folder.mkdir(parents=True)
            for place in range(count):
                noise = generator.integers(0, 256, (side, side, 3), dtype=np.uint8)
                Image.fromarray(noise // (1 + place % 3)).save(folder / f"{place}.png")
    return f"{{name: 'imagefolder:data/pictures', val_fraction: 0.5, image_size: {side}}}"
