"""The FiftyOne dataset of one experiment: made once, afterwards only what changed is written.

What a dataset holds stands in its info, digest by digest. A digest is removed before what it
stands for is touched, so that an update that was broken off is taken up again by the next.

FiftyOne reads every sample object that is alive anew after each change of the dataset, one by one:
10,000 of them make an evaluation take half a minute instead of one second. So nothing here holds
samples.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cvlib.analysis.image_properties import PROPERTIES
from cvlib.dashboard import DashboardError, tags
from cvlib.dashboard.content import TO_REVIEW, Content, SavedView
from cvlib.dashboard.runs import RunContent
from cvlib.dashboard.tags import INFO
from cvlib.project import Project

FORMAT = 1  # raise it when this file, or what it calls, writes something else; all is written anew
GROUND_TRUTH = "ground_truth"
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


def dataset_name(project: Project, experiment_id: str) -> str:
    """`exp02-1a2b3c4d`, `exp02-quick-1a2b3c4d`: one a project folder, experiment and profile.

    Checkouts may share one MongoDB, so the name tells their folders apart.
    """
    where = hashlib.sha256(str(project.root.resolve()).encode()).hexdigest()[:8]
    profile = [project.quarto_profile] if project.quarto_profile else []
    return "-".join([experiment_id, *profile, where])


def existing_dataset(project: Project, experiment_id: str) -> Any:
    """The dataset as it was last opened; raises DashboardError when there is none."""
    dataset = _existing(project, dataset_name(project, experiment_id))
    if dataset is None or INFO not in dataset.info:
        raise DashboardError(
            f"{experiment_id} has no dashboard yet; `cvlib dashboard {experiment_id}` makes it"
        )
    return dataset


def open_dataset(content: Content, project: Project) -> Any:
    """The project's dataset of this experiment, holding exactly this content; a person's tags stay.

    `environment.prepare` must have been called. Returns a persistent fiftyone.Dataset. A dataset
    of a project folder that was moved is found again.
    """
    import fiftyone as fo

    name = dataset_name(project, content.experiment)
    dataset = _existing(project, name)
    if dataset is None:
        dataset = fo.Dataset(name, persistent=True)
    marker = _marker(project, name)
    marker.parent.mkdir(parents=True, exist_ok=True)
    marker.touch()
    info = dict(dataset.info.get(INFO) or {"kept": [], "runs": [], "views": [], "maps": {}})
    info.setdefault("dataset", content.dataset)
    added: dict[int, str] = {}
    state = info["digests"] = dict(info.get("digests", {}))
    if info.get("format") != FORMAT:
        state["samples"] = ""
    info |= {"format": FORMAT, "root": str(project.root.resolve())}
    if state.get("samples") != content.sample_digest or len(dataset) != len(content.ids):
        state = info["digests"] = dict.fromkeys(state, "")
        _note(dataset, info)
        added = _write_samples(dataset, info, content)
        state["samples"] = content.sample_digest
    info |= {
        "dataset": content.dataset,
        "fingerprints": list(content.fingerprints),
        "runs": [run.chosen.run.key for run in content.runs],
    }
    _note(dataset, info)
    tags.return_tags(dataset, info, added)
    tags.import_reviews(dataset, info, tags.reviews_file(project, content.experiment), added)
    _note(dataset, info)
    _write_runs(dataset, info, content)
    if state.get("values") != content.value_digest:
        state["values"] = ""
        _note(dataset, info)
        rows = dict(zip(content.ids.tolist(), range(len(content.ids)), strict=True))
        old = {  # the others were written with their numbers
            sample: rows[image]
            for sample, image in zip(*dataset.values(["id", "image_id"]), strict=True)
            if image not in added
        }
        if old:
            for field, column in image_values(content).items():
                values = {sample: column[row] for sample, row in old.items()}
                dataset.set_values(field, values, key_field="id", validate=False)
        info["views"] = _save_views(dataset, content.found_views, info["views"])
        tags.mark_for_review(dataset, content.views[TO_REVIEW].tolist())
        _arrange_sidebar(dataset, content)
        state["values"] = content.value_digest
    dataset.description = f"{content.title}: {', '.join(r.chosen.title for r in content.runs)}"
    _note(dataset, info)
    return dataset


def _existing(project: Project, name: str) -> Any:
    import fiftyone as fo

    there = fo.list_datasets()
    if name in there:
        return fo.load_dataset(name)
    stem = name.rpartition("-")[0]
    for other in there:
        # Its mark is in this folder, and the folder that it was made in is no more: moved here. A
        # copy's original is still there; a dataset of another machine has no mark here.
        if other.rpartition("-")[0] == stem and _marker(project, other).exists():
            dataset = fo.load_dataset(other)
            root = (dataset.info.get(INFO) or {}).get("root")
            if root and not Path(root).exists():
                dataset.name = name
                return dataset
    return None


def _marker(project: Project, name: str) -> Path:
    """Notes in the project's folder that this dataset is its own."""
    return project.data / ".cache" / "dashboard" / f"{name}.dataset"


