"""Hostile input of every kind: it is refused in plain words within ten seconds, or it is harmless."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from tests.faults.forked import forked
from tests.faults.hostile_cases import chapters, folders, names, parquets, requests, weights, yamls
from tests.faults.made import warm_up
from tests.faults.tally import Tally

SECONDS = 10
# what a case would do if its code were executed, or its path followed: leave this file
TRAP = "cvlib-was-here"

# name, what is done; True when it must be refused
Case = tuple[str, Callable[[Path], Any], bool]
KINDS: dict[str, Callable[[], Iterator[Case]]] = {
    "YAML": yamls,
    "folders": folders,
    "parquet": parquets,
    "archives and weights": weights,
    "chapters": chapters,
    "names": names,
    "requests": requests,
}
# of cvlib itself; that of a cell, as IPython prints it, has no colon
_OWN = re.compile(r"Traceback \(most recent call last\):")
_ESCAPE = re.compile("\x1b[^\\[]|\x1b\\[[^0-9;]*[A-HJ-Zln-z]|\x07|\x00")


def hostile(folder: Path, step: int = 1) -> Tally:
    """Every `step`-th case of every kind."""
    warm_up()
    tally = Tally(
        "hostile YAML, folders, parquet, archives, weights, chapters, names, requests",
        "refused in plain words or harmless, within 10 s",
    )
    for kind, cases in KINDS.items():
        count = 0
        for number, (name, attempt, must_refuse) in enumerate(cases()):
            if number % step:
                continue
            count += 1
            trap = Path(tempfile.gettempdir()) / TRAP
            trap.unlink(missing_ok=True)
            root = folder / "case"
            shutil.rmtree(root, ignore_errors=True)
            root.mkdir()
            end = forked(partial(attempt, root), SECONDS)
            wrong = ""
            if end.how in ("traceback", "hung", "killed") or _OWN.search(end.said):
                wrong = f"{end.how}: {end.said[-300:]}"
            elif must_refuse and end.how != "refusal" and "\nproblem" not in end.said:
                wrong = f"taken: {end.value!r} {end.said[-200:]}"
            elif _ESCAPE.search(end.said):
                wrong = f"raw control characters: {end.said[-200:]!r}"
            elif trap.exists():
                wrong = "its code was executed, or it wrote outside"
            tally.bad(f"{kind}, {name}: {wrong}") if wrong else tally.good()
        tally.notes.append(f"{kind} {count}")
    return tally
