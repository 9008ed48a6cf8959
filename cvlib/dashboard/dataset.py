"""The FiftyOne dataset of one experiment: made once, afterwards only what changed is written.

What a dataset holds stands in its info, digest by digest. A digest is removed before what it
stands for is touched, so that an update that was broken off is taken up again by the next.
"""

from __future__ import annotations

import hashlib
from collections.abc import Container
from pathlib import Path
from typing import Any

from cvlib.dashboard import DashboardError, tags
from cvlib.dashboard.content import Content
from cvlib.dashboard.evaluation import drop_run, write_run
from cvlib.dashboard.samples import image_values, write_samples
from cvlib.dashboard.sidebar import arrange
from cvlib.dashboard.tags import INFO
from cvlib.dashboard.views import TO_REVIEW, save_views
from cvlib.project import Project

FORMAT = 1  # raise it when this file, or what it calls, writes something else; all is written anew


def dataset_name(layout: Project, experiment_id: str, profile: str) -> str:
    """`exp02-1a2b3c4d`, `exp02-quick-1a2b3c4d`: one a project folder, experiment and profile.

    Checkouts may share one MongoDB, so the name tells their folders apart.
    """
    where = hashlib.sha256(str(layout.root.resolve()).encode()).hexdigest()[:8]
    return "-".join([experiment_id, *([profile] if profile != "default" else []), where])


def open_dataset(content: Content, layout: Project) -> Any:
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
        added = write_samples(dataset, info, content)
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


def existing_dataset(layout: Project, experiment_id: str) -> Any:
    """The dataset as it was last opened; raises DashboardError when there is none."""
    name = dataset_name(layout, experiment_id, layout.profile)
    dataset = _existing(layout, name)
    if dataset is None or INFO not in dataset.info:
        raise DashboardError(
            f"{experiment_id} has no dashboard yet; `cvlib dashboard {experiment_id}` makes it"
        )
    return dataset


def _existing(layout: Project, name: str) -> Any:
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


def _marker(layout: Project, name: str) -> Path:
    return layout.data / ".cache" / "dashboard" / f"{name}.dataset"


def _mark(layout: Project, name: str) -> None:
    """Note in the project's folder that this dataset is its own."""
    marker = _marker(layout, name)
    marker.parent.mkdir(parents=True, exist_ok=True)
    marker.touch()


def _note(dataset: Any, info: dict[str, Any], state: dict[str, str]) -> None:
    dataset.info[INFO] = {**info, "digests": state}
    dataset.save()


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
        for name, column in image_values(content).items():
            values = {sample: column[row] for sample, row in old.items()}
            dataset.set_values(name, values, key_field="id", validate=False)
    info["views"] = save_views(dataset, content.found_views, info["views"])
    tags.mark_for_review(dataset, content.views[TO_REVIEW].tolist())
