"""What the intervals of `cvlib.analysis.estimate` cover where the truth is known, by simulation.

Each image has a difficulty that all networks share, each seed a level of its own, and the rest is
drawn anew for each network and image; an image is right where their sum lies below a threshold that
gives the accuracy. All variants of a draw share its images, so they are no independent trials:
standard errors are taken over draws, each with its mean over variants.

    python -m tests.analysis.coverage --write     # docs/statistics.md and its figure; minutes
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import combinations
from pathlib import Path
from zlib import crc32

import numpy as np
from scipy.special import ndtri

from cvlib.analysis.estimate import LEVEL, Estimate, Part, SeedVariance, estimate, seed_variances
from cvlib.analysis.verdicts import holm
from cvlib.journal import experiment

ROOT = Path(__file__).parents[2]
PAGE, FIGURE = ROOT / "docs" / "statistics.md", ROOT / "docs" / "images" / "coverage.svg"
BEGIN = "<!-- made by `python -m tests.analysis.coverage --write`; do not edit -->"
END = "<!-- end of what it made -->"
SEEDS, RATIOS = (2, 3, 5, 10), (1, 10)
EXPERIMENTS = ("exp01", "exp02", "exp03", "exp04")
SHARED = 0.8  # of what varies between images, the part that all networks share


@dataclass(frozen=True)
class Setting:
    """images: of the test set; accuracy: true, of every variant; sd: over seeds, mean of variants.

    ratio: how far the variants' standard deviations may lie apart; gain: of the accuracies of all
    variants but the first over its.
    """

    images: int
    accuracy: float
    sd: float
    seeds: int = 5
    ratio: int = 1
    variants: int = 12
    gain: float = 0.0

    @property
    def errors(self) -> float:
        """Expected of one network."""
        return self.images * (1 - self.accuracy)


SETTINGS = (
    Setting(200, 0.50, 0.010),
    Setting(200, 0.95, 0.010),
    Setting(300, 0.60, 0.010),
    Setting(2000, 0.85, 0.004),
    Setting(2000, 0.995, 0.001),
    Setting(10_000, 0.92, 0.004),
    Setting(10_000, 0.995, 0.0006),
)
FEW_ERRORS = (Setting(200, 0.995, 0.003), Setting(1000, 0.995, 0.001))
PLANTED = Setting(10_000, 0.90, 0.003, gain=0.01)


class Draw:
    """Outcomes (S, N) of each variant, and what is estimated from them."""

    def __init__(self, setting: Setting, generator: np.random.Generator) -> None:
        share = generator.uniform(0, np.log(setting.ratio), setting.variants)
        sds = np.exp(share) * setting.sd / np.exp(share).mean()
        images = np.sqrt(SHARED) * generator.standard_normal(setting.images, dtype=np.float32)
        self.right = []
        for variant, sd in enumerate(sds):
            border = ndtri(setting.accuracy + setting.gain * (variant > 0))
            density = np.exp(-border * border / 2) / np.sqrt(2 * np.pi)
            level = sd / density  # in units of the sum: accuracies then vary by sd
            border *= np.sqrt(1 + level**2)
            size = (setting.seeds, setting.images)
            total = np.sqrt(1 - SHARED) * generator.standard_normal(size, dtype=np.float32)
            levels = level * generator.standard_normal((setting.seeds, 1))
            self.right.append(total + images < (border - levels).astype(np.float32))
        self.values = [right.mean(axis=1) for right in self.right]
        self.spreads = seed_variances(self.values)

    def single(self, variant: int) -> Estimate:
        return estimate([self._part(1.0, variant)], [self.right[variant]])

    def difference(self, first: int, second: int) -> Estimate:
        parts = [self._part(1.0, first), self._part(-1.0, second)]
        return estimate(parts, [self.right[first], self.right[second]])

    def _part(self, weight: float, variant: int) -> Part:
        return Part(weight, self.values[variant], self.spreads[variant])


@dataclass(frozen=True)
class Share:
    """A share of (D, V) outcomes with its standard error, over draws since variants share images."""

    outcomes: np.ndarray

    @cached_property
    def value(self) -> float:
        return float(self.outcomes.mean())

    @cached_property
    def error(self) -> float:
        each = self.outcomes.mean(axis=1)
        # where no outcome differs: of one that did
        return max(float(each.std(ddof=1)) / len(each) ** 0.5, 1 / self.outcomes.size)


@dataclass(frozen=True)
class Coverage:
    """Of 95% intervals; half widths in points."""

    difference: Share
    single: Share
    false: Share  # differences that do not exist, with p < 0.05
    half_difference: float
    half_single: float


def draws(setting: Setting, count: int) -> Iterator[Draw]:
    """Made-up experiments; the same for the same setting, others for any other."""
    generator = np.random.default_rng(crc32(repr(setting).encode()))
    return (Draw(setting, generator) for _ in range(count))


def coverage(setting: Setting, count: int) -> Coverage:
    """Of differences of neighbours, all of them zero, and of accuracies."""
    found = [[], [], [], [], []]
    for draw in draws(setting, count):
        neighbours = [(k, (k + 1) % setting.variants) for k in range(setting.variants)]
        differences = [draw.difference(*pair) for pair in neighbours]
        singles = [draw.single(k) for k in range(setting.variants)]
        halves = [one.half_width() for one in differences], [one.half_width() for one in singles]
        found[0].append([abs(e.value) <= h for e, h in zip(differences, halves[0], strict=True)])
        off = [abs(e.value - setting.accuracy) for e in singles]
        found[1].append([away <= h for away, h in zip(off, halves[1], strict=True)])
        found[2].append([one.p() < LEVEL for one in differences])
        found[3].append(halves[0])
        found[4].append(halves[1])
    differ, single, false, wide, narrow = map(np.array, found)
    widths = 100 * wide.mean(), 100 * narrow.mean()
    return Coverage(Share(differ), Share(single), Share(false), *map(float, widths))


def claimed(setting: Setting, count: int) -> tuple[Share, Share]:
    """Of each variant against the first, p < 0.05: each alone, and Holm-adjusted for all of them."""
    p_values = [
        [draw.difference(k, 0).p() for k in range(1, setting.variants)]
        for draw in draws(setting, count)
    ]
    alone, together = np.array(p_values), np.array([holm(p) for p in p_values])
    return Share(alone < LEVEL), Share(together < LEVEL)


@dataclass(frozen=True)
class Stored:
    """Pairs of seeds of one variant of a trained experiment, and how many have p < 0.05.

    own: with the variant's moderated variance, which these seeds are part of; others: with what the
    experiment's other variants say of it, as if each of the two were a variant of one seed.
    """

    pairs: int
    own: int
    others: int


def stored(name: str) -> Stored:
    """A/A on the predictions of the experiment's runs; variants without a random part are left out."""
    variants = [v for v in experiment(name, root=ROOT, profile="default").variants if v.runs]
    varied = [v for v in variants if len(v.runs) > 1 and np.ptp(v.values("test_accuracy")) > 0]
    values = [v.values("test_accuracy") for v in varied]
    pairs = own = others = 0
    for place, variant in enumerate(varied):
        right = [variant.tested(seed).correct[None] for seed in variant.runs]
        moderated = seed_variances(values)[place]
        alone = [one[:1] if k == place else one for k, one in enumerate(values)]
        borrowed = seed_variances(alone)[place]
        for two in combinations(right, 2):
            pairs += 1
            own += _false(two, moderated)
            others += borrowed is not None and _false(two, borrowed)
    return Stored(pairs, own, others)


