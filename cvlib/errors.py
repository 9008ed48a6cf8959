"""The one base of every error that a person is told: it names the value, what was expected, what to do."""

from __future__ import annotations


class CvlibError(Exception):
    """Said in plain words on the command line, without a traceback; any other exception is a bug."""
