"""Seconds for a linear probe's regularisation path, against scikit-learn, side by side in one run.

    python benchmarks/probe.py --json probe.json                 about 6 minutes on 2 cores
    python benchmarks/probe.py --dense                           also 45 values: about 10 minutes more

10,000 images of Fashion-MNIST through EfficientNet-Lite0 at 64 px (1,280 features), 10 strengths C
from 1e-4 to 1. Each contender runs in a process of its own, one after the other, with the same
threads, the same standardised float32 features and the same way to choose C. See
benchmarks/README.md for what is compared and why it is fair.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
import warnings
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import torch
from common import PROJECT, machine, parser, pretrained, write_json

from cvlib.models.spec import BackboneSpec

TRAIN, VAL, TEST = 10_000, 1_000, 5_000
IMAGE_SIZE = 64
TARGETS = {10: 10.0, 45: 20.0}
Row = dict[str, Any]


def features(folder: Path) -> Path:
    """The file of standardised features and labels of train, val and test; made if it is not there.

    Its name tells from which weights, and of how many images.
    """
    spec = BackboneSpec(name="tf_efficientnet_lite0", image_size=IMAGE_SIZE)
    weights = pretrained(spec)
    file = folder / f"lite0-{weights.sha256[:16]}-{IMAGE_SIZE}-{TRAIN}-{VAL}-{TEST}.npz"
    if not file.exists():
        from cvlib.data.load import load
        from cvlib.data.spec import DatasetSpec
        from cvlib.models.backbone import Backbone
        from cvlib.probing.features import extract

        backbone = Backbone(spec, num_classes=10, weights=weights.path)
        data = load(
            DatasetSpec(
                name="fashion_mnist",
                subset=TRAIN + VAL,
                val_fraction=VAL / (TRAIN + VAL),
                test_subset=TEST,
            ),
            PROJECT / "data",
        )
        arrays = {}
        for name in ("train", "val", "test"):
            split = getattr(data, name)
            arrays[f"{name}_x"] = extract(backbone, split.images, device="cpu")
            arrays[f"{name}_y"] = split.labels
        mean = arrays["train_x"].mean(axis=0, dtype=np.float64)
        deviation = arrays["train_x"].std(axis=0, dtype=np.float64)
        deviation[deviation < 1e-6] = 1
        for name in ("train", "val", "test"):
            standard = (arrays[f"{name}_x"] - mean) / deviation
            arrays[f"{name}_x"] = standard.astype(np.float32)
        folder.mkdir(parents=True, exist_ok=True)
        staged = file.with_suffix(f".{os.getpid()}.npz")
        np.savez(staged, allow_pickle=False, **arrays)
        staged.rename(file)
    return file


def ours(x: np.ndarray, y: np.ndarray, strengths: np.ndarray) -> list[Row]:
    """cvlib's path: all strengths in one solve."""
    from cvlib.probing import logistic

    heads = logistic.path(x, y, strengths, 10)
    # x has mean 0 and deviation 1, so weights for x are those that were penalised
    return [
        {"weight": head.weight, "bias": head.bias, "converged": head.converged} for head in heads
    ]


def one_by_one(
    x: np.ndarray, y: np.ndarray, strengths: np.ndarray, warm: bool = False
) -> list[Row]:
    """scikit-learn's LogisticRegression, a fit for each strength."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(max_iter=10_000, warm_start=warm)
    rows = []
    for strength in strengths:
        with warnings.catch_warnings(record=True) as raised:
            warnings.simplefilter("always", ConvergenceWarning)
            model.set_params(C=strength).fit(x, y)
        stopped = any(issubclass(w.category, ConvergenceWarning) for w in raised)
        rows.append(
            {
                "weight": model.coef_.copy(),
                "bias": model.intercept_.copy(),
                "converged": not stopped,
            }
        )
    return rows


def warm_started(x: np.ndarray, y: np.ndarray, strengths: np.ndarray) -> list[Row]:
    """The same, each fit from the one before it, strongest regularisation first."""
    return one_by_one(x, y, strengths, warm=True)


CONTENDERS = {
    "cvlib": ours,
    "scikit-learn, one fit a value": one_by_one,
    "scikit-learn, warm-started": warm_started,
}


def solve(name: str, file: Path, values: int, threads: int) -> Row:
    """One contender's seconds, and what its heads are worth; in a process of its own."""
    torch.set_num_threads(threads)
    with np.load(file) as archive:
        data = dict(archive)
    strengths = np.logspace(-4, 0, values)
    # a warm-up: imports, thread pools
    CONTENDERS[name](data["train_x"][:500], data["train_y"][:500], strengths[:1])
    started = time.perf_counter()
    rows = CONTENDERS[name](data["train_x"], data["train_y"], strengths)
    seconds = time.perf_counter() - started
    path = []
    for c, row in zip(strengths, rows, strict=True):
        weight, bias = row["weight"].astype(np.float64), row["bias"].astype(np.float64)
        logits = {part: data[f"{part}_x"] @ weight.T + bias for part in ("train", "val", "test")}
        penalty = (weight**2).sum() / 2
        path.append(
            {
                "c": float(c),
                "loss": float(c * cross_entropies(logits["train"], data["train_y"]) + penalty),
                "val_loss": float(cross_entropies(logits["val"], data["val_y"])),
                "val_accuracy": float((logits["val"].argmax(1) == data["val_y"]).mean()),
                "test_accuracy": float((logits["test"].argmax(1) == data["test_y"]).mean()),
                "converged": row["converged"],
            }
        )
    chosen = min(path, key=lambda row: (-row["val_accuracy"], row["val_loss"], row["c"]))
    return {"contender": name, "seconds": seconds, "chosen": chosen, "path": path}


