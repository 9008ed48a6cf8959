"""A chapter whose prose changed gets, without running its cells, what running them would give."""

from __future__ import annotations

import json
import shutil

import pytest

from cvlib.engine.book import load_book
from cvlib.engine.chapter import parse_chapter, read_chapter
from cvlib.engine.execute import FIGURE_FOLDERS, execute_chapter
from cvlib.freeze.carry_over import carried_over, refreeze, same_cells
from cvlib.freeze.frozen_copy import FrozenCopy, Record, freeze_folder, write_frozen
from tests.engine.chapters import small_book

FILE = "report/one.qmd"
TEXT = """\
# One {#sec-one}

```{python}
#| include: false
from IPython.display import Markdown
n = 7
```

First there are `{python} n` things, and `{python} n + 1` more.

```{python}
#| label: fig-line
#| fig-cap: "A line."
import matplotlib.pyplot as plt
plt.plot([1, n]);
```

```{python}
#| label: tbl-t
#| tbl-cap: "A table."
Markdown("| a |\\n|---|\\n| 1 |")
```

{{< include part.md >}}

```{python}
#| echo: true
print("printed")
```
"""
EDITS = {
    "the title": ("# One", "# The one"),
    "a word": ("First there are", "Now there *are*"),
    "a paragraph more": ("Now there", "A paragraph.\n\nNow there"),
    "where an inline value stands": ("`{python} n + 1` more", "more by `{python} n + 1`"),
    "a div": ("{{< include part.md >}}", "::: {.callout-note}\n{{< include part.md >}}\n:::"),
    "blank lines": ("\n\n```{python}\n#| label: fig", "\n\n\n\n```{python}\n#| label: fig"),
}
REFUSED = {
    "code": ("n = 7", "n = 8"),
    "a comment in code": ("n = 7", "n = 7  # seven"),
    "an option": ('fig-cap: "A line."', 'fig-cap: "A curve."'),
    "an inline expression": ("`{python} n + 1`", "`{python} n + 2`"),
    "the order of inline expressions": (
        "`{python} n` things, and `{python} n + 1` more",
        "`{python} n + 1` things, and `{python} n` more",
    ),
    "an inline value right behind a cell": ("First there are `{python} n`", "`{python} n`"),
    "an inline expression more": ("things,", "things `{python} n`,"),
    "a cell more": ("{{< include", "```{python}\n1\n```\n\n{{< include"),
    "a text where there was none": (
        '```\n\n```{python}\n#| label: tbl-t',
        '```\n\nBetween.\n\n```{python}\n#| label: tbl-t',
    ),
    "a header": ("# One {#sec-one}", "---\nexecute: {echo: true}\n---\n\n# One {#sec-one}"),
}  # fmt: skip


