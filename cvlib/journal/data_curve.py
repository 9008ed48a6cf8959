"""Accuracy against the number of training images, a line a family of models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cvlib.journal.empty_figure import empty_figure
from cvlib.journal.errors import JournalError
from cvlib.journal.figure import ReportFigure, styled
from cvlib.journal.lines import Line, check_band, lines_figure
from cvlib.journal.origin import keys_of
from cvlib.journal.results import Results, told_apart
from cvlib.journal.settings import setting
from cvlib.journal.spread import only_shares
from cvlib.journal.staleness import absence_note, fixed_note, marks, stale_note
from cvlib.journal.variant_results import VariantResults

Group = str | Mapping[str, Sequence[str | VariantResults]]
Family = tuple[str, list[VariantResults]]


@styled
def data_curve(
    results: Results, groups: Sequence[Group], x: str, metric: str, band: str
) -> ReportFigure:
    """Draw a line a family. groups: mappings label -> variants, or names of factors."""
    check_band(band)
    only_shares(metric)
    families = data_families(results, groups)
    chosen = told_apart([variant for _, members in families for variant in members])
    shown = results.shown(chosen)
    if not shown:
        return empty_figure(chosen)
    mark = marks(shown)
    lines = []
    for label, members in families:
        points = data_points(members, x)
        if points:
            # one stale point makes the line stale
            label += max(mark[variant.id] for variant in points.values())
            values = tuple(100 * variant.values(metric) for variant in points.values())
            lines.append(Line(label, tuple(points), values))
    what = "range of the seeds" if band == "range" else "95% interval over seeds"
    several = any(len(variant.runs) > 1 for variant in shown)
    return lines_figure(
        lines,
        band,
        ticks=_ticks(sorted({count for line in lines for count in line.x})),
        words=("training images (logarithmic)", metric.replace("_", " ") + " (%)"),
        notes=(
            f"lines: means; bands: {what}" if several else "one seed each",
            fixed_note(shown),
            stale_note(shown),
            absence_note(chosen),
        ),
        runs=keys_of(shown),
    )


def data_families(results: Results, groups: Sequence[Group]) -> list[Family]:
    """Label and variants of each line; all factors that vary the number when none is named."""
    families: list[Family] = []
    for group in groups:
        if isinstance(group, Mapping):
            families += [
                (label, [results.variant(name) for name in names]) for label, names in group.items()
            ]
            continue
        members = [v for v in results.variants if v.factor == group]
        if not members:
            factors = ", ".join(dict.fromkeys(v.factor for v in results.variants if v.factor))
            raise JournalError(
                f"{results.experiment.id} has no factor {group!r}; it has: {factors or 'none'}. "
                "Or give lines as {'label': ['variant', …]}"
            )
        families.append((group, members))
    if not groups:
        by_factor: dict[str, list[VariantResults]] = {}
        for variant in results.variants:
            by_factor.setdefault(variant.factor, []).append(variant)
        for factor, members in by_factor.items():
            sizes = [variant.variant.spec.dataset.subset for variant in members]
            if len(members) > 1 and len(set(sizes)) == len(sizes):
                families.append((factor or "base", members))
        if not families:
            raise JournalError(
                f"{results.experiment.id}: no factor's variants differ in dataset.subset; name "
                "lines: data_curve({'label': ['variant', …]})"
            )
    return families


def data_points(members: Sequence[VariantResults], x: str) -> dict[float, VariantResults]:
    """Training images -> variant, fewest first, of those with results."""
    points: dict[float, VariantResults] = {}
    for variant in members:
        if not variant.runs:
            continue
        count = _images(variant, x)
        if count in points:
            raise JournalError(
                f"{variant.experiment}: {points[count].name!r} and {variant.name!r} are on one "
                f"line and both have {count:,.0f} training images; give each its own line"
            )
        points[count] = variant
    return dict(sorted(points.items()))


def _images(variant: VariantResults, x: str) -> float:
    """The place on the axis: a metric of the run, or a key of its spec."""
    if "." not in x:
        return variant.mean(x)
    found = setting(variant, x)
    if found is None and x == "dataset.subset":  # all that there are: val was cut from them
        return variant.mean("train_images") + variant.mean("val_images")
    if not isinstance(found, int | float):
        raise JournalError(f"{x} of {variant.id} is {found!r}; expected a number of images")
    return float(found)


def _ticks(counts: Sequence[float]) -> dict[float, str]:
    """A tick at each size that was trained on, left out where it would touch the one before."""
    kept: list[float] = []
    for count in counts:
        if not kept or count / kept[-1] > (counts[-1] / counts[0]) ** 0.08:
            kept.append(count)
    return {count: f"{count:,.0f}" for count in kept}
