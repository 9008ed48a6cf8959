"""Prose names the results it was written against, and is marked when they change."""

from __future__ import annotations

import json
import shutil

import pytest

from cvlib.engine.chapter import TextBlock, read_chapter
from cvlib.engine.errors import BookError
from cvlib.freeze.frozen_copy import FrozenCopy, Record, freeze_folder, write_frozen
from cvlib.freeze.interpretation import (
    blocks_in,
    fingerprints,
    note_fingerprints,
)
from cvlib.freeze.interpretation import blocks_to_review as to_review
from cvlib.freeze.interpretation import mark_reviewed as mark
from cvlib.project import Project
from cvlib.results.store import Store
from tests.journal.made import fill, make_project, planned, write

CHAPTER = """\
# EXP01

```{python}
exp = experiment("exp01")
```

::: {.interpretation reviewed=""}
**Depth is cheap.** It is, by `{python} exp.accuracy()`, and for that reason it is taken first of all.
:::

```
::: {.interpretation reviewed=""}
```

:::: {.interpretation}
Another.
::::
"""
FILE = "report/exp01.qmd"


def blocks_to_review(project, files):
    """As a command sees the project now."""
    return to_review(Project(project.root), files)


def mark_reviewed(project, file):
    return mark(Project(project.root), file)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    layout = make_project(tmp_path_factory.mktemp("interpreted"))
    fill(layout)
    (layout.root / FILE).write_text(CHAPTER)
    return layout


@pytest.fixture
def layout(made, tmp_path):
    root = tmp_path / "copy"
    shutil.copytree(made.root, root)
    return type(made)(root)


def test_blocks_are_found_where_they_are_and_not_in_code():
    first, second = blocks_in(FILE, CHAPTER)
    assert (first.line, second.line) == (7, 15)
    assert first.words == "Depth is cheap. It is, by `{python} exp.accuracy()`, …"


def test_a_block_is_to_be_read_until_it_is_reviewed(layout):
    assert [one.reason for one in blocks_to_review(layout, [FILE])] == ["never reviewed"] * 2
    assert mark_reviewed(layout, FILE) == 2
    assert blocks_to_review(layout, [FILE]) == []
    assert mark_reviewed(layout, FILE) == 0


def test_it_is_to_be_read_again_when_a_result_changes_and_only_then(layout):
    mark_reviewed(layout, FILE)
    (layout.experiments / "exp01.yaml").write_text(
        (layout.experiments / "exp01.yaml").read_text().replace("title: Custom", "title: Own")
    )
    assert blocks_to_review(layout, [FILE]) == []
    run = planned(layout)[0]
    Store(layout.runs).remove(str(run.key))
    (one, _) = blocks_to_review(layout, [FILE])
    assert one.reason == "exp01 changed since it was reviewed"
    write(layout, run)
    assert blocks_to_review(layout, [FILE]) == []


def test_a_review_of_pictures_is_a_result(layout):
    before = fingerprints(Project(layout.root), ["exp01"])
    layout.reviews.mkdir()
    (layout.reviews / "exp01.json").write_text("{}")
    assert fingerprints(Project(layout.root), ["exp01"]) != before


def test_of_narrows_a_block_to_some_experiments():
    (block,) = blocks_in(FILE, '::: {.interpretation of="exp02" reviewed="exp02=aa"}\nText\n:::\n')
    assert block.changed({"exp01": "11", "exp02": "aa"}) == []
    assert block.changed({"exp01": "11", "exp02": "bb"}) == ["exp02"]


def test_a_chapter_without_a_block_says_how_one_is_made(layout):
    (layout.root / FILE).write_text("# EXP01\n\nText\n")
    with pytest.raises(BookError, match=r"\{\.interpretation\}"):
        mark_reviewed(layout, FILE)


def test_marking_leaves_every_other_byte(layout):
    (layout.root / FILE).write_bytes(CHAPTER.replace("\n", "\r\n").encode())
    mark_reviewed(layout, FILE)
    digits = fingerprints(Project(layout.root), ["exp01"])["exp01"]
    expected = CHAPTER.replace('n reviewed=""}\n**', f'n reviewed="exp01={digits}"}}\n**').replace(
        ":::: {.interpretation}", f':::: {{.interpretation reviewed="exp01={digits}"}}'
    )
    assert (layout.root / FILE).read_bytes() == expected.replace("\n", "\r\n").encode()


def test_a_frozen_copy_goes_on_when_its_text_is_marked(layout):
    chapter = read_chapter(layout.root, FILE)
    folder = freeze_folder(layout.root, FILE)
    record = Record({"run 1": "aa"}, ("exp01",))
    markdown = "".join(
        (
            block.text.replace("`{python} exp.accuracy()`", "90%")
            if isinstance(block, TextBlock)
            else ""
        )
        + "\n\n"
        for block in chapter.blocks
    )
    write_frozen(folder, chapter, {"html": markdown, "typ": markdown}, {}, record)
    mark_reviewed(layout, FILE)
    marked = read_chapter(layout.root, FILE)
    assert marked.hash != chapter.hash
    assert FrozenCopy(folder).why_unusable(marked, ("html", "typ")) is None
    assert FrozenCopy(folder).record == record
    record = json.loads((folder / "execute-results" / "typ.json").read_text())
    assert record["result"]["markdown"].count('reviewed="exp01=') == 2


def test_a_frozen_copy_of_another_text_is_not_taken_for_this_one(layout):
    chapter = read_chapter(layout.root, FILE)
    folder = freeze_folder(layout.root, FILE)
    write_frozen(folder, chapter, {"html": CHAPTER}, {}, None)
    path = layout.root / FILE
    path.write_text(path.read_text().replace("cheap", "dear"))
    mark_reviewed(layout, FILE)
    assert (
        FrozenCopy(folder).why_unusable(read_chapter(layout.root, FILE), ("html",))
        == "text changed"
    )


def test_fingerprints_are_noted_where_both_engines_look(layout):
    found = note_fingerprints(layout)
    noted = layout.root / "_freeze" / "fingerprints.json"
    assert json.loads(noted.read_text()) == found
    before = noted.stat().st_mtime_ns
    note_fingerprints(layout)
    assert noted.stat().st_mtime_ns == before