def edited() -> str:
    text = TEXT
    for old, new in EDITS.values():
        assert old in text
        text = text.replace(old, new)
    return text


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A book, and what executing its chapter gives as it is and with all edits."""
    root = small_book(tmp_path_factory.mktemp("carried") / "book", one=TEXT)
    (root / "report" / "part.md").write_text("Included text with `{python} n * 2` in it.\n")
    project = load_book(root)
    executed = execute_chapter(project, read_chapter(root, FILE))
    after = execute_chapter(project, parse_chapter(root, FILE, edited()))
    return project, executed, after


@pytest.mark.parametrize("target", ["html", "typ"])
def test_it_is_byte_for_byte_what_an_execution_gives(made, target):
    project, executed, wanted = made
    before = read_chapter(project.root, FILE)
    after = parse_chapter(project.root, FILE, edited())
    assert carried_over(before, after, executed[target].markdown) == wanted[target].markdown
    assert executed[target].figures == wanted[target].figures
    assert "more by 8" in wanted[target].markdown


@pytest.mark.parametrize("edit", EDITS)
def test_each_kind_of_prose_can_be_carried_over(made, edit):
    project, executed, _ = made
    old, new = EDITS[edit] if edit != "a paragraph more" else ("First", "More.\n\nFirst")
    after = parse_chapter(project.root, FILE, TEXT.replace(old, new))
    assert after.text != TEXT
    carried = carried_over(read_chapter(project.root, FILE), after, executed["html"].markdown)
    assert carried is not None and len(carried) > 500


@pytest.mark.parametrize("edit", REFUSED)
def test_what_an_execution_might_change_is_executed(made, edit):
    project, executed, _ = made
    before = read_chapter(project.root, FILE)
    after = parse_chapter(project.root, FILE, TEXT.replace(*REFUSED[edit]))
    assert after.text != before.text
    assert not same_cells(before, after)
    assert carried_over(before, after, executed["html"].markdown) is None


def test_a_change_in_an_included_file_counts_like_one_in_the_chapter(made, tmp_path):
    project, executed, _ = made
    root = tmp_path / "book"
    shutil.copytree(project.root, root)
    before = read_chapter(root, FILE)
    markdown = executed["html"].markdown
    (root / "report" / "part.md").write_text("Another text with `{python} n * 2` in it.\n")
    carried = carried_over(before, read_chapter(root, FILE), markdown)
    assert carried == markdown.replace("Included text", "Another text")
    (root / "report" / "part.md").write_text("Included text with `{python} n * 3` in it.\n")
    assert carried_over(before, read_chapter(root, FILE), markdown) is None


def test_a_text_whose_place_cannot_be_told_must_be_the_same(tmp_path):
    def chapter(text):
        return parse_chapter(tmp_path, FILE, "```{python}\n1\n```\n\n" + text)

    before = chapter("A `{python} a` and `{python} b` Z\n")
    after = chapter("A `{python} a` or `{python} b` Z\n")
    assert carried_over(before, after, "\nA 1 and 2 Z\n\n") == "\nA 1 or 2 Z\n\n"
    # "1 and 2" and "3", or "1" and "2 and 3"?
    assert carried_over(before, after, "\nA 1 and 2 and 3 Z\n\n") is None
    ends = chapter("B `{python} a` and `{python} b` Y\n")
    assert carried_over(before, ends, "\nA 1 and 2 and 3 Z\n\n") == "\nB 1 and 2 and 3 Y\n\n"


def test_a_title_in_yaml_is_left_to_an_execution_which_sees_whether_it_is_yaml(tmp_path):
    text = "```{python}\nn = 1\n```\n\n---\ntitle: A `{python} n`\n---\n\nProse.\n"
    before = parse_chapter(tmp_path, FILE, text)
    markdown = "\n---\ntitle: A 1\n---\n\nProse.\n\n"
    prose = parse_chapter(tmp_path, FILE, text.replace("Prose", "Words"))
    assert carried_over(before, prose, markdown) == markdown.replace("Prose", "Words")
    title = parse_chapter(tmp_path, FILE, text.replace("title: A", "title: B"))
    assert carried_over(before, title, markdown) is None


def test_markdown_of_another_text_is_not_taken_for_this_one(tmp_path):
    chapter = parse_chapter(tmp_path, FILE, "A text\n\n```{python}\n1\n```\n\nand its end.\n")
    assert carried_over(chapter, chapter, "A text\n\n1\n\nand its end.\n\n") is not None
    assert carried_over(chapter, chapter, "B text\n\n1\n\nand its end.\n\n") is None
    assert carried_over(chapter, chapter, "A text\n\nand its end.") is None


def test_the_frozen_copy_goes_on_and_is_that_of_an_execution(made, tmp_path):
    project, executed, wanted = made
    folder = freeze_folder(tmp_path, FILE)
    before = read_chapter(project.root, FILE)
    after = parse_chapter(project.root, FILE, edited())

    def freeze(chapter, results):
        markdowns = {target: one.markdown for target, one in results.items()}
        figures = {FIGURE_FOLDERS[target]: one.figures for target, one in results.items()}
        write_frozen(folder, chapter, markdowns, figures, Record({"results": "1"}))
        return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}

    of_an_execution = freeze(after, wanted)
    freeze(before, executed)
    assert refreeze(folder, before, after)
    assert {p: p.read_bytes() for p in folder.rglob("*") if p.is_file()} == of_an_execution
    assert FrozenCopy(folder).why_unusable(after, ("html", "typ")) is None
    assert FrozenCopy(folder).record == Record({"results": "1"})


def test_a_frozen_copy_of_a_third_text_is_left_alone(made, tmp_path):
    project, executed, _ = made
    folder = tmp_path / "frozen"
    before = read_chapter(project.root, FILE)
    third = parse_chapter(project.root, FILE, TEXT.replace("things", "matters"))
    write_frozen(folder, third, {"html": executed["html"].markdown}, {}, None)
    record = folder / "execute-results" / "html.json"
    kept = record.read_bytes()
    after = parse_chapter(project.root, FILE, edited())
    assert not refreeze(folder, before, after)
    assert record.read_bytes() == kept and json.loads(kept)["hash"] == third.hash
