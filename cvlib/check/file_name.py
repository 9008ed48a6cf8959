"""The PDF is called as the course wants it: `dl4cv2024_Ivan_Franko_module2.pdf`."""

from __future__ import annotations

from collections.abc import Iterator

from cvlib.check.finding import Finding, failed, ok
from cvlib.check.subject import Subject
from cvlib.settings import expected_pdf_name
from cvlib.studies.located_yaml import SpecError


def find(subject: Subject) -> Iterator[Finding]:
    """Compare the file's name with the pattern of the settings, filled with the first author."""
    yml = subject.quarto_yml
    author = subject.book.authors[0]
    try:
        expected = expected_pdf_name(subject.settings, author)
    except SpecError as error:
        yield failed(str(error), "Give the names.", file=yml.name, line=yml.line("book", "author"))
        return
    found = subject.pdf_path.name
    if found == expected:
        yield ok(found)
        return
    case = ", in other letters (capitals count)" if found.lower() == expected.lower() else ""
    yield failed(
        f"the PDF is called {found}, expected {expected} for the author {author!r}{case}",
        f"Set `book: output-file: {expected.removesuffix('.pdf')}` and render again.{_rules(author, expected)}",
        file=yml.name,
        line=yml.line("book", "output-file"),
    )


def _rules(author: str, expected: str) -> str:
    """Say how the name was made, where it is not the author's words as they are."""
    words = author.split()
    if len(words) == 2 and all(word in expected for word in words):
        return ""
    return (
        " Umlauts are written as in passports (ü as ue), other accents are left off, several first "
        "or last names are joined by hyphens; for another name set `cvlib: first-name:` and "
        "`last-name:`."
    )
