"""Pages stay light: what a reader loads before any picture."""

from __future__ import annotations

import re
import shutil

import pytest

from cvlib.engine.book import load_book
from cvlib.engine.convert import to_html
from cvlib.journal.gallery_page import BYTES
from tests.engine.convert_books import REPOSITORY, executed

LIMIT = 2_000_000  # bytes of one page with all its style sheets and scripts, pictures apart
SCRIPT_LIMIT = 30_000


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """The shipped report, made of its frozen chapters as they are committed."""
    project = load_book(REPOSITORY)
    chapters = executed(project, "html")
    out = tmp_path_factory.mktemp("weight") / "out"
    if any("`{python}" in chapter.markdown for chapter in chapters):
        pytest.skip("a chapter is not frozen")
    to_html(project, chapters, out)
    yield out
    shutil.rmtree(out)


def test_every_page_of_the_report_weighs_less_than_two_megabytes(report):
    pages = sorted(report.rglob("*.html"))
    assert len(pages) > 5
    for page in pages:
        text = page.read_text(encoding="utf-8")
        loaded = re.findall(r'<(?:link[^>]* href|script src)="([^"]+)"', text)
        assert len(loaded) > 5
        weight = page.stat().st_size + sum((page.parent / name).stat().st_size for name in loaded)
        weight += (report / "assets" / "search-index.js").stat().st_size
        # an interactive gallery has its pictures inside the page; it may come on top
        assert weight + BYTES < LIMIT, f"{page.name}: {weight}"


def test_no_script_is_heavy(report):
    for script in (report / "assets").glob("*.js"):
        if script.name != "search-index.js":
            assert script.stat().st_size < SCRIPT_LIMIT, script.name
