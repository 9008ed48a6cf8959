"""The freeze is Quarto's own, stands only while it is true, and is written whole or not at all."""

from __future__ import annotations

import json
import multiprocessing
import os
from pathlib import Path

import pytest

from cvlib.engine.chapter import read_chapter
from cvlib.engine.errors import RenderError
from cvlib.files import read_note, sealed_json
from cvlib.freeze.frozen_copy import (
    FORMAT,
    FrozenCopy,
    Record,
    freeze_folder,
    read_frozen,
    write_frozen,
    write_record,
)

_TEXT = "# A\n\n```{python}\n1\n```\n"
_MARKDOWN = {"html": "![](a_files/figure-html/f.png){}", "typ": "![](a_files/figure-typst/f.svg){}"}
_FIGURES = {"figure-html": {"f.png": b"png"}, "figure-typst": {"f.svg": b"svg"}}
_TARGETS = ("html", "typ")


@pytest.fixture
def frozen(tmp_path: Path):
    (tmp_path / "report").mkdir()
    (tmp_path / "report" / "a.qmd").write_text(_TEXT)
    chapter = read_chapter(tmp_path, "report/a.qmd")
    folder = freeze_folder(tmp_path, chapter.file)
    write_frozen(folder, chapter, _MARKDOWN, _FIGURES, Record({"run 1": "aa"}))
    return folder, chapter


def test_record_has_quartos_form(frozen):
    folder, chapter = frozen
    assert folder.parts[-3:] == ("_freeze", "report", "a")
    text = (folder / "execute-results" / "html.json").read_text()
    assert text.startswith('{\n  "hash": "') and not text.endswith("\n")
    html, typ = (
        json.loads((folder / "execute-results" / f"{t}.json").read_text()) for t in _TARGETS
    )
    assert html == {
        "hash": chapter.hash,
        "result": {
            "engine": "jupyter",
            "markdown": _MARKDOWN["html"],
            "supporting": ["a_files"],
            "filters": [],
            "includes": {},
        },
    }
    assert typ["result"]["supporting"] == ["a_files/figure-typst"]
    assert "includes" not in typ["result"]


def test_unchanged_chapter_can_be_used_and_its_inputs_are_known(frozen):
    folder, chapter = frozen
    assert FrozenCopy(folder).why_unusable(chapter, _TARGETS) is None
    assert FrozenCopy(folder).record == Record({"run 1": "aa"})


def test_changed_text_is_noticed(frozen, tmp_path: Path):
    folder, _ = frozen
    (tmp_path / "report" / "a.qmd").write_text(_TEXT + "\n")
    assert (
        FrozenCopy(folder).why_unusable(read_chapter(tmp_path, "report/a.qmd"), _TARGETS)
        == "text changed"
    )


def test_a_lost_figure_is_noticed(frozen):
    folder, chapter = frozen
    (folder / "figure-typst" / "f.svg").unlink()
    assert (
        FrozenCopy(folder).why_unusable(chapter, _TARGETS) == "figure missing: figure-typst/f.svg"
    )


@pytest.mark.parametrize("name", ["figure-html/f.png", "figure-typst/f.svg"])
def test_an_altered_figure_is_noticed(frozen, name):
    folder, _ = frozen
    (folder / name).write_bytes((folder / name).read_bytes() + b" ")
    assert FrozenCopy(folder).damage == f"figure altered: {name}"
    assert FrozenCopy(folder).record is None


def test_a_damaged_record_is_none(frozen):
    folder, _ = frozen
    path = folder / "execute-results" / "inputs.json"
    path.write_text(path.read_text().replace('"aa"', '"ab"'))
    assert FrozenCopy(folder).record is None


def test_a_format_that_was_not_frozen_is_named(frozen):
    folder, chapter = frozen
    (folder / "execute-results" / "typ.json").unlink()
    assert FrozenCopy(folder).why_unusable(chapter, _TARGETS) == "not frozen for typ"
    assert FrozenCopy(folder).record == Record({"run 1": "aa"}), "the record holds for what is left"


