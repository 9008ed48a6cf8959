"""What goes wrong when a chapter asks for something."""

from __future__ import annotations

from cvlib.errors import CvlibError


class JournalError(CvlibError, ValueError):
    """A chapter asked for something that its experiment does not have; the message says what to do."""


class MissingResults(JournalError):
    """The store has no result for what was asked; `cvlib run` or `exp.run()` makes it."""


class NotTested(JournalError):
    """A claim cannot be judged from the runs there are; the message says why, without a full stop."""


class NotTrained(JournalError):
    """Runs have no result, and this process was asked to train none."""


class UnknownName(JournalError, AttributeError):
    """A chapter asked an experiment, or mistakes, for something that no function makes."""
