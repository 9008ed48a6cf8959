"""Kinds of pictures on which a model errs more than on the rest of their classes, as a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cvlib.journal import numbers
from cvlib.journal.errors import JournalError
from cvlib.journal.mistake_notes import rates_note, table_sentences
from cvlib.journal.origin import keys_of
from cvlib.journal.pipe_table import pipe_table
from cvlib.journal.quantity import Markdown
from cvlib.journal.shares import share_text
from cvlib.journal.table_note import noted
from cvlib.journal.words import counted, listed

if TYPE_CHECKING:
    from cvlib.analysis.intervals import Interval
    from cvlib.analysis.slices import Slice
    from cvlib.journal.mistakes import Mistakes

HEAD = ["Pictures", "Images", "Error (%)", "Error in the rest (%)", "Difference (points)", "p"]


def slices_table(found: Mistakes, count: int) -> Markdown:
    """A row a slice, what explains most first; raises JournalError for a count below 1."""
    if count < 1:
        raise JournalError(f"count {count!r}: expected at least 1 slice")
    patterns = found.patterns
    shown = patterns.slices[:count]
    sentences = [_how(found), *_which(found, shown), *table_sentences(found)]
    table = pipe_table(HEAD, [_row(one) for one in shown], "lrrrrr") if shown else ""
    return noted(table, sentences, keys_of(found.of_patterns))


def _row(one: Slice) -> list[str]:
    return [
        one.words,
        f"{one.images:,}",
        share_text(one.rate, most=1),
        share_text(one.rest, most=1),
        _points(one.difference),
        numbers.p_value(one.p_adjusted)[2:].removeprefix("= "),
    ]


def _points(difference: Interval) -> str:
    return numbers.difference(
        100 * difference.estimate, 100 * difference.low, 100 * difference.high, most=1
    )


def _how(found: Mistakes) -> str:
    patterns = found.patterns
    if not patterns.tested:
        return f"{rates_note(found)}: too few images to compare any slice with the rest."
    stand_out = (
        f"{len(patterns.slices):,} stand out" if patterns.slices else "none errs more than its rest"
    )
    return (
        f"{rates_note(found)}; {counted(patterns.tested, 'slice')} tried (the lowest and highest "
        "fifth of each property, over all classes and in each"
        f"{', and clusters of a feature map' * (found.clusters is not None)}), {stand_out}."
    )


def _which(found: Mistakes, shown: tuple[Slice, ...]) -> list[str]:
    patterns = found.patterns
    sentences = []
    if shown:
        sentences.append(
            "Rest: other images of the same classes; p: exact, within classes, Holm-adjusted for "
            "all that were tried; intervals: 95% over images, of differences for all jointly."
        )
    for one in shown:
        if one.also:
            sentences.append(f"Explained by {one.words}: {listed(list(one.also), most=2)}.")
    if patterns.left_out and patterns.tested:
        names = listed([name.replace("_", " ") for name in patterns.left_out])
        sentences.append(f"Left out, the same in every image: {names}.")
    return sentences
