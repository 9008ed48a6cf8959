"""Nothing stands in the report any more that a template left to be written."""

from __future__ import annotations

import re
from collections.abc import Iterator

from cvlib.check.finding import Finding, failed, ok
from cvlib.check.subject import Subject
from cvlib.studies.located_yaml import SpecError, read_yaml

# What `cvlib new` and `cvlib init` write where a person is to write; a line may end in between.
TO_WRITE = re.compile(r"\bTo\s+write:(?P<what>[^*]{0,60})")
TO_NAME = "To be named"
_TO_DO = "Write it, or take the line out."


def find(subject: Subject) -> Iterator[Finding]:
    """Look through the chapters, and through the words of the experiments that they name."""
    found = [*_in_chapters(subject), *_in_experiments(subject)]
    yield from found
    if not found:
        yield ok("nothing is left over from a template")


def _in_chapters(subject: Subject) -> Iterator[Finding]:
    for chapter in subject.chapters:
        prose = chapter.prose
        for match in TO_WRITE.finditer(prose.text):
            file, line = prose.place(match.start())
            yield failed(_said(match), _TO_DO, file=file, line=line)
        if (start := prose.text.find(TO_NAME)) >= 0:
            file, line = prose.place(start)
            yield failed(f"the chapter has no title yet: “{TO_NAME}”", _TO_DO, file=file, line=line)


def _in_experiments(subject: Subject) -> Iterator[Finding]:
    named = "\n".join(chapter.prose.source for chapter in subject.chapters)
    for name in subject.layout.experiment_ids():
        if not re.search(rf"['\"]{re.escape(name)}['\"]", named):
            continue
        path = subject.layout.experiment_file(name)
        try:
            yaml = read_yaml(path, subject.shown(path))
        except SpecError:
            continue  # `results` says what is wrong with it
        if match := TO_WRITE.search(str(yaml.data.get("question", ""))):
            yield failed(_said(match), _TO_DO, file=yaml.file, line=yaml.line(("question",)))
        if yaml.data.get("title") == TO_NAME:
            yield failed(
                f"{name} has no title yet: “{TO_NAME}”",
                _TO_DO,
                file=yaml.file,
                line=yaml.line(("title",)),
            )


def _said(match: re.Match[str]) -> str:
    return f"still to write: “{' '.join(match['what'].split())} …”"
