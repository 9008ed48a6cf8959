"""What reaches a terminal is shown, and only what draws a bar of progress is carried out."""

from __future__ import annotations

import pytest

from cvlib.terminal import drawable, printable


def test_nothing_printable_is_carried_out():
    assert printable("a\x1b[2J\x07\r\ud800\n") == "a\\x1b[2J\\x07\\r\\ud800\n"


@pytest.mark.parametrize("bar", ["\r50 %", "\x1b[1A\x1b[2K\x1b[38;5;2m━\x1b[0m", "\x1b[?25l"])
def test_a_bar_of_progress_is_drawn(bar):
    assert drawable(bar) == bar


@pytest.mark.parametrize("text", ["\x1b[2J", "\x1b]0;title\x07", "\x1bc", "\x1b[5;5H", "\x1b[6n"])
def test_whatever_else_a_cell_sends_is_shown_only(text):
    assert drawable(text) == printable(text) != text
