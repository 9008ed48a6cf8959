"""What a person is told of an undecided claim."""

import dataclasses
import json
import re
import subprocess
import sys

import pytest

from cvlib.analysis.estimate import LEVEL
from cvlib.journal import hypotheses
from cvlib.journal.settling import outlooks

HYPOTHESES = """\
H1:
  title: flip
  statement: Mirrored images help.
  experiment: exp01
  claims:
    - {say: flip less base, first: exp01/flip, second: exp01/base}
    - {say: base less kernel 1, first: exp01/base, second: exp01/kernel1}
"""


@pytest.fixture
def h(project):
    (project.experiments / "hypotheses.yaml").write_text(HYPOTHESES)
    return hypotheses(root=project.root)


def test_an_undecided_claim_says_how_many_seeds_and_minutes_would_settle_it(h):
    undecided, decided = h["H1"].settled_by
    assert decided is None  # there is nothing to settle
    one = h["H1"].claims[0]
    assert one.verdict == "undecided" and undecided.seeds > 3
    minutes = sum(v.mean("train_seconds") for v in one.variants) * (undecided.seeds - 3) / 60
    assert undecided.seconds / 60 == pytest.approx(minutes)
    more = f"({undecided.seeds - 3} more, {minutes:.0f} min)"
    assert undecided.text == f"settled by about {undecided.seeds} seeds {more}"
    assert undecided.text in str(h.table()) and "Settled by: so many seeds" in str(h.table())


def test_where_images_are_too_few_it_says_so(h):
    few = dataclasses.replace(h["H1"].claims[0].estimate, images=4.0)
    claims = [dataclasses.replace(h["H1"].claims[0], estimate=few)]
    (asked,) = outlooks(claims, LEVEL)
    assert asked.seeds is None and asked.images > 1_000
    assert re.fullmatch(r"settled by .*about [\d,]+ test images", asked.text)


def test_the_command_says_the_same_for_programs(h, project):
    words = ["status", "--hypotheses", "--json"]
    done = subprocess.run(
        [sys.executable, "-m", "cvlib", *words], cwd=project.root, capture_output=True, text=True
    )
    (found,) = json.loads(done.stdout)["hypotheses"]
    said = [claim["settled_by"] and claim["settled_by"]["text"] for claim in found["claims"]]
    assert (found["verdict"], said) == ("undecided", [h["H1"].settled_by[0].text, None])
