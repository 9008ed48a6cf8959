"""The text: the PDF has the words and values of the chapters as they are, and nothing is left to write."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path

from cvlib.check.finding import Finding, Findings, Location, check, failed, unchecked
from cvlib.check.submission import CheckedChapter, Submission, without_blocks
from cvlib.engine.typst import letters_without_glyph
from cvlib.freeze.frozen_chapter import letters_lost
from cvlib.freeze.marks import marks, without_marks
from cvlib.yaml_source import SpecError, read_yaml

# What `cvlib new` and `cvlib init` write where a person is to write; a line may end in between.
TO_WRITE = re.compile(r"\bTo\s+write:(?P<what>[^*]{0,60})")
TO_NAME = "To be named"
_WRITE_IT = "Write it, or take the line out."

_DIV = re.compile(r"^:{3,}(?P<opens>[ \t]*[^\s:].*)?$")
_CONDITIONAL = re.compile(r"\.content-(?:visible|hidden)\b")
# Where the words of the PDF may differ from those of the markdown: code, calls, math, attributes,
# footnotes, pictures, shortcodes, and the borders of blocks, cells and items.
_BREAKS = re.compile(
    r"`[^`\n]*`(?:\{[^}]*\})?|\[[^\[\]]*@[^\[\]]*\]|@[\w{][\w:.\-}]*|\$[^$]*\$|\^\[[^\]]*\]|\[\^[^\]]*\]:?|"
    r"\]\([^)]*\)|!\[|\{\{<.*?>\}\}|https?://\S+|<[^>\n]+>|\n[ \t]*\n|\||^:{1,}[^\n]*$|"
    r"^[ \t]*(?:[-*+]|\d+[.)])[ \t]+|^#+[ \t]|\{[^{}]*\}",
    re.MULTILINE,
)
_FEWEST_LETTERS = 25
_NUMBER = re.compile(r"[+−]?\d(?:[\d.,]*\d)?")


@check("up to date", of_pdf=True)
def up_to_date(submission: Submission) -> Findings:
    """Search the PDF for every longer piece of the chapters' text, and for every value."""
    # without heads and feet, which would stand in a sentence's way
    drawn = (d for page in submission.pdf.pages for d in page.content if d.kind == "text")
    text = "\n".join(d.text for d in drawn)
    words, numbers = letters(text), _padded(text)
    count = 0
    loose = [chapter.file for chapter in submission.chapters if chapter.executed("typ") is None]
    if loose:
        yield unchecked(
            f"not frozen, so that the PDF cannot be compared with it: {', '.join(loose)}"
        )
    for chapter in submission.chapters:
        if chapter.file in loose:
            continue
        markdown = _without_conditional(without_blocks(chapter.result))
        pieces = [piece for piece in _pieces(markdown) if letters(piece) not in words]
        values = [
            mark.markdown
            for mark in marks(markdown)
            if _NUMBER.search(mark.markdown) and _padded(mark.markdown) not in numbers
        ]
        count += 1
        if pieces or values:
            yield _differs(chapter, pieces, values)
    return f"the PDF has the text and the values of {count} chapters as they are now"


# Debian's packages by the first word of a letter's name in Unicode; Noto's core has most scripts
_FONTS = {
    **dict.fromkeys(("CJK", "HIRAGANA", "KATAKANA", "HANGUL", "BOPOMOFO"), "fonts-noto-cjk"),
    **dict.fromkeys(("EGYPTIAN", "CUNEIFORM", "ANATOLIAN"), "fonts-noto-extra"),
}


@check("letters")
def letters_drawn(submission: Submission) -> Findings:
    """Look for a glyph of each letter among the fonts that are here: a box stands for one without."""
    book = submission.book
    texts = {"_quarto.yml": " ".join([book.title, book.subtitle or "", *book.authors])}
    texts |= {chapter.file: chapter.result for chapter in submission.chapters}
    lost = letters_without_glyph("".join(texts.values()), installed=True)
    for file, text in texts.items():
        if found := [c for c in lost if c in text]:
            chapter = next((c for c in submission.chapters if c.file == file), None)
            yield _without_glyph(found, chapter.find(found[0]) if chapter else (file, None), "")
    for chapter in submission.chapters:
        for picture in sorted((chapter.folder or Path()).glob("figure-*/*.svg")):
            if chapter.folder and (drawn := letters_lost(picture)):
                yield _without_glyph(list(drawn), (chapter.file, None), f", in {picture.name}")
    return None if lost else "every letter has a glyph in a font that is here"


