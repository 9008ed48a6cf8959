"""Groups of images that may fail more often than others, chosen without looking at the errors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from cvlib.analysis.clusters import describe
from cvlib.analysis.image_properties import PROPERTIES, Property

ENDS = ("low", "high")


@dataclass(frozen=True)
class Candidate:
    """A group, and the images that it is compared among.

    words: "dark Shirt", "dark images" or "cluster 3 (Shirt 61%, Coat 20%)"
    property, end: of a group with little or much of something, else None; class_index: None if of
        all classes; cluster: its number, None for a property's end
    scope: (K,) ascending positions of the images compared; member: (K,) bool, those of the group
    """

    words: str
    property: str | None
    end: str | None
    class_index: int | None
    cluster: int | None
    scope: np.ndarray
    member: np.ndarray

    def rows(self) -> np.ndarray:
        """(n,) ascending positions of the group's images."""
        rows: np.ndarray = self.scope[self.member]
        return rows


def every_candidate(
    positions: Mapping[str, np.ndarray],
    clusters: np.ndarray | None,
    labels: np.ndarray,
    class_names: Sequence[str],
    share: float,
    min_images: int,
) -> list[Candidate]:
    """Both ends of each property, over all classes and in each, and each cluster.

    positions: of each property, by `within_class_position`. Groups that have not min_images, or
    whose rest has not, are left out.
    """
    found = [
        candidate
        for name, position in positions.items()
        for candidate in _ends_of(name, position, labels, class_names, share)
    ]
    if clusters is not None:
        found += _clusters_of(np.asarray(clusters), labels, class_names)
    return [
        item
        for item in found
        if min(int(item.member.sum()), int((~item.member).sum())) >= min_images
    ]


def _ends_of(
    name: str,
    position: np.ndarray,
    labels: np.ndarray,
    class_names: Sequence[str],
    share: float,
) -> Iterator[Candidate]:
    """Both ends of a property: every image within `share` of the end in its own class.

    "Dark images" so hold each class by its share: they are dark for what they show.
    """
    in_words = PROPERTIES.get(name, Property(name, f"low-{name}", f"high-{name}", ""))
    everything = np.arange(len(labels))
    scopes: list[tuple[int | None, np.ndarray]] = [(None, everything)]
    present = np.unique(labels).tolist()
    if len(present) > 1:
        scopes += [(code, np.flatnonzero(labels == code)) for code in present]
    for class_index, scope in scopes:
        what = "images" if class_index is None else class_names[class_index]
        for end in ENDS:
            member = at_end(position[scope], end, share)
            words = f"{in_words.low if end == 'low' else in_words.high} {what}"
            yield Candidate(words, name, end, class_index, None, scope, member)


def _clusters_of(
    clusters: np.ndarray, labels: np.ndarray, class_names: Sequence[str]
) -> Iterator[Candidate]:
    """Each group of a map, among the images on the map (clusters: (N,), -1 for those that are not).

    A class that lies wholly in the group has no others to compare it with and is left out of it.
    """
    mapped = np.flatnonzero(clusters >= 0)
    for number in np.unique(clusters[mapped]).tolist():
        inside = clusters[mapped] == number
        outside = np.bincount(labels[mapped][~inside], minlength=len(class_names))
        compared = outside[labels[mapped]] > 0
        scope, member = mapped[compared], inside[compared]
        words = f"cluster {number} ({describe(labels[mapped][inside], class_names)})"
        yield Candidate(words, None, None, None, number, scope, member)


def within_class_position(values: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Where an image stands in its class, from 0 (least) to 1: (rank - 1/2) / images of the class.

    values, labels: (N,). Equal values share their mean rank. Returns (N,) float64.
    """
    order = np.lexsort((values, labels))
    value, label = values[order], labels[order]
    place = np.arange(len(order))
    new_label = np.r_[True, label[1:] != label[:-1]]
    new_value = new_label | np.r_[True, value[1:] != value[:-1]]
    tie, code = np.cumsum(new_value) - 1, np.cumsum(new_label) - 1
    ties, sizes = np.bincount(tie), np.bincount(code)
    # the middle of the tie, counted from the start of the class
    middle = place[new_value] + ties / 2
    position = np.empty(len(order))
    position[order] = (middle[tie] - place[new_label][code]) / sizes[code]
    return position


def at_end(position: np.ndarray, end: str, share: float) -> np.ndarray:
    """Which images are within `share` of an end, so (N,) bool.

    Equal values are in or out together, as their middle is: an end may be smaller or larger than
    its share, and is empty where most of a class has the same value.
    """
    # ranks are halves of whole numbers: an edge that is one of them is met in spite of rounding
    inside: np.ndarray = (position if end == "low" else 1 - position) <= share + 1e-9
    return inside


def varies(values: np.ndarray, labels: np.ndarray) -> bool:
    """Say whether any class holds two different values; without that nothing can be compared."""
    order = np.lexsort((values, labels))
    same_class = labels[order][1:] == labels[order][:-1]
    return bool((same_class & (values[order][1:] != values[order][:-1])).any())


def checked_properties(properties: Mapping[str, np.ndarray], images: int) -> dict[str, np.ndarray]:
    """Check the properties: each (N,) finite numbers. Raises ValueError naming one that is not."""
    checked = {name: np.asarray(values, dtype=np.float64) for name, values in properties.items()}
    for name, values in checked.items():
        if values.shape != (images,) or not np.isfinite(values).all():
            missing = int((~np.isfinite(values)).sum())
            raise ValueError(
                f"property {name!r}: expected ({images},) finite numbers, got {values.shape} with "
                f"{missing} not finite; measure it for every image, or leave it out"
            )
    return checked
