"""How many seeds, or test images, would settle an undecided claim, and the level of each look.

Whoever adds seeds until an interval lies on one side looks several times, and one of many looks at
nothing deceives. Look j = 1, 2, … therefore has the level 0.05 / (j (j + 1)). All of them together
make 0.05, so that the chance that any look ever deceives is 5% at most, whatever makes one stop
(union bound): alpha spending of Lan and DeMets (Biometrika 70(3), 1983), over looks without end as
in the stitched bounds of Howard et al. (Ann. Stat. 49(2), 2021). Looks lie at numbers of seeds that
grow by a factor, so that many seeds cost few of them.
Checked in tests/analysis/test_settling.py, by simulation.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, replace

from cvlib.analysis.estimate import LEVEL, Estimate

MOST_SEEDS = 1000
_MOST_IMAGES = 10**6  # times those there are
LEAST_GROWTH, MOST_GROWTH = 1.5, 4.0  # of the seeds, from one look to the next


def look_level(look: int) -> float:
    """Level of the first (1), second, … look at data that grow: 0.025, 0.0083, 0.0042, …"""
    return LEVEL / (look * (look + 1))


def next_look(seeds: int, forecast: int) -> int:
    """How many seeds the next look takes, after one at `seeds`, where that many are forecast."""
    return min(max(forecast, math.ceil(LEAST_GROWTH * seeds)), int(MOST_GROWTH * seeds))


@dataclass(frozen=True)
class Forecast:
    """What an interval would lie on one side with, if value and variances stay as they are.

    seeds: of each variant; None where no number of them would do, up to 1,000. factor: so many times
    the test images would do, with `seeds`, 1,000, where those there are are too few for any number of
    images; None where seeds do, or no number of images would.
    """

    seeds: int | None = None
    factor: float | None = None


def forecast(found: Estimate, margin: float, seeds: Sequence[int], level: float) -> Forecast:
    """The fewest seeds, else test images, with which the interval leaves the margin out.

    seeds: how many each variant has in which seeds differ. Those with fewer than forecast get more.
    """
    away = abs(found.value - margin)

    def leaves_out(count: int, factor: float = 1.0) -> bool:
        return _with(found, seeds, count, factor).half_width(level) < away

    counts = range(min(seeds, default=MOST_SEEDS), MOST_SEEDS + 1)
    if leaves_out(MOST_SEEDS):
        return Forecast(counts[bisect_left(counts, True, key=leaves_out)])
    for count in (counts[0], MOST_SEEDS):
        if leaves_out(count, math.inf):
            percents = range(100, _MOST_IMAGES * 100)
            found_at = bisect_left(percents, True, key=lambda one: leaves_out(count, one / 100))
            seeds_too = count if count > counts[0] else None
            return Forecast(seeds_too, percents[min(found_at, len(percents) - 1)] / 100)
    return Forecast()


def _with(found: Estimate, seeds: Sequence[int], count: int, factor: float) -> Estimate:
    """The estimate as it would be with `count` seeds of each variant and `factor` as many images."""
    if not seeds or not found.seeds:
        return replace(found, images=found.images / factor)
    # the variants' variances are taken to be alike; a new seed brings one degree of freedom
    share = sum(1 / max(count, one) for one in seeds) / sum(1 / one for one in seeds)
    more = max(count - min(seeds), 0)
    return Estimate(found.value, found.seeds * share, found.images / factor, found.df + more)
