"""What a chapter can call, by name, and the functions behind it.

A function that is marked `@of_experiment` is called by a chapter as `exp.NAME(…)`, without its first
argument; one that is marked `@of_mistakes` as `found.NAME(…)`. The marks are looked for in the source
of this package, so that a new function is written in one file, and a module is imported when one of
its functions is used first.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from difflib import get_close_matches
from functools import cache, wraps
from importlib import import_module
from inspect import signature
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from cvlib.journal.errors import UnknownName

_MARK = re.compile(r"^@of_(experiment|mistakes)\n(?:@.*\n)*def (\w+)\(", re.MULTILINE)
Function = TypeVar("Function", bound=Callable[..., Any])


def of_experiment(function: Function) -> Function:
    """Mark a function whose first argument is a `Results`: `exp.NAME(…)` calls it."""
    return function


def of_mistakes(function: Function) -> Function:
    """Mark a function whose first argument is a `Mistakes`: `found.NAME(…)` calls it."""
    return function


@cache
def marked(kind: str) -> dict[str, str]:
    """Name -> module of every marked function, by name. kind: `experiment` or `mistakes`."""
    found = {
        name: f"{__package__}.{path.stem}"
        for path in Path(__file__).parent.glob("*.py")
        for of, name in _MARK.findall(path.read_text(encoding="utf-8"))
        if of == kind
    }
    return dict(sorted(found.items()))


class Asked:
    """What a chapter asks: an experiment, or mistakes. Its methods are the marked functions."""

    _kind: ClassVar[str]

    def _subject(self) -> Any:
        """What the functions take as their first argument."""
        raise NotImplementedError

    def __getattr__(self, name: str) -> Callable[..., Any]:
        module = marked(self._kind).get(name)
        if module is None:
            raise UnknownName(self._unknown(name))
        function = getattr(import_module(module), name)

        @wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            return function(self._subject(), *args, **kwargs)

        _first, *others = signature(function).parameters.values()
        call.__signature__ = signature(function).replace(parameters=others)  # type: ignore[attr-defined]
        return call

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *marked(self._kind)]

    def _unknown(self, name: str) -> str:
        there = [other for other in dir(self) if not other.startswith("_")]
        near = get_close_matches(name, there, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"there is: {', '.join(sorted(there))}"
        return f"{self!r} has no {name!r}; {hint}"
