"""The page on the course's settings, made from the models that check them."""

from __future__ import annotations

from cvlib.reference.keys import sections
from cvlib.reference.sections import Section
from cvlib.settings import PageLimits, Settings

INTRODUCTION = """\
<!-- made by `python -m cvlib.reference` from the models that check the file; do not edit -->

# Settings of the course

The section `cvlib:` of `_quarto.yml`. [`cvlib check`](../how-to/hand-in.md) holds the PDF to it; Quarto passes over it.
`cvlib init --course … --module …` writes it into a new project. Who wrote the report, and its title, are `author` and
`title` below `book:`, and the PDF is called after `output-file` there.

```yaml
cvlib:
  course: "Deep Learning for Computer Vision 2024"
  module: 2
  pages: {total: [5, 10], summary: 1}
```
"""

SECTIONS = (
    Section("cvlib", "", Settings),
    Section("cvlib.pages", "", PageLimits),
)


def settings_page() -> str:
    """The page as Markdown."""
    return sections(INTRODUCTION, SECTIONS, {})
