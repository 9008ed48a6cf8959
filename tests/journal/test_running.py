from __future__ import annotations

import subprocess
import sys

import pytest

from cvlib.journal import experiment, handle
from cvlib.journal.errors import JournalError
from cvlib.results.store import Store
from tests.journal.made import fail, fill, planned, write


def test_run_starts_nothing_when_all_is_there(exp, monkeypatch):
    def refuse(*_):
        raise AssertionError("a process was started")

    monkeypatch.setattr(handle, "run_missing", refuse)
    assert exp.run() is exp


def test_run_trains_what_is_missing_then_reads_it(empty, monkeypatch):
    exp = experiment("exp01", root=empty.root)
    monkeypatch.setattr(handle, "run_missing", lambda layout, name: fill(layout))
    with pytest.raises(ValueError, match="cvlib run exp01"):
        exp.accuracy()
    assert str(exp.run().accuracy()).endswith("%")


def test_run_names_the_runs_that_still_have_no_result(empty, monkeypatch):
    exp = experiment("exp01", root=empty.root)

    def half(layout, _):
        for run in planned(layout):
            if run.variant == "wide":
                fail(layout, run, "MemoryError: too large", lasting=False)
            else:
                write(layout, run)

    monkeypatch.setattr(handle, "run_missing", half)
    with pytest.raises(JournalError, match=r"3 of 39 runs .*\n.*wide seed 0: failed MemoryError"):
        exp.run()


def test_diverged_run_is_a_result_and_stops_no_chapter(project, monkeypatch):
    run = next(r for r in planned(project) if r.variant == "no_norm" and r.seed == 0)
    Store(project.runs).remove(str(run.key))
    fail(project, run, "loss is nan")
    monkeypatch.setattr(handle, "run_missing", None)
    experiment("exp01", root=project.root).run()


def test_progress_of_the_child_is_passed_on(empty, monkeypatch, capsys, tmp_path):
    stand_in = tmp_path / "python"
    stand_in.write_text('#!/bin/sh\necho "training 39 runs: $*" >&2\n')
    stand_in.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(stand_in))
    handle.run_missing(empty, "exp01")
    assert "training 39 runs: -m cvlib run exp01 --profile default" in capsys.readouterr().err


def test_child_that_cannot_start_is_an_error_with_its_words(empty, monkeypatch, tmp_path):
    stand_in = tmp_path / "python"
    stand_in.write_text("#!/bin/sh\necho 'no such option' >&2\nexit 2\n")
    stand_in.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(stand_in))
    with pytest.raises(JournalError, match="exit status 2:\nno such option"):
        handle.run_missing(empty, "exp01")


def test_a_whole_chapter_imports_no_torch_and_no_pyplot(filled):
    program = (
        "import sys; from pathlib import Path; from cvlib.journal import experiment; "
        "light = [m for m in ('numpy', 'pydantic', 'matplotlib', 'pandas') if m in sys.modules]; "
        f"exp = experiment('exp01', root=Path({str(filled.root)!r})).run(); "
        "exp.table(); exp.learning_curves(); exp.ablation(); exp.accuracy_against_time(); "
        "exp.compare('wide'); exp.provenance(); exp.metrics(); "
        "print(light, 'torch' in sys.modules, 'matplotlib.pyplot' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.strip() == "[] False False", done.stdout + done.stderr


def test_analysis_imports_no_torch():
    program = (
        "import sys, cvlib.analysis.efficiency, cvlib.analysis.estimate, cvlib.analysis.verdicts; "
        "print([m for m in ('torch', 'scipy', 'pandas') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr
