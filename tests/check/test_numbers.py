"""No result is typed, one quantity has one rounding, and percents of other images are pointed out."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from cvlib.check.numbers import images, roundings, typed
from cvlib.check.submission import Submission
from tests.check.made import bad, freeze, make_project, verdicts


@pytest.mark.parametrize(
    "text",
    [
        "It reaches 91.6% on the test images.",
        "That is +0.8 points more.",
        "Each run took 41 seconds.",
        "It is 2.5 times as slow.",
        "* a list says 12 %",
    ],
)
def test_a_result_that_is_typed_is_named_with_its_line(tmp_path, text):
    project = make_project(tmp_path, exp01=f"# EXP01: Width\n\nSome words.\n\n{text}\n")
    (found,) = bad(typed(Submission(project)))
    assert (found.file, found.line) == ("report/exp01.qmd", 5)
    assert "is typed, not computed" in found.says


@pytest.mark.parametrize(
    "text",
    [
        "Intervals hold 95% intervals, of 3 seeds, 28×28 pixels, in 2024, with 5×5 filters.",
        "Means stand with 95% confidence intervals.",
        "The public table has 92.5% [@lovelace1843] for such a network.",
        "`{python} exp.accuracy()` and `91.6%` in code.",
        "```python\nprint('91.6%')\n```",
        "<!-- 91.6% -->",
        "Half of the images, a third of the time.",
    ],
)
def test_levels_settings_cited_numbers_and_code_are_no_typed_results(tmp_path, text):
    project = make_project(tmp_path, exp01=f"# EXP01: Width\n\n{text}\n")
    assert verdicts(typed(Submission(project))) == ["ok"]


def frozen(tmp_path, first: str, second: str) -> Submission:
    source = "# EXP01: Width\n\n```{python}\nx = 1\n```\n\n`{python} a` and `{python} b`.\n"
    project = make_project(tmp_path, exp01=source)
    freeze(project, "report/exp01.qmd", f"# EXP01: Width\n\n{first} and {second}.\n")
    return Submission(project)


def value(text: str, exact: str, runs: str = "3fa2b1c9d0") -> str:
    return f'[{text}]{{.value exact="{exact}" runs="{runs}"}}'


def test_two_roundings_of_one_quantity_are_named_with_their_files(tmp_path):
    made = frozen(tmp_path, value("+3.3 points", "3.35"), value("3.4 points", "3.35"))
    (found,) = bad(roundings(made))
    assert "3.3 (report/exp01.qmd) and 3.4 (report/exp01.qmd)" in found.says


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (value("+3.3 points", "3.35"), value("3.3 points", "3.35")),
        (value("+3.3 points", "3.35"), value("−3.3 points", "-3.35")),
        (value("3.3 points", "3.35"), value("3.4 points", "3.351")),
        (value("3 seeds", "3"), value("3.0%", "3")),
        (value("3.3 points", "3.35"), value("3.4 points", "3.35", "aaaaaaaaaa")),
    ],
)
def test_one_rounding_passes_and_so_do_two_quantities(tmp_path, first, second):
    assert verdicts(roundings(frozen(tmp_path, first, second))) == ["ok"]


def test_a_sentence_with_percents_of_other_test_images_is_pointed_out(tmp_path):
    keys = {"3fa2b1c9d0": 1000, "aaaaaaaaaa": 1500}
    done = [
        SimpleNamespace(
            result=SimpleNamespace(
                key=key + "0" * 54,
                spec={"dataset": {"name": "digits"}},
                metrics={"test_images": count},
            )
        )
        for key, count in keys.items()
    ]
    one, two = (value(f"9{n}.0%", f"9{n}", key) for n, key in enumerate(keys))
    asked = ((two, ["note"]), (f"on other images {two}", ["ok"]), (one, ["ok"]))
    for number, (second, found) in enumerate(asked):
        made = frozen(tmp_path / f"{number}", one, second)
        made.__dict__["runs"] = done
        assert verdicts(images(made)) == found
