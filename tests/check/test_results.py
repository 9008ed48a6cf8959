"""Values name their runs; runs, frozen chapters and interpretations are as they should be."""

from __future__ import annotations

import pytest

from cvlib.check.results import (
    frozen_copies,
    has_untraced_number,
    hypotheses,
    interpretations,
    runs,
    values,
)
from cvlib.check.submission import Submission
from cvlib.files import sealed_json
from cvlib.freeze.frozen_copy import Record, write_record
from cvlib.freeze.interpretation import mark_reviewed
from cvlib.project import Project
from cvlib.results.store import Store
from cvlib.studies.hypotheses import Claim
from cvlib.studies.plan import DATASETS_NOTE
from cvlib.studies.registered import Registered, registered_file
from tests.check.made import (
    CELL,
    EXP01,
    INDEX,
    QUARTO_YML,
    YAML,
    bad,
    freeze,
    make_project,
    verdicts,
)
from tests.journal.made import fail, planned, write

# ── values ────────────────────────────────────────────────────────────────────────────────────────

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


def submission(
    tmp_path, *values: str, source: str = SOURCE, result: str = RESULT, drawn: str = ""
) -> Submission:
    project = make_project(tmp_path, exp01=source)
    (project.runs / KEY).mkdir()
    (project.experiments / "exp01.yaml").write_text("title: Width\n")
    for number, value in enumerate(values or VALUES, 1):
        result = result.replace(f"VALUE{number}", value)
    freeze(project, "report/exp01.qmd", result, {"figure-typst/a.svg": FIGURE.format(drawn)})
    return Submission(project)


def test_values_that_name_their_runs_pass(tmp_path):
    (good,) = values(submission(tmp_path))
    assert good.verdict == "ok" and good.says.startswith("6 computed values")


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
    given = [*VALUES]
    given[position] = value
    (found,) = bad(values(submission(tmp_path, *given)))
    assert (found.file, found.line) == ("report/exp01.qmd", line)
    assert "does not say from which runs" in found.says


def test_a_run_that_is_not_in_the_store_fails(tmp_path):
    table = '\n[]{.traced runs="3fa2b1c9d0 aaaaaaaaaa"}\n'
    (found,) = bad(values(submission(tmp_path, result=RESULT + table)))
    assert "aaaaaaaaaa" in found.says and found.file == "report/exp01.qmd"


def test_a_figure_of_a_run_that_is_not_in_the_store_fails(tmp_path):
    (found,) = bad(values(submission(tmp_path, drawn="bbbbbbbbbb")))
    assert "bbbbbbbbbb" in found.says and found.file == "report/exp01.qmd"


def test_a_source_that_does_not_exist_fails(tmp_path):
    given = [*VALUES[:2], '[3]{.value source="experiments/exp09.yaml"}', VALUES[3]]
    (found,) = bad(values(submission(tmp_path, *given)))
    assert "experiments/exp09.yaml" in found.says


def test_a_frozen_copy_of_another_text_is_said_not_to_be_checked(tmp_path):
    found = list(values(submission(tmp_path, result=RESULT.replace("more, with", "less, with"))))
    assert found[0].verdict == "unchecked" and "more, with" in found[0].says


def test_a_chapter_that_is_not_frozen_is_said_not_to_be_checked(tmp_path):
    project = make_project(tmp_path, exp01=SOURCE)
    assert verdicts(values(Submission(project)))[0] == "unchecked"


def test_a_value_whose_text_reads_like_what_follows_it_is_taken_whole(tmp_path):
    source = "# EXP01: W\n\n```{python}\nx\n```\n\nIt is `{python} a` `{python} b` points.\n"
    value = '[1.2 \\[0.3, 2.1\\] points]{.value runs="3fa2b1c9d0"}'
    result = f"# EXP01: W\n\nIt is {value} {value} points.\n\n"
    (good,) = values(submission(tmp_path, source=source, result=result))
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


# ── runs ──────────────────────────────────────────────────────────────────────────────────────────


def again(project: Project, **changes: object) -> None:
    """Make the wide run anew, with another provenance."""
    run = planned(project)[1]
    Store(project.runs).remove(str(run.key))
    write(project, run, **changes)


def test_fresh_runs_pass(project):
    (found,) = runs(Submission(project))
    assert found.verdict == "ok" and found.says == "2 of 2 runs fresh (exp01)"


def test_a_changed_spec_fails_and_names_the_key(project):
    path = project.experiments / "exp01.yaml"
    path.write_text(YAML.replace("model.width: 32", "model.width: 64"))
    (found,) = bad(runs(Submission(project)))
    assert "wide (seed 0): stale by spec: model.width: 32 → 64" in found.says
    assert found.file == "experiments/exp01.yaml" and "cvlib run" in found.to_do


def test_a_missing_and_a_damaged_run_fail(project):
    run = planned(project)[0]
    (project.runs / str(run.key) / "metrics.json").write_text("{}")
    Store(project.runs).remove(str(planned(project)[1].key))
    damaged, missing = bad(runs(Submission(project)))
    assert "damaged" in damaged.says and "git" in damaged.to_do
    assert "wide (seed 0): missing" in missing.says


@pytest.mark.parametrize(
    ("changes", "says", "to_do"),
    [
        ({"code": {"cvlib.training.loop": "0"}}, "stale by code", "--rerun code"),
        ({"packages": {"torch": "1.0"}}, "stale by environment: torch 1.0", "--rerun environment"),
    ],
)
def test_stale_by_code_or_environment_is_noted(project, changes, says, to_do):
    again(project, **changes)
    noted, good = runs(Submission(project))
    assert noted.verdict == "note" and says in noted.says and to_do in noted.to_do
    assert good.says == "1 of 2 runs fresh (exp01)"


