"""Every edit that matters to a chapter is noticed with its reason; none that does not makes it run.

Each case edits one file of a small project, or of a copy of cvlib's own source, and asks which
frozen chapters are still true. What is not named in `untrue` must be.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from cvlib.files import read_note, sealed_json
from cvlib.freeze import freshness
from cvlib.freeze.freshness import chapter_statuses
from cvlib.project import Project
from cvlib.results.reviews import Reviews, write_reviews
from cvlib.results.store import Store
from cvlib.studies import status
from cvlib.studies.registered import registered_file
from cvlib.studies.status import Inspector
from tests.engine.made_book import freeze_book, make_book
from tests.journal.made import fail, planned, write

REPOSITORY = Path(__file__).parents[2]
INDEX, EXP01, EXP02 = "index.qmd", "report/exp01.qmd", "report/exp02.qmd"
OTHER = "report/other.qmd"
YAML01, YAML02 = "experiments/exp01.yaml", "experiments/exp02.yaml"
HYPOTHESES, BIB, YML = "experiments/hypotheses.yaml", "references.bib", "_quarto.yml"


# Reads in ways that no reading of the source would find.
OTHER_FILES = {
    OTHER: """\
# OTHER

```{python}
import cvlib.journal
from cvlib.journal import hypotheses as hy
import helper
from pkg import words
load = cvlib.journal.experiment
[exp] = map(load, ["exp02"])
said = [call() for call in (helper.both, helper.extra, helper.listed)]
h = hy()
exp.project.reviews_of("exp01")
```

`{python} exp.accuracy("wide")`, `{python} h["H2"]`, `{python} words.SAID`.
""",
    "report/helper.py": """\
from pathlib import Path

import pandas as pd

from cvlib.journal import experiment as load


def both():
    return load("exp01")["base"].name, pd.read_csv("table.csv").to_dict()


def extra():
    return Path("extra.txt").exists()


def listed():
    return sorted(Path("../pictures").rglob("*.txt"))
