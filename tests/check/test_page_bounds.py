"""Content stays inside the text area; heads, feet and hanging punctuation may not disturb."""

from __future__ import annotations

from cvlib.check.page_bounds import find
from tests.check.made import CURVE, PARTS, bad, subject_of, verdicts


def test_a_page_of_justified_text_with_head_and_foot_passes(tmp_path):
    assert verdicts(find(subject_of(tmp_path, PARTS))) == ["ok"]


def test_a_word_that_does_not_fit_the_line_fails_at_its_page(tmp_path):
    word = "#pagebreak() #set text(hyphenate: false)\n" + "unbreakable" * 10
    (found,) = bad(find(subject_of(tmp_path, word)))
    assert "margin" in found.says and "unbreakable" in found.says and found.page == 2


def test_text_beyond_the_edge_of_the_page_fails(tmp_path):
    (found,) = bad(find(subject_of(tmp_path, "#place(dx: 19cm)[lost words]")))
    assert found.says == "the text 'lost words' runs off the page" and found.page == 1


def test_text_in_the_left_margin_fails(tmp_path):
    (found,) = bad(find(subject_of(tmp_path, "#place(dx: -1.5cm)[early]")))
    assert "'early' stands in the margin" in found.says


def test_text_in_the_foot_fails(tmp_path):
    (found,) = bad(find(subject_of(tmp_path, "#place(dy: 26.3cm)[too low]")))
    assert "'too low' stands below the last line" in found.says


def test_a_picture_that_is_too_wide_fails(tmp_path):
    body = '#image("a.svg", width: 19cm)'
    (found,) = bad(find(subject_of(tmp_path, body, {"a.svg": CURVE})))
    assert "right margin" in found.says and found.page == 1


def test_a_table_that_is_too_wide_is_left_to_the_check_of_tables(tmp_path):
    body = "#table(columns: (4cm,) * 5, " + "[1.5]," * 4 + "[#h(1fr) last])"
    assert verdicts(find(subject_of(tmp_path, body))) == ["ok"]


def test_an_untagged_pdf_is_looked_at_as_far_as_can_be(tmp_path, monkeypatch):
    subject = subject_of(tmp_path, "#place(dy: 26.3cm)[too low]")
    monkeypatch.setattr(type(subject.pdf), "is_tagged", False)
    assert verdicts(find(subject)) == ["unchecked", "ok"]
