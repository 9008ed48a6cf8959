"""The HTML book as a reader uses it, opened as files by a double click: no server, no network."""

from __future__ import annotations

from contextlib import contextmanager

import pytest

from cvlib.engine.convert import to_html
from tests.browser import browser, needs_browser, needs_playwright
from tests.engine.convert_books import every_feature, executed

pytestmark = [needs_browser, needs_playwright]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    project = every_feature(tmp_path_factory.mktemp("reader"))
    to_html(project, executed(project, "html"), project.root / "_output")
    return project.root / "_output"


@pytest.fixture(scope="module")
def running():
    with browser() as started:
        yield started


@contextmanager
def opened(running, site, size):
    """The page of EXP01; an error of its scripts fails the test."""
    with running.new_context(viewport=size) as context:
        page = context.new_page()
        errors: list[str] = []
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda m: errors.append(m.text) if m.type == "error" else None)
        page.goto((site / "report" / "exp01.html").as_uri())
        yield page
        assert errors == []


@pytest.fixture
def page(running, site):
    with opened(running, site, {"width": 1280, "height": 800}) as page:
        yield page


@pytest.fixture
def phone(running, site):
    with opened(running, site, {"width": 390, "height": 844}) as page:
        yield page


def results(page) -> list[str]:
    page.locator(".results li").first.wait_for()
    return [text.replace("\n", " ") for text in page.locator(".results li").all_inner_texts()]


def test_slash_searches_and_enter_goes_to_the_section(page):
    page.keyboard.press("/")
    page.keyboard.type("wide table must stay")
    found = results(page)
    assert "Table 2" in found[1] or "Table 2" in found[0]
    page.keyboard.press("Enter")
    page.wait_for_url("**/report/exp02.html#*")


def test_arrow_keys_choose_among_results_and_escape_gives_the_chapters_back(page):
    page.keyboard.press("/")
    page.keyboard.type("curves")
    first = results(page)[0]
    assert "Curves" in first  # a word of the title comes before one of the text
    box = page.get_by_role("combobox")
    assert box.get_attribute("aria-activedescendant") == "result-0"
    page.keyboard.press("ArrowDown")
    assert box.get_attribute("aria-activedescendant") == "result-1"
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowUp")
    last = page.locator(".results li").count() - 1
    assert box.get_attribute("aria-activedescendant") == f"result-{last}"
    assert not page.locator(".chapters").is_visible()
    page.keyboard.press("Escape")
    assert page.locator(".chapters").is_visible() and box.input_value() == ""


def test_every_word_must_be_there_and_accents_do_not_matter(page):
    page.keyboard.press("/")
    page.keyboard.type("CÜRVES network")
    assert all("network" in text.lower() for text in results(page))
    page.keyboard.type(" zzz")
    page.get_by_text("Nothing found").wait_for()
    assert page.locator(".results li").count() == 0


def test_slash_inside_the_search_box_is_a_letter(page):
    page.keyboard.press("/")
    page.keyboard.type("a/b")
    assert page.get_by_role("combobox").input_value() == "a/b"


def test_on_a_phone_the_search_opens_the_menu_and_a_result_closes_it(phone):
    page = phone
    page.locator(".search-button").click()
    page.keyboard.type("panels")  # a space would press a button that kept the focus
    results(page)
    page.keyboard.press("Enter")
    page.wait_for_url("**#*")
    page.locator("#sidebar").wait_for(state="hidden")


def test_nothing_is_wider_than_a_phone(site, phone):
    for name in sorted(site.rglob("*.html")):
        phone.goto(name.as_uri())
        wider = phone.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert wider <= 0, f"{name.name}: {wider} px"


def test_a_figure_opens_larger_zooms_and_gives_the_focus_back(page):
    picture = page.locator(".picture img").first
    before = picture.bounding_box()["width"]
    page.get_by_role("button", name="Enlarge Figure 1").focus()
    page.keyboard.press("Enter")
    large = page.locator(".viewer img")
    whole = large.bounding_box()["width"]
    assert whole > before
    page.keyboard.press("+")
    assert large.bounding_box()["width"] == pytest.approx(whole * 1.25, rel=0.01)
    page.keyboard.press("0")
    assert large.bounding_box()["width"] == pytest.approx(whole, rel=0.01)
    page.keyboard.press("Escape")
    assert not page.locator(".viewer").is_visible()
    assert (
        page.evaluate("document.activeElement.getAttribute('aria-label')")
        == "Enlarge Figure\u00a01"
    )


def test_arrow_keys_go_from_figure_to_figure_and_the_wheel_zooms_where_the_mouse_is(page):
    page.locator(".picture img").first.click()
    name = page.locator(".viewer-name")
    assert name.inner_text() == "Figure\u00a01"
    page.keyboard.press("ArrowRight")
    assert name.inner_text() == "Figure\u00a02a"
    page.keyboard.press("ArrowLeft")
    large = page.locator(".viewer img")
    page.wait_for_function("document.querySelector('.viewer img').complete")
    box = large.bounding_box()
    x, y = box["x"] + box["width"] * 0.75, box["y"] + box["height"] * 0.75
    page.mouse.move(x, y)
    page.mouse.wheel(0, -100)
    page.wait_for_function(f"document.querySelector('.viewer img').width > {box['width'] + 5}")
    zoomed = large.bounding_box()
    assert (x - zoomed["x"]) / zoomed["width"] == pytest.approx(0.75, abs=0.02)
    page.keyboard.press("ArrowRight")  # scrolls a zoomed figure
    assert name.inner_text() == "Figure\u00a01"
    page.get_by_role("button", name="Close").click()
    assert not page.locator(".viewer").is_visible()


def test_one_button_shows_the_code_of_all_cells_and_the_next_page_remembers(site, page):
    cells = page.locator("details.code")
    assert cells.count() == 2
    folded = cells.evaluate_all("all => all.filter((one) => one.open).length")
    page.get_by_role("button", name="Show all code" if folded < 2 else "Hide all code").click()
    shown = cells.evaluate_all("all => all.filter((one) => one.open).length")
    assert shown == (2 if folded < 2 else 0)
    page.reload()
    assert cells.evaluate_all("all => all.filter((one) => one.open).length") == shown
    page.goto((site / "report" / "summary.html").as_uri())
    assert not page.locator(".code-button").is_visible()  # a chapter without code
