"""The keys of a YAML file, from the models that check them: a section a model, a table row a key."""

from __future__ import annotations

import json
import types
import typing
from typing import Any, Literal

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from cvlib.data.spec import AugmentSpec, DatasetSpec
from cvlib.models.spec import BackboneSpec, CustomCNNSpec, CustomViTSpec
from cvlib.probing.spec import EmbeddingSpec, LinearProbeSpec, ZeroShotSpec
from cvlib.settings import PageLimits, Settings
from cvlib.studies.experiment import BaseFields, ExperimentFields, ProfileFields, VariantFields
from cvlib.studies.hypotheses import Claim, HypothesisFields, Pair
from cvlib.training.spec import (
    AdamWSpec,
    ConstantSpec,
    CosineSpec,
    OneCycleSpec,
    SGDSpec,
    StepSpec,
    TrainSpec,
)

Model = type[BaseModel]
Sections = dict[Model, tuple[str, str]]  # a model's heading, and what is said after its docstring

EXPERIMENT: Sections = {
    ExperimentFields: ("The file", ""),
    BaseFields: ("base", ""),
    VariantFields: ("A variant", "Below `variants:`, by its name."),
    ProfileFields: ("A profile", "Below `profiles:`, as `quick` or `full`."),
    DatasetSpec: ("dataset", "`dataset: cifar10` is short for `dataset: {name: cifar10}`."),
    CustomCNNSpec: ("model of kind custom_cnn", ""),
    CustomViTSpec: ("model of kind custom_vit", ""),
    BackboneSpec: ("model of kind backbone", ""),
    TrainSpec: ("train", ""),
    AugmentSpec: ("train.augment", ""),
    AdamWSpec: ("train.optimizer of name adamw", ""),
    SGDSpec: ("train.optimizer of name sgd", ""),
    OneCycleSpec: ("train.schedule of name one_cycle", ""),
    CosineSpec: ("train.schedule of name cosine", ""),
    StepSpec: ("train.schedule of name step", ""),
    ConstantSpec: ("train.schedule of name constant", ""),
    LinearProbeSpec: ("train in mode linear_probe", "Needs a model of kind backbone."),
    ZeroShotSpec: ("train in mode zero_shot", "Needs a CLIP model of kind backbone."),
    EmbeddingSpec: ("embedding", "Beside `model` and `train`; `embedding: {}` for the defaults."),
    HypothesisFields: ("A hypothesis", "In `experiments/hypotheses.yaml`."),
    Claim: ("A claim", "In the list `claims:` of a hypothesis."),
    Pair: ("A pair", "As `minus:` of a claim."),
}
SETTINGS: Sections = {Settings: ("cvlib", ""), PageLimits: ("cvlib.pages", "")}

# What `base` holds is checked where a run is resolved, so that its own types say less.
_BELOW_BASE: dict[str, tuple[Model, ...]] = {
    "model": (CustomCNNSpec, CustomViTSpec, BackboneSpec),
    "train": (TrainSpec, LinearProbeSpec, ZeroShotSpec),
}
_OFF, _ANY = "`null`", "any value"
_PLAIN = {str: "text", int: "whole number", float: "number", bool: "`true` or `false`"}


def sections(models: Sections) -> str:
    """The models as Markdown; keys that hold another of them link to its section."""
    return "\n".join(_section(model, models) for model in models)


def anchor(heading: str) -> str:
    """The address of a heading, as git hosts make it."""
    kept = "".join(letter for letter in heading.lower() if letter.isalnum() or letter in " -_")
    return kept.replace(" ", "-")


def _section(model: Model, models: Sections) -> str:
    heading, says = models[model]
    documented = " ".join((model.__doc__ or "").split())
    lines = [f"## {heading}", "", f"{documented} {says}".strip(), ""]
    lines += ["| key | what it takes | when left out | what it means |", "|:--|:--|:--|:--|"]
    for name, field in model.model_fields.items():
        if model is BaseFields and name in _BELOW_BASE:
            takes = " or ".join(_link(models[one][0]) for one in _BELOW_BASE[name])
        else:
            takes = _listed(_words(field.annotation, models)) + _limits(field)
        default = "required"
        if not field.is_required():
            default = f"`{_yaml(field.get_default(call_default_factory=True))}`"
        row = [f"`{field.alias or name}`", takes, default, field.description or ""]
        cells = (" ".join(text.split()).replace("|", "\\|") for text in row)
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join([*lines, ""])


def _words(annotation: Any, models: Sections) -> list[str]:
    """A type in words, one for each of its choices."""
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        return _words(arguments[0], models)
    if origin in (typing.Union, types.UnionType):
        some = [word for one in arguments for word in _words(one, models)]
        if "number" in some:
            some = [word for word in some if word != "whole number"]
        # what is off comes last
        return sorted(dict.fromkeys(some), key=lambda word: word == _OFF)
    if origin is Literal:
        return [f"`{value}`" for value in arguments]
    if origin in (tuple, list):
        item = _listed(_words(arguments[0], models))
        is_plural = item == _ANY or arguments[0] in _PLAIN
        return [f"list of {item}s" if is_plural else f"list of {item}"]
    if origin is dict:
        value = _listed(_words(arguments[1], models))
        return ["mapping" if value == _ANY else f"mapping: name → {value}"]
    if annotation is type(None):
        return [_OFF]
    if annotation is Any:
        return [_ANY]
    return [_link(models[annotation][0]) if annotation in models else _PLAIN[annotation]]


def _link(heading: str) -> str:
    return f"[{heading}](#{anchor(heading)})"


def _limits(field: FieldInfo) -> str:
    """`, from 1 to 8`, `, above 0 and below 1`; empty where any value will do."""
    limits = {"ge": "from", "gt": "above", "le": "to", "lt": "below"}  # as annotated_types has them
    return "".join(
        f", {word} {_number(getattr(rule, name))}"
        for name, word in limits.items()
        for rule in field.metadata
        if hasattr(rule, name)
    )


def _number(value: Any) -> str:
    # 2147483648 says less than what it is
    if isinstance(value, int) and value >= 2**31:
        return f"2^{value.bit_length() - 1}"
    return f"{value:,}" if isinstance(value, int) else f"{value:g}"


def _listed(words: list[str]) -> str:
    return " or ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def _yaml(value: Any) -> str:
    """A default as an experiment would say it; of a model only which one it is."""
    if isinstance(value, BaseModel):
        given = value.model_dump(exclude_none=True)
        choice = next((key for key in ("name", "kind", "mode") if key in given), None)
        return f"{{{choice}: {given[choice]}}}" if choice else "{}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(_yaml(item) for item in value)}]"
    if isinstance(value, str) and value.replace("_", "").isalnum():
        return value
    return f"{value:g}" if isinstance(value, float) else json.dumps(value, ensure_ascii=False)
