"""Kinds of pictures on which a model errs more than on the rest of their classes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import astuple
from typing import TYPE_CHECKING

from cvlib.journal import numbers
from cvlib.journal.errors import JournalError
from cvlib.journal.estimates import share_quantity
from cvlib.journal.handle import of_mistakes
from cvlib.journal.mistake_values import count_quantity, mistakes_value
from cvlib.journal.notes import noted, rates_note, skipped_note, subject_sentences
from cvlib.journal.quantity import Quantity, Skipped, keys_of, pipe_table
from cvlib.journal.words import counted, listed

if TYPE_CHECKING:
    from cvlib.analysis.slices import Slice
    from cvlib.journal.mistake_cases import Mistakes
    from cvlib.journal.quantity import Markdown

HEAD = ["Pictures", "Images", "Error (%)", "Error in the rest (%)", "Difference (points)", "p"]


@of_mistakes
def slices(found: Mistakes, count: int = 6) -> Markdown:
    """Kinds of pictures on which the subject errs more than on the rest, worst first.

    Example: found.slices(3)
    """
    if found.is_skipped:
        return skipped_note(found.variants[:1])
    if count < 1:
        raise JournalError(f"count {count!r}: expected at least 1 slice")
    patterns = found.patterns
    shown = patterns.slices[:count]
    sentences = [_how(found), *_which(found, shown), *subject_sentences(found)]
    rows = []
    for one in shown:
        middle, low, high = (100 * end for end in astuple(one.difference))
        cells = [
            one.words,
            f"{one.images:,}",
            numbers.share_text(one.rate),
            numbers.share_text(one.rest),
            numbers.difference(middle, low, high),
            numbers.p_value(one.p_adjusted)[2:].removeprefix("= "),
        ]
        rows.append(cells)
    table = pipe_table(HEAD, rows, "lrrrrr") if rows else ""
    return noted(table, sentences, keys_of(found.of_patterns))


@of_mistakes
def slice(found: Mistakes, place: int = 0) -> Quantity:
    """`dark Shirt`: the worst slice in words, or the one at `place` after it.

    Example: found.slice()
    """
    return _of_slice(found, place, lambda one: Quantity(one.words, stale=found.is_stale))


@of_mistakes
def slice_error(found: Mistakes, place: int = 0) -> Quantity:
    """`31% [27, 36]`: error in that slice.

    Example: found.slice_error()
    """
    return _of_slice(found, place, lambda one: share_quantity(one.rate, found.is_stale))


@of_mistakes
def slice_rest(found: Mistakes, place: int = 0) -> Quantity:
    """`9.1% [8.0, 10.2]`: error in the rest of the same classes.

    Example: found.slice_rest()
    """
    return _of_slice(found, place, lambda one: share_quantity(one.rest, found.is_stale))


@of_mistakes
def slice_images(found: Mistakes, place: int = 0) -> Quantity:
    """`200`: images of that slice.

    Example: found.slice_images()
    """
    return _of_slice(found, place, lambda one: count_quantity(found, one.images))


@of_mistakes
def slices_found(found: Mistakes) -> Quantity:
    """`7`: slices on which the subject errs more, after correction for all that were tried.

    Example: found.slices_found()
    """
    return _of_patterns(found, lambda: count_quantity(found, len(found.patterns.slices)))


@of_mistakes
def slices_tried(found: Mistakes) -> Quantity:
    """`131`: slices that were tried.

    Example: found.slices_tried()
    """
    return _of_patterns(found, lambda: count_quantity(found, found.patterns.tested))


def _of_patterns(found: Mistakes, value: Callable[[], Quantity]) -> Quantity:
    return mistakes_value(found, value, of=lambda _: found.of_patterns)


def _of_slice(found: Mistakes, place: int, words: Callable[[Slice], Quantity]) -> Quantity:
    def value() -> Quantity:
        slices = found.patterns.slices
        if place < len(slices):
            return words(slices[place])
        reason = f"{len(slices)} of {found.patterns.tested} slices stand out, none at {place}"
        return Skipped("none", reason=reason)

    return _of_patterns(found, value)


def _how(found: Mistakes) -> str:
    tested, stand_out = found.patterns.tested, len(found.patterns.slices)
    if not tested:
        return f"{rates_note(found)}: too few images to compare any slice with the rest."
    return (
        f"{rates_note(found)}; {counted(tested, 'slice')} tried (the lowest and highest "
        "fifth of each property, over all classes and in each"
        f"{', and clusters of a feature map' * (found.clusters is not None)}), "
        f"{f'{stand_out:,} stand out' if stand_out else 'none errs more than its rest'}."
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
