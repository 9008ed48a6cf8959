"""What a person's review of mistakes says of the labels: counts, shares, and a bound of the score.

Only verdicts on the random sample of the first seed's mistakes count for shares
(`analysis.review_sample`); mistakes that were picked by hand are no sample of all.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from cvlib.journal.errors import JournalError
from cvlib.journal.mistake_reading import MistakeReading
from cvlib.journal.quantity import Quantity, Skipped

if TYPE_CHECKING:
    from cvlib.analysis.intervals import Interval

_NOT_YET = "not reviewed yet"
_PLURAL = {
    "label-error": ("is a label error", "are label errors"),
    "ambiguous": ("is ambiguous", "are ambiguous"),
    "model-error": ("is the model's own", "are the model's own"),
}


class Reviewed(MistakeReading):
    """Inline values of reviews. Before a review each says that nothing was reviewed yet."""

    def reviewed(self) -> Quantity:
        """`of 60 reviewed mistakes, 14 are label errors, 20 are ambiguous and 26 are the …`."""
        from cvlib.journal.words import counted, listed

        if (missing := self._missing()) is not None:
            if missing.text != _NOT_YET:
                return missing
            text = (
                f"nothing was reviewed yet (cvlib dashboard {self.cases.subject.variant.experiment} "
                f"shows the {counted(len(self.sample), 'mistake')} to review)"
            )
            return Skipped(text, reason=missing.reason)
        counts = {said: self._in_sample(said) for said in _PLURAL}
        said = [
            f"{count} {_PLURAL[verdict][count != 1]}" for verdict, count in counts.items() if count
        ]
        total = len(self._sampled())
        drawn = len(self.sample)
        part = f" (a random sample of {drawn}, not all of it reviewed)" * (total < drawn)
        beyond = len(self.verdicts) - total
        text = f"of {total} reviewed mistakes{part}, {listed(said) or 'none has a verdict'}"
        if beyond:
            text += f"; {beyond} more were picked by hand and are not counted"
        return self._counted(Quantity(text, float(total)))

    def verdict(self, which: str) -> Quantity:
        """`14`: reviewed mistakes of the sample that are label-error, ambiguous or model-error."""
        _check(which)
        if (missing := self._missing()) is not None:
            return missing
        count = self._in_sample(which)
        return self._counted(Quantity(f"{count}", float(count)))

    def verdict_share(self, which: str) -> Quantity:
        """`23% [14, 35]`: of the reviewed mistakes, with Wilson's interval."""
        from cvlib.journal.shares import share_quantity

        _check(which)
        if (missing := self._missing()) is not None:
            return missing
        return self._counted(share_quantity(self._share(which)))

    def label_noise(self) -> Quantity:
        """`1.9% [1.2, 2.9]`: of the test images, those that count as mistakes for their label.

        Error rate of the first seed times the share of label errors in the sample of its mistakes:
        a model that is right on every one of them scores as much lower. The error rate is that of
        this test set and has no error of its own; the interval is the share's.
        """
        from cvlib.analysis.intervals import Interval
        from cvlib.journal.shares import share_quantity

        if (missing := self._missing()) is not None:
            return missing
        error, share = float(self.cases.subject.wrong[0].mean()), self._share("label-error")
        bound = Interval(*(error * end for end in (share.estimate, share.low, share.high)))
        return self._counted(share_quantity(bound))

    def _counted(self, value: Quantity) -> Quantity:
        """Traced to the run whose mistakes were sampled, and to the file with the verdicts."""
        subject = self.cases.subject
        stale = replace(value, stale=subject.variant.is_stale)
        return stale.traced([subject.run.key], self.reviews_file)

    def _share(self, which: str) -> Interval:
        from cvlib.analysis.intervals import wilson_interval

        return wilson_interval(self._in_sample(which), len(self._sampled()))

    def _sampled(self) -> list[int]:
        """Reviewed images of the random sample."""
        return [image for image in self.verdicts if (self.sample == image).any()]

    def _in_sample(self, which: str) -> int:
        return sum(self.verdicts[image] == which for image in self._sampled())

    def _missing(self) -> Skipped | None:
        """What stands in place of all these values while there is no review to count."""
        if self.is_skipped:
            from cvlib.journal.inline import skipped

            return skipped(self.variants[0])
        if self._sampled():
            return None
        if not self.cases.subject.wrong[0].any():
            return Skipped("no mistakes to review", reason="the subject makes no mistake")
        how = f"`cvlib dashboard {self.cases.subject.variant.experiment}`"
        return Skipped(
            _NOT_YET,
            reason=f"no verdict on the {len(self.sample)} mistakes that are to be reviewed; {how} "
            "shows them in its view `to review`, `--export-tags` keeps the verdicts",
        )


def _check(which: str) -> None:
    if which not in _PLURAL:
        raise JournalError(f"verdict {which!r}: expected one of {', '.join(_PLURAL)}")
