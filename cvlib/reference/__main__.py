"""`python -m cvlib.reference` writes `docs/reference/`; a test asserts that it would change nothing."""

from __future__ import annotations

from pathlib import Path

from cvlib.reference.journal import journal_page
from cvlib.reference.pages import pages


def main() -> None:
    """Write every page below `docs/` of the project that this cvlib lies in."""
    docs = Path(__file__).resolve().parents[2] / "docs"
    journal = {"reference/journal.md": journal_page(docs / "reference")}
    for name, text in (pages() | journal).items():
        path = docs / name
        path.parent.mkdir(parents=True, exist_ok=True)
        is_new = not path.exists() or path.read_text(encoding="utf-8") != text
        path.write_text(text, encoding="utf-8", newline="\n")
        print(f"docs/{name}: {'written' if is_new else 'was up to date'}")


if __name__ == "__main__":
    main()
