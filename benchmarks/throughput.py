"""Images a second of training EXP01's base network on a CPU, side by side in one process.

    python benchmarks/throughput.py --json throughput.json       about 4 minutes on 2 cores

Contenders take turns, so that a machine that slows down slows all of them; a ratio is the median
of the ratios within each turn. See benchmarks/README.md for what is compared and why it is fair.
"""

from __future__ import annotations

import dataclasses
from statistics import median
from typing import Any

import torch
from common import base_network, fashion_mnist, machine, normalisation, parser, write_json
from contenders import Contenders

from cvlib.data.arrays import ImageData, Split

TARGETS = {"bare step": 0.95, "tutorial": 1.8, "lightning": 1.8, "fastai": 1.8}


def first(split: Split, count: int) -> Split:
    fields = {name: getattr(split, name)[:count] for name in ("images", "labels", "ids", "names")}
    return dataclasses.replace(split, **fields)


def measure(contenders: Contenders, repeats: int) -> dict[str, list[float]]:
    """Images a second of each contender in each turn; one turn before is not counted."""
    rates: dict[str, list[float]] = {name: [] for name in contenders.by_name}
    for turn in range(repeats + 1):
        for name, run in contenders.by_name.items():
            rate = run()
            print(f"turn {turn or 'of warm-up'}: {name:10} {rate:7.0f} images/s", flush=True)
            if turn:
                rates[name].append(rate)
    return rates


def summarise(rates: dict[str, list[float]]) -> list[dict[str, Any]]:
    ours = rates["cvlib"]
    rows = []
    for name, values in rates.items():
        ratios = [mine / theirs for mine, theirs in zip(ours, values, strict=True)]
        target = TARGETS.get(name)
        rows.append(
            {
                "contender": name,
                "images_per_second": median(values),
                "ratio": median(ratios),
                "ratio_min": min(ratios),
                "ratio_max": max(ratios),
                "target": target,
                "met": None if target is None else median(ratios) >= target,
            }
        )
    return rows


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--images", type=int, default=6400, help="images of one measurement")
    arguments.add_argument("--repeats", type=int, default=5, help="turns that count")
    options = arguments.parse_args()
    torch.set_num_threads(options.threads)
    facts = machine(options.threads)

    whole = fashion_mnist(val_fraction=0.1)
    mean, std = normalisation(whole.train.images)
    data = ImageData(
        train=first(whole.train, options.images),
        val=first(whole.val, 256),
        test=first(whole.test, 256),
        class_names=whole.class_names,
        fingerprint=f"first {options.images} of {whole.fingerprint}",
        unreadable=(),
    )
    model = base_network(options.width)
    contenders = Contenders(data, model, mean, std)
    by_workers = contenders.choose_workers()
    print(f"DataLoader workers: {contenders.workers} (images/s of each: {by_workers})")
    rates = measure(contenders, options.repeats)
    rows = summarise(rates)

    print(f"\n{facts}\n{model}\n")
    print("| contender | images/s (median) | cvlib is … times as fast | range | target |")
    print("|:--|--:|--:|:--|--:|")
    for row in rows:
        print(
            f"| {row['contender']} | {row['images_per_second']:,.0f} | {row['ratio']:.2f} "
            f"| {row['ratio_min']:.2f}–{row['ratio_max']:.2f} | {row['target'] or ''} |"
        )
    write_json(
        options.json,
        {
            "machine": facts,
            "model": model.model_dump(mode="json"),
            "workers": contenders.workers,
            "rates": rates,
            "summary": rows,
        },
    )


if __name__ == "__main__":
    main()
