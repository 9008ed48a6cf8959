"""The page on the keys of an experiment, made from the models that check them."""

from __future__ import annotations

from pydantic import BaseModel

from cvlib.data.spec import AugmentSpec, DatasetSpec
from cvlib.models.spec import BackboneSpec, CustomCNNSpec, CustomViTSpec
from cvlib.probing.spec import EmbeddingSpec, LinearProbeSpec, ZeroShotSpec
from cvlib.reference.keys import sections
from cvlib.reference.sections import Section
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

INTRODUCTION = """\
<!-- made by `python -m cvlib.reference` from the models that check the file; do not edit -->

# The keys of an experiment

`experiments/exp01.yaml` says what is asked, on which data, and what is run. Every key is checked when the file is
read: what is unknown, missing or out of range is answered with file, line, what was expected, and the nearest name
there is.

```yaml
title: "Digits: width"
question: Do wider networks read digits better?
dataset: digits
base:
  model: {kind: custom_cnn, depth: 2, width: 4}
  train: {epochs: 4, optimizer: {name: adamw, lr: 3e-3}}
variants:
  base: {}
  wide: {factor: width, label: "twice as wide", set: {model.width: 8}}
seeds: [0, 1, 2]
profiles:
  quick: {seeds: [0], set: {train.epochs: 1}}
```

**Values that differ** (`set` of a variant or a profile) are laid over the base, by dotted key (`model.width: 8`) or
nested (`model: {width: 8}`). Who names another optimiser, schedule, kind of model or mode starts that part anew:
options of the old choice mean nothing to the new one. A profile comes before the variants.

**`null`** may be written `none`. Numbers may be written `1e-3`. What is `null` by default is off.

**A run's key** is made from all of these values, defaults written out, with the data's fingerprint and the checksum of
pretrained weights. To write a default down, or to rename a variant, changes no run.
"""

SECTIONS = (
    Section("The file", "", ExperimentFields),
    Section("base", "", BaseFields),
    Section("A variant", "Below `variants:`, by its name.", VariantFields),
    Section("A profile", "Below `profiles:`, as `quick` or `full`.", ProfileFields),
    Section("dataset", "`dataset: cifar10` is short for `dataset: {name: cifar10}`.", DatasetSpec),
    Section("model of kind custom_cnn", "", CustomCNNSpec),
    Section("model of kind custom_vit", "", CustomViTSpec),
    Section("model of kind backbone", "", BackboneSpec),
    Section("train", "", TrainSpec),
    Section("train.augment", "", AugmentSpec),
    Section("train.optimizer of name adamw", "", AdamWSpec),
    Section("train.optimizer of name sgd", "", SGDSpec),
    Section("train.schedule of name one_cycle", "", OneCycleSpec),
    Section("train.schedule of name cosine", "", CosineSpec),
    Section("train.schedule of name step", "", StepSpec),
    Section("train.schedule of name constant", "", ConstantSpec),
    Section("train in mode linear_probe", "Needs a model of kind backbone.", LinearProbeSpec),
    Section("train in mode zero_shot", "Needs a CLIP model of kind backbone.", ZeroShotSpec),
    Section(
        "embedding", "Beside `model` and `train`; `embedding: {}` for the defaults.", EmbeddingSpec
    ),
    Section("A hypothesis", "In `experiments/hypotheses.yaml`.", HypothesisFields),
    Section("A claim", "In the list `claims:` of a hypothesis.", Claim),
    Section("A pair", "As `minus:` of a claim.", Pair),
)
# What `base` holds is checked where a run is resolved, so that its own types say less.
BELOW_BASE: dict[str, tuple[type[BaseModel], ...]] = {
    "model": (CustomCNNSpec, CustomViTSpec, BackboneSpec),
    "train": (TrainSpec, LinearProbeSpec, ZeroShotSpec),
}


def experiment_page() -> str:
    """The page as Markdown: a section for each model, a table row for each key."""
    return sections(INTRODUCTION, SECTIONS, {BaseFields: BELOW_BASE})
