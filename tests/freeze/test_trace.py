"""A value, a table or a figure of a report leads to the runs that it comes from."""

from __future__ import annotations

import json
import shutil

import pytest
from typer.testing import CliRunner

from cvlib.cli import app
from cvlib.engine.book import load_book
from cvlib.engine.chapter import INLINE, parse_chapter, read_chapter
from cvlib.engine.errors import RenderError
from cvlib.engine.execute import FIGURE_FOLDERS, execute_chapter
from cvlib.engine.quarto import with_captions_filled
from cvlib.freeze.align import align
from cvlib.freeze.carry_over import carried_over
from cvlib.freeze.frozen_chapter import headings
from cvlib.freeze.frozen_copy import freeze_folder, read_frozen, write_frozen
from cvlib.freeze.marks import as_read, values_in
from cvlib.freeze.trace import commands_for, facts_of, trace
from cvlib.journal import experiment
from cvlib.project import Project
from cvlib.results.store import Store
from tests.engine.chapters import EXTENSIONS, FIXTURES
from tests.journal.made import fill, make_project, planned, write

QUARTO_YML = """\
project: {type: book, output-dir: _output}
book:
  title: Traced
  author: Ada Lovelace
  output-file: traced
  chapters: [index.qmd, report/exp01.qmd]
execute: {freeze: auto, echo: false}
format:
  html: default
  journal-typst: default
"""
FILE = "report/exp01.qmd"
CHAPTER = """\
# EXP01: Made {#sec-exp01}

```{python}
from cvlib.journal import experiment
exp = experiment("exp01")
```

## Accuracy of `{python} exp.seeds` seeds

`{python} exp.accuracy("wide")` opens this paragraph, of `{python} exp.seeds` seeds. Narrow loses
`{python} exp.difference("narrow")`; once more: `{python} exp.accuracy("wide")`.
By hand: 77.7%.

```{python}
#| label: tbl-exp01
#| tbl-cap: "It's a table of `{python} exp.accuracy('flip')`."
exp.table("accuracy", variants=["base", "wide"])
```

```{python}
#| label: fig-exp01
#| fig-cap: "Curves of `{python} exp.accuracy('group')`."
exp.learning_curves("wide", metrics=("val_accuracy",))
```

## Table in the text

| What | Value |
|:-----|------:|
| wide | `{python} exp.seconds("wide")` |

: Times. {#tbl-times}
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Project:
    layout = make_project(tmp_path_factory.mktemp("traced"))
    fill(layout)
    shutil.copytree(EXTENSIONS, layout.root / "_extensions")
    (layout.root / "_quarto.yml").write_text(QUARTO_YML)
    (layout.root / "index.qmd").write_text("# Home\n")
    (layout.root / FILE).write_text(CHAPTER)
    project, chapter = load_book(layout.root), read_chapter(layout.root, FILE)
    done = execute_chapter(project, chapter)
    write_frozen(
        freeze_folder(layout.root, FILE),
        chapter,
        {target: one.markdown for target, one in done.items()},
        {FIGURE_FOLDERS[target]: one.figures for target, one in done.items()},
        None,
    )
    return layout


@pytest.fixture
def layout(made, tmp_path) -> Project:
    """A copy, to be changed."""
    return Project(shutil.copytree(made.root, tmp_path / "copy"))


@pytest.fixture(scope="module")
def exp(made):
    return experiment("exp01", root=made.root)


def short(exp, *names):
    return tuple(key[:10] for name in names for key in exp[name].keys)


def line(text):
    return next(n for n, found in enumerate(CHAPTER.split("\n"), start=1) if text in found)


def test_a_value_is_found_wherever_it_stands_with_its_expression_line_and_heading(made, exp):
    first, second = [t for t in trace(made, str(exp.accuracy("wide"))) if t.kind == "value"]
    assert first.expression == second.expression == 'exp.accuracy("wide")'
    assert (first.file, first.line, second.line) == (FILE, line("opens this"), line("once more"))
    assert first.heading == "Accuracy of 3 seeds"
    assert first.runs == second.runs == short(exp, "wide")


@pytest.mark.parametrize("wanted", [str, lambda v: str(v).split(" ")[0], lambda v: f"{v} "])
def test_a_value_is_found_by_its_words_or_its_number_in_any_spelling(made, exp, wanted):
    lost = exp.difference("narrow")
    (found,) = trace(made, wanted(lost).replace("−", "-").replace(" ", "\u00a0"))
    assert found.shown == str(lost)
    assert found.runs == short(exp, "narrow", "base")


def test_a_value_of_a_caption_has_the_line_of_its_option(made, exp):
    for variant, option in (("flip", "tbl-cap"), ("group", "fig-cap")):
        (found,) = trace(made, str(exp.accuracy(variant)))
        assert found.line == line(option)
        assert found.expression == f"exp.accuracy('{variant}')"
        assert found.runs == short(exp, variant)


def test_a_number_of_a_computed_table_is_found_with_its_row(made, exp):
    in_table = str(exp.accuracy("base")).removesuffix("%")
    (found,) = trace(made, in_table)
    assert found.kind == "row" and "in the row base" in found.shown
    assert found.expression == 'exp.table("accuracy", variants=["base", "wide"])'
    assert found.runs == (*short(exp, "base"), *short(exp, "wide"))


@pytest.mark.parametrize(
    ("label", "kind", "variants", "at"),
    [
        ("tbl-exp01", "table", ["base", "wide", "flip"], "label: tbl-exp01"),
        ("@fig-exp01", "figure", ["group", "wide"], "label: fig-exp01"),
        ("Tbl-times", "table", ["wide"], "{#tbl-times}"),
    ],
)
def test_a_label_leads_to_all_runs_of_its_table_or_figure(made, exp, label, kind, variants, at):
    (found,) = trace(made, label)
    assert (found.kind, found.line) == (kind, line(at))
    assert set(found.runs) == set(short(exp, *variants))


def test_what_no_run_says_names_its_file(made):
    assert {t.source for t in trace(made, "3") if t.kind == "value"} == {"experiments/exp01.yaml"}


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("64.9", "no chapter shows '64.9'; the nearest are: 65 s, 9"),
        ("sixty", "no chapter shows 'sixty'; the nearest are: "),
        ("fig-exp02", "no figure or table is labelled 'fig-exp02'; did you mean 'fig-exp01'"),
        ("77.7%", r"was typed by hand in report/exp01\.qmd:12; no run says it"),
        ("†", "expected a value such as"),
    ],
)
def test_what_is_not_there_is_answered_with_the_nearest(made, what, said):
    with pytest.raises(RenderError, match=said):
        trace(made, what)


def test_a_report_that_was_never_executed_says_so(layout):
    shutil.rmtree(layout.root / "_freeze")
    with pytest.raises(RenderError, match="no chapter is frozen yet"):
        trace(layout, "3")


def test_runs_are_named_with_state_seconds_and_commit(layout):
    run = next(run for run in planned(layout) if run.variant == "wide")
    write(layout, run, code={"cvlib.training.loop": "0"})
    (facts,) = facts_of(layout, [str(run.key)[:10]])
    assert (facts.experiment, facts.variant, facts.seed) == ("exp01", "wide", 0)
    assert facts.state == "stale by code" and "code changed" in facts.reason
    assert facts.seconds and facts.commit == "0123456789ab"


def test_a_run_that_no_experiment_asks_for_any_more_is_still_named(layout):
    run = next(run for run in planned(layout) if run.variant == "wide")
    yaml = layout.experiment_file("exp01")
    yaml.write_text(
        yaml.read_text()
        .replace("label: 32 channels, ", "")
        .replace("model.width: 32", "model.width: 33")
    )
    (facts,) = facts_of(layout, [str(run.key)[:10]])
    assert (facts.variant, facts.state) == ("wide", "not asked for")
    assert commands_for(layout, [facts]) == []
    Store(layout.runs).remove(str(run.key))
    (gone,) = facts_of(layout, [str(run.key)[:10]])
    assert gone.state == "gone"


def test_the_command_that_makes_runs_again_is_as_short_as_it_can_be(made, exp):
    def commands(names):
        return commands_for(made, facts_of(made, names))

    assert commands(short(exp, "wide", "base")) == [
        "cvlib run exp01 --variant base --variant wide --rerun all"
    ]
    assert commands(short(exp, "wide")[1:2]) == ["cvlib run exp01 --variant wide@1 --rerun all"]
    every = short(exp, *(variant.name for variant in exp.variants))
    assert commands(every) == ["cvlib run exp01 --rerun all"]


def test_the_command_says_it_in_words_and_as_json(layout, exp, monkeypatch):
    monkeypatch.chdir(layout.root)
    value = str(exp.accuracy("group"))
    said = CliRunner().invoke(app, ["trace", value], catch_exceptions=False).output
    assert f"{value}  {FILE}:{line('fig-cap')}, below “Accuracy of 3 seeds”" in said
    assert "made by   exp.accuracy('group')" in said
    assert "again     cvlib run exp01 --variant group --rerun all" in said
    (layout.root / FILE).write_text(CHAPTER + "\nMore.\n")
    found = json.loads(CliRunner().invoke(app, ["trace", value, "--json"]).output)
    assert [run["key"] for run in found[0]["runs"]] == list(exp["group"].keys)
    assert found[0]["stale"] == "text changed"
    assert found[0]["commands"][-1] == "cvlib render exp01"


# ── the frozen copy, read beside the chapter ───────────────────────────────────────────────────


def test_every_inline_expression_is_found_in_the_frozen_copy(made):
    chapter = read_chapter(made.root, FILE)
    for target in ("typ", "html"):
        frozen = read_frozen(freeze_folder(made.root, FILE), target)
        assert frozen is not None
        alignment = align(chapter, frozen.markdown)
        placed = [one for one in alignment.made if one.kind != "cell"]
        assert [one.line for one in placed] == [
            number
            for number, text in enumerate(CHAPTER.split("\n"), start=1)
            for _ in range(text.count("`{python} "))
        ]
        marks = {mark.start: mark.end for mark in values_in(frozen.markdown)}
        assert {one.start: one.end for one in placed} == marks
        assert len([one for one in alignment.made if one.kind == "cell"]) == 2
        assert alignment.lost == ""


def test_of_a_changed_text_the_expressions_beside_it_are_not_found_and_all_others_are(made):
    frozen = read_frozen(freeze_folder(made.root, FILE), "typ")
    assert frozen is not None
    changed = CHAPTER.replace("Narrow loses", "The narrow one loses")
    alignment = align(parse_chapter(made.root, FILE, changed), frozen.markdown)
    found = [one.source for one in alignment.made if one.kind == "value"]
    every = [one.source for one in align(read_chapter(made.root, FILE), frozen.markdown).values]
    assert alignment.lost.startswith(" seeds. The narrow one loses")
    assert found == [*every[:2], *every[4:]]


@pytest.mark.parametrize("target", ["html", "typ"])
def test_every_expression_is_found_in_what_quarto_wrote(target):
    """Those of a header or a caption, too, once their values are in place."""
    root = FIXTURES / "caption_values"
    chapter = read_chapter(root, "report/captions.qmd")
    written = (root / f"quarto-1.10.captions.{target}.md").read_text()
    markdown = with_captions_filled(written)
    alignment = align(chapter, markdown)
    assert alignment.lost == ""
    in_text = [i for block in chapter.blocks for i in INLINE.findall(getattr(block, "text", ""))]
    assert len(alignment.values) >= 5 and len(alignment.values) <= len(in_text)
    for mark in values_in(markdown):
        made = alignment.made_by(mark.start)
        assert made is not None and made.kind in ("value", "caption"), mark
    assert carried_over(chapter, chapter, written) == written


@pytest.mark.parametrize(
    ("markdown", "read"),
    [
        (
            '[5.09\u00a0\\[4.21,\u00a05.97\\]\u00a0points]{.value runs="0123456789"}',
            "5.09 [4.21, 5.97] points",
        ),
        ('**[*p*\u00a0\\<\u00a00.001^†^]{.value runs="0123456789 abcdef0123"}**', "p < 0.001†"),
        ("a \\* b", "a * b"),
        ('note.[]{.traced runs="0123456789"}', "note."),
    ],
)
def test_markdown_reads_as_it_is_shown(markdown, read):
    assert as_read(markdown) == read


def test_headings_in_code_are_none():
    markdown = '# One {#sec-one}\n\n```\n# no heading\n```\n\n## Two of [3]{.value source="a"}\n'
    assert [text for _, text in headings(markdown)] == ["One", "Two of 3"]
