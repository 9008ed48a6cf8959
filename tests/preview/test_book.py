"""After a save only what changed runs again, and what is wrong takes nothing away that worked."""

from __future__ import annotations

import shutil
import threading

import pytest

from cvlib.freeze.frozen_copy import freeze_folder
from cvlib.freeze.lock import render_lock
from tests.preview.made import ONE, TWO, Previewed, counted_book, edit, ran

PAGES = ["index.html", "report/one.html", "report/two.html"]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The book, and all of its chapters frozen."""
    root = counted_book(tmp_path_factory.mktemp("preview") / "book")
    preview = Previewed(root)
    preview.make()
    assert sorted(ran(root)) == ["one", "two"] and preview.problems == []
    shutil.rmtree(root / ".quarto")
    return root


@pytest.fixture
def preview(made, tmp_path):
    root = tmp_path / "book"
    shutil.copytree(made, root)
    preview = Previewed(root)
    preview.make()
    assert ran(root) == [], preview.said
    return preview


def digests(preview) -> dict[str, str]:
    return dict(preview.news.state.pages)


def test_frozen_chapters_are_shown_without_running(preview):
    assert sorted(digests(preview)) == PAGES
    assert "holds 7 things" in preview.page("report/one.html")
    assert "printed by two" in preview.page("report/two.html")


def test_changed_code_runs_its_chapter_and_no_other(preview):
    before = digests(preview)
    preview.make(edit(preview.root / "report/one.qmd", "n = 7", "n = 8"))
    assert ran(preview.root) == ["one"]
    assert "holds 8 things" in preview.page("report/one.html")
    now = digests(preview)
    assert [page for page in PAGES if now[page] != before[page]] == ["report/one.html"]


def test_changed_prose_runs_nothing_and_the_frozen_copy_goes_on(preview):
    path = edit(preview.root / "report/one.qmd", "The first text", "Another text")
    preview.make(path)
    assert "Another text holds 7 things" in preview.page("report/one.html")
    # a second preview finds the copy true: nothing runs there, too
    shutil.rmtree(preview.root / ".quarto")
    Previewed(preview.root).make()
    assert ran(preview.root) == []


def test_changed_include_is_prose_of_its_chapter(preview):
    path = edit(preview.root / "report/part.md", "An included", "A new")
    assert path in set(preview.pages.files)
    preview.make(path)
    assert "A new text" in preview.page("report/one.html") and ran(preview.root) == []
    shutil.rmtree(preview.root / ".quarto")
    Previewed(preview.root).make()
    assert ran(preview.root) == []


def test_citation_that_is_added_or_changed_is_prose_too(preview):
    (preview.root / "a.bib").write_text(
        "@misc{a, title={Old}, author={Ada Lovelace}, year={1843}}\n"
    )
    preview.make(edit(preview.root / "_quarto.yml", "execute:", "bibliography: a.bib\nexecute:"))
    preview.make(edit(preview.root / "report/one.qmd", "The first text", "The text [@a]"))
    assert ">Lovelace 1843<" in preview.page("report/one.html")
    preview.make(edit(preview.root / "a.bib", "{Old}", "{New}"))
    assert "New" in preview.page("report/one.html") and preview.problems == []
    shutil.rmtree(preview.root / ".quarto")
    Previewed(preview.root).make()
    assert ran(preview.root) == []


def test_error_in_a_cell_is_told_with_its_line_and_the_next_save_recovers(preview):
    before = preview.page("report/one.html")
    path = edit(preview.root / "report/one.qmd", "n = 7", "n = 7 / 0")
    preview.make(path)
    [(page, where, message)] = preview.problems
    assert page == "report/one.html" and where == "report/one.qmd:6"
    assert message.startswith("ZeroDivisionError: division by zero")
    assert "n = 7 / 0" in preview.news.state.problems[0].detail
    assert preview.page("report/one.html") == before
    ran(preview.root)
    preview.make(edit(path, "n = 7 / 0", "n = 6"))
    assert preview.problems == [] and ran(preview.root) == ["one"]
    assert "holds 6 things" in preview.page("report/one.html")


def test_chapter_that_failed_runs_again_only_when_it_is_saved(preview):
    path = edit(preview.root / "report/one.qmd", "n = 7", "n = 7 / 0")
    preview.make(path)
    ran(preview.root)
    preview.make(edit(preview.root / "report/two.qmd", "See", "Look at"))
    assert ran(preview.root) == [] and len(preview.problems) == 1
    assert "Look at" in preview.page("report/two.html")
    preview.make(path)
    assert ran(preview.root) == ["one"]


def test_page_that_cannot_be_converted_stays_and_the_others_go_on(preview):
    path = edit(preview.root / "report/two.qmd", "@sec-one", "@sec-on")
    preview.make(path, edit(preview.root / "report/one.qmd", "The first", "The very first"))
    [(page, where, message)] = preview.problems
    assert (page, where) == ("report/two.html", "report/two.qmd:9")
    assert "@sec-on leads nowhere" in message
    assert "The very first" in preview.page("report/one.html")
    assert "printed by two" in preview.page("report/two.html")
    preview.make(edit(path, "@sec-on", "@sec-one"))
    assert preview.problems == []


def test_label_that_others_refer_to_and_goes_leaves_the_book_as_it_was(preview):
    before = {page: preview.page(page) for page in PAGES}
    path = edit(preview.root / "report/one.qmd", "{#sec-one}", "")
    preview.make(path)
    [(page, where, _)] = preview.problems
    assert page == "" and where == "report/two.qmd:9"
    assert {page: preview.page(page) for page in PAGES} == before
    preview.make(edit(path, "# One", "# One {#sec-one}"))
    assert preview.problems == []


def test_settings_that_cannot_be_read_are_told_on_every_page(preview):
    before = {page: preview.page(page) for page in PAGES}
    path = edit(preview.root / "_quarto.yml", "type: book", "type: bok")
    preview.make(path)
    [(page, where, message)] = preview.problems
    assert page == "" and where.startswith("_quarto.yml:") and "type: book" in message
    assert {page: preview.page(page) for page in PAGES} == before
    preview.make(edit(path, "type: bok", "type: book"))
    assert preview.problems == []


def test_chapter_that_cannot_be_read_keeps_its_page(preview):
    path = edit(preview.root / "report/one.qmd", "```\n\nThe", "\n\nThe")
    preview.make(path)
    [(page, _, message)] = preview.problems
    assert page == "report/one.html" and "never closed" in message
    assert "holds 7 things" in preview.page("report/one.html")
    path.write_bytes(b"# One {#sec-one}\n\n\xff\n")
    preview.make(path)
    assert preview.problems[0][2].startswith("not UTF-8 text")


def test_chapter_taken_out_of_the_book_has_no_page(preview):
    edit(preview.root / "report/two.qmd", "See @sec-one.", "")
    path = edit(preview.root / "_quarto.yml", ", report/two.qmd", "")
    preview.make(path)
    assert sorted(digests(preview)) == PAGES[:2]


def test_broken_chapter_at_the_start_shows_its_headings_and_breaks_no_other(tmp_path):
    figure = '#| label: fig-one\n#| fig-cap: "A figure."\n'
    one = ONE.replace("n = 7\n```", f"n = 7\n{figure}") + "\n## Later\n"
    two = TWO.replace("@sec-one", "@sec-one and @fig-one")
    root = counted_book(tmp_path / "book", one=one, two=two)
    preview = Previewed(root)
    preview.make()
    assert [page for page, *_ in preview.problems] == ["report/one.html"]
    assert "printed by two" in preview.page("report/two.html")
    assert "Later" in preview.page("report/one.html")


def test_chapter_that_never_ran_shows_its_text_with_places_kept(tmp_path):
    two = (
        TWO
        + "\n`{python} 1` value, @fig-x.\n\n```{python}\n#| label: fig-x\n#| fig-cap: Curve.\n1 / 0\n```\n"
    )
    preview = Previewed(counted_book(tmp_path / "book", two=two))
    preview.make()
    assert [page for page, *_ in preview.problems] == ["report/two.html"]
    page = preview.page("report/two.html")
    assert "… value" in page and "fig-x-output-1.svg" in page and 'id="fig-x"' in page


def test_chapter_saved_last_runs_first(tmp_path):
    root = counted_book(tmp_path / "book")
    preview = Previewed(root)
    (root / "report" / "one.qmd").touch()
    preview.make()
    assert ran(root) == ["one", "two"]
    assert preview.said[0] == "report/one.qmd: never executed; running its cells"


def test_without_a_freeze_copies_are_kept_beside_the_preview(tmp_path):
    root = counted_book(tmp_path / "book")
    edit(root / "_quarto.yml", "freeze: auto", "freeze: false")
    preview = Previewed(root)
    preview.make()
    assert (
        sorted(ran(root)) == ["one", "two"] and not freeze_folder(root, "report/one.qmd").exists()
    )
    preview.make(edit(root / "report/one.qmd", "The first", "The new"))
    assert ran(root) == [] and "The new" in preview.page("report/one.html")


def test_rest_is_left_when_more_changed_meanwhile(tmp_path):
    root = counted_book(tmp_path / "book")
    preview = Previewed(root)
    assert preview.pages.update(set(), False, lambda: True) is False
    assert ran(root) == [], preview.said
    assert sorted(digests(preview)) == PAGES  # shown as far as can be, at once


def test_cells_are_given_up_when_their_chapter_is_saved_anew(preview, tmp_path):
    path = edit(preview.root / "report/one.qmd", "n = 7", "import time; time.sleep(600)")
    saver = (
        "import pathlib, time; p = pathlib.Path('one.qmd'); "
        "p.write_text(p.read_text().replace('import time; time.sleep(600)', 'n = 5'))"
    )
    # the cell itself saves its chapter, as somebody would who sees that it hangs
    edit(
        path,
        "import time;",
        f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {saver!r}]); import time;",
    )
    assert preview.pages.update({path}, False, lambda: False) is False
    assert any("changed while its cells ran" in line for line in preview.said)


def test_it_waits_for_another_render_of_the_project_and_says_so(preview):
    held, free = threading.Event(), threading.Event()

    def other():
        with render_lock(preview.root, print):
            held.set()
            free.wait(10)

    thread = threading.Thread(target=other)
    thread.start()
    held.wait(10)
    threading.Timer(0.3, free.set).start()
    preview.make(edit(preview.root / "report/one.qmd", "The first", "The new"))
    thread.join()
    assert "another render of this project is under way; waiting for it" in preview.said
    assert "The new text" in preview.page("report/one.html")
