"""What the benchmarks share: data, networks and weights, threads, and how results are written."""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import platform
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml

from cvlib.data.arrays import ImageData
from cvlib.data.load import load
from cvlib.data.spec import DatasetSpec
from cvlib.models.spec import BackboneSpec, CustomCNNSpec
from cvlib.models.weights import WeightsFile, find

# Python 3.14 made forkserver Linux's default; what a plain script gets is what counts here.
DEFAULT_START = multiprocessing.get_all_start_methods()[0]
PROJECT = Path(__file__).resolve().parent.parent


def parser(description: str | None) -> argparse.ArgumentParser:
    """Arguments that every benchmark takes."""
    result = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    result.add_argument("--threads", type=int, default=os.cpu_count(), help="default: all cores")
    result.add_argument("--width", type=int, help="channels of the first block (default: EXP01's)")
    result.add_argument("--json", type=Path, help="write the measurements to this file")
    return result


def base_network(width: int | None) -> CustomCNNSpec:
    """EXP01's base network, as experiments/exp01.yaml has it."""
    fields = yaml.safe_load((PROJECT / "experiments" / "exp01.yaml").read_text())["base"]["model"]
    return CustomCNNSpec.model_validate(fields if width is None else fields | {"width": width})


def fashion_mnist(val_fraction: float) -> ImageData:
    """All of Fashion-MNIST, fetched into data/ if it is not there."""
    return load(DatasetSpec(name="fashion_mnist", val_fraction=val_fraction), PROJECT / "data")


def pretrained(spec: BackboneSpec) -> WeightsFile:
    """A backbone's weights, fetched as `cvlib weights fetch` does."""
    found = find(spec, PROJECT, fetch=True)
    assert isinstance(found, WeightsFile), found.reason
    return found


def normalisation(images: np.ndarray) -> tuple[float, float]:
    """Mean and standard deviation of grey images (N, H, W, 1) uint8, as Normalize wants them."""
    return float(images.mean() / 255), float(images.std() / 255)


def machine(threads: int) -> dict[str, Any]:
    """What the numbers hold for."""
    names = [
        line.partition(":")[2].strip()
        for line in (
            Path("/proc/cpuinfo").read_text().splitlines()
            if Path("/proc/cpuinfo").exists()
            else [f"model name: {platform.processor()}"]
        )
        if line.startswith("model name")
    ]
    return {
        "cpu": names[0] if names else platform.machine(),
        "cores": os.cpu_count(),
        "threads": threads,
        "torch": str(torch.__version__),
        "python": platform.python_version(),
        "load_before": round(os.getloadavg()[0], 2),
    }


def restore_start_method() -> None:
    """Give DataLoader workers the platform's own way to start; a spawned process inherits spawn."""
    multiprocessing.set_start_method(DEFAULT_START, force=True)


def write_json(path: Path | None, content: dict[str, Any]) -> None:
    """Write the measurements where they were asked for."""
    if path is not None:
        path.write_text(json.dumps(content, indent=1) + "\n")
        print(f"written to {path}")
