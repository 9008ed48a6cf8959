"""`python -m cvlib.reference` writes `docs/reference/`; a test asserts that it would change nothing."""

from __future__ import annotations

from cvlib.reference.pages import DOCS, pages

if __name__ == "__main__":
    for name, text in pages().items():
        path = DOCS / name
        is_new = path.read_text(encoding="utf-8") != text
        path.write_text(text, encoding="utf-8", newline="\n")
        print(f"docs/{name}: {'written' if is_new else 'was up to date'}")
