"""The PDF's name is the author's, in the course's pattern."""

from __future__ import annotations

import pytest

from cvlib.check.file_name import find
from cvlib.check.subject import Subject
from tests.check.made import NAME, QUARTO_YML, bad, make_project, verdicts


def subject(tmp_path, name: str, author: str = "Ada Lovelace") -> Subject:
    yml = QUARTO_YML.replace("author: Ada Lovelace", f'author: "{author}"')
    return Subject(make_project(tmp_path / "project", yml), tmp_path / name)


def test_the_expected_name_passes(tmp_path):
    assert verdicts(find(subject(tmp_path, NAME))) == ["ok"]


@pytest.mark.parametrize(
    "name",
    [
        "dl4cv2024_Ada_Lovelace_module1.pdf",
        "report.pdf",
        "dl4cv2024_ada_lovelace_module2.pdf",
        "dl4cv2024_Lovelace_Ada_module2.pdf",
    ],
)
def test_any_other_name_fails_at_the_key_that_sets_it(tmp_path, name):
    (found,) = bad(find(subject(tmp_path, name)))
    assert name in found.says and NAME in found.says
    assert (found.file, found.line) == ("_quarto.yml", 5)
    assert "output-file: dl4cv2024_Ada_Lovelace_module2`" in found.to_do


def test_the_rule_for_umlauts_is_said_where_it_was_used(tmp_path):
    (found,) = bad(find(subject(tmp_path, NAME, author="Jürgen Müller")))
    assert "dl4cv2024_Juergen_Mueller_module2.pdf" in found.says
    assert "ü as ue" in found.to_do


def test_a_name_that_cannot_be_split_fails_at_the_author(tmp_path):
    (found,) = bad(find(subject(tmp_path, NAME, author="Madonna")))
    assert (found.file, found.line) == ("_quarto.yml", 4)
    assert "first-name" in found.says
