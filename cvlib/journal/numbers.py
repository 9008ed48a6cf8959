"""The right number of digits.

With an interval: its half width gets two significant digits, a percentage at most two decimals,
and the mean as many decimals as the half width. A half width that would be rounded to nothing is
rounded up, so that no interval looks narrower than it is. Without an interval: two decimals for a
percentage, two significant digits for a count over a thousand, and times as people say them.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cvlib.analysis.intervals import Interval

MINUS = "−"  # as wide as a plus, unlike the hyphen
NO_VALUE = "–"
_MOST_FOR_SIGN = 6  # decimals that an end near zero may take to show its sign


def decimals_for(half_width: float, most: int = 2) -> int:
    """Decimals that give `half_width` two significant digits, at most `most`."""
    if half_width <= 0 or not math.isfinite(half_width):
        return most
    # through the rounded number: 0.0996 becomes 0.10, which has two decimals and not three
    exponent = int(f"{half_width:.1e}".split("e")[1])
    return max(0, min(most, 1 - exponent))


def point_decimals(half_width: float | None) -> int:
    """Decimals of percents and points, everywhere the same: one; two where the interval is so narrow."""
    if half_width is None:
        return 1
    return 2 if half_width < 0.095 else decimals_for(half_width, 1)


def fixed(value: float, decimals: int) -> str:
    """A number with so many decimals, thousands separated, a true minus sign and no minus zero."""
    text = f"{value:,.{decimals}f}"
    if not text.strip("-0.,"):
        return text.lstrip("-")
    return text.replace("-", MINUS)


def signed(value: float, decimals: int) -> str:
    """Like `fixed`, with a plus before what is above zero after rounding."""
    text = fixed(value, decimals)
    return text if text.startswith(MINUS) or not text.strip("0.,") else f"+{text}"


def half_width_text(half_width: float, decimals: int) -> str:
    """What stands after ±, rounded up where it would be rounded to nothing."""
    smallest = 10.0**-decimals
    return fixed(smallest if 0 < half_width < smallest / 2 else half_width, decimals)


def plus_minus(mean: float, half_width: float | None, decimals: int | None = None) -> str:
    """`91.2 ± 0.3`, or `91.2` without an interval. decimals: None for those of points."""
    decimals = point_decimals(half_width) if decimals is None else decimals
    if half_width is None:
        return fixed(mean, decimals)
    return f"{fixed(mean, decimals)} ± {half_width_text(half_width, decimals)}"


def percent(mean: float, half_width: float | None) -> str:
    """`91.2 ± 0.3%`, or `91.2%` without an interval."""
    return f"{plus_minus(mean, half_width)}%"


def difference(estimate: float, low: float, high: float, plus: bool = True) -> str:
    """`+0.8 [0.3, 1.4]`; without `plus`, `0.8 [0.3, 1.4]`.

    An end that is not zero does not read as zero: `[−2.3, −0.04]`, not `[−2.3, 0.0]`.
    """
    decimals = point_decimals((high - low) / 2)
    if low > 0 or high < 0:  # the interval leaves zero out, and shows it
        nearest = min(abs(low), abs(high))
        while decimals < _MOST_FOR_SIGN and round(nearest, decimals) == 0:
            decimals += 1
    shown = signed(estimate, decimals) if plus else fixed(estimate, decimals)
    return f"{shown} [{fixed(low, decimals)}, {fixed(high, decimals)}]"


def compact(number: float) -> str:
    """A count in the size that people say: `812`, `4.1k`, `41k`, `0.39M`, `12M`, `1.2G`."""
    if abs(number) < 1e3:
        return fixed(number, 0)
    rounded = abs(float(f"{number:.1e}"))  # what rounds up to 100k is said in M
    size, unit = (1e3, "k") if rounded < 1e5 else (1e6, "M") if rounded < 1e9 else (1e9, "G")
    return two_digits(number / size) + unit


def two_digits(number: float) -> str:
    """Two significant digits below 100, whole numbers above: `0.39`, `4.1`, `12`, `1,204`."""
    return fixed(number, decimals_for(abs(number), most=6) if number else 0)


def duration(seconds: float) -> str:
    """`0.42 s`, `4.1 s`, `41 s`, `3.4 min`, `2.1 h`."""
    if seconds < 120:
        return f"{two_digits(seconds)} s"
    minutes = seconds / 60
    return f"{two_digits(minutes)} min" if minutes < 120 else f"{two_digits(minutes / 60)} h"


def ratio(value: float) -> str:
    """A quotient to be followed by `times`: `0.42`, `0.97`, `1.04`, `1.8`, `12`."""
    if 0.9 < value < 1.1:
        return fixed(value, 2)  # 1.0 would hide on which side it is
    return two_digits(value)


def p_value(p: float) -> str:
    """`p < 0.001`, `p = 0.003`, `p = 0.42`."""
    if p < 0.001:
        return "p < 0.001"
    return f"p = {p:.3f}" if p < 0.1 else f"p = {p:.2f}"


def share_text(share: Interval, unit: str = "") -> str:
    """`12.1 [10.2, 14.3]`, in percent; with a unit `12.1% [10.2, 14.3]`."""
    ends = 100 * share.estimate, 100 * share.low, 100 * share.high
    decimals = point_decimals((ends[2] - ends[1]) / 2)
    middle, low, high = (fixed(end, decimals) for end in ends)
    return f"{middle}{unit} [{low}, {high}]"


def count_text(number: float) -> str:
    """`121`; `0.67` and `4.3` of a mean over seeds that is no whole number."""
    whole = abs(number - round(number)) < 1e-9
    return f"{number:,.0f}" if whole else two_digits(number)
