"""Inject every fault and count how it ended: `python -m tests.faults [SECTION…] [--write]`."""

from __future__ import annotations

import argparse
import sys
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path

from tests.faults.sections import SECTIONS, inject
from tests.faults.tally import Tally

PAGE = Path(__file__).parents[2] / "docs" / "reliability.md"
HEAD = """\
# Reliability

What faults cost, counted. `make faults` injects every fault below for real, in small projects on the digits of
scikit-learn, and writes this page; `make fuzz` fuzzes for longer. How each is done: `tests/faults/`.

| fault | how it ended |
|:--|:--|
"""
FOOT = """
*A kill* is SIGKILL. *Every write* is every file opened for writing, each of its writes, every rename, exchange,
removal, new folder and sync that Python makes; a full, broken or read-only disk stays so until the process ends.
*As alone*: each run is executed once, nothing is reported as damaged, nobody prints a traceback.
What native code writes by itself (Typst's PDF) is not among the writes.
"""


def _section(name: str, seconds: float) -> Tally:
    # a process of its own, for a section changes what is in its process
    with ProcessPoolExecutor(1, get_context("spawn")) as own:
        tally, took = own.submit(inject, name, seconds).result()
    print(tally.line(), f"{name}: {took:.0f} s", *tally.wrong, sep="\n", flush=True)
    return tally


def main() -> None:
    """Run the sections that are named, else all; exit code 1 if a fault ended badly."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("sections", nargs="*", metavar="|".join(SECTIONS))
    parser.add_argument("--write", action="store_true", help=f"write docs/{PAGE.name}, if all ran")
    parser.add_argument("--seconds", type=float, default=60, help="of fuzzing, for each reader")
    chosen = parser.parse_args()
    names = [name for name in SECTIONS if name in (chosen.sections or SECTIONS)]
    with ThreadPoolExecutor(2) as two:
        tallies = list(two.map(partial(_section, seconds=chosen.seconds), names))
    if chosen.write and not chosen.sections:
        PAGE.write_text(HEAD + "".join(tally.line() + "\n" for tally in tallies) + FOOT)
    sys.exit(any(tally.wrong for tally in tallies))


if __name__ == "__main__":
    main()
