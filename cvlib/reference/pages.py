"""The generated pages, by their place below `docs/`."""

from __future__ import annotations

from cvlib.reference.commands import commands_page
from cvlib.reference.experiment_yaml import experiment_page
from cvlib.reference.settings import settings_page


def pages() -> dict[str, str]:
    """Return the text of each page."""
    return {
        "reference/commands.md": commands_page(),
        "reference/experiment-yaml.md": experiment_page(),
        "reference/settings.md": settings_page(),
    }