def _note(dataset: Any, info: dict[str, Any]) -> None:
    dataset.info[INFO] = {**info}
    dataset.save()


# ── images ───────────────────────────────────────────────────────────────────────────────────


def _write_samples(dataset: Any, info: dict[str, Any], content: Content) -> dict[int, str]:
    """Make the dataset's images those of the content; those that it has keep their tags.

    Returns the added ones, image id -> key.
    """
    import fiftyone as fo

    dataset.default_classes = list(content.images.class_names)
    values = image_values(content)
    kinds = {
        **dict.fromkeys(content.numbers, (fo.FloatField, {})),
        **dict.fromkeys(("image_id", "models_wrong"), (fo.IntField, {})),
        **dict.fromkeys(("image_name", "image_key"), (fo.StringField, {})),
        "found_in": (fo.ListField, {"subfield": fo.StringField}),
        GROUND_TRUTH: (fo.EmbeddedDocumentField, {"embedded_doc_type": fo.Classification}),
    }
    for name, (kind, options) in kinds.items():  # what is there already stays
        dataset.add_sample_field(name, kind, description=DEFINITIONS.get(name), **options)

    had: dict[str, str] = {}  # key -> sample; none of another dataset counts as there
    if len(dataset):
        samples, keys = dataset.values(["id", "image_key"])
        if info["dataset"] != content.dataset:
            keys = [f"another dataset: {sample}" for sample in samples]
        had = dict(zip(keys, samples, strict=True))
    rows = {key: row for row, key in enumerate(content.images.keys)}
    gone = [sample for key, sample in had.items() if key not in rows]
    if gone:
        tags.keep_tags(dataset, info, gone)
        _note(dataset, info)
        dataset.delete_samples(gone)
    stay = {sample: rows[key] for key, sample in had.items() if key in rows}
    labels = [content.images.class_names[label] for label in content.images.labels.tolist()]
    for name, column in (
        ("filepath", content.images.paths),
        ("image_id", content.ids.tolist()),
        (f"{GROUND_TRUTH}.label", labels),
    ):
        if stay:
            changed = {sample: column[row] for sample, row in stay.items()}
            dataset.set_values(name, changed, key_field="id")
    new = [row for key, row in rows.items() if key not in had]
    dataset.add_samples(
        (  # not a list: none stays alive
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


def image_values(content: Content) -> dict[str, list[Any]]:
    """Field -> value of each image; None where there is none."""
    values: dict[str, list[Any]] = {
        name: [None if math.isnan(value) else value for value in column.tolist()]
        for name, column in content.numbers.items()
    }
    values["models_wrong"] = [int(value) for value in values["models_wrong"]]
    found_in: dict[int, list[str]] = {image: [] for image in content.ids.tolist()}
    for view in content.found_views:
        for image in view.ids.tolist():
            found_in[image].append(view.name)
    values["found_in"] = list(found_in.values())
    return values


# ── runs ─────────────────────────────────────────────────────────────────────────────────────


def _write_runs(dataset: Any, info: dict[str, Any], content: Content) -> None:
    state = info["digests"]
    wanted = {f"run:{run.field}": run for run in content.runs}
    for part in [name for name in state if name.startswith("run:")]:
        if part not in wanted or state[part] != wanted[part].digest:
            state[part] = ""
            _note(dataset, info)
            field = part.removeprefix("run:")
            _drop_run(dataset, field, info["maps"].pop(field, []))
            del state[part]
    todo = [part for part in wanted if part not in state]
    if todo:
        by_image = dict(zip(*dataset.values(["image_id", "id"]), strict=True))
        sample_ids = [by_image[image] for image in content.ids.tolist()]
    for part in todo:
        run = wanted[part]
        state[part], info["maps"][run.field] = "", list(run.maps)
        _note(dataset, info)
        write_run(dataset, run, sample_ids, content.images.class_names)
        state[part] = run.digest
    _note(dataset, info)


def write_run(
    dataset: Any, run: RunContent, sample_ids: Sequence[str], class_names: Sequence[str]
) -> None:
    """Write a run that the dataset does not hold yet: predictions, their evaluation, its maps.

    sample_ids: (N,) FiftyOne's ids of the dashboard's images, in their order.
    """
    import fiftyone as fo
    import fiftyone.brain as fob

    confidence = run.probabilities.max(axis=1).tolist()
    values = {
        sample_ids[row]: fo.Classification(
            label=class_names[predicted], confidence=sure, logits=logits
        )
        for row, predicted, sure, logits in zip(
            run.rows.tolist(), run.predicted.tolist(), confidence, run.logits, strict=True
        )
    }
    dataset.set_values(run.field, values, key_field="id", validate=False)
    chosen = run.chosen
    accuracy = f"{100 * run.correct.mean():.1f}% of {len(run.rows)} test images right"
    stale = f"; stale: {chosen.stale}" if chosen.stale else ""
    of = f"{chosen.title}, run {chosen.run.key[:12]} of {chosen.experiment}"
    _describe(dataset, run.field, f"{of}: {accuracy}{stale}")
    # A run that was not tested on every image is evaluated on those it was.
    tested = dataset if len(run.rows) == len(sample_ids) else dataset.exists(run.field)
    tested.evaluate_classifications(
        run.field,
        gt_field=GROUND_TRUTH,
        eval_key=run.eval_key,
        classes=list(class_names),
        progress=False,
    )
    _describe(dataset, run.eval_key, f"whether {chosen.title}, is right")
    for key, (rows, points) in run.maps.items():
        # Given points, FiftyOne computes nothing and loads no model. Images without a point are
        # left out of the panel, which says how many.
        at = {sample_ids[row]: point for row, point in zip(rows.tolist(), points, strict=True)}
        fob.compute_visualization(dataset, points=at, brain_key=key, progress=False)


def _drop_run(dataset: Any, field: str, maps: Sequence[str]) -> None:
    """Remove what `write_run` wrote, whole or not."""
    for key in maps:
        if dataset.has_brain_run(key):
            dataset.delete_brain_run(key)
    if dataset.has_evaluation(f"eval_{field}"):
        dataset.delete_evaluation(f"eval_{field}")
    for name in (f"eval_{field}", field):
        if dataset.has_sample_field(name):
            dataset.delete_sample_field(name)


def _describe(dataset: Any, name: str, text: str) -> None:
    field = dataset.get_field(name)
    field.description = text
    field.save()


# ── views and sidebar ────────────────────────────────────────────────────────────────────────


def _save_views(dataset: Any, views: Sequence[SavedView], ours: Sequence[str]) -> list[str]:
    """Replace the views that the dashboard saved earlier, `ours`; a person's own stay.

    Returns the names, in the order of `views`; one that is taken, or means the same in an address,
    gets a number.
    """
    from fiftyone import ViewField as F
    from fiftyone.core.utils import to_slug

    def slug(name: str) -> str:
        try:
            return str(to_slug(name))
        except ValueError:  # no letter or digit that an address may hold
            return ""

    for name in ours:
        if dataset.has_saved_view(name):
            dataset.delete_saved_view(name)
    taken = {slug(name) for name in dataset.list_saved_views()}
    saved = []
    for view in views:
        name, number = view.name, 1
        while not slug(name) or slug(name) in taken:
            number += 1
            name = f"{view.name} {number}"
        taken.add(slug(name))
        shown = dataset.match(F("found_in").contains([F.literal(view.name)]))  # `$` begins a field
        shown = shown.sort_by(view.order, reverse=view.order != "image_id")
        dataset.save_view(name, shown, description=view.description, color=view.colour)
        saved.append(name)
    return saved


def _arrange_sidebar(dataset: Any, content: Content) -> None:
    """Order the fields; a person's choice of colours stays, and their fields come last."""
    import fiftyone as fo

    groups = {
        "tags": ["tags", "_label_tags"],
        "views": ["found_in"],
        "label and predictions": [GROUND_TRUTH, *(run.field for run in content.runs)],
        "right or wrong": ["models_wrong", *(run.eval_key for run in content.runs)],
        "how sure": ["mistakenness", "mistakenness_mean", "hardness"],
        "image": [*content.properties, "image_id", "image_name"],
    }
    placed = {path for paths in groups.values() for path in paths}
    for group in fo.DatasetAppConfig.default_sidebar_groups(dataset):
        # the App adds a group of this name where there is none
        name = "metadata" if group.name == "metadata" else "other"
        groups.setdefault(name, []).extend(path for path in group.paths if path not in placed)
    config = dataset.app_config
    config.sidebar_groups = [
        fo.SidebarGroupDocument(name=name, paths=paths, expanded=name not in ("other", "metadata"))
        for name, paths in groups.items()
    ]
    if config.color_scheme is None:
        # one colour a class: a prediction that differs from the label is seen at once
        config.color_scheme = fo.ColorScheme(color_by="value")
    dataset.save()
