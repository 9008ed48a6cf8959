"""Tags that a person gave in the App: kept whatever happens to the images, and written to a file.

A dataset's info holds `kept`, the tags of images that it does not show at present:
{dataset, id, key, tags}; key as in `images.ImageFiles`, None where only the id is known.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from cvlib.dashboard import DashboardError
from cvlib.dashboard.content import TO_REVIEW
from cvlib.data.spec import FOLDER_KINDS
from cvlib.files import sha256_file
from cvlib.project import Project
from cvlib.results.reviews import Reviews, read_reviews, write_reviews

INFO = "cvlib"  # where in a dataset's info the dashboard keeps its own
OURS = frozenset({TO_REVIEW})  # tags that the dashboard gives; all others are a person's


def reviews_file(project: Project, experiment_id: str) -> Path:
    """The file that tags are written to, and read from."""
    return project.reviews / f"{experiment_id}.json"


def export_tags(dataset: Any, project: Project, experiment_id: str) -> Path:
    """Write every tag that a person gave to the experiment's file of reviews, replacing it.

    Raises DashboardError, the file untouched, when nothing is tagged or the file is about other
    images.
    """
    info = dataset.info[INFO]
    path = reviews_file(project, experiment_id)
    earlier = read_reviews(path)
    if earlier and not _same_images(earlier, info["dataset"], info["fingerprints"]):
        raise DashboardError(
            f"{path.name} holds reviews of other images ({earlier.dataset}, "
            f"{earlier.dataset_fingerprint[:12]}); move it away, and export again"
        )
    images, given = dataset.values(["image_id", "tags"])
    here = set(images)
    # an image that is not shown counts too, unless its number means another one by now
    not_shown = [
        (kept["id"], kept["tags"])
        for kept in info["kept"]
        if kept["dataset"] == info["dataset"] and kept["id"] not in here
    ]
    tags: dict[str, set[int]] = {}
    for image, names in [*zip(images, given, strict=True), *not_shown]:
        for name in {*names} - OURS:
            tags.setdefault(name, set()).add(image)
    if not tags:
        raise DashboardError(
            "no image is tagged, so there is nothing to export. In the App open the view "
            f"'{TO_REVIEW}', select images and give them a tag: label-error, ambiguous, "
            "model-error or one of your own"
        )
    reviews = Reviews(
        experiment=experiment_id,
        dataset=info["dataset"],
        dataset_fingerprint=info["fingerprints"][0],
        runs=tuple(info["runs"]),
        tags={tag: tuple(sorted(ids)) for tag, ids in sorted(tags.items())},
    )
    write_reviews(path, reviews)
    info["reviews"] = sha256_file(path)
    dataset.info[INFO] = info
    dataset.save()
    return path


def import_reviews(dataset: Any, info: dict[str, Any], path: Path, added: Iterable[int]) -> None:
    """Put the file's tags on the images, where the file is new to the dataset or the images are.

    added: ids of the images that the dataset did not show before. A tag that was removed in the App
    stays removed, as long as the file stays as it is.
    """
    reviews = read_reviews(path)
    if reviews is None:
        return
    digest = sha256_file(path)
    if not _same_images(reviews, info["dataset"], info["fingerprints"]):
        logging.getLogger(__name__).warning(
            "the reviews in %s are of other images than those shown (%s); they are left out",
            path.name,
            reviews.dataset,
        )
        return
    here = set(dataset.values("image_id"))
    wanted = here if info.get("reviews") != digest else here & set(added)
    by_image: dict[int, list[str]] = {}
    for tag, ids in reviews.tags.items():
        for image in ids:
            by_image.setdefault(image, []).append(tag)
    add_tags(dataset, {image: tags for image, tags in by_image.items() if image in wanted})
    if info.get("reviews") != digest:
        info["kept"] += [
            {"dataset": info["dataset"], "id": image, "key": None, "tags": tags}
            for image, tags in by_image.items()
            if image not in here
        ]
    info["reviews"] = digest


def add_tags(dataset: Any, tags: dict[int, list[str]]) -> None:
    """Give images tags besides those they have. tags: image id -> tags."""
    _change_tags(dataset, lambda image, had: had | {*tags.get(image, ())})


def mark_for_review(dataset: Any, images: Iterable[int]) -> None:
    """Give exactly these images the dashboard's own tag; a person's tags stay."""
    wanted = set(images)
    _change_tags(dataset, lambda image, had: had - OURS | (OURS if image in wanted else set()))


def _change_tags(dataset: Any, new: Callable[[int, set[str]], set[str]]) -> None:
    changed = {
        sample: sorted(tags)
        for sample, image, had in zip(*dataset.values(["id", "image_id", "tags"]), strict=True)
        if (tags := new(image, {*had})) != {*had}
    }
    if changed:
        dataset.set_values("tags", changed, key_field="id")


def keep_tags(dataset: Any, info: dict[str, Any], sample_ids: Iterable[str]) -> None:
    """Note a person's tags on images that are about to leave the dataset."""
    leaving = set(sample_ids)
    columns = dataset.values(["id", "image_id", "image_key", "tags"])
    for sample, image, key, tags in zip(*columns, strict=True):
        if sample in leaving and {*tags} - OURS:
            tags = sorted({*tags} - OURS)
            info["kept"].append({"dataset": info["dataset"], "id": image, "key": key, "tags": tags})


def return_tags(dataset: Any, info: dict[str, Any], added: dict[int, str]) -> None:
    """Give images that came back their tags. added: image id -> key."""
    by_key = {key: image for image, key in added.items()}
    back: dict[int, list[str]] = {}
    waiting = []
    for kept in info["kept"]:
        image = kept["id"] if kept["key"] is None else by_key.get(kept["key"])
        if kept["dataset"] == info["dataset"] and image in added:
            back.setdefault(image, []).extend(kept["tags"])
        else:
            waiting.append(kept)
    add_tags(dataset, back)
    info["kept"] = waiting


def _same_images(reviews: Reviews, dataset: str, fingerprints: list[str]) -> bool:
    # Ids of a named dataset mean the same images whichever part of it is used; those of a folder
    # shift when files are added.
    shifts = dataset.partition(":")[0] in (*FOLDER_KINDS,)
    return reviews.dataset == dataset and (
        not shifts or reviews.dataset_fingerprint in fingerprints
    )