""",
    "report/pkg/__init__.py": "from . import inner  # a package beside the chapter\n",
    "report/pkg/inner.py": "SAID = 1\n",
    "report/pkg/words.py": "from .inner import SAID\n",
    "report/table.csv": "a,b\n1,2\n",
}


@dataclass
class Sandbox:
    """A book whose frozen chapters are true, and a copy of cvlib that they were made with."""

    layout: Project
    source: Path
    before: dict[Path, bytes] = field(default_factory=dict)

    def path(self, file: str) -> Path:
        return (self.source if file.startswith("cvlib/") else self.layout.root) / file

    def edit(self, file: str, old: str, new: str) -> None:
        """Replace the first `old`; the file is put back after the test."""
        path = self.path(file)
        self.before.setdefault(path, path.read_bytes())
        text = path.read_text(encoding="utf-8")
        assert old in text, f"{old!r} is not in {file}: the case tests nothing"
        path.write_text(text.replace(old, new, 1), encoding="utf-8", newline="")

    def keep(self, folder: Path) -> None:
        """Let everything in `folder` be put back after the test."""
        for path in folder.rglob("*"):
            if path.is_file():
                self.before.setdefault(path, path.read_bytes())
        self._kept = folder

    def restore(self) -> None:
        folder = self.__dict__.pop("_kept", None)
        for path in list(folder.rglob("*")) if folder else []:
            if path.is_file() and path not in self.before:
                path.unlink()
        for path, content in self.before.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        self.before.clear()

    def untrue(self) -> dict[str, str]:
        self.layout.forget()
        found = chapter_statuses(self.layout)
        assert [one.file for one in found] == [INDEX, EXP01, EXP02, OTHER]
        return {one.file: one.reason for one in found if one.reason is not None}


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Iterator[Sandbox]:
    root = tmp_path_factory.mktemp("mutations")
    source = root / "source"
    ignore = shutil.ignore_patterns("__pycache__")
    shutil.copytree(REPOSITORY / "cvlib", source / "cvlib", ignore=ignore)
    (root / "book").mkdir()
    project = make_book(root / "book")
    for name, text in OTHER_FILES.items():
        path = project.root / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    yml = project.root / YML
    yml.write_text(
        yml.read_text().replace(
            "    - report/summary.qmd", f"    - {OTHER}\n    - report/summary.qmd"
        )
    )
    freeze_book(project)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("cvlib.freeze.reads._PACKAGE", source / "cvlib")
        inspector = property(
            lambda p: p.once(("inspector",), lambda: Inspector(Store(p.runs), source))
        )
        patch.setattr(Project, "inspector", inspector)
        yield Sandbox(project, source)


@pytest.fixture
def project(made) -> Iterator[Sandbox]:
    yield made
    made.restore()


def check(project: Sandbox, untrue: dict[str, str]) -> None:
    """OTHER reads both experiments: where it is not named, what it says is not looked at."""
    found = project.untrue()
    if OTHER not in untrue:
        found.pop(OTHER, None)
    assert found == {
        file: found[file] if re.fullmatch(reason, found.get(file, "")) else reason
        for file, reason in untrue.items()
    }


def test_at_first_every_chapter_is_true(project):
    assert project.untrue() == {}


# ── one text replaced by another ──────────────────────────────────────────────────────────────

MATTERS: dict[str, tuple[str, str, str, dict[str, str]]] = {
    # values of the spec
    "a value of one variant": (
        YAML01, "{model.width: 8}", "{model.width: 9}",
        {EXP01: r"spec of exp01 changed: narrow \(model.width: 8 → 9\)"},
    ),
    "a value of the base": (
        YAML01, "epochs: 6", "epochs: 7",
        {EXP01: r"spec of exp01 changed: .* and 9 more \(train.epochs: 6 → 7\)"},
    ),
    "a nested value": (
        YAML01, "crop_padding: 2", "crop_padding: 3",
        {EXP01: r"spec of exp01 changed: crop_flip \(train.augment.crop_padding: 2 → 3\)"},
    ),
    "how many images are used": (
        YAML01, "test_subset: 1000", "test_subset: 900",
        {EXP01: r"spec of exp01 changed: .* and 9 more \(not trained yet\)"},
    ),
    "a label": (
        YAML01, "label: 2 blocks", "label: two blocks", {EXP01: "spec of exp01 changed: depth2"},
    ),
    "a factor": (
        YAML01, "factor: dropout", "factor: noise", {EXP01: "spec of exp01 changed: dropout"},
    ),
    "a title": (
        YAML01, "title: Custom CNN", "title: A CNN", {EXP01: "spec of exp01 changed: title"},
    ),
    "a question": (
        YAML02, "do seeds matter", "does chance matter",
        {EXP02: "spec of exp02 changed: question"},
    ),
    "seeds": (
        YAML02, "seeds: [0, 1]", "seeds: [1]", {EXP02: "spec of exp02 changed: seeds"},
    ),
    "a variant less": (
        YAML02, "  wide: {label: 32 channels, set: {model.width: 32}}\n", "",
        {EXP02: "spec of exp02 changed: order of variants, wide"},
    ),
    "a variant more": (
        YAML02, "  base: {}\n", "  base: {}\n  deep: {set: {model.depth: 4}}\n",
        {EXP02: r"spec of exp02 changed: deep, order of variants \(not trained yet\)"},
    ),
    "the order of variants": (
        YAML02, "  base: {}\n  wide: {label: 32 channels, set: {model.width: 32}}\n",
        "  wide: {label: 32 channels, set: {model.width: 32}}\n  base: {}\n",
        {EXP02: "spec of exp02 changed: order of variants"},
    ),
    "a key that does not exist": (
        YAML02, "question:", "qestion:", {EXP02: "experiment exp02 cannot be read"},
    ),
    # hypotheses
    "a margin": (
        HYPOTHESES, "second: exp02/base}", "second: exp02/base, margin: 1}",
        {INDEX: "the list of hypotheses changed", EXP02: "hypothesis H1 changed"},
    ),
    "a statement of a hypothesis that is listed": (
        HYPOTHESES, "Deeper is better", "Deeper is worse", {INDEX: "the list of hypotheses changed"},
    ),
    "a statement of a hypothesis that is judged, too": (
        HYPOTHESES, "Wider is better", "Wider is worse",
        {INDEX: "the list of hypotheses changed", EXP02: "hypothesis H1 changed"},
    ),
    "what a hypothesis compares": (
        HYPOTHESES, "first: exp02/wide, second: exp02/base", "first: exp01/wide, second: exp01/base",
        {INDEX: "the list of hypotheses changed", EXP02: "hypothesis H1 changed"},
    ),
    "a claim, after its runs, of a hypothesis that is listed": (
        HYPOTHESES, "second: exp01/dropout}", "second: exp01/wide}",
        {INDEX: "the list of hypotheses changed"},
    ),
    # the data as it was noted
    "the noted fingerprint of the data": (
        "experiments/runs/datasets.json", "f" * 64, "a" * 64,
        {EXP01: r"results of exp01 changed: .* and 9 more "
                r"\(stale by data: the dataset's content changed: ffffffffff → aaaaaaaaaa\)"},
    ),
    # whatever it is called, and however it is reached
    "a label, of an experiment that is asked for by another name": (
        YAML02, "label: 32 channels", "label: wide ones",
        {EXP02: "spec of exp02 changed: wide", OTHER: "spec of exp02 changed: wide"},
    ),
    "a label, of an experiment that a helper asks for": (
        YAML01, "label: 2 blocks", "label: two blocks",
        {EXP01: "spec of exp01 changed: depth2", OTHER: "spec of exp01 changed: depth2"},
    ),
    "a hypothesis that is asked for by another name": (
        HYPOTHESES, "Deeper is better", "Deeper is worse",
        {INDEX: "the list of hypotheses changed", OTHER: "hypothesis H2 changed"},
    ),
    "a helper that asks for experiments": (
        "report/helper.py", "table.csv", "tables.csv", {OTHER: "file report/helper.py changed"},
    ),
    "a module of a package beside the chapter": (
        "report/pkg/inner.py", "1", "2", {OTHER: "file report/pkg/inner.py changed"},
    ),
    "a package beside the chapter": (
        "report/pkg/__init__.py", "inner", "inner, words",
        {OTHER: "file report/pkg/__init__.py changed"},
    ),
    "a table that a helper reads": (
        "report/table.csv", "1,2", "1,3", {OTHER: "file report/table.csv changed"},
    ),
    # code
    "a function that draws a table": (
        "cvlib/journal/table.py", ".join(said) + \".\"", ".join(said) + \"!\"",
        {EXP01: "code changed: cvlib.journal.table"},
    ),
    "a function that draws a figure": (
        "cvlib/journal/learning_curves.py", '"training loss (log)"', '"loss"',
        {EXP02: "code changed: cvlib.journal.learning_curves"},
    ),
    "the size of a figure's text": (
        "cvlib/journal/figure.py", 'font.size": ', 'font.size": 1 + ',
        {EXP02: "code changed: cvlib.journal.figure"},
    ),
    "a constant": (
        "cvlib/journal/table.py", 'COMMON_MARK = "‡"', 'COMMON_MARK = "¶"',
        {EXP01: "code changed: cvlib.journal.table"},
    ),
    "a default": (
        "cvlib/journal/table.py", "note: bool = True", "note: bool = False",
        {EXP01: "code changed: cvlib.journal.table"},
    ),
    "how a number is written": (
        "cvlib/journal/numbers.py", 'MINUS = "−"', 'MINUS = "-"',
        dict.fromkeys([INDEX, EXP01, EXP02], "code changed: cvlib.journal.numbers"),
    ),
    "how hypotheses are listed": (
        "cvlib/journal/hypotheses.py", ".\\n:", ":\\n:",
        dict.fromkeys([INDEX, EXP01, EXP02], "code changed: cvlib.journal.hypotheses"),
    ),
    "how an interval is computed": (
        "cvlib/analysis/intervals.py", "confidence: float = 0.95", "confidence: float = 0.9",
        dict.fromkeys([EXP01, EXP02], "code changed: cvlib.analysis.intervals"),
    ),
    "how far seeds' variances are moderated": (
        "cvlib/analysis/estimate.py", "_OTHERS = 2.0", "_OTHERS = 3.0",
        dict.fromkeys([EXP01, EXP02], "code changed: cvlib.analysis.estimate"),
    ),
    "how predictions are read": (
        "cvlib/results/run.py", "self.logits.argmax(axis=1)", "self.logits.argmin(axis=1)",
        dict.fromkeys([INDEX, EXP01, EXP02], "code changed: cvlib.results.run"),
    ),
    "a line of the training": (
        "cvlib/training/loop.py", ".backward()", ".backward(retain_graph=True)",
        {EXP01: r"results of exp01 changed: .* and 9 more "
                r"\(stale by code: code changed since: cvlib.training.loop\)",
         EXP02: r"results of exp02 changed: base, wide \(stale by code: .*cvlib.training.loop\)"},
    ),
    # text, and what it includes
    "a word": (EXP01, "The recipe is", "The recipe was", {EXP01: "text changed"}),
    "a cell": (EXP02, "exp.learning_curves()", "exp.ablation()", {EXP02: "text changed"}),
    "an inline value": (EXP01, '("base")', '("wide")', {EXP01: "text changed"}),
    "an option of a cell": (EXP01, "All of it", "All", {EXP01: "text changed"}),
    "an included cell": (
        "report/_setup.qmd", ".run()", "", {EXP01: "included file report/_setup.qmd changed"},
    ),
    # files of one's own
    "a module beside the chapter": (
        "report/own.py", "own_words.SAID", "2", {EXP02: "file report/own.py changed"},
    ),
    "what that module imports": (
        "report/own_words.py", "1", "2", {EXP02: "file report/own_words.py changed"},
    ),
    "a file that a cell names": (
        "report/notes.csv", "b", "c", {EXP02: "file report/notes.csv changed"},
    ),
    # what is cited
    "a field of an entry": (
        BIB, "year = {2015}", "year = {2014}",
        {INDEX: "bibliography entry simonyan2015very changed"},
    ),
    "an entry that is gone": (
        BIB, "@inproceedings{loshchilov2019decoupled,", "@inproceedings{other,",
        {EXP01: "bibliography entry loshchilov2019decoupled changed"},
    ),
    # options
    "whether code is shown": (
        YML, "echo: false", "echo: true",
        dict.fromkeys([INDEX, EXP01, EXP02],
                      "option echo for HTML changed: false → true; "
                      "option echo for the PDF changed: false → true"),
    ),
    "whether code is shown in HTML": (
        YML, "    toc: true", "    toc: true\n    echo: true",
        dict.fromkeys([INDEX, EXP01, EXP02], "option echo for HTML changed: false → true"),
    ),
    "the width of figures": (
        YML, "  echo: false", "  echo: false\n  fig-width: 4",
        dict.fromkeys([INDEX, EXP01, EXP02],
                      "option fig-width for HTML changed: 5.5 → 4; "
                      "option fig-width for the PDF changed: 5.5 → 4"),
    ),
    "the format of figures": (
        YML, "    theme: cosmo", "    theme: cosmo\n    fig-format: svg",
        dict.fromkeys([INDEX, EXP01, EXP02],
                      'option fig-format for HTML changed: "retina" → "svg"'),
    ),
    "the kernel": (
        YML, "jupyter: python3", "jupyter: other",
        dict.fromkeys([INDEX, EXP01, EXP02], 'option jupyter changed: "python3" → "other"'),
    ),
    "whether errors stop a chapter": (
        YML, "  echo: false", "  echo: false\n  error: true",
        dict.fromkeys([INDEX, EXP01, EXP02], "option error for HTML changed: false → true; .*"),
    ),
    # the frozen copy itself
    "a number in a frozen copy": (
        "_freeze/report/exp02/execute-results/typ.json", "EXP02", "EXP03",
        {EXP02: "its frozen copy for typ is not the one that was recorded"},
    ),
    "a frozen copy that git could not merge": (
        "_freeze/report/exp02/execute-results/typ.json", "{", "<<<<<<< HEAD\n{",
        {EXP02: "its frozen copy cannot be read"},
    ),
}  # fmt: skip

DOES_NOT_MATTER: dict[str, tuple[str, str, str]] = {
    # spellings of a spec
    "a comment in an experiment": (YAML01, "seeds:", "# three of them\nseeds:"),
    "the layout of an experiment": (
        YAML01, "base:\n  model: {depth: 3, width: 16}", "base:\n  model:\n    depth: 3\n    width: 16"
    ),
    "quotes in an experiment": (YAML01, "title: Custom CNN", 'title: "Custom CNN"'),
    "the order of keys": (YAML01, "{depth: 3, width: 16}", "{width: 16, depth: 3}"),
    "a default that is written out": (YAML01, "{depth: 3, width: 16}", "{depth: 3, width: 16, kernel_size: 3}"),
    "another profile": (YAML01, "quick: {seeds: [0]", "quick: {seeds: [1]"),
    "a comment in the hypotheses": (HYPOTHESES, "# what", "# everything that"),
    "the experiment of a hypothesis that is listed": (
        HYPOTHESES, "costs accuracy.\n  experiment: exp01", "costs accuracy.\n  experiment: exp02",
    ),
    # spellings of code
    "a comment in code that is called": ("cvlib/journal/table.py", "\n\n\n", "\n\n\n# a remark\n"),
    "a docstring": ("cvlib/journal/table.py", '"""', '"""Say it otherwise. '),
    "formatting": ("cvlib/journal/numbers.py", 'MINUS = "−"', "MINUS   =  (\n    '−'\n)"),
    "a comment in the training": ("cvlib/training/loop.py", "\n\n\n", "\n\n\n# a remark\n"),
    # code that no chapter loads
    "a figure that no chapter shows": (
        "cvlib/journal/heat_map.py", "import annotations\n", "import annotations\nraise ValueError\n"
    ),
    "a style sheet that no chapter shows": ("cvlib/journal/gallery_page.css", "{", "{ color: red;"),
    "an analysis that no chapter shows": (
        "cvlib/analysis/feature_maps.py", "import annotations\n", "import annotations\nraise ValueError\n"
    ),
    "the dashboard": ("cvlib/dashboard/content.py", "import annotations\n", "import annotations\nX = 1\n"),
    "the command line": ("cvlib/cli.py", "import annotations\n", "import annotations\nX = 1\n"),
    "the conversion to HTML": ("cvlib/engine/html.py", "import annotations\n", "import annotations\nX = 1\n"),
    "what judges freshness": ("cvlib/freeze/freshness.py", "import annotations\n", "import annotations\nX = 1\n"),
    "a model that no run uses": ("cvlib/models/custom_vit.py", "import annotations\n", "import annotations\nX = 1\n"),
    "how data are described": ("cvlib/data/inventory.py", "import annotations\n", "import annotations\nX = 1\n"),
    "a comment in a module beside the chapter": ("report/own_words.py", "a word", "one word"),
    # what is not executed
    "the text of a chapter without code": ("report/summary.qmd", "No code", "Still no code"),
    "the README": ("README.md", "A project", "My project"),
    "an entry that nobody cites": (BIB, "title = {A Book}", "title = {The Book}"),
    "a remark in the bibliography": (BIB, "A file of references", "All references"),
    "the layout of an entry": (BIB, "  year = {2015}\n", "  year={2015},\n\n"),
    "braces of a field": (BIB, "year = 2019", "year = {2019}"),
    "the order of fields": (
        BIB, "  author = {Loshchilov, Ilya},\n  year = 2019", "  year = 2019,\n  author = {Loshchilov, Ilya}"
    ),
    "the table of contents in HTML": (YML, "toc: true", "toc: false"),
    "the theme of HTML": (YML, "theme: cosmo", "theme: flatly"),
    "folded code in HTML": (YML, "    theme: cosmo", "    theme: cosmo\n    code-fold: true"),
    "the book's title": (YML, "title: Small", "title: Large"),
    "the output's name": (YML, "output-file: small", "output-file: large"),
    "the output's folder": (YML, "output-dir: _output", "output-dir: _site"),
    "how figures are numbered": (YML, "execute:", "crossref: {chapters: true}\nexecute:"),
    "an option that keeps a kernel alive": (YML, "  echo: false", "  echo: false\n  daemon: 60"),
    "a comment in the project's file": (YML, "execute:", "# how cells run\nexecute:"),
    "another profile of the project": ("_quarto-quick.yml", "freeze: false", "freeze: false\n  echo: true"),
    "the look of the PDF": ("_extensions/journal/page.typ", "margin", "margin "),
}  # fmt: skip


# What a chapter shows is the same after these, and it is executed all the same: a loaded module counts
# as a whole, whatever is called of it.
COSTS_AN_EXECUTION: dict[str, tuple[str, str, str, list[str]]] = {
    "a function beside those that are called": (
        "cvlib/analysis/intervals.py", "import annotations\n", "import annotations\n\n\ndef unused():\n    pass\n\n",
        [EXP01, EXP02, OTHER],
    ),
    "how runs are written": (
        "cvlib/results/store.py", "self._publish(key, identity", "self._publish('' + key, identity",
        [INDEX, EXP01, EXP02, OTHER],
    ),
    "what fetches the data": (
        "cvlib/data/providers.py", "import annotations\n", "import annotations\nX = 1\n",
        [EXP01, OTHER],
    ),
    "an import for types alone": (
        "cvlib/journal/results.py", "if TYPE_CHECKING:\n", "if TYPE_CHECKING:\n    import decimal\n",
        [EXP01, EXP02, OTHER],
    ),
    "a default that no run uses": (
        "cvlib/training/spec.py", "nesterov: bool = Field(\n        default=True",
        "nesterov: bool = Field(\n        default=False", [EXP01, EXP02, OTHER],
    ),
}  # fmt: skip


@pytest.mark.parametrize(
    ("file", "old", "new", "untrue"), COSTS_AN_EXECUTION.values(), ids=COSTS_AN_EXECUTION
)
def test_what_costs_an_execution_though_nothing_else_is_shown(project, file, old, new, untrue):
    project.edit(file, old, new)
    module = file.removesuffix(".py").replace("/", ".")
    assert project.untrue() == dict.fromkeys(untrue, f"code changed: {module}")


@pytest.mark.parametrize(("file", "old", "new", "untrue"), MATTERS.values(), ids=MATTERS)
def test_what_matters_is_noticed_with_its_reason(project, file, old, new, untrue):
    project.edit(file, old, new)
    check(project, untrue)


@pytest.mark.parametrize(("file", "old", "new"), DOES_NOT_MATTER.values(), ids=DOES_NOT_MATTER)
def test_what_does_not_matter_causes_no_work(project, file, old, new):
    project.edit(file, old, new)
    assert project.untrue() == {}


# ── edits of another kind ─────────────────────────────────────────────────────────────────────


def remove_run(project: Sandbox) -> None:
    Store(project.layout.runs).remove(str(planned(project.layout)[0].key))


def make_again(project: Sandbox) -> None:
    run = planned(project.layout, "exp02")[2]
    Store(project.layout.runs).remove(str(run.key))
    write(project.layout, run, git_commit="another")


def alter(project: Sandbox, file: str) -> None:
    path = project.layout.runs / str(planned(project.layout)[4].key) / file
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))


def let_fail(project: Sandbox) -> None:
    run = planned(project.layout)[1]
    Store(project.layout.runs).remove(str(run.key))
    fail(project.layout, run, "the loss is nan")


def review(project: Sandbox) -> None:
    reviews = Reviews("exp01", "fashion_mnist", "f" * 64, (), {"label-error": (3,)})
    write_reviews(project.layout.reviews / "exp01.json", reviews)


@pytest.mark.parametrize(
    ("change", "untrue"),
    [
        (remove_run, {EXP01: r"results of exp01 changed: base \(not trained yet\)"}),
        (make_again, {EXP02: "results of exp02 changed: wide"}),
        (lambda p: alter(p, "metrics.json"),
         {EXP01: r"results of exp01 changed: depth2 \(damaged: .*metrics.json was altered.*\)"}),
        (lambda p: alter(p, "predictions.npz"),
         {EXP01: r"results of exp01 changed: depth2 \(damaged: .*predictions.npz was altered.*\)"}),
        (let_fail, {EXP01: r"results of exp01 changed: base \(failed: the loss is nan\)"}),
        (review, {OTHER: "reviews of exp01 changed"}),
    ],
    ids=["a run is gone", "a run was made again", "a byte of the metrics", "a byte of the predictions",
         "a run that fails now", "a review"],
)  # fmt: skip
def test_changed_results_are_noticed(project, change, untrue):
    project.keep(project.layout.experiments)
    change(project)
    check(project, untrue)


def picture(project: Sandbox, name: str) -> Path:
    return project.layout.root / "pictures" / name


DATA = r"results of exp02 changed: base, wide \(stale by data: the dataset's content changed: .*\)"


@pytest.mark.parametrize(
    ("change", "untrue"),
    [
        (lambda p: picture(p, "cat/00.png").write_bytes(b"another picture"), {EXP02: DATA}),
        (lambda p: picture(p, "cat/99.png").write_bytes(b"one more"), {EXP02: DATA}),
        (lambda p: picture(p, "cat/00.png").rename(picture(p, "dog/00.png")), {EXP02: DATA}),
        (lambda p: picture(p, "cat/notes.txt").write_text("nothing"), {}),
    ],
    ids=["a picture's bytes", "a picture more", "a picture's label", "a file that is no picture"],
)
def test_changed_data_are_noticed(project, change, untrue):
    project.keep(project.layout.root / "pictures")
    change(project)
    check(project, untrue)


@pytest.mark.parametrize("package", ["torch", "numpy"])
def test_another_version_is_said_of_runs_and_draws_nothing_anew(project, package, monkeypatch):
    genuine = status.version_here
    monkeypatch.setattr(
        status, "version_here", lambda name: "99.0" if name == package else genuine(name)
    )
    assert project.untrue() == {}
    states = Project(project.layout.root).statuses("exp01")
    assert all(run.cue == "environment" and f"{package} " in run.reason for run in states)


def test_a_package_that_no_run_uses_costs_nothing(project, monkeypatch):
    genuine = status.version_here
    monkeypatch.setattr(
        status, "version_here", lambda name: "99.0" if name == "timm" else genuine(name)
    )
    assert {run.state for run in Project(project.layout.root).statuses("exp01")} == {"fresh"}


def test_another_version_is_said_of_a_frozen_chapter(project, monkeypatch):
    genuine = freshness.version_here
    monkeypatch.setattr(
        freshness, "version_here", lambda name: "99.0" if name == "pandas" else genuine(name)
    )
    found = {s.file: s for s in chapter_statuses(Project(project.layout.root))}[OTHER]
    assert found.reason is None and found.versions[0].startswith("pandas ")
    assert found.versions[0].endswith("→ 99.0")


def test_code_that_is_newly_called_counts_from_then_on(project):
    """The text of the chapter is the same; what it includes calls more."""
    project.keep(project.layout.root / "_freeze")
    project.edit("report/_setup.qmd", ".run()", ".run()\nexp.ablation()")
    assert set(project.untrue()) == {EXP01}
    freeze_book(project.layout)
    assert project.untrue() == {}
    project.edit("cvlib/journal/ablation.py", "return ", "return 1 + ")
    assert project.untrue() == {EXP01: "code changed: cvlib.journal.ablation"}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda p: (p.layout.root / "report/extra.txt").write_text("x"), "report/extra.txt is there now"),
        (lambda p: (p.layout.root / "pictures/notes.txt").write_text("x"), "folder pictures changed"),
        (lambda p: (p.layout.root / "report/table.csv").unlink(), "file report/table.csv changed"),
    ],
    ids=["a file that was looked for and not there", "a file more in a folder that was listed",
         "a file that is gone"],
)  # fmt: skip
def test_what_was_looked_for_counts(project, change, reason):
    for folder in ("report", "pictures"):
        for path in (project.layout.root / folder).rglob("*"):
            if path.is_file():
                project.before.setdefault(path, path.read_bytes())
    change(project)
    try:
        assert project.untrue()[OTHER] == reason
    finally:
        for name in ("report/extra.txt", "pictures/notes.txt"):
            (project.layout.root / name).unlink(missing_ok=True)


def test_other_line_ends_and_times_cause_no_work(project):
    for file in (EXP01, "report/_setup.qmd", BIB, YAML01):
        project.edit(file, "\n", "\n")
        path = project.path(file)
        path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    for path in project.source.rglob("*.py"):
        os.utime(path)
    assert project.untrue() == {}


def test_a_run_that_no_experiment_asks_for_causes_no_work(project):
    project.keep(project.layout.experiments)
    shutil.copytree(next(p for p in project.layout.runs.iterdir() if p.is_dir()),
                    project.layout.runs / ("0" * 64))  # fmt: skip
    assert project.untrue() == {}


def in_a_new_process(project: Sandbox) -> dict[str, str]:
    """The same question asked of the edited cvlib itself."""
    code = (
        "import json, sys; from pathlib import Path; "
        "from cvlib.freeze.freshness import chapter_statuses; "
        "from cvlib.project import Project; "
        "print(json.dumps({s.file: s.reason for s in chapter_statuses(Project(Path(sys.argv[1]))) if s.reason}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(project.layout.root)],
        cwd=project.layout.root,
        env={**os.environ, "PYTHONPATH": str(project.source)},
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        ("cvlib/training/spec.py", "label_smoothing: float | None = Field(\n        default=None",
         "label_smoothing: float | None = Field(\n        default=0.1", "train.label_smoothing: none → 0.1"),
        ("cvlib/models/spec.py", "kernel_size: int = Field(default=3", "kernel_size: int = Field(default=7",
         "model.kernel_size: 3 → 7"),
    ],
    ids=["of training", "of the network"],
)  # fmt: skip
def test_a_default_in_the_code_is_noticed_by_the_runs_that_use_it(project, file, old, new, said):
    project.edit(file, old, new)
    found = in_a_new_process(project)
    for name, file in (("exp01", EXP01), ("exp02", EXP02)):
        assert found[file].startswith(f"spec of {name} changed: ") and said in found[file]


def test_there_are_at_least_forty_edits_of_either_kind():
    assert len(MATTERS) >= 40 and len(DOES_NOT_MATTER) >= 40


def test_other_words_before_the_runs_are_shown_where_a_hypothesis_is(project):
    path = registered_file(project.layout)
    project.before[path] = path.read_bytes()
    note = read_note(path)
    note["hypotheses"]["H1"]["statement"] = "Wider may be better."
    path.write_text(sealed_json(note))
    check(project, {INDEX: "the list of hypotheses changed", EXP02: "hypothesis H1 changed"})
