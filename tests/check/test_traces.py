"""Numbers that a chapter computes name their runs, and the runs are there."""

from __future__ import annotations

import pytest

from cvlib.check.subject import Subject
from cvlib.check.traces import find, has_untraced_number
from tests.check.made import bad, freeze, make_project, verdicts

KEY = "3fa2b1c9d0" + "0" * 54
SOURCE = """# EXP01: Width

```{python}
exp = experiment("exp01")
```

The wide one reaches `{python} exp.accuracy("wide")`, which is
`{python} exp.difference("wide")` more, with `{python} exp.seeds` seeds (`{python} exp.verdict`).

`{python} exp.accuracy("base")` is the base's; `{python} x` it is.
"""
RESULT = """# EXP01: Width

The wide one reaches VALUE1, which is
VALUE2 more, with VALUE3 seeds (supported).

VALUE4 is the base's; so it is.
"""
VALUES = (
    '[91.6 ± 1.2%]{.value runs="3fa2b1c9d0"}',
    '[+1.2 \\[0.3, 2.1\\] points]{.value runs="3fa2b1c9d0"}^†^',
    '[3]{.value source="experiments/exp01.yaml"}',
    '[90.4%]{.value runs="3fa2b1c9d0"}',
)


FIGURE = "<svg><metadata><dc:description>runs: 3fa2b1c9d0 {}</dc:description></metadata></svg>"


def subject(
    tmp_path, *values: str, source: str = SOURCE, result: str = RESULT, drawn: str = ""
) -> Subject:
    layout = make_project(tmp_path, exp01=source)
    (layout.runs / KEY).mkdir()
    (layout.experiments / "exp01.yaml").write_text("title: Width\n")
    for number, value in enumerate(values or VALUES, 1):
        result = result.replace(f"VALUE{number}", value)
    freeze(layout, "report/exp01.qmd", result, {"figure-typst/a.svg": FIGURE.format(drawn)})
    return Subject(layout)


def test_values_that_name_their_runs_pass_and_typed_numbers_are_said_to_be_unchecked(tmp_path):
    good, typed = find(subject(tmp_path))
    assert good.verdict == "ok" and good.says.startswith("6 computed values")
    assert typed.verdict == "note" and "typed by hand are not checked" in typed.says


@pytest.mark.parametrize(
    ("position", "value", "line"),
    [
        (0, "91.6 ± 1.2%", 7),
        (1, "+1.2 \\[0.3, 2.1\\] points", 8),
        (2, "3", 8),
        (3, "90.4%", 10),
        (0, "[91.6]{.value}", 7),
        (0, '[91.6]{.value runs="3fa2b1c9d0"} of 7', 7),
    ],
)
def test_a_number_without_its_runs_fails_at_its_line(tmp_path, position, value, line):
    values = [*VALUES]
    values[position] = value
    (found,) = bad(find(subject(tmp_path, *values)))
    assert (found.file, found.line) == ("report/exp01.qmd", line)
    assert "does not say from which runs" in found.says


def test_a_run_that_is_not_in_the_store_fails(tmp_path):
    table = '\n[]{.traced runs="3fa2b1c9d0 aaaaaaaaaa"}\n'
    (found,) = bad(find(subject(tmp_path, result=RESULT + table)))
    assert "aaaaaaaaaa" in found.says and found.file == "report/exp01.qmd"


def test_a_figure_of_a_run_that_is_not_in_the_store_fails(tmp_path):
    (found,) = bad(find(subject(tmp_path, drawn="bbbbbbbbbb")))
    assert "bbbbbbbbbb" in found.says and found.file == "report/exp01.qmd"


def test_a_source_that_does_not_exist_fails(tmp_path):
    values = [*VALUES[:2], '[3]{.value source="experiments/exp09.yaml"}', VALUES[3]]
    (found,) = bad(find(subject(tmp_path, *values)))
    assert "experiments/exp09.yaml" in found.says


def test_a_frozen_copy_of_another_text_is_said_not_to_be_checked(tmp_path):
    found = list(find(subject(tmp_path, result=RESULT.replace("more, with", "less, with"))))
    assert found[0].verdict == "unchecked" and "more, with" in found[0].says


def test_a_chapter_that_is_not_frozen_is_said_not_to_be_checked(tmp_path):
    layout = make_project(tmp_path, exp01=SOURCE)
    assert verdicts(find(Subject(layout)))[0] == "unchecked"


def test_a_value_whose_text_reads_like_what_follows_it_is_taken_whole(tmp_path):
    source = "# EXP01: W\n\n```{python}\nx\n```\n\nIt is `{python} a` `{python} b` points.\n"
    value = '[1.2 \\[0.3, 2.1\\] points]{.value runs="3fa2b1c9d0"}'
    result = f"# EXP01: W\n\nIt is {value} {value} points.\n"
    good, _ = find(subject(tmp_path, source=source, result=result))
    assert good.verdict == "ok" and good.says.startswith("2 computed values")


@pytest.mark.parametrize(
    ("text", "is_untraced"),
    [
        ("not told apart", False),
        ("EXP02, H1 and ResNet-18", False),
        ("lr=0\\.001", True),
        ("3 of them", True),
        ('[1]{.value runs="a"} and [2]{.value runs="b"}', False),
        ('[[1, 2] points]{.value runs="a"}', False),
        ('[1]{.value runs="a"} and 2', True),
    ],
)
def test_digits_of_names_are_no_numbers(text, is_untraced):
    assert has_untraced_number(text) is is_untraced
