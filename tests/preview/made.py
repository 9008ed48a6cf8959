"""A small book whose chapters count how often they ran, and a preview of it."""

from __future__ import annotations

from pathlib import Path

from cvlib.preview.book import PreviewedBook
from cvlib.preview.chapters import Preview
from cvlib.preview.server import LiveNews
from cvlib.project import Project
from tests.engine.chapters import small_book

ONE = """\
# One {#sec-one}

```{python}
with open("../ran.txt", "a") as file:
    file.write("one\\n")
n = 7
```

The first text holds `{python} n` things.

{{< include part.md >}}
"""
TWO = """\
# Two

```{python}
with open("../ran.txt", "a") as file:
    file.write("two\\n")
print("printed by two")
```

See @sec-one.
"""


def counted_book(root: Path, **texts: str) -> Path:
    """Write the book; `texts` replaces chapters, `yml` the settings."""
    small_book(root, **{"one": ONE, "two": TWO, **texts})
    (root / "report" / "part.md").write_text("An included text.\n")
    return root


def ran(root: Path) -> list[str]:
    """The chapters whose cells ran since this was last asked, in order."""
    path = root / "ran.txt"
    found = path.read_text().split() if path.exists() else []
    path.unlink(missing_ok=True)
    return found


def edit(path: Path, old: str, new: str) -> Path:
    """Replace text in a file, as an editor does that saves; returns the file."""
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    return path


class Previewed:
    """A preview without server or loop: what a save makes of the pages."""

    def __init__(self, root: Path, profile: str = "default") -> None:
        self.root = root
        self.project = Project(root, profile)
        self.news = LiveNews()
        self.said: list[str] = []
        own = root / ".quarto" / "cvlib-preview" / profile
        own.mkdir(parents=True)
        self.site = own / "site"
        self.pages = Preview(PreviewedBook(self.project, own), self.news, self.said.append)

    def make(self, *saved: Path, is_training: bool = False) -> None:
        """Bring the pages up to date after files were saved."""
        self.pages.update(set(saved), is_training, lambda: False)

    def page(self, name: str) -> str:
        """The HTML of a page."""
        return (self.site / name).read_text(encoding="utf-8")

    @property
    def problems(self) -> list[tuple[str, str, str]]:
        """Page, place and message of what is wrong."""
        return [(one.page, one.where, one.message) for one in self.news.state.problems]
