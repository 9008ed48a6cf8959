"""A chapter depends on the entries that it cites, by what they say."""

from __future__ import annotations

from pathlib import Path

import pytest

from cvlib.engine.bibliography import cited_entries

BIB = """\
% a remark
@string{tmlr = "Transactions"}
@article{one2001a, title = {The {ONE}, and "more"}, author = {A and B}, year = 2001}
@book(two,
  title = "Two",
  journal = tmlr,
)
@comment{three, title = {Not an entry}}
@misc{four:a.b, title = {Four}}
"""


@pytest.fixture
def bib(tmp_path) -> Path:
    path = tmp_path / "references.bib"
    path.write_text(BIB)
    return path


def cited(bib: Path, *texts: str) -> dict[str, str]:
    return cited_entries(texts, [bib])


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("As shown [@one2001a; see @two, p. 3].", {"one2001a", "two"}),
        ("As @one2001a. And -@two: yes", {"one2001a", "two"}),
        ("A key with signs @four:a.b.", {"four:a.b"}),
        ("In braces @{two}", {"two"}),
        ("someone@two.org, and @fig-a, @three", set()),
        ("", set()),
    ],
)
def test_cited_keys_are_found(bib, text, keys):
    assert set(cited(bib, text)) == keys


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("year = 2001", "year = {2001}"),
        ("year = 2001", 'year="2001"'),
        ("title = {The {ONE}, and \"more\"}, author = {A and B}", "author = {A   and\n B}, TITLE={The {ONE}, and \"more\"}"),
        ("% a remark", "% another"),
        ("Not an entry", "Still none"),
        ("{Four}", "{Five}"),
    ],
)  # fmt: skip
def test_spelling_and_other_entries_do_not_count(bib, old, new):
    before = cited(bib, "@one2001a @two")
    assert old in BIB
    bib.write_text(BIB.replace(old, new))
    assert cited(bib, "@one2001a @two") == before


@pytest.mark.parametrize(
    ("old", "new", "changed"),
    [
        ("2001}", "2002}", "one2001a"),
        ("{ONE}", "ONE", "one2001a"),
        ("@article", "@book", "one2001a"),
        ('"Two"', '"2"', "two"),
        ('"Transactions"', '"Notes"', "two"),
    ],
)
def test_what_an_entry_says_counts(bib, old, new, changed):
    before = cited(bib, "@one2001a @two")
    bib.write_text(BIB.replace(old, new, 1))
    after = cited(bib, "@one2001a @two")
    assert [key for key in before if before[key] != after[key]] == [changed]


def test_other_formats_count_by_entry_where_they_can_and_whole_where_not(tmp_path):
    json_file, yaml_file = tmp_path / "a.json", tmp_path / "b.yaml"
    json_file.write_text('[{"id": "x", "title": "X"}, {"id": "y"}]')
    yaml_file.write_text("references: []\n")
    found = cited_entries(["@x"], [json_file, yaml_file])
    assert set(found) == {"x", "b.yaml"}
    assert cited_entries(["nothing"], [json_file, yaml_file]) == {}


def test_a_file_that_is_gone_is_left_to_the_render(tmp_path):
    assert cited_entries(["@x"], [tmp_path / "gone.bib"]) == {}
