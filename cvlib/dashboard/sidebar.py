"""How the App's sidebar is ordered: what the dashboard wrote stands together by what it means."""

from __future__ import annotations

from typing import Any

from cvlib.dashboard.content import Content
from cvlib.dashboard.evaluation import GROUND_TRUTH


def arrange(dataset: Any, content: Content) -> None:
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