def _false(two: Sequence[np.ndarray], spread: SeedVariance) -> bool:
    parts = [Part(w, one.mean(axis=1), spread) for w, one in zip((1.0, -1.0), two, strict=True)]
    return estimate(parts, two).p() < LEVEL


def page(many: int) -> str:
    """The tables of docs/statistics.md, and its figure; many: draws of each cell."""
    found = {
        replace(one, seeds=seeds, ratio=ratio, variants=6): None
        for one in SETTINGS + FEW_ERRORS
        for ratio in RATIOS
        for seeds in SEEDS
    }
    found = {one: coverage(one, many if one.images > 2000 else 2 * many) for one in found}
    draw_figure(found)
    covered = [
        [
            f"{one.images:,}",
            f"{100 * one.accuracy:g}%",
            f"{one.errors:g}",
            "equal" if ratio == 1 else f"up to {ratio} times",
            *(
                f"{100 * cell.difference.value:.1f} / {100 * cell.single.value:.1f}"
                for seeds in SEEDS
                for cell in [found[replace(one, seeds=seeds, ratio=ratio, variants=6)]]
            ),
        ]
        for one in SETTINGS + FEW_ERRORS
        for ratio in RATIOS
    ]
    worst = max(max(c.difference.error, c.single.error) for c in found.values())
    wide = []
    for images in (200, 1000, 2000, 10_000):
        row = [f"{images:,}"]
        for seeds in SEEDS:
            cell = coverage(replace(PLANTED, gain=0.0, images=images, seeds=seeds), many // 4)
            row.append(f"{cell.half_difference:.1f} / {cell.half_single:.1f}")
        wide.append(row)
    rates = []
    for seeds in SEEDS:
        same, false = claimed(replace(PLANTED, seeds=seeds, gain=0.0), many)
        found_alone, found_together = claimed(replace(PLANTED, seeds=seeds), many)
        rates.append(
            [
                f"{seeds}",
                f"{100 * same.value:.1f}%",
                f"{100 * false.outcomes.any(axis=1).mean():.1f}%",
                f"{100 * found_alone.value:.0f}%",
                f"{100 * found_together.value:.0f}%",
            ]
        )
    real = [(name, stored(name)) for name in EXPERIMENTS]
    every = zip(*((o.pairs, o.own, o.others) for _, o in real), strict=True)
    real.append(("all", Stored(*map(sum, every))))
    trained = [
        [name, f"{o.pairs}", _of(o.own, o.pairs), _of(o.others, o.pairs)] for name, o in real
    ]
    heads = [f"{seeds} seeds" for seeds in SEEDS]
    return "\n\n".join(
        [
            "**Coverage** of 95% intervals in percent, of differences / of accuracies. Standard errors "
            f"of these numbers: at most {100 * worst:.1f}.",
            _table(["images", "accuracy", "errors", "seeds' standard deviations", *heads], covered),
            "**Half widths** in points, of a difference / of an accuracy, where the accuracy is 90% and "
            "seeds have a standard deviation of 0.3 points.",
            _table(["images", *heads], wide),
            "**Claims**, in the same experiment with 10,000 images and 12 variants: of differences that "
            "do not exist (p < 0.05 of one comparison; any of 11, Holm-adjusted), and of 1 point that "
            "does (found by one comparison; by one of 11, Holm-adjusted).",
            _table(["seeds", "false", "any false of 11", "found", "found of 11"], rates),
            "**A/A on the trained runs of this repository**: pairs of seeds of one variant with p < 0.05.",
            _table(["experiment", "pairs", "own variance", "variance of the others"], trained),
        ]
    )


def _of(part: int, whole: int) -> str:
    return f"{part} ({100 * part / whole:.1f}%)"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, [":--", *["--:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def draw_figure(found: Mapping[Setting, Coverage]) -> None:
    """Coverage by seeds, a dot a setting; hollow where fewer than ten errors are expected."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    panels = [
        ("differences, equal seeds", 1, lambda one: one.difference),
        ("differences, tenfold", 10, lambda one: one.difference),
        ("accuracies", None, lambda one: one.single),
    ]
    with rc_context({"svg.hashsalt": "coverage", "font.size": 8}):
        figure = Figure(figsize=(6.3, 2.3), layout="constrained")
        for axes, (title, ratio, of) in zip(
            figure.subplots(1, 3, sharey=True), panels, strict=True
        ):
            axes.axhspan(93, 97, color="#dddddd", linewidth=0)
            axes.axhline(95, color="black", linewidth=0.6)
            shown = [one for one in found if ratio in (None, one.ratio)]
            for place, one in enumerate(shown):
                x = SEEDS.index(one.seeds) + 0.5 * (place / len(shown) - 0.5)
                value = of(found[one])
                fill = "#0072b2" if one.errors >= 10 else "white"
                axes.errorbar(
                    x, 100 * value.value, 200 * value.error, fmt="o", color="#0072b2",
                    markersize=3.5, linewidth=0.6, markerfacecolor=fill,
                )  # fmt: skip
            axes.set_xticks(range(len(SEEDS)), [f"{seeds}" for seeds in SEEDS])
            axes.set(title=title, xlabel="seeds")
        figure.axes[0].set_ylabel("coverage of 95% intervals (%)")
        FIGURE.parent.mkdir(exist_ok=True)
        figure.savefig(FIGURE, metadata={"Date": None})


def main() -> None:
    """Simulate at length, and print or write the tables."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--write", action="store_true", help="write docs/statistics.md")
    parser.add_argument("--draws", type=int, default=150, help="of each cell")
    given = parser.parse_args()
    made = page(given.draws)
    if not given.write:
        print(made)
        return
    before, rest = PAGE.read_text(encoding="utf-8").split(BEGIN)
    after = rest.split(END)[1]
    PAGE.write_text(f"{before}{BEGIN}\n\n{made}\n\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
