"""Which images fail more often: by what can be measured of them, and by where they lie on a map.

Every group that is looked at is fixed before the errors are, and counted. Each is tested against
the rest of its classes by an exact test (`stratified`), and what is named survives Holm's
correction for all of them: if errors fall on the images of a class at random, the chance that
anything at all is named is at most ALPHA, however much classes differ. It is about half of that
in fact: the test is two-sided, and only groups that fail more often are named.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from cvlib.analysis.image_properties import PROPERTIES, Property
from cvlib.analysis.intervals import Interval
from cvlib.analysis.stratified import compare_rates, exact_share_test, excess
from cvlib.analysis.verdicts import holm

ALPHA = 0.05  # chance that anything is named where errors fall at random
SHARE = 0.2  # of a class that is looked at as the end of a property
IMAGES_A_CLUSTER = 50
MOST_CLUSTERS = 20
CUTS = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5)  # shares of a class that count as the end of a property
BINS = 10  # tenths of a class in which a property is taken for equal
CHANCE = 1.645  # standard deviations that one-sided chance exceeds in 5%


@dataclass(frozen=True)
class Candidate:
    """A group, chosen without looking at the errors, and the images that it is compared among.

    words: "dark Shirt", "dark images" or "cluster 3 (Shirt 61%, Coat 20%)"
    property, end: of a group with little ("low") or much ("high") of something, else None
    class_index: None if of all classes; cluster: its number, None for a property's end
    scope: (K,) ascending positions of the images compared; member: (K,) bool, those of the group
    """

    words: str
    property: str | None
    end: str | None
    class_index: int | None
    cluster: int | None
    scope: np.ndarray
    member: np.ndarray


@dataclass(frozen=True)
class Slice(Candidate):
    """A group that fails more often than the rest of its classes.

    rate, rest: error rates 0..1, means over seeds, with 95% intervals; rest: of the other images
        of its classes, weighted to the slice's mix of classes
    difference: rate - rest; its interval (Newcombe) holds for all that was tested jointly
        (Bonferroni). It takes an image for one trial, the exact test knows how far seeds agree:
        where they hardly do, the interval of a slice that is only just named may reach 0
    p, p_adjusted: exact, two-sided (twice the tail's chance); by Holm over all that was tested
    also: words of what was significant too, but is explained by this slice, the strongest first
    """

    rate: Interval
    rest: Interval
    difference: Interval
    p: float
    p_adjusted: float
    also: tuple[str, ...] = ()

    @property
    def rows(self) -> np.ndarray:
        """(n,) ascending positions of the group's images."""
        rows: np.ndarray = self.scope[self.member]
        return rows

    @property
    def images(self) -> int:
        """How many images it has."""
        return int(self.member.sum())


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
    min_images: int = 20,
) -> Patterns:
    """Name the groups of images that are wrong more often than the rest of their classes.

    wrong: (S, N) or (N,) bool, S seeds of one variant; labels: (N,) positions in class_names;
    properties: name -> (N,) finite numbers; clusters: (N,) whole numbers, -1 for an image that is
    on no map. Looked at are the lowest and the highest SHARE of each property, taken within the
    class, over all classes and in each class, and each cluster, if the group and its rest have
    `min_images` each.

    Order: by how far the errors exceed what the classes' rates let expect, in standard deviations
    (z); for a property's end the largest z over several cuts, since of correlated properties the
    one that errors depend on has the largest at its own cut. A slice that shares images with an
    earlier one, and whose excess is within chance (z < 1.64) once that one is accounted for, is
    put in the earlier one's `also`.
    """
    wrong = np.atleast_2d(wrong)
    score = wrong.sum(axis=0)
    positions = {name: within_class_position(given, labels) for name, given in properties.items()}
    # images of one value stand in the middle of their class, each of them
    left_out = tuple(name for name, position in positions.items() if (position == 0.5).all())
    positions = {name: positions[name] for name in positions if name not in left_out}
    anywhere = np.zeros_like(labels)
    overall = {name: within_class_position(properties[name], anywhere) for name in positions}
    candidates = every_candidate(positions, clusters, labels, class_names, min_images)
    # two-sided, as the intervals are: a group that fails less often would be a finding as well
    p_values = [
        min(1.0, 2 * exact_share_test(score[item.scope], labels[item.scope], item.member))
        for item in candidates
    ]
    adjusted = holm(p_values)
    strength = {
        index: _strongest_excess(candidates[index], score, labels, positions, overall, min_images)
        for index, p in enumerate(adjusted)
        if p <= ALPHA
    }
    slices: list[Slice] = []
    for index in sorted(strength, key=lambda index: (-strength[index], index)):
        item = candidates[index]
        rates = compare_rates(
            score[item.scope] / len(wrong),
            labels[item.scope],
            item.member,
            confidence_of_difference=1 - ALPHA / len(candidates),
        )
        found = Slice(**vars(item), **vars(rates), p=p_values[index], p_adjusted=adjusted[index])
        for place, lead in enumerate(slices):
            if _explained_by(lead, found, score, labels, positions):
                slices[place] = replace(lead, also=(*lead.also, item.words))
                break
        else:
            slices.append(found)
    return Patterns(tested=len(candidates), left_out=left_out, slices=tuple(slices))


