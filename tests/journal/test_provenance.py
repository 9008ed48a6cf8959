from __future__ import annotations

from cvlib.journal import experiment, provenance_table
from cvlib.journal.notes import callout
from cvlib.results.store import Store
from tests.journal.made import fail, planned, write


def test_provenance_of_fresh_runs_is_one_short_paragraph(exp):
    text = str(exp.provenance())
    assert "39 runs (13 variants × 3 seeds), all fresh." in text
    assert "AMD EPYC, float32, 1 thread, torch " in text
    assert "commit 0123456789ab" in text and "of training in all" in text
    assert callout(exp.results) == ""


def test_every_state_is_said_with_its_reason(project):
    runs = planned(project)
    store = Store(project.runs)
    for run in runs[:4]:
        store.remove(str(run.key))
    write(project, runs[0], code={"cvlib.training.loop": "0"})
    write(project, runs[1], packages={"torch": "1.0"})
    fail(project, runs[2], "loss is nan")
    text = str(experiment("exp01", root=project.root).provenance()).replace("\\", "")
    assert "35 fresh, 2 stale, 1 missing, 1 failed" in text
    assert "code changed since" in text
    assert "torch 1.0 →" in text
    assert "loss is nan" in text
    assert "depth2 seed 0" in text


def test_stale_results_put_a_warning_at_the_top(project, monkeypatch):
    shown = []
    monkeypatch.setattr("IPython.display.display", lambda item: shown.append(item.data))
    exp = experiment("exp01", root=project.root)
    exp._ipython_display_()
    assert shown == []
    run = planned(project)[3]
    Store(project.runs).remove(str(run.key))
    write(project, run, code={"cvlib.training.loop": "0"})
    experiment("exp01", root=project.root)._ipython_display_()
    assert ".callout-warning" in shown[0]
    assert "1 run of 39" in shown[0]
    assert "2 blocks: code changed since" in shown[0]
    assert "cvlib run exp01 --rerun code" in shown[0]


def test_equal_pictures_are_a_warning_in_provenance(project):
    run = planned(project)[0]
    Store(project.runs).remove(str(run.key))
    write(project, run, equal_pictures={"test_in_train": 2, "in_two_classes": 1})
    exp = experiment("exp01", root=project.root)
    for text in (str(exp.provenance()), str(provenance_table(exp))):
        plain = text.replace("\\", "")
        assert ", 2 pictures of test are in train or val, too, byte for byte." in plain
        assert ", 1 picture is in another class, too, byte for byte." in plain
        assert plain.count("Warning: of ") == 2
