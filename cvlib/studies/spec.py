"""What one run is, completely: every default written out, nothing that the run does not use."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from cvlib.data.spec import DatasetSpec
from cvlib.models.spec import ModelSpec
from cvlib.training.spec import TrainSpec


class RunSpec(BaseModel):
    """One run, fully resolved. Together with the dataset's content it determines the run's key."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    dataset: DatasetSpec = Field(description="which images, and how they are split")
    model: ModelSpec = Field(default_factory=ModelSpec, description="what is trained")
    train: TrainSpec = Field(default_factory=TrainSpec, description="how it is trained")
    seed: int = Field(0, ge=0, lt=2**31, description="seeds weights, order of images, augmentation")

    def canonical(self) -> dict[str, Any]:
        """Plain data with every default written out.

        Options that are off (None) are left out, so that an option that cvlib learns later, off
        by default, gives no run another key.
        """
        return self.model_dump(mode="json", exclude_none=True)
