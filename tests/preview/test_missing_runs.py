"""A preview trains nothing: it says what is missing, shows what it can, and follows a training."""

from __future__ import annotations

import pytest

from cvlib.journal.errors import NotTrained
from cvlib.journal.handle import TRAIN, run_missing
from tests.journal.made import EXPERIMENT, fill, note_data, planned, write
from tests.preview.made import Previewed, counted_book, edit, ran

ONE = """\
# EXP01 {#sec-one}

```{python}
with open("../ran.txt", "a") as file:
    file.write("one\\n")
from cvlib.journal import experiment
exp = experiment("exp01").run()
```

There are `{python} sum(s.result is not None for s in exp.results.statuses)` results (@tbl-one).

```{python}
#| label: tbl-one
#| tbl-cap: "Nothing much."
from IPython.display import Markdown
Markdown("| a |\\n|---|\\n| b |")
```
"""
SHORT = EXPERIMENT[: EXPERIMENT.index("  depth4:")] + EXPERIMENT[EXPERIMENT.index("seeds:") :]
SHORT = SHORT.replace(
    "depth2: {label: 2 blocks, factor: depth, set: {model.depth: 2}}",
    "wide: {set: {model.width: 32}}",
)
SHORT = SHORT[: SHORT.index("profiles:")].replace("[0, 1, 2]", "[0, 1]")


@pytest.fixture
def project(tmp_path):
    root = counted_book(tmp_path / "book", one=ONE)
    (root / "experiments").mkdir()
    (root / "data").mkdir()
    (root / "experiments" / "exp01.yaml").write_text(SHORT)
    preview = Previewed(root)
    note_data(preview.project)
    return preview


def waiting(preview) -> list[tuple[str, str]]:
    return [(one.page, one.message) for one in preview.news.state.waiting]


def test_chapter_says_what_is_missing_and_how_it_is_trained(project):
    project.make()
    [(page, message)] = waiting(project)
    assert page == "report/one.html" and project.problems == []
    assert message.startswith("exp01: 4 of 4 runs have no result. `cvlib run exp01`")
    assert "cvlib preview --train" in message
    assert [each.experiment for each in project.pages.missing] == ["exp01"]
    html = project.page("report/one.html")
    assert "There are … results" in html and "no results yet" in html
    assert not (project.project.runs / ".scratch").exists()  # nothing was trained


def test_it_runs_once_all_results_are_there(project):
    project.make()
    ran(project.root)
    first, *others = planned(project.project)
    write(project.project, first)
    project.make(project.project.runs)
    assert ran(project.root) == [] and "3 of 4 runs" in waiting(project)[0][1]
    for run in others:
        write(project.project, run)
    project.make(project.project.runs)
    assert ran(project.root) == ["one"] and waiting(project) == []
    assert "There are 4 results" in project.page("report/one.html")


def test_prose_can_be_written_while_results_are_missing(project):
    project.make()
    ran(project.root)
    project.make(edit(project.root / "report/one.qmd", "There are", "We have"))
    assert "We have … results" in project.page("report/one.html")
    assert ran(project.root) == [] and len(waiting(project)) == 1


def test_results_shown_before_stay_while_new_ones_are_trained(project):
    fill(project.project)
    project.make()
    assert "There are 4 results" in project.page("report/one.html")
    ran(project.root)
    yaml = edit(project.project.experiment_file("exp01"), "epochs: 6", "epochs: 7")
    project.make(yaml, is_training=True)
    assert ran(project.root) == [] and "They are being trained" in waiting(project)[0][1]
    project.make(edit(project.root / "report/one.qmd", "There are", "We have"), is_training=True)
    assert "We have 4 results" in project.page("report/one.html") and ran(project.root) == []
    fill(project.project)
    project.make(project.project.runs)
    assert waiting(project) == [] and ran(project.root) == ["one"]


def test_wrong_yaml_is_told_by_the_chapter_that_reads_it(project):
    fill(project.project)
    project.make()
    yaml = edit(project.project.experiment_file("exp01"), "depth: 3", "depht: 3")
    project.make(yaml)
    [(page, where, message)] = project.problems
    assert page == "report/one.html" and where.startswith("report/one.qmd:")
    assert "depht" in message
    project.make(edit(yaml, "depht: 3", "depth: 3"))
    assert project.problems == []


def test_a_cell_cannot_train_behind_a_previews_back(project, monkeypatch):
    monkeypatch.setenv(TRAIN, "never")
    with pytest.raises(NotTrained, match="cvlib run exp01"):
        run_missing(project.project, "exp01")
