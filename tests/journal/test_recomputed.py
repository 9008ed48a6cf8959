"""The shipped study's intervals and p-values, computed again from the store's files by other code."""

from __future__ import annotations

import json
import math
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import yaml
from scipy import stats

from cvlib.journal import experiment
from cvlib.project import Project

ROOT = Path(__file__).parents[2]


@cache
def store():
    """Of each run of experiments/runs: spec, metrics, and who was right on which image."""
    found = []
    for folder in sorted((ROOT / "experiments" / "runs").glob("?" * 64)):
        spec, metrics = (
            json.loads((folder / f"{name}.json").read_text()) for name in ("spec", "metrics")
        )
        with np.load(folder / "predictions.npz") as read:
            order = np.argsort(read["ids"])
            right = (read["logits"].argmax(1) == read["labels"])[order]
        found.append((folder.name, spec, metrics, right))
    return found


def answers(project, name):
    """variant -> (seeds, images) of who was right, of one experiment, read by the runs' keys alone."""
    by_key = {key: right for key, _, _, right in store()}
    found = {}
    for status in project.statuses(name):
        if status.planned.key in by_key:
            found.setdefault(status.planned.variant, []).append(by_key[status.planned.key])
    return {variant: np.array(rows) for variant, rows in found.items()}


def by_hand(all_of, *signed):
    """Value, half width and p of sum(sign * accuracy), in points, written out for two or four terms."""
    drawn = {k: a for k, a in all_of.items() if len({r.tobytes() for r in a}) > 1}
    # the median of a chi-square distribution with two degrees of freedom is 2 log 2
    usual = np.median([np.var(a.mean(1), ddof=1) for a in drawn.values()]) / math.log(2)
    value = sum(sign * all_of[k].mean() for sign, k in signed)
    of_seeds = [
        (2 * usual + 2 * np.var(all_of[k].mean(1), ddof=1)) / 4 / 3 for _, k in signed if k in drawn
    ]
    each = sum(sign * all_of[k].mean(0) for sign, k in signed)
    images = len(each)
    twice = 0.0
    for _, k in signed:
        if k in drawn:
            a = all_of[k].astype(float)
            rest = a - a.mean(0)[None] - a.mean(1)[:, None] + a.mean()
            twice += (rest**2).sum() / (2 * (images - 1)) / 3 / images
    size = (each**2).sum() / np.abs(each).sum()
    seen = ((each - each.mean()) ** 2).sum() / images**2
    of_images = max(seen - twice, 0) + 2 * size**2 / images**2
    variance = sum(of_seeds) + of_images
    df = math.inf
    if of_seeds:
        df = min(sum(of_seeds) ** 2 / sum(v**2 / 4 for v in of_seeds), 2 * len(drawn))
        df *= (variance / sum(of_seeds)) ** 2
    t = stats.t(df) if math.isfinite(df) else stats.norm
    half = t.ppf(0.975) * math.sqrt(variance)
    return 100 * value, 100 * half, 2 * t.sf(abs(value) / math.sqrt(variance))


@pytest.mark.parametrize(
    ("name", "base"), [("exp01", "base"), ("exp02", "probe"), ("exp03", "cnn-2000")]
)
def test_differences_and_their_p_agree(name, base):
    project = Project(ROOT)
    found, exp = answers(project, name), experiment(name, root=ROOT)
    for variant in found:
        if variant == base:
            continue
        value, half, p = by_hand(found, (1, variant), (-1, base))
        said, compared = exp.difference(variant, base), exp.compare(variant, base)
        assert float(said) == pytest.approx(value, abs=1e-9)
        assert (said.high - said.low) / 2 == pytest.approx(half, rel=1e-6)
        assert compared.p == pytest.approx(p, rel=1e-6, abs=1e-15)


def test_a_difference_of_differences_agrees():
    from cvlib.journal import hypotheses

    declared = yaml.safe_load((ROOT / "experiments" / "hypotheses.yaml").read_text())
    h, project = hypotheses(root=ROOT), Project(ROOT)
    seen = 0
    for name, one in declared.items():
        for place, claim in enumerate(one["claims"]):
            if "minus" in claim and claim["first"].startswith(("exp01", "exp03")):
                found = answers(project, claim["first"].split("/")[0])
                names = [claim["first"], claim["second"], *claim["minus"].values()]
                signed = zip((1, -1, -1, 1), (n.split("/")[1] for n in names), strict=True)
                value, half, _ = by_hand(found, *signed)
                said = h[name].effect(place)
                assert float(said) == pytest.approx(value, abs=1e-9)
                assert (said.high - said.low) / 2 == pytest.approx(half, rel=1e-6)
                seen += 1
    assert seen == 3
