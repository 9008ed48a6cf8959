"""The templates: texts with places `<<name>>` that are filled in."""

from __future__ import annotations

import re
from pathlib import Path

TEMPLATES = Path(__file__).parent / "templates"
_PLACE = re.compile(r"<<(\w+)>>")


def filled(template: str, values: dict[str, str]) -> str:
    """Return the template with every place filled; KeyError for a place that has no value."""
    return _PLACE.sub(lambda match: values[match[1]], template)


def read_template(name: str) -> str:
    """Return the text of a template below `templates/`."""
    return (TEMPLATES / name).read_text(encoding="utf-8")
