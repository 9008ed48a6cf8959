"""The captions of a cell, and which of its outputs each belongs to."""

from __future__ import annotations

from cvlib.engine.cell_outputs import Output, is_display
from cvlib.engine.chapter import Cell


class Captions:
    """The captions of a cell's outputs, handed out in order."""

    def __init__(self, texts: list[str]) -> None:
        self._texts = [text.strip().replace("\n", " ") for text in texts]

    @property
    def given(self) -> bool:
        """Whether there are any."""
        return bool(self._texts)

    def take(self) -> str | None:
        """Return the next, or None."""
        return (self._texts.pop(0) or None) if self._texts else None


def captions_of(cell: Cell, outputs: list[Output]) -> tuple[str | None, Captions]:
    """The caption of the whole cell, if any, and those of its outputs."""
    caption, sub = cell.options.get("fig-cap"), cell.options.get("fig-subcap")
    if isinstance(caption, list):
        return None, Captions(caption if any(map(is_display, outputs)) else [])
    if caption and sub is not None:
        return caption, Captions([""] if sub is True else sub if isinstance(sub, list) else [sub])
    return None, Captions([caption] if caption else [])
