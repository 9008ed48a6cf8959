"""Images a second of training EXP01's base network on a CPU, side by side in one run.

    python benchmarks/throughput.py --json throughput.json       about 4 minutes on 2 cores

Contenders take turns, so that a machine that slows down slows all of them; a ratio is the median
of the ratios within each turn. See benchmarks/README.md for what is compared and why it is fair.
"""

from __future__ import annotations

import dataclasses
from multiprocessing.connection import Connection

import torch
from common import (
    base_network,
    fashion_mnist,
    machine,
    normalisation,
    parser,
    restore_start_method,
    write_json,
)
from contenders import Contenders
from turns import measure, print_table, summarise

from cvlib.data.arrays import ImageData, Split
from cvlib.training.device import keep_freed_memory

TARGETS = {"bare step": 0.95, "tutorial": 1.8, "lightning": 1.8, "fastai": 1.8}


def first(split: Split, count: int) -> Split:
    fields = {name: getattr(split, name)[:count] for name in ("images", "labels", "ids", "names")}
    return dataclasses.replace(split, **fields)


def prepared(images: int, width: int | None) -> Contenders:
    """The contenders on the first `images` training images of Fashion-MNIST."""
    whole = fashion_mnist(val_fraction=0.1)
    mean, std = normalisation(whole.train.images)
    data = ImageData(
        train=first(whole.train, images),
        val=first(whole.val, 256),
        test=first(whole.test, 256),
        class_names=whole.class_names,
        fingerprint=f"first {images} of {whole.fingerprint}",
        unreadable=(),
    )
    return Contenders(data, base_network(width), mean, std)


def serve(
    pipe: Connection, name: str, threads: int, workers: int, images: int, width: int | None
) -> None:
    """Run one contender in a process of its own, each time it is asked to."""
    torch.set_num_threads(threads)
    restore_start_method()
    contenders = prepared(images, width)
    contenders.workers = workers
    if name == "bare step":
        # the ceiling gets what cvlib gives itself; the others run as their users start them
        keep_freed_memory()
    while pipe.recv():
        pipe.send(contenders.by_name[name]())


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--images", type=int, default=6400, help="images of one measurement")
    arguments.add_argument("--repeats", type=int, default=5, help="turns that count")
    options = arguments.parse_args()
    torch.set_num_threads(options.threads)
    facts = machine(options.threads)

    contenders = prepared(options.images, options.width)
    model = contenders.model
    by_workers = contenders.choose_workers()
    print(f"DataLoader workers: {contenders.workers} (images/s of each: {by_workers})")
    rates = measure(
        serve,
        list(contenders.by_name),
        options.repeats,
        options.threads,
        contenders.workers,
        options.images,
        options.width,
    )
    rows = summarise(rates, "cvlib", TARGETS)

    print(f"\n{facts}\n{model}\n")
    print_table(rows, "cvlib")
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
