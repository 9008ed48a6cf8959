"""`docs/reference/journal.md` says what the functions say: names, arguments, docstrings, examples."""

from __future__ import annotations

import re

import pytest

from cvlib.journal.handle import marked
from cvlib.reference.journal import journal_page, without_outputs


@pytest.fixture(scope="module")
def committed(pytestconfig) -> str:
    return (pytestconfig.rootpath / "docs" / "reference" / "journal.md").read_text()


def test_the_page_is_up_to_date_with_the_functions(committed):
    assert without_outputs(committed) == journal_page(None), "`python -m cvlib.reference` writes it"


def test_every_function_has_an_example_with_its_output(committed):
    sections = dict(re.findall(r"^### `(\S+)`\n(.*?)(?=^##|\Z)", committed, re.M | re.S))
    names = {f"exp.{name}" for name in marked("experiment")}
    assert names | {f"found.{name}" for name in marked("mistakes")} <= sections.keys()
    for name, section in sections.items():
        assert re.search(r"```python\n.+?```\n\n<!-- output -->\n.+", section, re.S), name


def test_pictures_of_the_page_are_there_and_light(committed, pytestconfig):
    folder = pytestconfig.rootpath / "docs" / "reference"
    named = set(re.findall(r"\]\((journal/\w+\.png)\)", committed))
    assert named == {f"journal/{path.name}" for path in (folder / "journal").iterdir()}
    assert sum((folder / name).stat().st_size for name in named) < 500_000
