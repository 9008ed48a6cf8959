"""The FiftyOne dataset of one experiment: made once, afterwards only what changed is written.

What a dataset holds stands in its info, digest by digest. A digest is removed before what it
stands for is touched, so that an update that was broken off is taken up again by the next.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Container
from pathlib import Path
from typing import Any

from cvlib.analysis.image_properties import PROPERTIES
from cvlib.dashboard import tags
from cvlib.dashboard.content import Content
from cvlib.dashboard.errors import DashboardError
from cvlib.dashboard.evaluation import GROUND_TRUTH, drop_run, write_run
from cvlib.dashboard.sidebar import arrange
from cvlib.dashboard.tags import INFO
from cvlib.dashboard.views import TO_REVIEW, save_views
from cvlib.studies.project import Layout

FORMAT = 1  # raise it when this file, or what it calls, writes something else; all is written anew

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


def dataset_name(layout: Layout, experiment_id: str, profile: str) -> str:
    """`exp02-1a2b3c4d`, `exp02-quick-1a2b3c4d`: one a project folder, experiment and profile.

    Checkouts may share one MongoDB, so the name tells their folders apart.
    """
    where = hashlib.sha256(str(layout.root.resolve()).encode()).hexdigest()[:8]
    return "-".join([experiment_id, *([profile] if profile != "default" else []), where])


def open_dataset(content: Content, layout: Layout) -> Any:
    """The project's dataset of this experiment, holding exactly this content; a person's tags stay.

    `environment.prepare` must have been called. Returns a persistent fiftyone.Dataset. A dataset
    of a project folder that was moved is found again.
    """
    import fiftyone as fo

    name = dataset_name(layout, content.experiment, content.profile)
    dataset = _existing(layout, name)
    if dataset is None:
        dataset = fo.Dataset(name, persistent=True)
    _mark(layout, name)
    info = dict(dataset.info.get(INFO) or {"kept": [], "runs": [], "views": [], "maps": {}})
    info.setdefault("dataset", content.dataset)
    added: dict[int, str] = {}
    state = dict(info.get("digests", {}))
    if info.get("format") != FORMAT:
        state["samples"] = ""
    info |= {"format": FORMAT, "root": str(layout.root.resolve())}
    if state.get("samples") != content.sample_digest or len(dataset) != len(content.ids):
        state = dict.fromkeys(state, "")
        _note(dataset, info, state)
        added = _write_samples(dataset, info, content)
        state["samples"] = content.sample_digest
    info |= {
        "dataset": content.dataset,
        "fingerprints": list(content.fingerprints),
        "runs": [run.chosen.run.key for run in content.runs],
    }
    _note(dataset, info, state)
    tags.return_tags(dataset, info, added)
    tags.import_reviews(dataset, info, tags.reviews_file(layout, content.experiment), added)
    _note(dataset, info, state)
    _write_runs(dataset, info, state, content)
    if state.get("values") != content.value_digest:
        state["values"] = ""
        _note(dataset, info, state)
        _write_values(dataset, info, content, written=added)
        arrange(dataset, content)
        state["values"] = content.value_digest
    dataset.description = f"{content.title}: {', '.join(r.chosen.title for r in content.runs)}"
    _note(dataset, info, state)
    return dataset


def existing_dataset(layout: Layout, experiment_id: str) -> Any:
    """The dataset as it was last opened; raises DashboardError when there is none."""
    name = dataset_name(layout, experiment_id, layout.profile)
    dataset = _existing(layout, name)
    if dataset is None or INFO not in dataset.info:
        raise DashboardError(
            f"{experiment_id} has no dashboard yet; `cvlib dashboard {experiment_id}` makes it"
        )
    return dataset


def _existing(layout: Layout, name: str) -> Any:
    import fiftyone as fo

    there = fo.list_datasets()
    if name in there:
        return fo.load_dataset(name)
    stem = name.rpartition("-")[0]
    for other in there:
        # Its mark is in this folder, and the folder that it was made in is no more: moved here. A
        # copy's original is still there; a dataset of another machine has no mark here.
        if other.rpartition("-")[0] == stem and _marker(layout, other).exists():
            dataset = fo.load_dataset(other)
            root = (dataset.info.get(INFO) or {}).get("root")
            if root and not Path(root).exists():
                dataset.name = name
                return dataset
    return None


def _marker(layout: Layout, name: str) -> Path:
    return layout.data / ".cache" / "dashboard" / f"{name}.dataset"


def _mark(layout: Layout, name: str) -> None:
    """Note in the project's folder that this dataset is its own."""
    marker = _marker(layout, name)
    marker.parent.mkdir(parents=True, exist_ok=True)
    marker.touch()


def _note(dataset: Any, info: dict[str, Any], state: dict[str, str]) -> None:
    dataset.info[INFO] = {**info, "digests": state}
    dataset.save()


def _write_samples(dataset: Any, info: dict[str, Any], content: Content) -> dict[int, str]:
    """Make the dataset's images those of the content; those that it has keep their tags.

    Returns the added ones, image id -> key.
    """
    import fiftyone as fo

    _declare(dataset, content)
    had = _had(dataset, info, content)
    rows = {key: row for row, key in enumerate(content.images.keys)}
    gone = [sample for key, sample in had.items() if key not in rows]
    if gone:
        tags.keep_tags(dataset, info, gone)
        _note(dataset, info, {})
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
    values = _values(content)
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


def _write_runs(
    dataset: Any, info: dict[str, Any], state: dict[str, str], content: Content
) -> None:
    wanted = {f"run:{run.field}": run for run in content.runs}
    written = {name: digest for name, digest in state.items() if name.startswith("run:")}
    for part, digest in written.items():
        if part not in wanted or digest != wanted[part].digest:
            state[part] = ""
            _note(dataset, info, state)
            field = part.removeprefix("run:")
            drop_run(dataset, field, info["maps"].pop(field, []))
            del state[part]
    todo = [part for part in wanted if part not in state]
    if todo:
        by_image = dict(zip(*dataset.values(["image_id", "id"]), strict=True))
        sample_ids = [by_image[image] for image in content.ids.tolist()]
    for part in todo:
        run = wanted[part]
        state[part], info["maps"][run.field] = "", list(run.maps)
        _note(dataset, info, state)
        write_run(dataset, run, sample_ids, content.class_names)
        state[part] = run.digest
    _note(dataset, info, state)


def _write_values(
    dataset: Any, info: dict[str, Any], content: Content, written: Container[int]
) -> None:
    """Numbers of each image but those `written` with it, views, and the dashboard's own tag."""
    rows = dict(zip(content.ids.tolist(), range(len(content.ids)), strict=True))
    old = {
        sample: rows[image]
        for sample, image in zip(*dataset.values(["id", "image_id"]), strict=True)
        if image not in written
    }
    if old:
        for name, column in _values(content).items():
            values = {sample: column[row] for sample, row in old.items()}
            dataset.set_values(name, values, key_field="id", validate=False)
    info["views"] = save_views(dataset, content.found_views, info["views"])
    tags.mark_for_review(dataset, content.views[TO_REVIEW].tolist())


def _values(content: Content) -> dict[str, list[Any]]:
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
