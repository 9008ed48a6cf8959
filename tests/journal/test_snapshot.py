"""One kernel reads one project: each run once, whatever asks, and anew once something has changed."""

from __future__ import annotations

from collections import Counter

import yaml

from cvlib.journal import experiment, handle, hypotheses, mistakes, provenance_table
from cvlib.project import Project
from cvlib.results.store import Store
from tests.journal.made import fill, planned, write

H1 = {"title": "size", "statement": "So.", "experiment": "exp01"}
CLAIM = {"say": "it", "first": "exp01/wide", "second": "exp01/base"}


def test_each_run_is_read_once_whatever_asks(project, monkeypatch):
    path = project.experiments / "hypotheses.yaml"
    path.write_text(yaml.safe_dump({"H1": {**H1, "claims": [CLAIM]}}))
    read, counts = Store.read, Counter()
    monkeypatch.setattr(Store, "read", lambda self, key: counts.update([key]) or read(self, key))
    exp = experiment("exp01", root=project.root).run()
    exp.table()
    again = experiment("exp01", root=project.root)
    assert str(again.accuracy("wide")) and str(hypotheses(root=project.root).table())
    assert str(provenance_table(again)) and again.results is exp.results
    assert len(counts) == 39 and set(counts.values()) == {1}


def test_an_edited_yaml_and_a_new_result_are_seen_by_the_next_cell(project):
    exp = experiment("exp01", root=project.root)
    old = str(exp.accuracy("wide"))
    path = project.experiment_file("exp01")
    path.write_text(path.read_text().replace("Custom CNN", "Another title"))
    assert experiment("exp01", root=project.root).title == "Another title"
    run = next(run for run in planned(project) if run.variant == "wide")
    Store(project.runs).remove(str(run.key))
    assert str(experiment("exp01", root=project.root).accuracy("wide")) != old
    write(project, run)
    assert str(experiment("exp01", root=project.root).accuracy("wide")) == old


def test_every_handle_sees_what_one_of_them_trained(empty, monkeypatch):
    first, second = (experiment("exp01", root=empty.root) for _ in range(2))
    monkeypatch.setattr(handle, "run_missing", lambda project, name: fill(project))
    first.run()
    assert str(second.accuracy()) == str(first.accuracy())
    assert experiment("exp01", root=empty.root).project is first.project


def test_what_is_read_of_hypotheses_and_of_the_book_is_noted(project, monkeypatch):
    path = project.experiments / "hypotheses.yaml"
    path.write_text(yaml.safe_dump({name: {**H1, "claims": [CLAIM]} for name in ("H1", "H2")}))
    (project.root / "_quarto.yml").write_text("book:\n  chapters: [index.qmd]\n")
    (project.root / "index.qmd").write_text('```{python}\nexperiment("exp01")\n```\n')
    noted: list[tuple[str, str]] = []
    monkeypatch.setattr(Project, "note_read", lambda self, *read: noted.append(read))
    monkeypatch.chdir(project.root)
    h = hypotheses()
    assert noted == []
    for ask, expected in (
        (lambda: h["H2"], [("hypothesis", "H2")]),
        (lambda: [one.id for one in h], [("hypothesis", "H1"), ("hypothesis", "H2")]),
        (h.listing, [("hypotheses", "listed")]),
        (lambda: h.count("supported"), [("hypotheses", "all")]),
        (h.table, [("hypotheses", "all")]),
        (provenance_table, [("book", "experiments")]),
    ):
        noted.clear()
        ask()
        of_experiments = ("asked", "experiment", "results")
        assert [one for one in dict.fromkeys(noted) if one[0] not in of_experiments] == expected


def test_reviews_are_asked_of_the_project(project, monkeypatch):
    asked: list[str] = []
    monkeypatch.setattr(Project, "reviews_of", lambda self, name: asked.append(name))
    found = mistakes(experiment("exp01", root=project.root)["base"])
    assert found.verdict("ambiguous").text == "not reviewed yet" and asked == ["exp01"]
