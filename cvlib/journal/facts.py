"""What an experiment asks for, and how large it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cvlib.journal.errors import JournalError
from cvlib.journal.origin import keys_of
from cvlib.journal.quantity import Quantity, Words
from cvlib.journal.reading import Reading, declared_in

if TYPE_CHECKING:
    from cvlib.journal.variant_results import VariantResults

    Name = str | VariantResults


class Facts(Reading):
    """Words and counts from the experiment's YAML, and of its data."""

    @property
    def title(self) -> Words:
        """The title in its YAML."""
        return Words(self._experiment.title, source=self.source)

    @property
    def question(self) -> Words:
        """The question in its YAML."""
        return Words(self._experiment.question, source=self.source)

    @property
    def variants(self) -> tuple[VariantResults, ...]:
        """All variants, in the order of the YAML; each has .name, .label, .factor."""
        return self.results.variants

    @property
    def runs(self) -> Quantity:
        """How many runs the experiment asks for."""
        return self._declared(_count(len(self._experiment.variants) * len(self._experiment.seeds)))

    @property
    def seeds(self) -> Quantity:
        """How many seeds each variant is run with."""
        return self._declared(_count(len(self._experiment.seeds)))

    @property
    def epochs(self) -> Quantity:
        """Epochs of the variants that are trained: `8`, or `4–10` where they differ."""
        found = [getattr(v.spec.train, "epochs", None) for v in self._experiment.variants]
        counts = [epochs for epochs in found if epochs is not None]
        if not counts:
            raise JournalError(f"{self.id}: no variant is trained in epochs; all are probes")
        return self._declared(_range(counts))

    @property
    def dataset(self) -> Words:
        """The dataset in words: `Fashion-MNIST`."""
        from cvlib.journal.words import dataset_words, listed

        names = [dataset_words(v.spec.dataset.name) for v in self._experiment.variants]
        return Words(listed(list(dict.fromkeys(names))), source=self.source)

    def images(self, split: str, variant: Name | None = None) -> Quantity:
        """How many images `train`, `val` or `test` has: `18,000`, or `450–18,000` by variant.

        variant: of this one; None: of all that have results.
        """
        if split not in ("train", "val", "test"):
            raise JournalError(f"split {split!r}: expected train, val or test")
        if variant is not None:
            source = declared_in(self.layout, self.results.variant(variant).experiment)
            return self._of(lambda one: _range([_images(one, split)]), variant).traced((), source)
        shown = self.results.shown(self.results.chosen(None))
        if not shown:
            from cvlib.journal.inline import skipped

            return skipped(self.results.variants[0])
        return self._declared(_range([_images(one, split) for one in shown])).traced(keys_of(shown))

    def setting(self, key: str, variant: Name = "base") -> Quantity:
        """`0.003`, `one cycle`, `none`: what a variant's spec says at `train.optimizer.lr`, ….

        Also of a variant without results.
        """
        from cvlib.journal.settings import setting, value_words

        asked = self.results.variant(variant)
        found = setting(asked, key)
        number = float(found) if isinstance(found, int | float) else None
        source = declared_in(self.layout, asked.experiment)
        return Quantity(value_words(key, found), number, source=source)

    def _declared(self, value: Quantity) -> Quantity:
        return value.traced(source=self.source)


def _images(variant: VariantResults, split: str) -> int:
    seed, run = next(iter(variant.need().runs.items()))
    if split == "test" and "test_images" not in run.metrics:
        return len(variant.tested(seed).labels)
    return int(variant.value(f"{split}_images", seed))


def _count(number: int) -> Quantity:
    return Quantity(f"{number:,}", number)


def _range(numbers: list[int]) -> Quantity:
    """One number, or the smallest and the largest: `4–10`, which has no value."""
    low, high = min(numbers), max(numbers)
    return _count(low) if low == high else Quantity(f"{low:,}–{high:,}", None, low, high)
