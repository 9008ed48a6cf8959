"""What the PDF that is handed in is called."""

from __future__ import annotations

from cvlib.starting.errors import StartError

PATTERN = "dl4cv2024_{first}_{last}_module{module}"


def pdf_name(author: str, module: str) -> str:
    """The file's name without `.pdf`; StartError for an author of one name."""
    first, _, last = author.strip().rpartition(" ")
    if not first or not last:
        raise StartError(f"author {author!r}: expected a first and a last name")
    return PATTERN.format(first=first.replace(" ", "-"), last=last, module=module)
