"""What cvlib makes of two projects is what it made before the refactoring, line by line."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.goldens.build import build, differences


@pytest.mark.shipped
def test_the_shipped_report_is_as_it_was(tmp_path):
    agrees("shipped", tmp_path)


def test_a_new_project_is_as_it_was(tmp_path):
    agrees("digits", tmp_path)


def agrees(name: str, folder: Path) -> None:
    found = differences(name, build(name, folder))
    if found:
        pytest.fail(
            f"{found}\nIf this is wanted: python -m tests.goldens.build --write {name}",
            pytrace=False,
        )
