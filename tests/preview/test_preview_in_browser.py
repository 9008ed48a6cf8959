"""A preview as somebody uses it who writes: the page in a browser beside the editor."""

from __future__ import annotations

import json

import pytest

from tests.browser import browser, needs_browser, needs_playwright
from tests.preview.command import previewed, wait_until
from tests.preview.made import TWO, counted_book, edit, ran

pytestmark = [needs_browser, needs_playwright]

LONG = "\n".join(f"Paragraph {number} of many.\n" for number in range(60))
CODE = '```{python}\n#| code-fold: true\n#| echo: true\nprint("unfolded")\n```\n'


@pytest.fixture(scope="module")
def command(tmp_path_factory):
    """A preview whose chapters have run."""
    two = TWO + CODE + LONG
    root = counted_book(tmp_path_factory.mktemp("browser") / "book", two=two)
    (root / "experiments" / "runs").mkdir(parents=True)
    with previewed(root) as running:
        running.root = root
        wait_until(lambda: running.log.read_text().count(" s\n") == 2, 90, running.log.read_text)
        yield running


@pytest.fixture(scope="module")
def running():
    with browser() as started:
        yield started


@pytest.fixture
def page(running, command):
    with running.new_context(viewport={"width": 1280, "height": 800}) as context:
        page = context.new_page()
        errors: list[str] = []
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(command.url + "report/two.html")
        yield page
        assert errors == []


def test_a_saved_chapter_comes_by_itself_at_the_same_place(page, command):
    page.locator("details.code").last.evaluate("one => { one.open = true; }")
    page.evaluate("scrollTo({top: 900, behavior: 'instant'})")
    ran(command.root)
    path = edit(command.root / "report" / "two.qmd", "Paragraph 30 of", "Paragraph thirty of")
    page.get_by_text("Paragraph thirty of many").wait_for()
    assert abs(page.evaluate("scrollY") - 900) < 5
    assert page.locator("details.code").last.evaluate("one => one.open")
    assert ran(command.root) == []
    edit(path, "Paragraph thirty", "Paragraph 30")
    page.get_by_text("Paragraph 30 of many").wait_for()


def test_a_page_whose_chapter_did_not_change_is_left_alone(page, command):
    page.evaluate("window.mine = true")
    path = edit(command.root / "report" / "one.qmd", "The first", "The other")
    wait_until(
        lambda: (
            "The other"
            in (command.root / ".quarto/cvlib-preview/default/site/report/one.html").read_text()
        )
    )
    page.wait_for_timeout(500)
    assert page.evaluate("window.mine") is True
    edit(path, "The other", "The first")


def test_an_error_stands_on_the_page_and_goes_with_the_next_save(page, command):
    path = edit(
        command.root / "report" / "two.qmd", 'print("printed by two")', 'print("printed by two"'
    )
    box = page.locator(".preview-problem")
    box.wait_for()
    assert "report/two.qmd:" in box.inner_text() and "SyntaxError" in box.inner_text()
    assert page.get_by_text("printed by two", exact=True).is_visible()
    page.goto(command.url + "report/one.html")
    elsewhere = page.locator(".preview-panel a", has_text="report/two.qmd")
    elsewhere.wait_for()
    elsewhere.click()
    page.wait_for_url("**/report/two.html")
    box.wait_for()
    edit(path, 'print("printed by two"', 'print("printed again")#')
    page.get_by_text("printed again", exact=True).wait_for()
    assert box.count() == 0
    edit(path, 'print("printed again")#', 'print("printed by two"')


def test_a_training_in_another_terminal_is_shown_while_it_lasts(page, command):
    file = command.root / "experiments" / "runs" / ".scratch" / "progress-node-1.json"
    file.parent.mkdir()
    run = {"name": "exp01/base seed 0", "epoch": 3, "epochs": 8, "phase": "train"}
    record = {"experiments": {"exp01": [12, 45]}, "runs": [run], "seconds_left": 360.0}
    file.write_text(json.dumps(record))
    panel = page.locator(".preview-panel")
    panel.get_by_text("exp01: 12 of 45 runs, about 6 min left").wait_for()
    assert panel.get_by_text("exp01/base seed 0: epoch 3 of 8").is_visible()
    assert page.evaluate("document.querySelector('.preview-panel progress').value") == 12.25
    file.unlink()
    panel.wait_for(state="hidden")


def test_the_book_itself_has_nothing_of_the_preview(command):
    site = command.root / ".quarto" / "cvlib-preview" / "default" / "site"
    assert "@preview" not in (site / "report" / "two.html").read_text()


def test_when_the_preview_ends_the_page_says_so_and_stays(page, command):
    command.end()
    page.get_by_text("The preview has ended").wait_for(timeout=15000)
    assert page.get_by_text("Paragraph 5 of many").is_visible()
