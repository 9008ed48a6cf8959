"""A few faults of each kind in every `make test`; `make faults` injects them all."""

from __future__ import annotations

import functools

import pytest

from tests.faults.flips import flips
from tests.faults.forked import forked
from tests.faults.fuzz import fuzz
from tests.faults.hostile import hostile
from tests.faults.kills import kills
from tests.faults.writes import writes

SECTIONS = {
    "kills": functools.partial(kills, count=4),
    "writes": functools.partial(writes, step=587),
    "flips": functools.partial(flips, each=1, step=8),
    "hostile": functools.partial(hostile, step=29),
    "fuzz": functools.partial(fuzz, seconds=1),
}


@pytest.mark.parametrize("name", SECTIONS)
def test_faults_end_as_they_should(name, tmp_path):
    end = forked(lambda: SECTIONS[name](tmp_path.resolve()), 300)
    assert end.how == "value", end.said
    assert end.value.count > 3
    assert not end.value.wrong, "\n".join(end.value.wrong)
