"""The report's last table: every experiment in a row, and one line that identifies all results."""

from __future__ import annotations

import hashlib

import pytest

from cvlib import __version__
from cvlib.journal import experiment, provenance_table
from cvlib.journal.errors import JournalError
from cvlib.project import Project
from cvlib.results.store import Store
from tests.journal.made import EXPERIMENT, FINGERPRINT, planned, write


def table(layout, *names):
    found = [experiment(name, root=layout.root) for name in names]
    return str(provenance_table(*found)).replace("\\", "")


def rows(said):
    lines = [line for line in str(said).split("\n") if line.startswith("| EXP")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_fresh_runs_are_a_row_with_their_seeds_time_and_commit(filled):
    ((name, runs, seeds, seconds, commit, code),) = rows(table(filled, "exp01"))
    assert (name, runs, seeds, commit, code) == ("EXP01", "39 fresh", "3", "0123456", "unchanged")
    exp = experiment("exp01", root=filled.root)
    total = exp.metrics()["train_seconds"].sum()
    assert seconds == f"{total / 60:.0f} min"


def test_what_all_runs_share_is_said_once_below(filled):
    said = table(filled, "exp01")
    assert said.count("AMD EPYC, 1 thread, float32") == 1
    assert f"cvlib {__version__}." in said and "torch " in said and "Python 3." in said
    assert f"Data: Fashion-MNIST {FINGERPRINT[:8]}." in said


def test_runs_of_changed_code_are_counted_as_such(project):
    for run in planned(project)[:2]:
        write(project, run, code={"cvlib.training.loop": "0"}, git_commit="abcdef012345+changes")
    ((_, runs, *_, commit, code),) = rows(table(project, "exp01"))
    assert runs == "37 fresh, 2 stale"
    assert commit == "abcdef0+changes and 0123456"
    assert code == "changed for 2 runs"


def test_devices_that_differ_are_said_with_their_experiments(project):
    (project.experiments / "exp02.yaml").write_text(
        EXPERIMENT.replace("batch_size: 128", "batch_size: 64")
    )

    run = Project(project.root, project.profile).plan("exp02").runs[0]
    environment = {"device": "cuda", "device_name": "NVIDIA T4", "precision": "float32"}
    write(project, run, environment=environment)
    said = table(project, "exp01", "exp02")
    assert "AMD EPYC, 1 thread, float32 (EXP01); NVIDIA T4, float32 (EXP02)" in said
    assert [found[0] for found in rows(said)] == ["EXP01", "EXP02"]


def test_the_digest_is_that_of_all_runs_and_changes_with_any(project):
    store = Store(project.runs)
    lines = sorted(f"{run.key} {store.digest(str(run.key))}\n" for run in planned(project))
    digest = hashlib.sha256("".join(lines).encode()).hexdigest()[:16]
    assert f"Digest of the 39 runs: {digest}." in table(project, "exp01")
    write(project, planned(project)[5], git_commit="another")
    assert digest not in table(project, "exp01")


def test_the_table_is_the_same_every_time(filled):
    assert table(filled, "exp01") == table(filled, "exp01")
    assert str(filled.root) not in table(filled, "exp01")


def test_without_names_it_has_the_experiments_that_the_chapters_ask_for(project, monkeypatch):
    (project.root / "_quarto.yml").write_text(
        "project: {type: book}\nbook:\n  chapters: [index.qmd, {part: J, chapters: [report/a.qmd]}]\n"
    )
    (project.experiments / "exp09.yaml").write_text(EXPERIMENT)
    (project.root / "index.qmd").write_text("# Home\n")
    (project.root / "report" / "a.qmd").write_text('# A\n\n```{python}\nexperiment("exp01")\n```\n')
    monkeypatch.chdir(project.root / "report")
    monkeypatch.delenv("QUARTO_PROJECT_ROOT", raising=False)
    assert [found[0] for found in rows(provenance_table())] == ["EXP01"]


def test_a_report_without_results_says_how_to_get_some(empty):
    with pytest.raises(JournalError, match="`cvlib run` trains them"):
        table(empty, "exp01")
