"""What can be wrong with data: it cannot be had, or it cannot be used as asked."""

from __future__ import annotations

from cvlib.errors import CvlibError


class DataError(CvlibError, ValueError):
    """The data are there but cannot be used as the spec asks; the message says what to change."""


class DataUnavailable(CvlibError, RuntimeError):
    """The data are not here and could not be fetched; the message lists what was tried."""
