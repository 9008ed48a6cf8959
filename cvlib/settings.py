"""The `cvlib:` section of `_quarto.yml`: the course's rules for what is handed in.

    cvlib:
      course: Deep Learning for Computer Vision 2024
      module: 2
      pdf-name: dl4cv2024_{first}_{last}_module{module}.pdf
      pages: {total: [5, 10], description: 1.3, journal: [3, 8], summary: 1}

Every key may be left out; these are the defaults. Quarto reads the section as metadata of no meaning.

An author's name stands in the PDF's name as passports write it (ICAO Doc 9303, part 3, section 6): ü as
ue, ø as oe, ß as ss; other accents are left off. Parts of one name are joined by hyphens.
"""

from __future__ import annotations

import re
import string
import unicodedata
from pathlib import Path
from typing import Annotated, Any

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictInt,
    ValidationError,
    field_validator,
)

from cvlib.errors import CvlibError
from cvlib.studies.located_yaml import explain
from cvlib.yaml_source import SpecError, read_yaml, shown

PLACEHOLDERS = ("first", "last", "module")
_LETTERS = str.maketrans(
    {
        "ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "å": "aa", "ø": "oe", "æ": "ae", "œ": "oe",
        "Ä": "Ae", "Ö": "Oe", "Ü": "Ue", "ẞ": "SS", "Å": "Aa", "Ø": "Oe", "Æ": "Ae", "Œ": "Oe",
        "ð": "d", "đ": "d", "ł": "l", "ħ": "h", "ı": "i", "þ": "th",
        "Ð": "D", "Đ": "D", "Ł": "L", "Ħ": "H", "Þ": "Th",
    }
)  # fmt: skip


def _limits(value: Any) -> Any:
    numbers = isinstance(value, list) and all(
        isinstance(item, int | float) and not isinstance(item, bool) for item in value
    )
    if not numbers or len(value) != 2 or not 0 <= value[0] <= value[1]:
        raise ValueError(f"{value!r}; expected [lowest, highest] in pages, such as [5, 10]")
    return tuple(value)


def _limit(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | float) or value <= 0:
        raise ValueError(f"{value!r}; expected the highest number of pages, such as 1.3")
    return float(value)


Limits = Annotated[tuple[float, float], BeforeValidator(_limits)]
Limit = Annotated[float, BeforeValidator(_limit)]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class PageLimits(_Section):
    """Lengths in pages. Sections are measured in heights of the text area, so 1.3 has a meaning."""

    total: Limits = Field((5, 10), description="pages of the PDF")
    description: Limit = Field(1.3, description="the first chapter; the course says about one page")
    journal: Limits = Field((3, 8), description="all experiments")
    summary: Limit = Field(1, description="the last chapter, without provenance and references")


class Settings(_Section):
    """What a course asks of the PDF."""

    course: str = Field("Deep Learning for Computer Vision 2024", description="the course's name")
    module: StrictInt | str = Field(2, description="the course's module")
    pdf_name: str = Field(
        "dl4cv2024_{first}_{last}_module{module}.pdf",
        alias="pdf-name",
        description="name of the PDF, with {first}, {last} and {module}",
    )
    first_name: str | None = Field(
        None, alias="first-name", description="for the PDF's name, where the author's does not do"
    )
    last_name: str | None = Field(
        None, alias="last-name", description="for the PDF's name, where the author's does not do"
    )
    pages: PageLimits = Field(PageLimits(), description="how long the report and its parts may be")

    @field_validator("pdf_name")
    @classmethod
    def _is_a_file_name(cls, pattern: str) -> str:
        try:
            names = [
                name for _, name, _, _ in string.Formatter().parse(pattern) if name is not None
            ]
        except ValueError as error:
            raise ValueError(f"{pattern!r}: {error}") from None
        unknown = [name for name in names if name not in PLACEHOLDERS]
        if unknown:
            known = ", ".join(f"{{{name}}}" for name in PLACEHOLDERS)
            raise ValueError(f"{pattern!r}: unknown {{{unknown[0]}}}; there is: {known}")
        if not pattern.endswith(".pdf") or "/" in pattern or "\\" in pattern:
            raise ValueError(
                f"{pattern!r}; expected a file's name that ends in .pdf, and no folder"
            )
        return pattern


class _Project(_Section):
    """`_quarto.yml` as far as it is read here, so that errors name `cvlib.pages.total`."""

    cvlib: Settings


def load_settings(root: Path) -> Settings:
    """Read and check `cvlib:` in `root/_quarto.yml`; raises SpecError with file, line and key."""
    located = read_yaml(root / "_quarto.yml", "_quarto.yml")
    given = located.data.get("cvlib") or {}
    if not isinstance(given, dict):
        raise located.error(
            ("cvlib",), f"cvlib: {shown(given)}; expected keys below it, as `module: 2`"
        )
    try:
        return _Project.model_validate({"cvlib": given}).cvlib
    except ValidationError as error:
        raise explain(error, _Project, located) from None


def expected_pdf_name(settings: Settings, author: str) -> str:
    """Return the name that the author's PDF must have: `dl4cv2024_Ivan_Franko_module2.pdf`.

    `first-name` and `last-name` of the settings go before what `author` says. Raises SpecError for
    a name of one word, or of letters that have no ASCII form.
    """
    first, last = settings.first_name, settings.last_name
    try:
        if first is None or last is None:
            split = split_name(author)
            first, last = first or split[0], last or split[1]
        parts = {"first": ascii_name(first), "last": ascii_name(last)}
    except UnusableName as error:
        raise SpecError(
            f"_quarto.yml: book.author: {error}. Set `cvlib: first-name:` and `last-name:` to what "
            "the PDF's name shall have."
        ) from None
    return settings.pdf_name.format(module=settings.module, **parts)


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
