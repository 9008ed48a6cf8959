"""What a person's review of mistakes says of the labels: counts, shares, and a bound of the score.

Only verdicts on the random sample of the first seed's mistakes count for shares
(`analysis.review_sample`); mistakes that were picked by hand are no sample of all. Before a review each
value says that nothing was reviewed yet.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from cvlib.analysis.intervals import Interval, wilson_interval
from cvlib.journal.errors import JournalError
from cvlib.journal.functions import of_mistakes
from cvlib.journal.quantity import Quantity, Skipped
from cvlib.journal.results import skipped_value
from cvlib.journal.spread import share_quantity
from cvlib.journal.words import counted, listed

if TYPE_CHECKING:
    from cvlib.journal.mistakes import Mistakes

_NOT_YET = "not reviewed yet"

_PLURAL = {
    "label-error": ("is a label error", "are label errors"),
    "ambiguous": ("is ambiguous", "are ambiguous"),
    "model-error": ("is the model's own", "are the model's own"),
}


@of_mistakes
def reviewed(found: Mistakes) -> Quantity:
    """`of 60 reviewed mistakes, 14 are label errors, 20 are ambiguous and 26 are the …`.

    Example: found.reviewed()
    """
    if (missing := _missing(found)) is not None:
        if missing.text != _NOT_YET:
            return missing
        text = (
            f"nothing was reviewed yet (cvlib dashboard {found.cases.subject.variant.experiment} "
            f"shows the {counted(len(found.sample), 'mistake')} to review)"
        )
        return Skipped(text, reason=missing.reason)
    counts = {said: _in_sample(found, said) for said in _PLURAL}
    said = [f"{count} {_PLURAL[verdict][count != 1]}" for verdict, count in counts.items() if count]
    total = len(_sampled(found))
    drawn = len(found.sample)
    part = f" (a random sample of {drawn}, not all of it reviewed)" * (total < drawn)
    beyond = len(found.verdicts) - total
    text = f"of {total} reviewed mistakes{part}, {listed(said) or 'none has a verdict'}"
    if beyond:
        text += f"; {beyond} more were picked by hand and are not counted"
    return _counted(found, Quantity(text, float(total)))


@of_mistakes
def verdict(found: Mistakes, which: str) -> Quantity:
    """`14`: reviewed mistakes of the sample that are label-error, ambiguous or model-error.

    Example: found.verdict("label-error")
    """
    _check(which)
    if (missing := _missing(found)) is not None:
        return missing
    count = _in_sample(found, which)
    return _counted(found, Quantity(f"{count}", float(count)))


@of_mistakes
def verdict_share(found: Mistakes, which: str) -> Quantity:
    """`23% [14, 35]`: of the reviewed mistakes, with Wilson's interval.

    Example: found.verdict_share("label-error")
    """
    _check(which)
    if (missing := _missing(found)) is not None:
        return missing
    return _counted(found, share_quantity(_share(found, which)))


@of_mistakes
def label_noise(found: Mistakes) -> Quantity:
    """`1.9% [1.2, 2.9]`: of the test images, those that count as mistakes for their label.

    Error rate of the first seed times the share of label errors in the sample of its mistakes:
    a model that is right on every one of them scores as much lower. The error rate is that of
    this test set and has no error of its own; the interval is the share's.

    Example: found.label_noise()
    """
    if (missing := _missing(found)) is not None:
        return missing
    error, share = float(found.cases.subject.wrong[0].mean()), _share(found, "label-error")
    bound = Interval(*(error * end for end in (share.estimate, share.low, share.high)))
    return _counted(found, share_quantity(bound))


def _counted(found: Mistakes, value: Quantity) -> Quantity:
    """Traced to the run whose mistakes were sampled, and to the file with the verdicts."""
    subject = found.cases.subject
    stale = replace(value, stale=subject.variant.is_stale)
    return stale.traced([subject.run.key], found.reviews_file)


def _share(found: Mistakes, which: str) -> Interval:
    return wilson_interval(_in_sample(found, which), len(_sampled(found)))


def _sampled(found: Mistakes) -> list[int]:
    """Reviewed images of the random sample."""
    return [image for image in found.verdicts if (found.sample == image).any()]


def _in_sample(found: Mistakes, which: str) -> int:
    return sum(found.verdicts[image] == which for image in _sampled(found))


def _missing(found: Mistakes) -> Skipped | None:
    """What stands in place of all these values while there is no review to count."""
    if found.is_skipped:
        return skipped_value(found.variants[0])
    if _sampled(found):
        return None
    if not found.cases.subject.wrong[0].any():
        return Skipped("no mistakes to review", reason="the subject makes no mistake")
    how = f"`cvlib dashboard {found.cases.subject.variant.experiment}`"
    return Skipped(
        _NOT_YET,
        reason=f"no verdict on the {len(found.sample)} mistakes that are to be reviewed; {how} "
        "shows them in its view `to review`, `--export-tags` keeps the verdicts",
    )


def _check(which: str) -> None:
    if which not in _PLURAL:
        raise JournalError(f"verdict {which!r}: expected one of {', '.join(_PLURAL)}")