def test_a_freeze_of_quartos_own_has_no_record(frozen):
    folder, chapter = frozen
    (folder / "execute-results" / "inputs.json").unlink()
    assert FrozenCopy(folder).record is None
    assert FrozenCopy(folder).why_unusable(chapter, _TARGETS) is None


def test_a_record_of_inputs_counts_only_for_what_it_was_made_with(frozen):
    """Quarto executed the chapter since: our record is of the copy before."""
    folder, _ = frozen
    path = folder / "execute-results" / "html.json"
    path.write_text(path.read_text().replace("f.png", "f.png#"))
    assert FrozenCopy(folder).record is None
    write_record(folder, Record({"run 1": "aa"}))
    assert FrozenCopy(folder).record == Record({"run 1": "aa"})


def test_an_unchanged_record_is_not_written_again(frozen):
    folder, _ = frozen
    path = folder / "execute-results" / "inputs.json"
    os.utime(path, (1, 1))
    write_record(folder, Record({"run 1": "aa"}))
    assert path.stat().st_mtime == 1


def test_a_record_that_an_older_cvlib_guessed_is_read_as_such(frozen):
    folder, _ = frozen
    path = folder / "execute-results" / "inputs.json"
    content = json.loads(path.read_text())
    path.write_text(json.dumps({"of": content["of"], "inputs": {"run 1": "aa"}}))
    assert FrozenCopy(folder).record == Record({"run 1": "aa"}, guessed=True)


def test_a_record_of_a_later_format_is_none(frozen):
    folder, _ = frozen
    path = folder / "execute-results" / "inputs.json"
    path.write_text(sealed_json({**read_note(path), "format": FORMAT + 1}))
    assert FrozenCopy(folder).record is None


def test_scripts_that_quarto_adds_for_any_html_are_passed_over_and_others_refused(frozen):
    folder, _ = frozen
    path = folder / "execute-results" / "html.json"
    record = json.loads(path.read_text())
    cdn = (
        '<script src="https://x/require.min.js" integrity="a"></script>\n'
        '<script src="https://x/jquery.min.js" data-relocate-top="true"></script>\n'
        "<script type=\"application/javascript\">define('jquery', [],function() "
        "{return window.jQuery;})</script>\n"
    )
    record["result"]["includes"] = {"include-in-header": [cdn]}
    path.write_text(json.dumps(record))
    assert read_frozen(folder, "html") is not None
    record["result"]["includes"] = {"include-in-header": [cdn + "<script>plotly()</script>"]}
    path.write_text(json.dumps(record))
    with pytest.raises(RenderError, match="scripts"):
        read_frozen(folder, "html")
    assert read_frozen(folder, "html", any_scripts=True) is not None, "Quarto places them"


def test_a_broken_record_is_an_error_that_says_what_to_do(frozen):
    folder, chapter = frozen
    (folder / "execute-results" / "html.json").write_text("<<<<<<< HEAD")
    with pytest.raises(RenderError, match="delete"):
        read_frozen(folder, "html")
    assert FrozenCopy(folder).why_unusable(chapter, _TARGETS) == "its frozen copy cannot be read"


def _write_often(root: str, mark: str) -> None:
    chapter = read_chapter(Path(root), "report/a.qmd")
    folder = freeze_folder(Path(root), chapter.file)
    for _ in range(40):
        markdowns = {"html": mark * 1000, "typ": mark * 1000}
        figures = {"figure-html": {f"{i}.png": mark.encode() for i in range(5)}}
        write_frozen(folder, chapter, markdowns, figures, Record({"by": mark}))


def test_two_writers_leave_one_whole_copy_and_no_debris(frozen, tmp_path: Path):
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_write_often, args=(str(tmp_path), m)) for m in "xy"]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
    assert [writer.exitcode for writer in writers] == [0, 0]
    folder, chapter = frozen
    (mark,) = set(read_frozen(folder, "html").markdown)
    assert set(read_frozen(folder, "typ").markdown) == {mark}
    assert {p.read_text() for p in (folder / "figure-html").iterdir()} == {mark}
    assert FrozenCopy(folder).why_unusable(chapter, _TARGETS) is None
    assert FrozenCopy(folder).record == Record({"by": mark})
    assert [p.name for p in folder.parent.iterdir()] == ["a"]
