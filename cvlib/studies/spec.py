"""What one run is, completely: every default written out, nothing that the run does not use."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Discriminator, Field, Tag, model_validator

from cvlib.data.spec import DatasetSpec, FrozenSpec
from cvlib.models.spec import FAMILIES, BackboneSpec, CustomCNNSpec, ModelSpec
from cvlib.probing.spec import EmbeddingSpec, LinearProbeSpec, ZeroShotSpec
from cvlib.training.spec import TrainSpec

# The modes of a TrainSpec, which have the same options; one that names none is fine-tuning.
TRAINING_MODES = (None, "fine_tune", "probe_then_fine_tune")


def _mode(value: Any) -> str | None:
    given = value.get("mode") if isinstance(value, dict) else getattr(value, "mode", "")
    if given in TRAINING_MODES:
        return "train"
    return given if given in ("linear_probe", "zero_shot") else None


Procedure = Annotated[
    Annotated[TrainSpec, Tag("train")]
    | Annotated[LinearProbeSpec, Tag("linear_probe")]
    | Annotated[ZeroShotSpec, Tag("zero_shot")],
    Discriminator(
        _mode,
        custom_error_type="unknown_mode",
        custom_error_message="unknown mode; expected fine_tune, probe_then_fine_tune, "
        "linear_probe or zero_shot",
    ),
]


class RunSpec(FrozenSpec):
    """One run, fully resolved. Together with the dataset's content it determines the run's key."""

    dataset: DatasetSpec = Field(description="which images, and how they are split")
    model: ModelSpec = Field(default_factory=CustomCNNSpec, description="what is trained")
    train: Procedure = Field(
        default_factory=TrainSpec, description="how it is trained, probed or asked"
    )
    embedding: EmbeddingSpec | None = Field(
        default=None, description="also map the test images' features; null: no"
    )
    seed: int = Field(0, ge=0, lt=2**31, description="seeds weights, order of images, augmentation")

    def canonical(self) -> dict[str, Any]:
        """Plain data with every default written out.

        Options that are off (None) are left out, so that an option that cvlib learns later, off
        by default, gives no run another key.
        """
        return self.model_dump(mode="json", exclude_none=True)

    @model_validator(mode="after")
    def _parts_fit(self) -> RunSpec:
        if not isinstance(self.train, TrainSpec):
            if not isinstance(self.model, BackboneSpec):
                raise ValueError(
                    f"mode {self.train.mode} needs a backbone: set model.kind: backbone, and a name"
                )
            if isinstance(self.train, ZeroShotSpec) and self.model.weights != "pretrained":
                raise ValueError("mode zero_shot needs model.weights: pretrained, of a CLIP model")
        elif not isinstance(self.model, BackboneSpec):
            for option in ("mode", "head_lr", "layer_decay", "unfrozen_stages", "batch_norm"):
                if getattr(self.train, option) is not None:
                    raise ValueError(
                        f"train.{option} is for backbones; {self.model.kind} is trained whole, "
                        "from random weights: leave it out"
                    )
        if self.embedding is not None and (
            not isinstance(self.model, BackboneSpec) or isinstance(self.train, ZeroShotSpec)
        ):
            raise ValueError(
                "embedding maps a backbone's features, trained or probed: leave it out"
            )
        return self


def entries(spec: RunSpec) -> tuple[str, ...]:
    """The modules that a run of this spec starts in: those that it uses, no others.

    They are what the code cue looks at, and what makes two runs of one kind.
    """
    train, probe = "cvlib.training.run", "cvlib.probing.run"
    chosen = ["cvlib.data.load", FAMILIES[spec.model.kind]]
    if isinstance(spec.train, ZeroShotSpec):
        chosen.append("cvlib.probing.zero_shot_run")
    elif isinstance(spec.train, LinearProbeSpec):
        chosen.append(probe)
    else:
        chosen += [train, probe] if spec.train.mode == "probe_then_fine_tune" else [train]
    if spec.embedding is not None:
        chosen.append("cvlib.analysis.feature_maps")
    return tuple(chosen)
