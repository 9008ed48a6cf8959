from __future__ import annotations

import subprocess
import sys

import pytest

from cvlib.freeze.inputs import READERS, InputsReader, chapter_inputs, experiments_of
from cvlib.freeze.named_experiments import named_experiments
from cvlib.freeze.named_hypotheses import Named, named_hypotheses
from cvlib.results.store import Store
from tests.journal.made import fail, planned, write

CHAPTER = """\
---
title: Custom CNN
---

```{python}
from cvlib.journal import experiment
exp = experiment("exp01")
exp.run()
```

The base reaches `{python} exp.accuracy("base")`.
"""


@pytest.fixture
def chapter(project):
    path = project.root / "report" / "exp01.qmd"
    path.write_text(CHAPTER)
    return path


def kinds(inputs):
    return {name.split(" ")[0] for name in inputs}


def test_chapter_depends_on_its_experiments_spec_and_results_and_on_the_code_it_calls(
    project, chapter
):
    inputs = chapter_inputs(project, chapter)
    assert kinds(inputs) == {"spec", "results", "code", "source"}
    assert {"spec exp01 title", "spec exp01 wide", "results exp01 wide"} <= set(inputs)
    assert inputs.words == {}, "all is fresh"


def test_nothing_changed_gives_the_same_digests(project, chapter):
    assert chapter_inputs(project, chapter) == chapter_inputs(project, chapter)


def test_text_without_cells_depends_on_nothing(project, chapter):
    chapter.write_text('# Summary\n\nHere experiment("exp01") is only spoken of.\n')
    assert chapter_inputs(project, chapter) == {}


def rewrite(project, **changes):
    run = planned(project)[4]
    Store(project.runs).remove(str(run.key))
    write(project, run, **changes)


def edit(project, old, new):
    path = project.experiment_file("exp01")
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


@pytest.mark.parametrize(
    ("change", "changed", "words"),
    [
        (lambda p: Store(p.runs).remove(str(planned(p)[0].key)), {"results exp01 base"},
         "not trained yet"),
        (lambda p: rewrite(p, git_commit="another"), {"results exp01 depth2"}, None),
        (lambda p: rewrite(p, code={"cvlib.training.loop": "0"}), {"results exp01 depth2"},
         "stale by code: code changed since: cvlib."),
        (lambda p: edit(p, "title: Custom CNN", "title: My CNN"), {"spec exp01 title"}, None),
        (lambda p: edit(p, "label: 2 blocks", "label: two"), {"spec exp01 depth2"}, None),
        (lambda p: edit(p, "model.width: 8}", "model.width: 9}"),
         {"spec exp01 narrow", "results exp01 narrow"}, "stale by spec: model.width: 8 → 9"),
        (lambda p: fail(p, planned(p)[1], "diverged"), {"results exp01 base"}, "failed: diverged"),
        (lambda p: (p.runs / str(planned(p)[2].key) / "metrics.json").write_text("{}"),
         {"results exp01 base"}, "damaged: "),
    ],
    ids=["run gone", "made again", "stale", "title", "label", "spec", "failed", "damaged"],
)  # fmt: skip
def test_what_matters_is_noticed_where_it_is(project, chapter, change, changed, words):
    before = chapter_inputs(project, chapter)
    change(project)
    after = chapter_inputs(project, chapter)
    assert {name for name in {*before, *after} if before.get(name) != after.get(name)} == changed
    said = [after.words.get(name, "") for name in changed if name.startswith("results")]
    assert all(one.startswith(words) if words else one == "" for one in said)


def test_comment_in_the_yaml_does_not_matter(project, chapter):
    before = chapter_inputs(project, chapter)
    edit(project, "seeds: [0, 1, 2]", "seeds: [0, 1, 2]  # three")
    assert chapter_inputs(project, chapter) == before


def test_an_experiment_that_cannot_be_read_is_no_error_here(project, chapter):
    before = chapter_inputs(project, chapter)
    edit(project, "title: Custom CNN", "titel: Custom CNN")
    after = chapter_inputs(project, chapter)
    assert "spec exp01" in after and after != before


def test_code_is_not_taken_apart_while_its_source_is_the_same(project, monkeypatch):
    reader = InputsReader(project)
    first = reader.of_text(CHAPTER)
    monkeypatch.setattr("cvlib.freeze.inputs.called_code", lambda *_: {"cvlib.journal.new": "1"})
    assert reader.of_text(CHAPTER, first) == first
    again = reader.of_text(CHAPTER, first | {"source": "another"})
    assert "code cvlib.journal.new" in again and "code cvlib.journal.table" not in again


def test_an_experiment_that_several_chapters_read_is_read_once(project, monkeypatch):
    reader = InputsReader(project)
    first = reader.of_text(CHAPTER)
    monkeypatch.setattr("cvlib.freeze.experiment_digests.load_experiment", None)
    assert reader.of_text(CHAPTER + "\nMore.\n") == first


