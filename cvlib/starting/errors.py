"""What stops a start. Nothing half-made is left behind then."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from cvlib.errors import CvlibError


class StartError(CvlibError, ValueError):
    """A new experiment or project cannot be made as asked; the message says what to do."""


@contextmanager
def said_of(file: str) -> Iterator[None]:
    """Let errors that come up begin with the file that they are about."""
    try:
        yield
    except StartError as error:
        raise StartError(f"{file}: {error}") from None
