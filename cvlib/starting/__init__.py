"""Starting something: a new experiment in a project, a new project, and the templates of both."""

from __future__ import annotations

import re
from pathlib import Path

from cvlib.errors import CvlibError

TEMPLATES = Path(__file__).parent / "templates"
_PLACE = re.compile(r"<<(\w+)>>")


class StartError(CvlibError, ValueError):
    """A new experiment or project cannot be made as asked; the message says what to do."""


def filled(template: Path, values: dict[str, str]) -> str:
    """Return a template's text with every `<<name>>` in it filled; KeyError where a name has no value."""
    return _PLACE.sub(lambda match: values[match[1]], template.read_text(encoding="utf-8"))
