"""A chapter more in `_quarto.yml`: where it belongs, put there by an edit of the text."""

from __future__ import annotations

import re
from typing import Any

from cvlib.starting import StartError
from cvlib.starting.yaml_text import KeyPath, insert_item

_JOURNAL = re.compile(r"report/exp\d+\.qmd")


def with_chapter(text: str, file: str) -> str:
    """Return the text of `_quarto.yml` with `file` behind the last chapter of the journal.

    That is the part that holds the experiments' chapters, else the last part; a book without parts
    gets it behind its last experiment, else before its last chapter, which is the summary.
    Raises StartError where the book has no list of chapters, or the edit would change more.
    """
    chapters = (_read(text).get("book") or {}).get("chapters")
    if not isinstance(chapters, list) or not chapters:
        raise StartError(
            "_quarto.yml: `book: chapters:` lists no chapters; this is no report of cvlib's"
        )
    path, position = _place(chapters)
    try:
        return insert_item(text, path, position, file, _read)
    except StartError as error:
        raise StartError(f"_quarto.yml: {error}: add `- {file}` to its chapters") from None


def _place(chapters: list[Any]) -> tuple[KeyPath, int]:
    """The list that the chapter goes into, and at which position."""
    parts = [n for n, entry in enumerate(chapters) if isinstance(entry, dict)]
    parts = [n for n in parts if chapters[n].get("chapters")]
    with_journal = [n for n in parts if any(_is_journal(c) for c in chapters[n]["chapters"])]
    if with_journal or parts:
        part = (with_journal or parts)[-1]
        return ("book", "chapters", part, "chapters"), len(chapters[part]["chapters"])
    experiments = [n for n, entry in enumerate(chapters) if _is_journal(entry)]
    if experiments:
        return ("book", "chapters"), experiments[-1] + 1
    return ("book", "chapters"), max(len(chapters) - 1, 1)


def _is_journal(entry: Any) -> bool:
    return isinstance(entry, str) and _JOURNAL.fullmatch(entry) is not None


def _read(text: str) -> dict[str, Any]:
    from cvlib.engine.yaml_lines import parse_yaml

    return parse_yaml(text, "_quarto.yml").data
