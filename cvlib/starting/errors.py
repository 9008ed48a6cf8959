"""What stops a start. Nothing half-made is left behind then."""

from __future__ import annotations


class StartError(ValueError):
    """A new experiment or project cannot be made as asked; the message says what to do."""
