"""Contenders that take turns, each in a process of its own, and the ratios within each turn."""

from __future__ import annotations

from collections.abc import Callable
from multiprocessing import get_context
from statistics import median
from typing import Any


def measure(
    serve: Callable[..., None], names: list[str], repeats: int, *arguments: Any
) -> dict[str, list[float]]:
    """Images a second of each contender in each turn; one turn before is not counted.

    serve(pipe, name, *arguments) runs in the process of contender `name` until it receives False.
    """
    context = get_context("spawn")
    pipes = {}
    for name in names:
        pipes[name], theirs = context.Pipe()
        # no daemon: a DataLoader starts workers of its own
        context.Process(target=serve, args=(theirs, name, *arguments)).start()
        theirs.close()
    rates: dict[str, list[float]] = {name: [] for name in names}
    for turn in range(repeats + 1):
        for name, pipe in pipes.items():
            pipe.send(True)
            rate = pipe.recv()
            print(f"turn {turn or 'of warm-up'}: {name:14} {rate:7.0f} images/s", flush=True)
            if turn:
                rates[name].append(rate)
    for pipe in pipes.values():
        pipe.send(False)
    return rates


def summarise(
    rates: dict[str, list[float]], ours: str, targets: dict[str, float]
) -> list[dict[str, Any]]:
    """A row a contender: median rate, and how many times as fast `ours` is, turn by turn."""
    rows = []
    for name, values in rates.items():
        ratios = [mine / theirs for mine, theirs in zip(rates[ours], values, strict=True)]
        target = targets.get(name)
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


def print_table(rows: list[dict[str, Any]], ours: str) -> None:
    """The rows as Markdown."""
    print(f"| contender | images/s (median) | {ours}, is … times as fast | range | target |")
    print("|:--|--:|--:|:--|--:|")
    for row in rows:
        print(
            f"| {row['contender']} | {row['images_per_second']:,.0f} | {row['ratio']:.2f} "
            f"| {row['ratio_min']:.2f}–{row['ratio_max']:.2f} | {row['target'] or ''} |"
        )
