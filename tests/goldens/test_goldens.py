"""What cvlib makes of two projects is what it made before the refactoring, line by line."""

from __future__ import annotations

import pytest

from tests.goldens.build import build, differences


@pytest.mark.shipped
def test_the_shipped_report_is_as_it_was(tmp_path):
    assert differences("shipped", build("shipped", tmp_path)) == ""


def test_a_new_project_is_as_it_was(tmp_path):
    assert differences("digits", build("digits", tmp_path)) == ""
