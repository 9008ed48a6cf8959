"""FiftyOne: an experiment's mistakes in the browser."""

from __future__ import annotations

from cvlib.errors import CvlibError


class DashboardError(CvlibError, ValueError):
    """Something that a person can mend; the message says what was found and what to do."""
