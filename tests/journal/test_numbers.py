from __future__ import annotations

import pytest

from cvlib.journal import numbers
from cvlib.journal.quantity import Quantity


@pytest.mark.parametrize(
    ("mean", "half", "text"),
    [
        (91.2345, 0.3141, "91.2 ± 0.3"),  # one decimal everywhere, so that numbers can be compared
        (91.2345, 1.4142, "91.2 ± 1.4"),
        (91.2345, 0.0949, "91.23 ± 0.09"),  # two where one would read as 0.1 at most
        (91.2345, 0.0951, "91.2 ± 0.1"),
        (91.2345, 0.0321, "91.23 ± 0.03"),
        (91.2345, 9.94, "91.2 ± 9.9"),
        (91.2345, 9.96, "91 ± 10"),
        (91.2345, 0.0004, "91.23 ± 0.01"),  # never narrower than it is
        (91.2345, 0.0, "91.23 ± 0.00"),
        (91.2345, None, "91.2"),
    ],
)
def test_percents_have_one_decimal_and_two_where_the_half_width_is_smaller(mean, half, text):
    assert numbers.plus_minus(mean, half) == text


def test_a_count_is_given_its_own_decimals():
    assert numbers.plus_minus(0.31234, 0.0131, 3) == "0.312 ± 0.013"
    assert numbers.plus_minus(31.2, 0.0131, 0) == "31 ± 1"  # never narrower than it is


def test_difference_has_a_sign_and_a_true_minus():
    assert numbers.difference(0.84, 0.31, 1.37) == "+0.8 [0.3, 1.4]"
    assert numbers.difference(0.84, 0.31, 1.37, plus=False) == "0.8 [0.3, 1.4]"
    assert numbers.difference(-1.2, -2.5, 0.1) == "−1.2 [−2.5, 0.1]"
    assert numbers.difference(-0.001, -0.2, 0.198) == "0.0 [−0.2, 0.2]"
    assert numbers.difference(0.141, 0.06, 0.222) == "+0.14 [0.06, 0.22]"


@pytest.mark.parametrize(
    ("low", "high", "text"),
    [
        (-2.3, -0.04, "−1.17 [−2.30, −0.04]"),
        (0.04, 2.3, "+1.17 [0.04, 2.30]"),
        (-12.4, -0.003, "−6.202 [−12.400, −0.003]"),
        (-2.3, 0.04, "−1.1 [−2.3, 0.0]"),  # holds zero, and reads so
        (-2.3, -0.06, "−1.2 [−2.3, −0.1]"),
    ],
)
def test_an_interval_that_leaves_zero_out_shows_it(low, high, text):
    assert numbers.difference((low + high) / 2, low, high) == text


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (812, "812"),
        (4_130, "4.1k"),
        (41_300, "41k"),
        (99_600, "0.10M"),
        (390_000, "0.39M"),
        (1_240_000, "1.2M"),
        (11_700_000, "12M"),
        (1_240_000_000, "1.2G"),
    ],
)
def test_counts_are_said_as_people_say_them(number, text):
    assert numbers.compact(number) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.42, "0.42 s"), (4.13, "4.1 s"), (41.3, "41 s"), (204, "3.4 min"), (7700, "2.1 h")],
)
def test_durations_change_their_unit(seconds, text):
    assert numbers.duration(seconds) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(1.836, "1.8"), (0.416, "0.42"), (1.04, "1.04"), (0.97, "0.97"), (12.3, "12")],
)
def test_ratio_shows_on_which_side_of_one_it_is(value, text):
    assert numbers.ratio(value) == text


@pytest.mark.parametrize(
    ("p", "text"), [(0.0002, "p < 0.001"), (0.0031, "p = 0.003"), (0.421, "p = 0.42")]
)
def test_p_values(p, text):
    assert numbers.p_value(p) == text


def test_markdown_escapes_what_would_be_a_link_and_keeps_a_value_together():
    shown = Quantity("+0.84 [0.31, 1.37] points")._repr_markdown_()
    assert shown == "+0.84 \\[0.31,\u00a01.37\\]\u00a0points"
    assert Quantity("p < 0.001")._repr_markdown_() == "*p*\u00a0\\<\u00a00.001"


def test_stale_value_is_marked_as_text_and_as_markdown():
    stale = Quantity("91.2%", 91.2, stale=True)
    assert str(stale) == "91.2%†"
    assert stale._repr_markdown_() == "91.2%^†^"
    assert float(stale) == 91.2
