"""The skeleton of a chapter: a table and a figure that fit what its experiment does."""

from __future__ import annotations

import json
from functools import partial

from cvlib.markup import markdown
from cvlib.probing.spec import LinearProbeSpec, ZeroShotSpec
from cvlib.starting import TEMPLATES, filled
from cvlib.studies.experiment import Experiment, Variant
from cvlib.training.spec import TrainSpec

_GRID = ("train.schedule", "train.optimizer.lr")  # rows and columns of a heat map, if it has both

_quoted = partial(json.dumps, ensure_ascii=False)


def chapter_text(experiment: Experiment, grid: list[str]) -> str:
    """The chapter of a new experiment. grid: keys of its grid, none where it has none."""
    # the one that others are compared with comes first
    variants = sorted(experiment.variants, key=lambda variant: variant.name != "base")
    first, *others = (_quoted(variant.name) for variant in variants)
    setup = (
        'The data are `{python} exp.dataset`: `{python} exp.images("train")` images train,\n'
        '`{python} exp.images("val")` validate and `{python} exp.images("test")` test. There are\n'
        "`{python} exp.runs` runs, `{python} exp.seeds` of each variant."
    )
    if any(isinstance(variant.spec.train, TrainSpec) for variant in variants):
        setup += " Training takes `{python} exp.epochs` epochs."
    number = (
        f"The variant `{{python}} exp[{first}].label` reaches `{{python}} exp.accuracy({first})`"
    )
    if others:
        number += (
            f";\n`{{python}} exp[{others[0]}].label` differs from it by "
            f"`{{python}} exp.difference({others[0]}, {first})`"
        )
    table, table_caption = _table(variants)
    figure, figure_says, figure_caption = _figure(variants, grid)
    values = {
        "id": experiment.id,
        "ID": experiment.id.upper(),
        "title": markdown(experiment.title, prose=True),
        "setup": setup,
        "table": table,
        "table_caption": _quoted(table_caption),
        "figure": figure,
        "figure_says": figure_says,
        "figure_caption": _quoted(figure_caption),
        "first_number": f"{number}.",
    }
    return filled(TEMPLATES / "chapter.qmd", values)


def _table(variants: list[Variant]) -> tuple[str, str]:
    """The call, and the caption."""
    first = variants[0]
    columns, caption = ["accuracy"], "Test accuracy"
    if len(variants) > 1:
        columns += ["difference", "p"]
        caption += f", difference to {markdown(first.label)}"
    if _all(variants, LinearProbeSpec):
        columns += ["knn", "extract_seconds"]
        caption += ", k-NN, and the time to extract the features"
    elif _all(variants, TrainSpec):
        columns += ["parameters", "seconds"]
        caption += ", size and training time"
    elif not _all(variants, ZeroShotSpec):
        columns += ["seconds"]
        caption += " and training time"
    given = ", ".join(map(_quoted, columns))
    if len(variants) > 1 and first.name != "base":
        given += f", reference={_quoted(first.name)}"
    return f"exp.table({given})", f"{caption} of every variant."


def _figure(variants: list[Variant], grid: list[str]) -> tuple[str, str, str]:
    """The call, what it shows, and the caption of the first figure that there is something for."""
    subsets: dict[str | None, set[int | None]] = {}
    for variant in variants:
        subsets.setdefault(variant.factor, set()).add(variant.spec.dataset.subset)
    if set(_GRID) <= {key.removesuffix(".name") for key in grid}:
        return (
            "exp.heat_map(height=2.4)",
            "where learning rate and schedule are best",
            "Test accuracy by learning rate and schedule; the frame marks the best by validation.",
        )
    if any(factor and len(sizes) > 1 for factor, sizes in subsets.items()):
        return (
            "exp.data_curve(height=2.4)",
            "what more training images buy",
            "Test accuracy against the number of training images.",
        )
    if _all(variants, TrainSpec):
        return (
            'exp.learning_curves(metrics=("val_accuracy",), height=2.3)',
            "how the variants learn",
            "Validation accuracy after each epoch: lines are means over seeds, bands their range.",
        )
    if _all(variants, ZeroShotSpec):
        first = _quoted(variants[0].name)
        return (
            f"from cvlib.journal import mistakes\nmistakes(exp[{first}]).calibration(height=2.4)",
            "how far its confidence can be trusted",
            "Test accuracy against confidence, with 95% intervals.",
        )
    if _all(variants, LinearProbeSpec):
        if any(getattr(variant.spec.train, "shots", None) for variant in variants):
            return (
                "exp.few_shot(height=2.4)",
                "how few images a probe needs",
                "Accuracy of the probe against training images a class.",
            )
        if mapped := [_quoted(v.name) for v in variants if v.spec.embedding is not None][:3]:
            return (
                f"exp.embedding({', '.join(mapped)}, height=1.9)",
                "how the classes lie in the features",
                "t-SNE maps of the same test images, by class.",
            )
    return (
        "exp.accuracy_against_time(height=2.4)",
        "what each takes for it",
        "Test accuracy against training time; the line joins what no other beats in both.",
    )


def _all(variants: list[Variant], kind: type) -> bool:
    return all(isinstance(variant.spec.train, kind) for variant in variants)