def cross_entropies(logits: np.ndarray, labels: np.ndarray) -> float:
    """Their sum, in float64."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    return float(
        (np.log(np.exp(shifted).sum(axis=1)) - shifted[np.arange(len(labels)), labels]).sum()
    )


def compare(values: int, file: Path, threads: int) -> list[Row]:
    """Every contender on a path of `values` strengths, printed; the results."""
    results = []
    for name in CONTENDERS:
        # a pool of one: the process is new, and gone before the next contender starts
        with get_context("spawn").Pool(1) as pool:
            results.append(pool.apply(solve, (name, file, values, threads)))
        print(f"{values} values, {name}: {results[-1]['seconds']:.1f} s", flush=True)
    report(values, results)
    return results


def report(values: int, results: list[Row]) -> None:
    mine = results[0]
    print(
        f"\n{values} values of C, 1e-4 to 1 (goal: {TARGETS.get(values, '-')} times one fit each)"
    )
    print(
        "| contender | seconds | cvlib is … times as fast | converged | loss over the best |",
        end="",
    )
    print(" chosen C | val | test at it |\n|:--|--:|--:|--:|--:|--:|--:|--:|")
    best = [min(result["path"][i]["loss"] for result in results) for i in range(values)]
    for result in results:
        path, chosen = result["path"], result["chosen"]
        excess = max(row["loss"] / least - 1 for row, least in zip(path, best, strict=True))
        done = sum(row["converged"] for row in path)
        print(
            f"| {result['contender']} | {result['seconds']:.1f} "
            f"| {result['seconds'] / mine['seconds']:.1f} | {done} of {values} | {excess:.0e} "
            f"| {chosen['c']:.2g} | {chosen['val_accuracy']:.4f} | {chosen['test_accuracy']:.4f} |"
        )
    for result in results[1:]:
        same = result["chosen"]["c"] == mine["chosen"]["c"]
        at_mine = next(row for row in result["path"] if row["c"] == mine["chosen"]["c"])
        apart = 100 * abs(at_mine["test_accuracy"] - mine["chosen"]["test_accuracy"])
        print(
            f"{result['contender']}: {'the same C' if same else 'another C'} chosen; at cvlib's C "
            f"test accuracies are {apart:.2f} points apart (goal: 0.1)"
        )
    print(
        "converged: by its own account (cvlib: loss within 1e-4 of the minimum; scikit-learn: "
        "no gradient above 1e-4); loss over the best: the worst strength's, of the lowest of all"
    )


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--values", type=int, default=10, help="strengths on the path")
    arguments.add_argument("--dense", action="store_true", help="also a path of 45 values")
    arguments.add_argument(
        "--features",
        type=Path,
        default=Path(tempfile.gettempdir()) / "cvlib-benchmark-features",
        help="folder in which extracted features are kept",
    )
    options = arguments.parse_args()
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = str(options.threads)  # inherited by every contender's process
    facts = machine(options.threads)
    print(facts, file=sys.stderr)
    file = features(options.features)
    counts = [options.values, *([45] if options.dense else [])]
    results = {str(values): compare(values, file, options.threads) for values in counts}
    write_json(options.json, {"machine": facts, "results": results})


if __name__ == "__main__":
    main()
