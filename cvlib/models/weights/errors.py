"""What can be wrong with weights: no such model, none to be had, or a file that does not fit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cvlib.errors import CvlibError

if TYPE_CHECKING:
    from cvlib.models.weights import WeightsMissing


class ModelError(CvlibError, ValueError):
    """A model's name or options are not what timm knows; the message names the nearest."""


class WeightsUnavailable(CvlibError, RuntimeError):
    """The weights are not here and could not be fetched; the message lists what was tried."""

    def __init__(self, message: str, missing: WeightsMissing | None = None) -> None:
        super().__init__(message)
        self.missing = missing


class WeightsError(CvlibError, ValueError):
    """A weights file is damaged, unsafe, or does not fit the model; the message names the file."""


class BundleError(CvlibError, ValueError):
    """A bundle of weights is damaged or holds what it should not; nothing of it was unpacked."""
