"""Several comparisons with one reference, by name and as a table."""

from __future__ import annotations

from collections.abc import Sequence

from cvlib.journal import numbers
from cvlib.journal.comparison import Comparison
from cvlib.journal.errors import JournalError
from cvlib.journal.inline import skipped
from cvlib.journal.origin import keys_of
from cvlib.journal.pipe_table import pipe_table
from cvlib.journal.quantity import STALE_MARK, Markdown, Skipped
from cvlib.journal.staleness import marks
from cvlib.journal.table_note import noted, skipped_and_stale, without_results
from cvlib.journal.variant_results import VariantResults
from cvlib.journal.words import counted, ranged


class Comparisons(dict[str, Comparison]):
    """Comparisons with one reference, by the variant's name; shown as a table.

    Variants of two experiments that share a name go by their ids, such as `exp02/probe`; an id
    finds any variant. Of a skipped one, or all where the reference was, it says `skipped`.
    """

    def __init__(
        self,
        reference: VariantResults,
        asked: Sequence[VariantResults],
        found: Sequence[Comparison],
    ) -> None:
        """asked: the variants that were to be compared; found: of those that have results."""
        ids: dict[str, dict[str, None]] = {}
        for variant in asked:
            ids.setdefault(variant.name, {})[variant.id] = None
        self._key = {v.id: v.id if len(ids[v.name]) > 1 else v.name for v in asked}
        self._ids = {name: list(those) for name, those in ids.items()}
        self._asked = {variant.id: variant for variant in asked}
        self._reference = reference
        super().__init__({self._key[one.first.id]: one for one in found})

    def __missing__(self, name: str) -> Comparison | Skipped:
        there = self._ids.get(name, [name])
        if len(there) > 1:
            raise JournalError(f"{name!r} is in two experiments; say {' or '.join(there)}")
        variant = self._asked.get(there[0])
        if variant is None:
            raise JournalError(f"no comparison of {name!r}; there is: {self._names()}")
        for one in (self._reference, variant):
            if one.is_skipped:
                return skipped(one)
        return self[self._key[variant.need().id]]

    def _names(self) -> str:
        left_out = [key for one, key in self._key.items() if self._asked[one].is_skipped]
        return ", ".join(self) + f"; skipped: {', '.join(left_out)}" * bool(left_out)

    def _repr_markdown_(self) -> str:
        return self._table()._repr_markdown_()

    def __str__(self) -> str:
        return str(self._table())

    def _table(self) -> Markdown:
        every = [self._reference, *self._asked.values()]
        if not self:
            which = "reference was" if self._reference.is_skipped else "variants were"
            said = f"No comparison: the {which} skipped."
            return noted("", [said, *skipped_and_stale(every, [])], ())
        shown = [one.first for one in self.values()]
        mark = marks([self._reference, *shown])
        rows = [
            [
                one.first.label + mark[one.first.id],
                str(one.difference).removesuffix(STALE_MARK).removesuffix(" points"),
                numbers.p_value(one.p).removeprefix("p ").removeprefix("= "),
                one.verdict,
            ]
            for one in self.values()
        ]
        head = ["Variant", f"Difference to {self._reference.label} (points)", "p", "Verdict"]
        tests = [one.test for one in self.values()]
        images = ranged([test.images for test in tests], "test image")
        seeds = ranged([test.seeds for test in tests], "seed")
        together = counted(next(iter(self.values())).together, "comparison")
        note = [
            f"Difference with its 95% bootstrap interval over the same {images}, mean of {seeds}; "
            f"exact paired test, p adjusted for {together} (Holm).",
            *without_results(self._asked.values()),
            *skipped_and_stale(every, [self._reference, *shown]),
        ]
        table = pipe_table(head, rows, "lrrl")
        return noted(table, note, keys_of([self._reference, *shown]))
