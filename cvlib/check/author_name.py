"""An author's name as a file name can hold it: first and last, in ASCII letters.

Letters are written as passports write them (ICAO Doc 9303, part 3, section 6): ü as ue, ø as oe,
ß as ss; other accents are left off. Parts of one name are joined by hyphens.
"""

from __future__ import annotations

import re
import unicodedata

from cvlib.errors import CvlibError

_LETTERS = str.maketrans(
    {
        "ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "å": "aa", "ø": "oe", "æ": "ae", "œ": "oe",
        "Ä": "Ae", "Ö": "Oe", "Ü": "Ue", "ẞ": "SS", "Å": "Aa", "Ø": "Oe", "Æ": "Ae", "Œ": "Oe",
        "ð": "d", "đ": "d", "ł": "l", "ħ": "h", "ı": "i", "þ": "th",
        "Ð": "D", "Đ": "D", "Ł": "L", "Ħ": "H", "Þ": "Th",
    }
)  # fmt: skip


class UnusableName(CvlibError, ValueError):
    """A name that the rules cannot split, or cannot write in ASCII letters."""


def split_name(author: str) -> tuple[str, str]:
    """Return first and last names: `Anna Maria Schmidt` is (`Anna Maria`, `Schmidt`).

    A comma decides (`García Márquez, Gabriel`). Else the last name begins at the first word in small
    letters (`Ludwig`, `van Beethoven`), and is the last word where there is none.
    """
    if "," in author:
        last, _, first = (part.strip() for part in author.partition(","))
    else:
        words = author.split()
        small = (i for i, word in enumerate(words) if i > 0 and word.islower())
        start = next(small, len(words) - 1)
        first, last = " ".join(words[:start]), " ".join(words[start:])
    if not first or not last:
        raise UnusableName(f"{author!r} is one name; expected a first and a last name")
    return first, last


def ascii_name(name: str) -> str:
    """Write one name with ASCII letters, digits and hyphens: `Jürgen` is `Juergen`."""
    composed = unicodedata.normalize("NFC", name).translate(_LETTERS)
    plain = "".join(
        c for c in unicodedata.normalize("NFKD", composed) if not unicodedata.combining(c)
    )
    plain = re.sub(r"['’ʼ`.]", "", plain)
    plain = re.sub(r"[\s\-‐‑–_]+", "-", plain).strip("-")
    if strange := re.sub(r"[A-Za-z0-9-]", "", plain):
        raise UnusableName(f"{name!r} has letters that a file name should not have ({strange})")
    if not plain:
        raise UnusableName(f"{name!r} has no letters")
    return plain
