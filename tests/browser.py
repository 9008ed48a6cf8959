"""A headless browser for tests that use a page as a person does; they skip where there is none."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from importlib.util import find_spec
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def find_browser() -> str | None:
    """A Chromium on the PATH."""
    return next((found for name in BROWSERS if (found := shutil.which(name))), None)


needs_browser = pytest.mark.skipif(
    find_browser() is None, reason=f"no browser on the PATH: {', '.join(BROWSERS)}"
)
needs_playwright = pytest.mark.skipif(
    find_spec("playwright") is None,
    reason="playwright is not installed; `make dashboard` does that",
)


@contextlib.contextmanager
def browser() -> Iterator[Browser]:
    """A browser of its own, closed afterwards."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        # Chromium's sandbox refuses to run as root, as in a container
        root = hasattr(os, "geteuid") and os.geteuid() == 0
        running = playwright.chromium.launch(
            executable_path=find_browser(), args=["--no-sandbox"] if root else []
        )
        try:
            yield running
        finally:
            running.close()
