from __future__ import annotations

import subprocess
import sys

import pytest

from cvlib.journal.inputs import JOURNAL_CODE, chapter_inputs, code_digest
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


def test_chapter_depends_on_its_experiment_and_the_journals_code(project, chapter):
    assert list(chapter_inputs(project, chapter)) == ["results of exp01", JOURNAL_CODE]


def test_nothing_changed_gives_the_same_digests(project, chapter):
    assert chapter_inputs(project, chapter) == chapter_inputs(project, chapter)


def test_text_without_cells_depends_on_nothing(project, chapter):
    chapter.write_text('# Summary\n\nHere experiment("exp01") is only spoken of.\n')
    assert chapter_inputs(project, chapter) == {}


def test_inline_values_and_computed_names_are_seen(project, chapter):
    chapter.write_text('It is `{python} experiment("exp01").accuracy()`.\n')
    assert "results of exp01" in chapter_inputs(project, chapter)
    chapter.write_text("```{python}\nfor name in names:\n    experiment(name)\n```\n")
    assert "results of exp01" in chapter_inputs(project, chapter)
    chapter.write_text('```{python}\n%matplotlib inline\nexp = experiment("exp01")\n```\n')
    assert "results of exp01" in chapter_inputs(project, chapter)


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
    "change",
    [
        lambda p: Store(p.runs).remove(str(planned(p)[0].key)),
        lambda p: rewrite(p, git_commit="another"),
        lambda p: rewrite(p, code={"cvlib.training.loop": "0"}),
        lambda p: edit(p, "title: Custom CNN", "title: My CNN"),
        lambda p: edit(p, "label: 2 blocks", "label: two blocks"),
        lambda p: edit(p, "epochs: 6", "epochs: 7"),
        lambda p: edit(p, "seeds: [0, 1, 2]", "seeds: [0, 1]"),
        lambda p: fail(p, planned(p)[1], "diverged"),
        lambda p: (p.runs / str(planned(p)[2].key) / "metrics.json").write_text("{}"),
    ],
    ids=[
        "run gone", "made again", "stale", "title", "label", "spec", "seeds", "failed", "damaged",
    ],
)  # fmt: skip
def test_what_matters_is_noticed(project, chapter, change):
    before = chapter_inputs(project, chapter)
    change(project)
    after = chapter_inputs(project, chapter)
    assert after["results of exp01"] != before["results of exp01"]
    assert after[JOURNAL_CODE] == before[JOURNAL_CODE]


def test_comment_in_the_yaml_does_not_matter(project, chapter):
    before = chapter_inputs(project, chapter)
    edit(project, "seeds: [0, 1, 2]", "seeds: [0, 1, 2]  # three")
    assert chapter_inputs(project, chapter) == before


def test_code_of_training_is_not_the_journals():
    from cvlib.journal import inputs

    seen = {}

    def record(entries, source=None):
        seen["entries"] = entries
        return {"cvlib.journal.table": "1", "cvlib.training.run": "2", "cvlib.data.load": "3"}

    import cvlib.studies.code as code

    original = code.code_fingerprint
    code.code_fingerprint = record
    try:
        first = code_digest()
        code.code_fingerprint = lambda *_: {"cvlib.journal.table": "1", "cvlib.training.run": "9"}
        assert code_digest() == first
        code.code_fingerprint = lambda *_: {"cvlib.journal.table": "4"}
        assert code_digest() != first
    finally:
        code.code_fingerprint = original
    assert inputs.SHOWS[0] == "cvlib.journal"


def test_asking_imports_nothing_heavy(project, chapter):
    program = (
        "import sys; from pathlib import Path; from cvlib.journal.inputs import chapter_inputs; "
        "from cvlib.studies.project import find_layout; "
        f"chapter_inputs(find_layout(Path({str(project.root)!r})), Path({str(chapter)!r})); "
        "print([m for m in ('torch', 'pandas', 'matplotlib', 'scipy', 'IPython') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr
