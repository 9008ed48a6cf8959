"""The samples of a dataset: one an image, with what does not belong to a single run."""

from __future__ import annotations

import math
from typing import Any

from cvlib.analysis.image_properties import PROPERTIES
from cvlib.dashboard.content import Content
from cvlib.dashboard.evaluation import GROUND_TRUTH
from cvlib.dashboard.tags import INFO, keep_tags

DEFINITIONS = {
    "image_id": "position in the dataset's own test split",
    "image_name": "name in its source",
    "found_in": "the dashboard's views that the image is in",
    "hardness": "entropy of the first run's probabilities, in nats",
    "mistakenness": "how likely the label is wrong by the first run, 0 to 1; FiftyOne's definition",
    "mistakenness_mean": "mean mistakenness over the runs shown",
    "models_wrong": "how many of the runs shown are wrong",
    **{item.name: item.definition for item in PROPERTIES.values()},
}


def write_samples(dataset: Any, info: dict[str, Any], content: Content) -> dict[int, str]:
    """Make the dataset's images those of the content; those that it has keep their tags.

    Returns the added ones, image id -> key.
    """
    import fiftyone as fo

    _declare(dataset, content)
    had = _had(dataset, info, content)
    rows = {key: row for row, key in enumerate(content.images.keys)}
    gone = [sample for key, sample in had.items() if key not in rows]
    if gone:
        keep_tags(dataset, info, gone)
        dataset.info[INFO] = {**info, "digests": dataset.info[INFO]["digests"]}
        dataset.save()
        dataset.delete_samples(gone)
    stay = {sample: rows[key] for key, sample in had.items() if key in rows}
    labels = [content.class_names[label] for label in content.labels.tolist()]
    for name, values in (
        ("filepath", content.images.paths),
        ("image_id", content.ids.tolist()),
        (f"{GROUND_TRUTH}.label", labels),
    ):
        if stay:
            changed = {sample: values[row] for sample, row in stay.items()}
            dataset.set_values(name, changed, key_field="id")
    new = [row for key, row in rows.items() if key not in had]
    values = image_values(content)
    dataset.add_samples(
        (  # not a list: see `evaluation`
            fo.Sample(
                filepath=content.images.paths[row],
                image_id=int(content.ids[row]),
                image_name=content.images.names[row],
                image_key=content.images.keys[row],
                ground_truth=fo.Classification(label=labels[row]),
                **{name: column[row] for name, column in values.items()},
            )
            for row in new
        ),
        num_samples=len(new),
        validate=False,
        progress=False,
    )
    return {int(content.ids[row]): content.images.keys[row] for row in new}


def _had(dataset: Any, info: dict[str, Any], content: Content) -> dict[str, str]:
    """Key -> sample of the images there; none of another dataset counts as there."""
    if not len(dataset):
        return {}
    samples, keys = dataset.values(["id", "image_key"])
    if info["dataset"] == content.dataset:
        return dict(zip(keys, samples, strict=True))
    return {f"another dataset: {sample}": sample for sample in samples}


def image_values(content: Content) -> dict[str, list[Any]]:
    """Field -> value of each image; None where there is none."""
    values: dict[str, list[Any]] = {
        name: [None if math.isnan(value) else value for value in column.tolist()]
        for name, column in content.numbers.items()
    }
    values["models_wrong"] = [int(value) for value in values["models_wrong"]]
    values["found_in"] = [[] for _ in content.ids]
    rows = dict(zip(content.ids.tolist(), range(len(content.ids)), strict=True))
    for view in content.found_views:
        for image in view.ids.tolist():
            values["found_in"][rows[image]].append(view.name)
    return values


def _declare(dataset: Any, content: Content) -> None:
    """The fields of an image, those of runs apart; what is there already stays."""
    import fiftyone as fo

    dataset.default_classes = list(content.class_names)
    kinds = {
        **{name: (fo.FloatField, {}) for name in content.numbers},
        **{"image_id": (fo.IntField, {}), "models_wrong": (fo.IntField, {})},
        **{"image_name": (fo.StringField, {}), "image_key": (fo.StringField, {})},
        "found_in": (fo.ListField, {"subfield": fo.StringField}),
        GROUND_TRUTH: (fo.EmbeddedDocumentField, {"embedded_doc_type": fo.Classification}),
    }
    for name, (kind, options) in kinds.items():
        dataset.add_sample_field(name, kind, description=DEFINITIONS.get(name), **options)
