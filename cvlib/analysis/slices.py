"""Which images fail more often: by what can be measured of them, and by where they lie on a map.

Every group that is looked at is fixed before the errors are, and counted. Each is tested against
the rest of its classes by an exact test (`share_test`), and what is named survives Holm's
correction for all of them: if errors fall on the images of a class at random, the chance that
anything at all is named is at most `alpha`, however much classes differ. It is about half of that
in fact: the test is two-sided, and only groups that fail more often are named.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from cvlib.analysis.intervals import Interval
from cvlib.analysis.paired import holm
from cvlib.analysis.share_test import exact_share_test
from cvlib.analysis.slice_candidates import (
    Candidate,
    checked_properties,
    every_candidate,
    varies,
    within_class_position,
)
from cvlib.analysis.slice_evidence import explained_by, strongest_excess
from cvlib.analysis.slice_rates import compare_rates


@dataclass(frozen=True)
class Slice:
    """A group that fails more often than the rest of its classes.

    words: "dark Shirt", "dark images", "cluster 3 (Shirt 61%, Coat 20%)"
    kind: "property" or "cluster"; property, end ("low", "high") or cluster (its number), else None
    class_index: None if over all classes
    rows: (images,) ascending positions of its images
    rate, rest: error rates 0..1, means over seeds, with 95% intervals; rest: of the other images
        of its classes, weighted to the slice's mix of classes
    difference: rate - rest; its interval (Newcombe) holds for all that was tested jointly
        (Bonferroni). It takes an image for one trial, the exact test knows how far seeds agree:
        where they hardly do, the interval of a slice that is only just named may reach 0
    p, p_adjusted: exact, two-sided (twice the tail's chance); by Holm over all that was tested
    also: words of what was significant too, but is explained by this slice, the strongest first
    """

    words: str
    kind: str
    property: str | None
    end: str | None
    class_index: int | None
    cluster: int | None
    rows: np.ndarray
    images: int
    rate: Interval
    rest: Interval
    difference: Interval
    p: float
    p_adjusted: float
    also: tuple[str, ...] = ()


@dataclass(frozen=True)
class Patterns:
    """What was found. slices: what explains most first; tested: groups that were looked at.

    left_out: properties that do not vary within any class, so that nothing could be compared.
    """

    tested: int
    left_out: tuple[str, ...]
    slices: tuple[Slice, ...]


def find_patterns(
    wrong: np.ndarray,
    labels: np.ndarray,
    properties: Mapping[str, np.ndarray],
    clusters: np.ndarray | None,
    class_names: Sequence[str],
    *,
    alpha: float = 0.05,
    share: float = 0.2,
    min_images: int = 20,
) -> Patterns:
    """Name the groups of images that are wrong more often than the rest of their classes.

    wrong: (S, N) or (N,) bool, S seeds of one variant; labels: (N,) positions in class_names;
    properties: name -> (N,) finite numbers; clusters: (N,) whole numbers, -1 for an image that is
    on no map. Looked at are the lowest and the highest `share` of each property, taken within the
    class, over all classes and in each class, and each cluster, if the group and its rest have
    `min_images` each.

    Order: by how far the errors exceed what the classes' rates let expect, in standard deviations
    (z); for a property's end the largest z over several cuts, since of correlated properties the
    one that errors depend on has the largest at its own cut. A slice that shares images with an
    earlier one, and whose excess is within chance (z < 1.64) once that one is accounted for, is
    put in the earlier one's `also`.
    Raises ValueError for shapes that do not fit and properties that are not finite.
    """
    wrong, labels = _checked(wrong, labels, clusters, class_names, share)
    score = wrong.sum(axis=0)
    values = checked_properties(properties, len(labels))
    varying = [name for name in values if varies(values[name], labels)]
    positions = {name: within_class_position(values[name], labels) for name in varying}
    anywhere = np.zeros_like(labels)
    overall = {name: within_class_position(values[name], anywhere) for name in varying}
    candidates = every_candidate(positions, clusters, labels, class_names, share, min_images)
    # two-sided, as the intervals are: a group that fails less often would be a finding as well
    p_values = [
        min(1.0, 2 * exact_share_test(score[item.scope], labels[item.scope], item.member))
        for item in candidates
    ]
    adjusted = holm(p_values)
    found = [index for index, p in enumerate(adjusted) if p <= alpha]
    strength = {
        index: strongest_excess(
            candidates[index], score, labels, positions, overall, share, min_images
        )
        for index in found
    }
    slices: list[Slice] = []
    leads: list[Candidate] = []
    for index in sorted(found, key=lambda index: (-strength[index], index)):
        item = candidates[index]
        rates = compare_rates(
            score[item.scope] / len(wrong),
            labels[item.scope],
            item.member,
            confidence_of_difference=1 - alpha / len(candidates),
        )
        lead = _explaining(item, leads, slices, rates.difference, score, labels, positions)
        if lead is not None:
            slices[lead] = replace(slices[lead], also=(*slices[lead].also, item.words))
            continue
        leads.append(item)
        rows = item.rows()
        slices.append(
            Slice(
                words=item.words,
                kind="property" if item.cluster is None else "cluster",
                property=item.property,
                end=item.end,
                class_index=item.class_index,
                cluster=item.cluster,
                rows=rows,
                images=len(rows),
                rate=rates.rate,
                rest=rates.rest,
                difference=rates.difference,
                p=p_values[index],
                p_adjusted=adjusted[index],
            )
        )
    left_out = tuple(name for name in values if name not in varying)
    return Patterns(tested=len(candidates), left_out=left_out, slices=tuple(slices))


def _explaining(
    item: Candidate,
    leads: Sequence[Candidate],
    slices: Sequence[Slice],
    difference: Interval,
    score: np.ndarray,
    labels: np.ndarray,
    positions: Mapping[str, np.ndarray],
) -> int | None:
    """Return the first of the named slices that leaves nothing of an item's excess, if any."""
    for place, lead in enumerate(leads):
        # "dark Shirt" after "dark images": named if Shirts lose clearly more by it than images do
        part_of_lead = lead.property is not None and (lead.property, lead.end, None) == (
            item.property,
            item.end,
            lead.class_index,
        )
        if part_of_lead and difference.low > slices[place].difference.estimate:
            continue
        if explained_by(lead, item, score, labels, positions):
            return place
    return None


def _checked(
    wrong: np.ndarray,
    labels: np.ndarray,
    clusters: np.ndarray | None,
    class_names: Sequence[str],
    share: float,
) -> tuple[np.ndarray, np.ndarray]:
    wrong, labels = np.atleast_2d(np.asarray(wrong)), np.asarray(labels)
    images = wrong.shape[-1]
    if wrong.ndim != 2 or wrong.dtype != bool:
        raise ValueError(
            f"wrong: expected (S, N) or (N,) bool, got shape {wrong.shape} of {wrong.dtype}"
        )
    for name, given in (("labels", labels), ("clusters", clusters)):
        if given is not None and np.shape(given) != (images,):
            raise ValueError(f"{name} {np.shape(given)}: expected ({images},), the images of wrong")
    if images and not 0 <= labels.min() <= labels.max() < len(class_names):
        raise ValueError(
            f"labels from {labels.min()} to {labels.max()} do not fit {len(class_names)} class names"
        )
    if not 0 < share < 0.5:
        raise ValueError(f"share is {share}: expected above 0 and below 0.5, so that ends part")
    return wrong, labels