@pytest.mark.parametrize(
    ("cell", "names"),
    [
        ('experiment("exp02")', ["exp02"]),
        ('journal.experiment(name="exp02")', ["exp02"]),
        ('%matplotlib inline\nexp = experiment("exp02")', ["exp02"]),
        ('a, b = (experiment(n).run() for n in ("exp01", "exp03"))', ["exp01", "exp03"]),
        ('for n in ["exp01", "exp03"]:\n    experiment(n)', ["exp01", "exp03"]),
        ('a, b = (experiment(f"exp0{n}") for n in (2, 3))', ["exp02", "exp03"]),
        ('name = "exp02"\nexperiment(name)', ["exp02"]),
        ('x = "experiment(1)"', []),
    ],
)
def test_names_that_are_written_out_are_told(cell, names):
    assert named_experiments([cell], ["exp01", "exp02", "exp03"]) == names


@pytest.mark.parametrize(
    "cell",
    [
        "experiment(name)",
        "for n in names:\n    experiment(n)",
        "def show(n):\n    return experiment(n)",
        'n = "exp01"\nn += "x"\nexperiment(n)',
        'experiment(n := pick())\nfor n in ("exp01",):\n    pass',
        '[experiment(f"exp{n:02d}") for n in (1, 2)]',
        "!ls\nexperiment(names[0])",
    ],
)
def test_names_that_cannot_be_told_stand_for_all(cell):
    assert named_experiments([cell], ["exp01", "exp02"]) == ["exp01", "exp02"]


@pytest.mark.parametrize(
    ("cell", "named"),
    [
        ('h = hypotheses()\nh["H1"]', Named(frozenset({"H1"}))),
        ('exp, h = experiment("a"), hypotheses()\nh["H1"].effect(1)', Named(frozenset({"H1"}))),
        ("hypotheses().listing()", Named(listed=True)),
        ("h = hypotheses()\nh.table()", Named(all=True)),
        ("h = hypotheses()\nfor one in h:\n    one", Named(all=True)),
        ('h = hypotheses()\nh["H1"]\nshow(h)', Named(frozenset({"H1"}), all=True)),
        ("%time\nhypotheses()\n", Named(all=True)),
        ("1", Named()),
    ],
)
def test_hypotheses_are_told_by_their_ids(cell, named):
    assert named_hypotheses([cell]) == named


HYPOTHESES = """\
H1: {title: depth, statement: Deeper is better., experiment: exp01,
     claims: [{say: depth, first: exp01/depth4, second: exp01/base}]}
H2: {title: other, statement: Nothing else counts., experiment: exp02,
     claims: [{say: other, first: exp02/a, second: exp02/b}]}
"""


def test_a_chapter_depends_on_the_hypotheses_that_it_names_and_on_what_they_compare(project):
    path = project.experiments / "hypotheses.yaml"
    path.write_text(HYPOTHESES)
    (project.experiments / "exp02.yaml").write_text("title: T\nquestion: Q\ndataset: digits\n")
    one = '```{python}\nfrom cvlib.journal import hypotheses\nh = hypotheses()\nh["H1"]\n```\n'
    listing, table = one.replace('h["H1"]', "h.listing()"), one.replace('h["H1"]', "h.table()")

    def read():
        reader = InputsReader(project)
        return {name: reader.of_text(text) for name, text in
                {"one": one, "listing": listing, "table": table}.items()}  # fmt: skip

    before = read()
    assert {n for n in before["one"] if n.startswith("hypothes")} == {"hypothesis H1"}
    assert {n for n in before["listing"] if n.startswith("hypothes")} == {"hypotheses listed"}
    assert InputsReader(project).experiments_of(one) == ["exp01"]
    assert InputsReader(project).experiments_of(listing) == []
    assert InputsReader(project).experiments_of(table) == ["exp01", "exp02"]
    path.write_text(HYPOTHESES.replace("first: exp02/a", "first: exp02/c") + "# a remark\n")
    after = read()
    assert [name for name in before if before[name] != after[name]] == ["table"]
    path.write_text(HYPOTHESES.replace("Nothing else", "Something else"))
    after = read()
    assert [name for name in before if before[name] != after[name]] == ["listing", "table"]


def test_what_is_said_of_the_whole_report_depends_on_what_its_chapters_ask_for(project, chapter):
    (project.experiments / "exp02.yaml").write_text("title: T\nquestion: Q\ndataset: digits\n")
    chapters = "chapters: [{part: P, chapters: [report/exp01.qmd]}, report/end.qmd]"
    (project.root / "_quarto.yml").write_text(f"project: {{type: book}}\nbook: {{{chapters}}}\n")
    end = project.root / "report" / "end.qmd"
    end.write_text("```{python}\nfrom cvlib.journal import provenance_table\n```\n")
    assert experiments_of(project, end) == ["exp01"]
    chapter.write_text(CHAPTER.replace('experiment("exp01")', 'experiment("exp02")'))
    assert experiments_of(project, end) == ["exp02"]
    assert set(READERS) == {"experiment", "hypotheses", "provenance_table"}


def test_asking_imports_nothing_heavy(project, chapter):
    program = (
        "import sys; from pathlib import Path; from cvlib.freeze.inputs import chapter_inputs; "
        "from cvlib.project import find_project; "
        f"chapter_inputs(find_project(Path({str(project.root)!r})), Path({str(chapter)!r})); "
        "print([m for m in ('torch', 'pandas', 'matplotlib', 'scipy', 'IPython') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr
