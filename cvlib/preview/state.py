"""What the open pages are told: which pages are new, what is wrong, what is under way."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from threading import Condition


@dataclass(frozen=True)
class Problem:
    """Something wrong with a chapter, or with the whole book (page "").

    where: `report/exp02.qmd:12`; message: what is wrong; detail: the rest of what is known.
    """

    page: str
    where: str
    message: str
    detail: str = ""


@dataclass(frozen=True)
class Waiting:
    """A chapter that shows what it last could, for want of results."""

    page: str
    message: str


@dataclass(frozen=True)
class Told:
    """All that pages are told. pages: page -> digest of what it shows; busy: what is done now."""

    pages: Mapping[str, str] = field(default_factory=dict)
    busy: str = ""
    problems: Sequence[Problem] = ()
    waiting: Sequence[Waiting] = ()
    training: Sequence[Mapping[str, object]] = ()

    def as_json(self) -> str:
        """On one line, as an event has it."""
        return json.dumps(asdict(self), ensure_ascii=False)


class State:
    """Holds what is told now, and wakes those who wait for news."""

    def __init__(self) -> None:
        self._told = Told()
        self._version = 0
        self._news = Condition()

    @property
    def told(self) -> Told:
        """What is told now."""
        return self._told

    def tell(self, **changes: object) -> None:
        """Change some of it; says nothing when all is as it was."""
        with self._news:
            told = replace(self._told, **changes)  # type: ignore[arg-type]
            if told != self._told:
                self._told = told
                self._version += 1
                self._news.notify_all()

    def next(self, after: int, seconds: float) -> tuple[int, Told]:
        """Wait up to `seconds` for news later than version `after`; return what is told then."""
        with self._news:
            self._news.wait_for(lambda: self._version > after, timeout=seconds)
            return self._version, self._told
