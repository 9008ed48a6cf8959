"""Where a number, a table or a figure of the report comes from: places, expressions, runs."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

from cvlib.engine.chapter import INLINE, Chapter
from cvlib.engine.errors import RenderError
from cvlib.engine.source_lines import nearest
from cvlib.freeze.frozen_chapter import FrozenChapter, frozen_chapters
from cvlib.freeze.trace_labels import place_of_label
from cvlib.freeze.trace_place import Place
from cvlib.freeze.trace_values import nearest_values, places_of_value, tokens_of
from cvlib.project import Project

_LABEL = re.compile(r"@?(?P<label>(?:fig|tbl)-[\w-]+)", re.IGNORECASE)


WhyStale = Callable[[Chapter], str | None]


def trace(layout: Project, what: str, why_stale: WhyStale | None = None) -> list[Place]:
    """Every place where the report shows a value, or the table or figure of a label.

    what: `91.6%`, `91.6 ± 1.2%`, `fig-exp02`, `@tbl-exp02`. why_stale: asked of each chapter where
    something is found. Raises PublishError with the nearest there is when nothing is.
    """
    frozen = frozen_chapters(layout)
    label = _LABEL.fullmatch(what.strip())
    if label is not None:
        name = label["label"].lower()
        found = [place for one in frozen if (place := place_of_label(one, name)) is not None]
    else:
        found = places_of_value(frozen, what)
    if not found:
        raise RenderError(_nothing(frozen, what, label is not None))
    if why_stale is None:
        return found
    files = {place.file for place in found}
    stale = {o.chapter.file: why_stale(o.chapter) for o in frozen if o.chapter.file in files}
    return [replace(place, stale=stale[place.file] or "") for place in found]


def _nothing(frozen: list[FrozenChapter], what: str, is_label: bool) -> str:
    if not frozen:
        return "no chapter is frozen yet, so nothing can be traced; `cvlib render` executes them"
    if is_label:
        labels = {
            name for one in frozen for name in re.findall(r"\{#((?:fig|tbl)-[\w-]+)", one.markdown)
        }
        return f"no figure or table is labelled {what!r}{nearest(what.lstrip('@'), labels)}"
    wanted = f" {' '.join(tokens_of(what))} "
    for one in frozen:
        for number, line in enumerate(one.chapter.text.split("\n"), start=1):
            if wanted in f" {' '.join(tokens_of(INLINE.sub('', line)))} ":
                return (
                    f"{what!r} was typed by hand in {one.chapter.file}:{number}; no run says it. "
                    "An inline value, `{python} …`, is traced"
                )
    values = list(dict.fromkeys(mark.text for one in frozen for mark in one.marks))
    return f"no chapter shows {what!r}; the nearest are: {', '.join(nearest_values(what, values))}"
