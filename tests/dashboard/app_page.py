"""FiftyOne's App in a headless browser: what it shows, and what it asks of the network."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from tests.browser import browser, needs_browser

if TYPE_CHECKING:
    from playwright.sync_api import Page, Route

__all__ = ["AppPage", "app_page", "needs_browser"]

FONTS = ("fonts.googleapis.com", "fonts.gstatic.com")
SIZE = (1400, 900)
SAMPLES = re.compile(r"^[\d,]+ samples?$")
POINTS = re.compile(r"^([\d,]+) points?(?: · ([\d,]+) in view)?$")


class AppPage:
    """One page. outside: requests to other machines than this one, web fonts apart; errors: of the
    page and its console."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.outside: list[str] = []
        self.errors: list[str] = []
        self._dismissed = False
        page.route("**/*", self._answer)
        page.on("console", lambda m: self.errors.append(m.text) if m.type == "error" else None)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("websocket", lambda socket: self._judge(socket.url))

    def _judge(self, url: str) -> bool:
        """Whether the address is this machine's; one that is neither that nor a font is noted."""
        host = urlsplit(url).hostname
        if host in ("127.0.0.1", None):  # data: and blob: have none
            return True
        if host not in FONTS:
            self.outside.append(url)
        return False

    def _answer(self, route: Route) -> None:
        if self._judge(route.request.url):
            route.continue_()
        else:  # an empty sheet in place of the font's
            route.fulfill(status=200, content_type="text/css", body="")

    def open(self, url: str) -> AppPage:
        """Open a page of the App and wait for its samples."""
        self.page.goto(url)
        self.page.get_by_text(SAMPLES).first.wait_for()
        self.dismiss()
        return self

    def dismiss(self) -> None:
        """Close what advertises itself; it comes a moment late, and once."""
        from playwright.sync_api import TimeoutError

        advert = self.page.get_by_role("button", name="Dismiss")
        if not self._dismissed:
            with contextlib.suppress(TimeoutError):
                advert.first.wait_for(timeout=5000)
        self._dismissed = True
        while advert.count():
            advert.first.click()
            self.page.wait_for_timeout(300)

    def samples(self) -> int:
        """The number of samples that the grid says it shows."""
        return _number(self.page.get_by_text(SAMPLES).first.inner_text().split()[0])

    def add_panel(self, name: str) -> None:
        """Open a panel beside the samples, or as a further tab there."""
        self.page.locator("[data-cy=new-panel-btn]").last.click()
        self.page.get_by_text(name, exact=True).last.click()

    def evaluation(self, key: str) -> dict[str, str]:
        """Open an evaluation in the Model Evaluation panel; its summary table, name -> value."""
        self.page.locator("p").get_by_text(key, exact=True).click()
        self.page.get_by_text("F1-Score").wait_for()
        rows = self.page.locator("table tr").all()
        cells = [row.locator("th, td").all_inner_texts() for row in rows]
        return {row[0].strip(): row[1].strip() for row in cells if len(row) > 1}

    def tag(self, images: int, tag: str) -> None:
        """Select the first images of the grid and give them a tag."""
        thumbnails = self.page.locator("[data-cy=looker]")
        for k in range(images):
            thumbnails.nth(k).hover()
            thumbnails.nth(k).locator("label").click()
        self.page.locator("[data-cy=action-tag-sample-labels]").click()
        entry = self.page.locator("[data-cy=sample-tag-input]")
        entry.fill(tag)
        entry.press("Enter")
        self.page.get_by_text("Apply", exact=True).click()
        self.page.locator("[data-cy=sample-tag-input]").wait_for(state="detached")
        self.page.get_by_text(SAMPLES).first.wait_for()

    def map_points(self, key: str) -> tuple[int, int]:
        """Open a map in the Embeddings panel; how many points it has, and how many are in view."""
        self.page.get_by_text(key, exact=True).last.click()
        counts = self.page.get_by_text(POINTS)
        counts.wait_for()
        found = POINTS.search(counts.inner_text())
        assert found
        total, shown = found.groups()
        return _number(total), _number(shown or total)

    def color_map_by(self, field: str) -> None:
        """Colour the points of the open map by a field."""
        self.page.get_by_text("Color by").last.click()
        self.page.get_by_text(field, exact=True).last.click()


def _number(text: str) -> int:
    return int(text.replace(",", ""))


@contextlib.contextmanager
def app_page(size: tuple[int, int] = SIZE) -> Iterator[AppPage]:
    """A page of a browser of its own, closed afterwards."""
    with browser() as running:
        page = running.new_page(viewport={"width": size[0], "height": size[1]})
        yield AppPage(page)
