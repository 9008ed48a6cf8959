"""How a model is trained, as typed fields. Declarations only: importing this loads no torch.

Each optimiser and each schedule is its own class, so that a spec holds no option its run ignores.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from cvlib.data.spec import AugmentSpec, FrozenSpec


class SGDSpec(FrozenSpec):
    """Stochastic gradient descent with momentum."""

    name: Literal["sgd"] = Field(default="sgd", description="which optimiser")
    lr: float = Field(default=0.1, gt=0, le=100, description="learning rate at the schedule's peak")
    momentum: float = Field(
        default=0.9, ge=0, lt=1, description="share of the last update that is kept"
    )
    nesterov: bool = Field(
        default=True, description="look ahead along the momentum; needs momentum > 0"
    )
    weight_decay: float = Field(
        default=5e-4, ge=0, le=1, description="L2 penalty; none on norm and bias"
    )

    @model_validator(mode="after")
    def _nesterov_needs_momentum(self) -> SGDSpec:
        if self.nesterov and self.momentum == 0:
            raise ValueError("nesterov needs momentum > 0: set momentum, or nesterov: false")
        return self


class AdamWSpec(FrozenSpec):
    """Adam with decoupled weight decay (Loshchilov and Hutter, 2019)."""

    name: Literal["adamw"] = Field(default="adamw", description="which optimiser")
    lr: float = Field(default=3e-3, gt=0, le=10, description="learning rate at the schedule's peak")
    beta1: float = Field(default=0.9, ge=0, lt=1, description="decay of the mean of gradients")
    beta2: float = Field(
        default=0.999, ge=0, lt=1, description="decay of the mean of squared gradients"
    )
    weight_decay: float = Field(
        default=1e-2, ge=0, le=10, description="decay per step; none on norm and bias"
    )


_WARMUP = Field(default=None, gt=0, description="epochs of linear rise from zero to lr; null: none")


class ConstantSpec(FrozenSpec):
    """The same learning rate throughout."""

    name: Literal["constant"] = Field(default="constant", description="which schedule")
    warmup_epochs: float | None = _WARMUP


class StepSpec(FrozenSpec):
    """The learning rate is multiplied by `gamma` every `every_epochs` epochs."""

    name: Literal["step"] = Field(default="step", description="which schedule")
    every_epochs: int = Field(default=10, ge=1, description="epochs between two drops")
    gamma: float = Field(default=0.1, gt=0, lt=1, description="factor of each drop")
    warmup_epochs: float | None = _WARMUP


class CosineSpec(FrozenSpec):
    """Half a cosine from lr down to `final_factor * lr` (Loshchilov and Hutter, 2017)."""

    name: Literal["cosine"] = Field(default="cosine", description="which schedule")
    final_factor: float = Field(
        default=0.0, ge=0, lt=1, description="learning rate at the end, of lr"
    )
    warmup_epochs: float | None = _WARMUP


class OneCycleSpec(FrozenSpec):
    """Cosine rise to lr, then cosine fall to almost nothing (Smith and Topin, 2018)."""

    name: Literal["one_cycle"] = Field(default="one_cycle", description="which schedule")
    peak_at: float = Field(default=0.3, gt=0, lt=1, description="share of all steps spent rising")
    start_divisor: float = Field(default=25.0, ge=1, description="first learning rate is lr / this")
    end_divisor: float = Field(
        default=1e4, ge=1, description="last is the first learning rate / this"
    )


OptimizerSpec = Annotated[SGDSpec | AdamWSpec, Field(discriminator="name")]
ScheduleSpec = Annotated[
    ConstantSpec | StepSpec | CosineSpec | OneCycleSpec, Field(discriminator="name")
]


class TrainSpec(FrozenSpec):
    """One training recipe: all weights, from wherever the model starts.

    What only means something for a model with pretrained or deep bodies is off by default.
    """

    mode: Literal["probe_then_fine_tune"] | None = Field(
        default=None,
        description="fine_tune (the default): train from the first step; probe_then_fine_tune: "
        "the head is a linear probe's first",
    )
    epochs: int = Field(default=10, ge=1, le=10_000, description="passes over the training images")
    batch_size: int = Field(default=128, ge=1, le=65_536, description="images a step")
    optimizer: OptimizerSpec = Field(
        default=AdamWSpec(), description="sgd or adamw, with its options"
    )
    schedule: ScheduleSpec = Field(
        default=OneCycleSpec(), description="constant, step, cosine or one_cycle, with its options"
    )
    head_lr: float | None = Field(
        default=None, gt=0, le=100, description="peak learning rate of the head; null: as the rest"
    )
    layer_decay: float | None = Field(
        default=None,
        gt=0,
        lt=1,
        description="factor of the learning rate from each layer to the one below it; null: none",
    )
    unfrozen_stages: int | None = Field(
        default=None,
        ge=0,
        description="train only the head and this many last stages of the body; null: all",
    )
    batch_norm: Literal["frozen"] | None = Field(
        default=None,
        description="frozen: batch norms keep the statistics they came with; null: they follow the "
        "training images",
    )
    label_smoothing: float | None = Field(
        default=None,
        gt=0,
        lt=1,
        description="probability spread evenly over all classes; null: none",
    )
    clip_norm: float | None = Field(
        default=None, gt=0, description="largest L2 norm of the whole gradient; null: no clipping"
    )
    ema_decay: float | None = Field(
        default=None,
        gt=0,
        lt=1,
        description="decay of the average of weights used to evaluate; null: none",
    )
    augment: AugmentSpec = Field(
        default=AugmentSpec(), description="random changes of training images"
    )
    precision: Literal["auto", "float32", "bfloat16"] = Field(
        default="auto", description="auto: bfloat16 autocast on CUDA, float32 elsewhere"
    )

    @field_validator("mode", mode="before")
    @classmethod
    def _fine_tune_is_the_default(cls, mode: object) -> object:
        return None if mode == "fine_tune" else mode

    @model_validator(mode="after")
    def _warmup_ends(self) -> TrainSpec:
        warmup = getattr(self.schedule, "warmup_epochs", None)
        if warmup is not None and warmup >= self.epochs:
            raise ValueError(
                f"schedule.warmup_epochs {warmup} leaves none of the {self.epochs} epochs at the "
                "full learning rate: shorten the warm-up or train longer"
            )
        return self
