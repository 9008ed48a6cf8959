"""The skeleton of a chapter: a table and a figure that fit what its experiment does."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from cvlib.probing.spec import LinearProbeSpec, ZeroShotSpec
from cvlib.starting import filled
from cvlib.starting.template import read_template
from cvlib.studies.experiment import Experiment, Variant
from cvlib.training.spec import TrainSpec

_GRID = ("train.schedule", "train.optimizer.lr")  # rows and columns of a heat map, if it has both


@dataclass(frozen=True)
class _Shown:
    """A call of `cvlib.journal`, what it shows, and its caption."""

    call: str
    says: str
    caption: str


def chapter_text(experiment: Experiment, grid: list[str]) -> str:
    """The chapter of a new experiment. grid: keys of its grid, none where it has none."""
    table, figure = _table(experiment), _figure(experiment, grid)
    return filled(
        read_template("chapter.qmd"),
        {
            "id": experiment.id,
            "ID": experiment.id.upper(),
            "title": escaped(experiment.title),
            "setup": _setup(experiment),
            "table": table.call,
            "table_caption": _quoted(table.caption),
            "figure": figure.call,
            "figure_says": figure.says,
            "figure_caption": _quoted(figure.caption),
            "first_number": _first_number(experiment),
        },
    )


def escaped(text: str) -> str:
    """A title as Markdown that shows it letter by letter."""
    return re.sub(r"([\\`*_{}\[\]<>@$^~#|])", r"\\\1", text)


def _setup(experiment: Experiment) -> str:
    sentence = (
        'The data are `{python} exp.dataset`: `{python} exp.images("train")` images train,\n'
        '`{python} exp.images("val")` validate and `{python} exp.images("test")` test. There are\n'
        "`{python} exp.runs` runs, `{python} exp.seeds` of each variant."
    )
    if any(_is_trained(v) for v in experiment.variants):
        sentence += " Training takes `{python} exp.epochs` epochs."
    return sentence


def _first_number(experiment: Experiment) -> str:
    first, *others = (_literal(variant) for variant in _reference_first(experiment))
    sentence = (
        f"The variant `{{python}} exp[{first}].label` reaches `{{python}} exp.accuracy({first})`"
    )
    if others:
        sentence += (
            f";\n`{{python}} exp[{others[0]}].label` differs from it by "
            f"`{{python}} exp.difference({others[0]}, {first})`"
        )
    return sentence + "."


def _table(experiment: Experiment) -> _Shown:
    columns = ["accuracy"]
    words = "Test accuracy"
    first, *others = _reference_first(experiment)
    if others:
        columns += ["difference", "p"]
        words += f", difference to {escaped(first.label)}"
    if all(isinstance(v.spec.train, LinearProbeSpec) for v in experiment.variants):
        columns += ["knn", "extract_seconds"]
        words += ", k-NN, and the time to extract the features"
    elif all(_is_trained(v) for v in experiment.variants):
        columns += ["parameters", "seconds"]
        words += ", size and training time"
    elif not all(isinstance(v.spec.train, ZeroShotSpec) for v in experiment.variants):
        columns += ["seconds"]
        words += " and training time"
    given = ", ".join(_quoted(column) for column in columns)
    if others and first.name != "base":
        given += f", reference={_literal(first)}"
    return _Shown(f"exp.table({given})", "", f"{words} of every variant.")


def _figure(experiment: Experiment, grid: list[str]) -> _Shown:
    """The first of the figures that the experiment has something for."""
    variants = experiment.variants
    specs = [variant.spec for variant in variants]
    if set(_GRID) <= {key.removesuffix(".name") for key in grid}:
        return _Shown(
            "exp.heat_map(height=2.4)",
            "where learning rate and schedule are best",
            "Test accuracy by learning rate and schedule; the frame marks the best by validation.",
        )
    if any(
        len({v.spec.dataset.subset for v in variants if v.factor == factor}) > 1
        for factor in {v.factor for v in variants if v.factor}
    ):
        return _Shown(
            "exp.data_curve(height=2.4)",
            "what more training images buy",
            "Test accuracy against the number of training images.",
        )
    if all(_is_trained(v) for v in variants):
        return _Shown(
            'exp.learning_curves(metrics=("val_accuracy",), height=2.3)',
            "how the variants learn",
            "Validation accuracy after each epoch: lines are means over seeds, bands their range.",
        )
    if all(isinstance(spec.train, ZeroShotSpec) for spec in specs):
        first = _literal(_reference_first(experiment)[0])
        return _Shown(
            f"from cvlib.journal import mistakes\nmistakes(exp[{first}]).calibration(height=2.4)",
            "how far its confidence can be trusted",
            "Test accuracy against confidence, with 95% intervals.",
        )
    if all(isinstance(spec.train, LinearProbeSpec) for spec in specs):
        if any(spec.train.shots for spec in specs if isinstance(spec.train, LinearProbeSpec)):
            return _Shown(
                "exp.few_shot(height=2.4)",
                "how few images a probe needs",
                "Accuracy of the probe against training images a class.",
            )
        if mapped := [v for v in variants if v.spec.embedding is not None][:3]:
            names = ", ".join(_literal(v) for v in mapped)
            return _Shown(
                f"exp.embedding({names}, height=1.9)",
                "how the classes lie in the features",
                "t-SNE maps of the same test images, by class.",
            )
    return _Shown(
        "exp.accuracy_against_time(height=2.4)",
        "what each takes for it",
        "Test accuracy against training time; the line joins what no other beats in both.",
    )


def _reference_first(experiment: Experiment) -> list[Variant]:
    """All variants; the one that others are compared with comes first."""
    return sorted(experiment.variants, key=lambda variant: variant.name != "base")


def _is_trained(variant: Variant) -> bool:
    return isinstance(variant.spec.train, TrainSpec)


def _literal(variant: Variant) -> str:
    return _quoted(variant.name)


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
