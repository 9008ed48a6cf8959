"""One run in FiftyOne: its predictions, their evaluation, its maps.

FiftyOne reads every sample object that is alive anew after each change of the dataset, one by one:
10,000 of them make an evaluation take half a minute instead of one second. So nothing here, and no
caller, holds samples.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cvlib.dashboard.run_content import RunContent

GROUND_TRUTH = "ground_truth"


def write_run(
    dataset: Any, run: RunContent, sample_ids: Sequence[str], class_names: Sequence[str]
) -> None:
    """Write a run that the dataset does not hold yet.

    sample_ids: (N,) FiftyOne's ids of the dashboard's images, in their order.
    """
    _write_predictions(dataset, run, sample_ids, class_names)
    # A run that was not tested on every image is evaluated on those it was.
    tested = dataset if len(run.rows) == len(sample_ids) else dataset.exists(run.field)
    tested.evaluate_classifications(
        run.field,
        gt_field=GROUND_TRUTH,
        eval_key=run.eval_key,
        classes=list(class_names),
        progress=False,
    )
    _describe(dataset, run.eval_key, f"whether {run.chosen.title}, is right")
    _write_maps(dataset, run, sample_ids)


def drop_run(dataset: Any, field: str, maps: Sequence[str]) -> None:
    """Remove what `write_run` wrote, whole or not."""
    for key in maps:
        if dataset.has_brain_run(key):
            dataset.delete_brain_run(key)
    if dataset.has_evaluation(f"eval_{field}"):
        dataset.delete_evaluation(f"eval_{field}")
    for name in (f"eval_{field}", field):
        if dataset.has_sample_field(name):
            dataset.delete_sample_field(name)


def _write_predictions(
    dataset: Any, run: RunContent, sample_ids: Sequence[str], class_names: Sequence[str]
) -> None:
    import fiftyone as fo

    values = {
        sample_ids[row]: fo.Classification(
            label=class_names[predicted], confidence=confidence, logits=logits
        )
        for row, predicted, confidence, logits in zip(
            run.rows.tolist(),
            run.predicted.tolist(),
            run.confidence.tolist(),
            run.logits,
            strict=True,
        )
    }
    dataset.set_values(run.field, values, key_field="id", validate=False)
    accuracy = f"{100 * run.correct.mean():.1f}% of {len(run.rows)} test images right"
    stale = f"; stale: {run.chosen.stale}" if run.chosen.stale else ""
    _describe(
        dataset,
        run.field,
        f"{run.chosen.title}, run {run.chosen.run.key[:12]} of {run.chosen.experiment}: "
        f"{accuracy}{stale}",
    )


def _write_maps(dataset: Any, run: RunContent, sample_ids: Sequence[str]) -> None:
    import fiftyone.brain as fob

    for key, (rows, points) in run.maps.items():
        # Given points, FiftyOne computes nothing and loads no model. Images without a point are
        # left out of the panel, which says how many.
        at: Mapping[str, Any] = {
            sample_ids[row]: point for row, point in zip(rows.tolist(), points, strict=True)
        }
        fob.compute_visualization(dataset, points=at, brain_key=key, progress=False)


def _describe(dataset: Any, name: str, text: str) -> None:
    field = dataset.get_field(name)
    field.description = text
    field.save()
