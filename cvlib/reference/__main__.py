"""`python -m cvlib.reference` writes `docs/reference/`; tests assert that it would change nothing."""

from __future__ import annotations

from cvlib.reference.journal import journal_page
from cvlib.reference.pages import DOCS, pages

if __name__ == "__main__":
    journal = {"reference/journal.md": journal_page(DOCS / "reference")}
    for name, text in (pages() | journal).items():
        path = DOCS / name
        is_new = path.read_text(encoding="utf-8") != text
        path.write_text(text, encoding="utf-8", newline="\n")
        print(f"docs/{name}: {'written' if is_new else 'was up to date'}")
