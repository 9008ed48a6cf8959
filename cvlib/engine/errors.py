"""What stops a render, always with the place it happened."""

from __future__ import annotations

from cvlib.errors import CvlibError


class RenderError(CvlibError):
    """A render cannot go on. The message opens with `file:line:` where there is one."""

    def __init__(self, message: str, *, file: str | None = None, line: int | None = None) -> None:
        self.file = file
        self.line = line
        self.message = message
        where = "" if file is None else f"{file}: " if line is None else f"{file}:{line}: "
        super().__init__(where + message)


class BookError(RenderError):
    """`_quarto.yml`, a profile or a chapter's header is wrong."""


class Unsupported(RenderError):
    """Valid Quarto that the embedded engine does not carry out."""


class CellFailed(RenderError):
    """A cell of a chapter raised, or its kernel died. `exception` names the class that it raised."""

    def __init__(
        self,
        message: str,
        *,
        file: str | None = None,
        line: int | None = None,
        exception: str | None = None,
    ) -> None:
        super().__init__(message, file=file, line=line)
        self.exception = exception


class GivenUp(RenderError):
    """Cells were stopped because their outputs are not wanted any more."""


class QuartoFailed(RenderError):
    """The real Quarto is missing, too old, or ended with an error."""