def clusters(points: np.ndarray, seed: int) -> np.ndarray:
    """Cut a map into groups by k-means. points: (N, 2). Returns (N,) int64, 0 is the largest.

    One group a 50 images, 2 to 20 (fewer only if there are fewer points): a number set by
    what the groups are for, comparing errors: 20% of 50 images is known to about 11 points
    either way, and each further group is a further test. It is not estimated, for instance by
    silhouettes: on a t-SNE map distances between groups mean nothing, and there are no true
    groups to find. Ten starts by k-means++; one thread, so that points and seed determine the
    groups.
    Source: Lloyd, IEEE Trans. Inf. Theory 28(2), 1982; Arthur and Vassilvitskii, SODA 2007.
    Implementation: scikit-learn.
    """
    from sklearn.cluster import KMeans
    from threadpoolctl import threadpool_limits

    points = np.asarray(points, dtype=np.float64)
    distinct = len(np.unique(points, axis=0))
    count = min(MOST_CLUSTERS, max(2, len(points) // IMAGES_A_CLUSTER), distinct)
    with threadpool_limits(limits=1):
        found = KMeans(n_clusters=count, n_init=10, random_state=seed).fit_predict(points)
    largest_first = np.argsort(-np.bincount(found, minlength=count), kind="stable")
    named: np.ndarray = np.argsort(largest_first)[found]
    return named


def describe(labels: np.ndarray, class_names: Sequence[str]) -> str:
    """Say what a group is made of: "Shirt 61%, Coat 20%".

    labels: (K,) positions in class_names, K >= 1. At most two classes, the most frequent first
    (equal ones in the order of the classes), each with at least a tenth of the images, or the
    most frequent alone.
    """
    shares = np.bincount(labels, minlength=len(class_names)) / len(labels)
    order = np.argsort(-shares, kind="stable")[:2].tolist()
    named = [code for code in order if shares[code] >= 0.1] or order[:1]
    return ", ".join(f"{class_names[code]} {shares[code]:.0%}" for code in named)


def every_candidate(
    positions: Mapping[str, np.ndarray],
    clusters: np.ndarray | None,
    labels: np.ndarray,
    class_names: Sequence[str],
    min_images: int,
) -> list[Candidate]:
    """Both ends of each property, over all classes and in each, and each cluster.

    positions: of each property, by `within_class_position`. Groups that have not min_images, or
    whose rest has not, are left out.
    """
    found = [*_ends(positions, labels, class_names)]
    if clusters is not None:
        found += _clusters(np.asarray(clusters), labels, class_names)
    return [
        item
        for item in found
        if min(int(item.member.sum()), int((~item.member).sum())) >= min_images
    ]


def _ends(
    positions: Mapping[str, np.ndarray], labels: np.ndarray, class_names: Sequence[str]
) -> Iterator[Candidate]:
    """Both ends of each property: every image within SHARE of the end in its own class.

    "Dark images" so hold each class by its share: they are dark for what they show.
    """
    scopes: list[tuple[int | None, np.ndarray]] = [(None, np.arange(len(labels)))]
    present = np.unique(labels).tolist()
    if len(present) > 1:
        scopes += [(code, np.flatnonzero(labels == code)) for code in present]
    for name, position in positions.items():
        words = PROPERTIES.get(name, Property(name, f"low-{name}", f"high-{name}", ""))
        for code, scope in scopes:
            what = "images" if code is None else class_names[code]
            for end, adjective in (("low", words.low), ("high", words.high)):
                member = at_end(position[scope], end, SHARE)
                yield Candidate(f"{adjective} {what}", name, end, code, None, scope, member)


def _clusters(
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


def _strongest_excess(
    item: Candidate,
    score: np.ndarray,
    labels: np.ndarray,
    positions: Mapping[str, np.ndarray],
    overall: Mapping[str, np.ndarray],
    min_images: int,
) -> float:
    """Excess of a group; of a property's end the largest over CUTS, SHARE and the trend.

    positions, overall: of each property, where an image stands in its class and, for ends over
    all classes, among all images; cuts are made in both. The trend weighs each image by it. Where
    errors depend on one property, no other splits off more of them at the same cut; but a
    correlated one comes close at a cut that is not the true one, or where errors rise all along.
    """
    scores, strata = score[item.scope], labels[item.scope]
    found = [excess(scores, strata, item.member)]
    if item.property is not None and item.end is not None:
        for position in (positions, overall) if item.class_index is None else (positions,):
            place = position[item.property][item.scope]
            found.append(excess(scores, strata, -place if item.end == "low" else place))
            for cut in CUTS:  # SHARE is one of them
                member = at_end(place, item.end, cut)
                if member.sum() >= min_images:
                    found.append(excess(scores, strata, member))
    return max(found)


def _explained_by(
    lead: Slice,
    item: Slice,
    score: np.ndarray,
    labels: np.ndarray,
    positions: Mapping[str, np.ndarray],
) -> bool:
    """Say whether a lead has an item's images, and leaves nothing of its excess.

    It has them if it holds more of them than chance would: at the other end of a property images
    fail for another reason. It leaves nothing if the excess is within chance among images that
    are alike for the lead: of the same class, and of the same tenth of its property within the
    class or all in or all outside its cluster.
    """
    # "dark Shirt" after "dark images": named if Shirts lose clearly more by it than images do
    whole = (lead.property, lead.end, lead.class_index) == (item.property, item.end, None)
    if lead.property is not None and whole and item.difference.low > lead.difference.estimate:
        return False
    in_lead = np.zeros(len(labels), dtype=np.int64)
    in_lead[lead.rows] = 1
    if excess(in_lead[item.scope], labels[item.scope], item.member) < CHANCE:
        return False
    alike = in_lead
    if lead.property is not None:
        alike = np.zeros(len(labels), dtype=np.int64)
        position = positions[lead.property][lead.scope]
        alike[lead.scope] = np.minimum((position * BINS).astype(np.int64), BINS - 1)
    stratum = labels * BINS + alike
    return excess(score[item.scope], stratum[item.scope], item.member) < CHANCE
