"""The sections of docs/reliability.md, in its order."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from tests.faults.flips import flips
from tests.faults.fuzz import fuzz
from tests.faults.hostile import hostile
from tests.faults.kills import kills
from tests.faults.tally import Tally
from tests.faults.together import together
from tests.faults.writes import writes

SECTIONS = {
    "kills": lambda folder, _: kills(folder, 52),
    "writes": lambda folder, _: writes(folder, 3),
    "flips": lambda folder, _: flips(folder, 12),
    "together": lambda folder, _: together(folder),
    "hostile": lambda folder, _: hostile(folder),
    "fuzz": fuzz,
}


def inject(name: str, seconds: float) -> tuple[Tally, float]:
    """The tally of a section, and how long it took. seconds: of fuzzing, for each reader."""
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        tally = SECTIONS[name](Path(folder).resolve(), seconds)
    return tally, time.monotonic() - start
