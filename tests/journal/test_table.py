from __future__ import annotations

import pytest

from cvlib.journal import experiment
from cvlib.journal.errors import JournalError
from cvlib.results.store import Store
from tests.journal.made import fail, planned, write


def rows(text):
    """Cells of the table's body, by variant."""
    lines = [line for line in str(text).splitlines() if line.startswith("|")][2:]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return {row[1]: row for row in cells}


def test_every_variant_has_its_row_base_first_and_grouped(exp):
    found = rows(exp.table())
    assert list(found)[:4] == ["base", "2 blocks", "4 blocks", "8 channels"]
    assert len(found) == 13
    assert [row[0] for row in found.values()][:5] == ["", "depth", "", "width", ""]


def test_numbers_in_the_table_are_those_of_the_sentences(exp):
    row = rows(exp.table("accuracy", "difference", "parameters", "seconds"))["32 channels"]
    assert row[2] + "%" == str(exp.accuracy("wide"))
    assert row[3].replace("\\", "") + " points" == str(exp.difference("wide"))
    assert row[4] == str(exp.parameters("wide"))
    assert row[5] + " s" == str(exp.seconds("wide"))


def test_note_says_how_many_seeds(exp):
    assert "3 seeds a variant" in str(exp.table())
    assert "seeds" not in str(exp.table(note=False))


def test_failed_variant_stands_with_its_reason(project):
    for run in planned(project):
        if run.variant == "no_norm":
            Store(project.runs).remove(str(run.key))
            fail(project, run, "training loss is nan at step 12")
    exp = experiment("exp01", root=project.root)
    table = exp.table()
    assert rows(table)["no norm"][2] == "failed"
    assert "no norm: no result, failed: training loss is nan at step 12 (seeds 0, 1, 2)" in str(
        table
    )


def test_missing_variant_stands_as_missing(project):
    for run in planned(project):
        if run.variant == "flip":
            Store(project.runs).remove(str(run.key))
    assert rows(experiment("exp01", root=project.root).table())["flip"][2] == "missing"


def test_stale_variant_is_marked_and_the_reason_said(project):
    for run in planned(project):
        if run.variant == "wide":
            Store(project.runs).remove(str(run.key))
            write(project, run, code={"cvlib.training.loop": "0"})
    exp = experiment("exp01", root=project.root)
    table = str(exp.table())
    assert "32 channels†" in rows(table)
    assert "base" in rows(table)
    assert "† Stale: 32 channels: code changed since" in table
    assert str(exp.accuracy("wide")).endswith("†")
    assert not str(exp.accuracy("base")).endswith("†")
    assert str(exp.difference("wide")).endswith("†")


def test_label_with_a_bar_does_not_break_the_table(project):
    path = project.experiment_file("exp01")
    path.write_text(path.read_text().replace("label: flip,", "label: 'a|b_c*',"))
    table = str(experiment("exp01", root=project.root).table("accuracy"))
    line = next(line for line in table.splitlines() if "a\\|b" in line)
    assert line.replace("\\|", "").count("|") == 4


def test_common_target_counts_epochs(exp):
    found = rows(exp.table("accuracy", "epochs_to", target=0.85))
    assert found["1×1"][3] == "not reached"
    assert float(found["base"][3]) > 1


def test_unknown_column_and_missing_target_are_errors(exp):
    with pytest.raises(JournalError, match=r"no column 'acc'; there is: accuracy"):
        exp.table("acc")
    with pytest.raises(JournalError, match="need target="):
        exp.table("epochs_to")