def _without_glyph(found: list[str], at: Location, where: str) -> Finding:
    names = {c: unicodedata.name(c, f"U+{ord(c):04X}") for c in found}
    packages = {_FONTS.get(name.split()[0], "fonts-noto-core") for name in names.values()}
    if any(unicodedata.category(c) == "So" for c in found):
        packages.add("fonts-noto-color-emoji, fonts-symbola")
    said = ", ".join(f"{c} ({name})" for c, name in list(names.items())[:3])
    more = f" and {len(found) - 3} more" if len(found) > 3 else ""
    return failed(
        f"no font here has {said}{more}{where}: boxes are printed in their place",
        f"Install a font that has them (Debian: {', '.join(sorted(packages))}) and render with --fresh.",
        at,
    )


def _differs(chapter: CheckedChapter, pieces: list[str], values: list[str]) -> Finding:
    missing = values or pieces
    shown = re.sub(r"\\(.)", r"\1", " ".join(missing[0].split())).replace("\u00a0", " ")
    at: Location = (chapter.file, None)
    if not values:
        at = chapter.find(re.escape(missing[0].strip().split("\n")[0][:60]))
    elif not chapter.alignment.lost:
        made = chapter.alignment.values
        places = ((o.file, o.line) for o in made if missing[0] in chapter.markdown[o.start : o.end])
        at = next(places, at)
    more = f", and {len(missing) - 1} more" if len(missing) > 1 else ""
    return failed(
        f"the PDF does not have the {'value' if values else 'text'} "
        f"“{shown[:60]}{'…' if len(shown) > 60 else ''}”{more}: it was made of another version of the chapter",
        "`make report` writes the PDF anew.",
        at,
    )


def letters(text: str) -> str:
    """Return letters and digits alone, so that hyphens, quotes and line ends do not count."""
    return "".join(c for c in unicodedata.normalize("NFKC", text) if c.isalnum())


def _without_conditional(markdown: str) -> str:
    """Leave out blocks for one format alone, with all blocks inside of them."""
    kept, depth, inside = [], 0, 0
    for line in markdown.split("\n"):
        div = _DIV.match(line.rstrip())
        if div and div["opens"]:
            depth += 1
            if not inside and _CONDITIONAL.search(line):
                inside = depth
        elif div:
            inside = 0 if depth == inside else inside
            depth = max(0, depth - 1)
        if not inside:
            kept.append(line)
    return "\n".join(kept)


def _pieces(markdown: str) -> list[str]:
    unmarked = re.sub(r"\\(.)", r"\1", _BREAKS.sub("\0", without_marks(markdown)))
    return [piece for piece in unmarked.split("\0") if len(letters(piece)) >= _FEWEST_LETTERS]


def _padded(text: str) -> str:
    """Return the numbers of a text in order, between spaces."""
    return f" {' '.join(_NUMBER.findall(text))} "


@check("to write")
def unwritten(submission: Submission) -> Findings:
    """Look for what a template left to be written: in chapters, and in the experiments they name."""
    yield from _in_chapters(submission)
    yield from _in_experiments(submission)
    return "nothing is left over from a template"


def _in_chapters(submission: Submission) -> Iterator[Finding]:
    for chapter in submission.chapters:
        for match in TO_WRITE.finditer(chapter.prose):
            yield failed(_still(match), _WRITE_IT, chapter.place(match.start()))
        if (start := chapter.prose.find(TO_NAME)) >= 0:
            says = f"the chapter has no title yet: “{TO_NAME}”"
            yield failed(says, _WRITE_IT, chapter.place(start))


def _in_experiments(submission: Submission) -> Iterator[Finding]:
    text = "\n".join(chapter.text for chapter in submission.chapters)
    project = submission.project
    for name in project.experiment_ids():
        if not re.search(rf"['\"]{re.escape(name)}['\"]", text):
            continue
        try:
            experiment = project.experiment(name)
        except SpecError:
            continue  # the check of the runs says what is wrong with it
        match, is_named = TO_WRITE.search(experiment.question), experiment.title != TO_NAME
        if match or not is_named:
            path = project.experiment_file(name)
            yaml = read_yaml(path, submission.shown(path), none_is_null=True)
        if match:
            yield failed(_still(match), _WRITE_IT, (yaml.file, yaml.line("question")))
        if not is_named:
            says = f"{name} has no title yet: “{TO_NAME}”"
            yield failed(says, _WRITE_IT, (yaml.file, yaml.line("title")))


def _still(match: re.Match[str]) -> str:
    return f"still to write: “{' '.join(match['what'].split())} …”"