def test_a_diverged_run_is_noted_and_a_broken_one_fails(project):
    run = planned(project)[1]
    Store(project.runs).remove(str(run.key))
    fail(project, run, "loss is nan")
    assert verdicts(runs(Submission(project))) == ["note", "ok"]
    Store(project.runs).remove(str(run.key))
    fail(project, run, "out of memory", lasting=False)
    (found,) = bad(runs(Submission(Project(project.root))))
    assert "failed: out of memory" in found.says


def test_data_that_is_not_on_the_machine_is_said_not_to_be_checked(project):
    (project.runs / DATASETS_NOTE).unlink()
    assert verdicts(runs(Submission(project)))[0] == "unchecked"


def test_an_experiment_that_no_chapter_reads_does_not_count(project):
    (project.experiments / "exp02.yaml").write_text(YAML.replace("epochs: 3", "epochs: 9"))
    assert verdicts(runs(Submission(project))) == ["ok"]


# ── frozen copies ─────────────────────────────────────────────────────────────────────────────────


def test_a_chapter_that_was_never_executed_fails_by_its_file(tmp_path):
    (found,) = bad(frozen_copies(Submission(make_project(tmp_path, exp01=EXP01 + CELL))))
    assert found.file == "report/exp01.qmd" and found.to_do


def test_a_report_that_executes_nothing_passes(tmp_path):
    assert verdicts(frozen_copies(Submission(make_project(tmp_path)))) == ["ok"]


def test_a_profile_that_freezes_nothing_is_said_not_to_be_checked(tmp_path):
    yml = QUARTO_YML.replace("freeze: auto", "freeze: false")
    assert verdicts(frozen_copies(Submission(make_project(tmp_path, yml)))) == ["unchecked"]


# ── interpretations ───────────────────────────────────────────────────────────────────────────────

BLOCK = '\n::: {.interpretation reviewed=""}\n**Width pays.** It does.\n:::\n'


def test_a_block_fails_until_it_is_reviewed_and_again_when_results_change(project):
    path = project.root / "report" / "exp01.qmd"
    path.write_text(EXP01 + CELL + BLOCK)
    (found,) = bad(interpretations(Submission(Project(project.root))))
    assert (found.file, found.line) == ("report/exp01.qmd", 9)
    assert "Width pays." in found.says and "cvlib reviewed exp01" in found.to_do
    mark_reviewed(Project(project.root), "report/exp01.qmd")
    assert verdicts(interpretations(Submission(Project(project.root)))) == ["ok"]
    (project.experiments / "exp01.yaml").write_text(YAML.replace("epochs: 3", "epochs: 4"))
    (found,) = bad(interpretations(Submission(Project(project.root))))
    assert "exp01 changed since it was reviewed" in found.says


def test_a_report_without_such_blocks_passes(tmp_path):
    assert verdicts(interpretations(Submission(make_project(tmp_path)))) == ["ok"]


# ── hypotheses ────────────────────────────────────────────────────────────────────────────────────

H1 = """\
H1:
  title: width
  statement: Wider is better.
  experiment: exp01
  claims: [{say: it, first: exp01/wide, second: exp01/base}]
"""


@pytest.fixture
def judged(project) -> Project:
    """A report whose hypothesis was registered before its runs."""
    (project.experiments / "hypotheses.yaml").write_text(H1)
    was = Registered(
        title="width",
        statement="Wider is better.",
        claims=[Claim(say="it", first="exp01/wide", second="exp01/base")],
        tested=True,
    )
    note = {"hypotheses": {"H1": was.model_dump(mode="json")}}
    registered_file(project).write_text(sealed_json(note))
    return project


def of_hypotheses(project: Project):
    return list(hypotheses(Submission(Project(project.root))))


def reword(project: Project, old: str, new: str) -> None:
    path = project.experiments / "hypotheses.yaml"
    path.write_text(path.read_text().replace(old, new))


def test_hypotheses_as_before_their_runs_are_well(judged):
    (found,) = of_hypotheses(judged)
    assert (found.verdict, found.says) == ("ok", "1 declared, none changed or added after its runs")


def test_a_hypothesis_that_was_changed_after_its_runs_is_named(judged):
    reword(judged, "Wider is better", "Wider is worse")
    (found,) = of_hypotheses(judged)
    assert found.verdict == "failed"
    assert found.says == (
        "H1 is exploratory: reworded after its runs; before: “Wider is better.”; no chapter lists it"
    )


def test_it_is_a_note_once_a_chapter_lists_it(judged):
    reword(judged, "Wider is better", "Wider is worse")
    freeze(judged, "index.qmd", INDEX)
    reads = {"hypotheses listed": "0" * 16}
    write_record(judged.root / "_freeze" / "index", Record(reads))
    assert [one.verdict for one in of_hypotheses(judged)] == ["note"]


def test_a_hypothesis_that_is_added_after_its_runs_is_named_before_the_next_render(judged):
    reword(judged, H1, H1 + H1.replace("H1", "H2"))
    (found,) = of_hypotheses(judged)
    assert found.verdict == "failed" and found.says.startswith("H2 was added after its runs")


def test_a_damaged_registration_is_told(judged):
    path = registered_file(judged)
    path.write_text(path.read_text().replace("better", "worse"))
    (found,) = of_hypotheses(judged)
    assert found.verdict == "failed" and "git checkout -- registered.json" in found.says
