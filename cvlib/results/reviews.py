"""What a person said of test images: tags given in the dashboard, kept as a small file."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path

from cvlib.errors import CvlibError
from cvlib.files import canonical_json, readable_json, replace_text, sha256_text

# What a mistake turned out to be; every other tag is the person's own.
VERDICTS = ("label-error", "ambiguous", "model-error")

_FORMAT = 1


class ReviewError(CvlibError, ValueError):
    """A file of reviews cannot be read."""


@dataclass(frozen=True)
class Reviews:
    """Tags of test images, by id: position in the dataset's own test split.

    dataset_fingerprint: of the data that was looked at; runs: keys of the runs that were shown;
    tags: tag -> ids, sorted.
    """

    experiment: str
    dataset: str
    dataset_fingerprint: str
    runs: tuple[str, ...]
    tags: dict[str, tuple[int, ...]]

    def verdicts(self) -> dict[int, str]:
        """Image id -> verdict; an image with two verdicts has the first of `VERDICTS`."""
        return {
            image: verdict
            for verdict in reversed(VERDICTS)
            for image in sorted(self.tags.get(verdict, ()))
        }


def write_reviews(path: Path, reviews: Reviews) -> None:
    """Replace the file in one step; the same tags give the same bytes."""
    content = {
        "format": _FORMAT,
        "experiment": reviews.experiment,
        "dataset": reviews.dataset,
        "dataset_fingerprint": reviews.dataset_fingerprint,
        "runs": sorted(reviews.runs),
        "tags": {tag: sorted(ids) for tag, ids in reviews.tags.items() if ids},
    }
    content["sha256"] = sha256_text(canonical_json(content))
    text = re.sub(
        r"\[\n([^]]*)]", lambda row: f"[{' '.join(row[1].split())}]", readable_json(content)
    )
    replace_text(path, text)  # a tag is one line of a diff


def read_reviews(path: Path) -> Reviews | None:
    """The reviews of a file, None where there is no file. Raises ReviewError that names it."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    try:
        content = json.loads(text)
        sealed = content.pop("sha256", None)  # what earlier versions wrote has none
        if sealed not in (None, sha256_text(canonical_json(content))):
            raise ReviewError(
                f"{path.name} was altered: it does not match its checksum. Restore it from git; if "
                'you meant it, delete its line "sha256"'
            )
        if content["format"] != _FORMAT:
            raise ReviewError(
                f"{path.name} is in format {content['format']}, this cvlib reads {_FORMAT}"
            )
        return Reviews(
            experiment=str(content["experiment"]),
            dataset=str(content["dataset"]),
            dataset_fingerprint=str(content["dataset_fingerprint"]),
            runs=tuple(map(str, content["runs"])),
            tags={str(tag): tuple(map(int, ids)) for tag, ids in content["tags"].items()},
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        if isinstance(error, ReviewError):
            raise
        raise ReviewError(
            f"{path.name} is no file of reviews ({type(error).__name__}: {error}). Restore it from "
            "git, or delete it and `cvlib dashboard --export-tags` writes it again."
        ) from error
