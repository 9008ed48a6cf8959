"""What a chapter's frozen copy depends on, besides its own text and what it includes.

A frozen copy is true as long as every digest here is the one it was made with: the spec and the
results of each experiment that the chapter asks for, what a person said of its test images, the
hypotheses that it names, and the code that turns all this into tables and figures.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cvlib.freeze.called_code import READING, called_by, called_code, source_digest
from cvlib.freeze.named_experiments import named_experiments
from cvlib.freeze.named_files import file_digest, named_files
from cvlib.freeze.named_hypotheses import named_hypotheses
from cvlib.project import HYPOTHESES

if TYPE_CHECKING:
    from cvlib.freeze.experiment_digests import ExperimentReader
    from cvlib.project import Project

# Tells that the code that a chapter calls is the same without looking; its change means nothing.
SOURCE = "source"

_CELL = re.compile(
    r"^(?P<fence>`{3,}|~{3,})\s*\{python\b[^}\n]*\}[^\n]*\n(?P<code>.*?)^(?P=fence)\s*$",
    re.MULTILINE | re.DOTALL,
)
_INLINE = re.compile(r"`\{python\}\s+(?P<code>[^`]+)`")


class Inputs(dict[str, str]):
    """Name -> digest. words: for some names, what is the matter with them now, for a reason."""

    def __init__(self, digests: dict[str, str], words: dict[str, str] | None = None) -> None:
        super().__init__(digests)
        self.words = words or {}


@dataclass
class Reads:
    """What a chapter reads.

    experiments: ids; digests: of what is no experiment, by name; uncalled: code that is not called
    though it is named, for what is read does not ask for it.
    """

    experiments: set[str] = field(default_factory=set)
    digests: dict[str, str] = field(default_factory=dict)
    uncalled: set[tuple[str, str]] = field(default_factory=set)


class InputsReader:
    """Reads what chapters depend on; what several of them read is read once.

    source: the folder that holds the package `cvlib`; None: where this one lies.
    """

    def __init__(self, layout: Project, source: Path | None = None) -> None:
        self.layout = layout
        self.source = source

    def of_text(
        self, text: str, before: Mapping[str, str] | None = None, folder: Path | None = None
    ) -> Inputs:
        """The inputs of a chapter with this text, its includes in place.

        For each experiment that it reads `spec exp01 base`, `results exp01 base`, …, and
        `reviews exp01` where a person reviewed its mistakes; `hypothesis H5`; `file report/own.csv`;
        and for each module that it calls `code cvlib.journal.table`. Empty for a chapter without
        code. before: what they were for the same text and includes; while the source and the
        hypotheses are the same, the code is, too. folder: the chapter's, where its cells run.
        """
        code = list(python_of(text))
        if not code:
            return Inputs({})
        reads = self._reads(code)
        inputs = Inputs(dict(reads.digests))
        for name in sorted(reads.experiments):
            found = self.experiments.read(name)
            inputs.update(found.digests)
            inputs.words.update(found.words)
            reviews = self.layout.reviews / f"{name}.json"
            if reviews.exists():
                inputs[f"reviews {name}"] = _sha(reviews.read_bytes())
        for path in named_files(code, folder) if folder else ():
            inputs[f"file {_shown(path, self.layout.root)}"] = file_digest(path)
        inputs[SOURCE] = self.source_digest
        if before is not None and self._same_code(before, reads):
            inputs.update({name: d for name, d in before.items() if name.startswith("code ")})
            return inputs
        besides = [READING] if reads.experiments else []
        called = called_code(code, self.source, reads.uncalled, besides)
        inputs.update({f"code {module}": digest for module, digest in called.items()})
        return inputs

    def _same_code(self, before: Mapping[str, str], reads: Reads) -> bool:
        told = {name: digest for name, digest in before.items() if name.startswith("hypothes")}
        return before.get(SOURCE) == self.source_digest and told == reads.digests

    def experiments_of(self, text: str) -> list[str]:
        """Ids of the experiments that a chapter with this text reads, sorted."""
        return sorted(self._reads(list(python_of(text))).experiments)

    @cached_property
    def source_digest(self) -> str:
        """Of the source of all that may be shown, comments and all."""
        return source_digest(self.source)

    @cached_property
    def experiments(self) -> ExperimentReader:
        """The experiments read so far."""
        from cvlib.freeze.experiment_digests import ExperimentReader

        return ExperimentReader(self.layout, self.source)

    @cached_property
    def hypotheses(self) -> dict[str, Any]:
        """What `experiments/hypotheses.yaml` declares, by id; empty where it cannot be read."""
        import yaml

        path = self.layout.experiments / f"{HYPOTHESES}.yaml"
        try:
            loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
            declared = yaml.load(path.read_text(encoding="utf-8"), loader)
        except (OSError, yaml.YAMLError):
            return {}  # the chapter that reads it says what is wrong
        return declared if isinstance(declared, dict) else {}

    @cached_property
    def experiments_of_book(self) -> list[str]:
        """Ids of the experiments that any chapter of the book asks for, sorted."""
        import yaml

        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        try:
            settings = yaml.load((self.layout.root / "_quarto.yml").read_text("utf-8"), loader)
            files = list(_chapter_files(settings["book"]["chapters"]))
        except (OSError, yaml.YAMLError, KeyError, TypeError):
            return []  # a render says what is wrong with it
        found: set[str] = set()
        for file in files:
            if (self.layout.root / file).is_file():
                text = (self.layout.root / file).read_text(encoding="utf-8")
                found |= self._reads(list(python_of(text)), but=_WHOLE_BOOK).experiments
        return sorted(found)

    def _reads(self, code: list[str], but: str = "") -> Reads:
        used = set().union(*(called_by(cell).names for cell in code)) - {but}
        reads = Reads()
        for name, reader in READERS.items():
            if name in used:
                reader(self, code, reads)
        return reads


def _read_experiments(reader: InputsReader, code: list[str], reads: Reads) -> None:
    reads.experiments.update(named_experiments(code, reader.layout.experiment_ids()))


def _read_book(reader: InputsReader, code: list[str], reads: Reads) -> None:
    reads.experiments.update(reader.experiments_of_book)


def _read_hypotheses(reader: InputsReader, code: list[str], reads: Reads) -> None:
    """Of the hypotheses that are named, what they claim and the experiments that they compare."""
    named, declared = named_hypotheses(code), reader.hypotheses
    if named.listed or named.all:
        said = [
            [name, one.get("title"), one.get("statement")] if isinstance(one, dict) else [name]
            for name, one in declared.items()
        ]
        reads.digests["hypotheses listed"] = _sha_of(said)
    known = reader.layout.experiment_ids()
    measures = False
    judged = declared if named.all else sorted(named.ids & declared.keys())
    for name in judged:
        text = _json(declared[name])
        reads.digests[f"hypothesis {name}"] = _sha(text.encode())
        reads.experiments.update(one for one in known if f'"{one}/' in text)
        measures |= '"measure": ' in text
    # measures of mistakes stand on half of the journal, and few claims ask for them
    uncalled = set() if measures else {("cvlib.journal.effects", "_measured")}
    methods = [] if named.all else ["table", "count"]
    methods += [] if judged else ["claims", "verdict", "effect", "find", "_of"]
    reads.uncalled |= uncalled | {("cvlib.journal.hypotheses", name) for name in methods}


_WHOLE_BOOK = "provenance_table"
# What each function of the journal reads. One that reads more than its arguments is entered here,
# and nowhere else: a chapter that uses its name depends on what is said.
READERS: dict[str, Callable[[InputsReader, list[str], Reads], None]] = {
    "experiment": _read_experiments,
    "hypotheses": _read_hypotheses,
    _WHOLE_BOOK: _read_book,
}


def chapter_inputs(layout: Project, qmd: Path) -> Inputs:
    """Inputs of one chapter without includes; for several make one `InputsReader`."""
    text = qmd.read_text(encoding="utf-8")
    return InputsReader(layout).of_text(text, folder=qmd.parent)


def experiments_of(layout: Project, qmd: Path) -> list[str]:
    """Ids of the experiments that a chapter reads, sorted."""
    return InputsReader(layout).experiments_of(qmd.read_text(encoding="utf-8"))


def experiments_of_book(layout: Project) -> list[str]:
    """Ids of the experiments that any chapter of the book asks for, sorted."""
    return InputsReader(layout).experiments_of_book


def python_of(text: str) -> Iterator[str]:
    """The code of cells, and of inline values."""
    for pattern in (_CELL, _INLINE):
        for match in pattern.finditer(text):
            yield match["code"]


def _chapter_files(entry: Any) -> Iterator[str]:
    if isinstance(entry, str):
        if entry.endswith(".qmd"):
            yield entry
    elif isinstance(entry, list):
        for inner in entry:
            yield from _chapter_files(inner)
    elif isinstance(entry, dict):
        yield from _chapter_files(entry.get("chapters"))


def _shown(path: Path, root: Path) -> str:
    root = root.resolve()
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else path.name


def _sha_of(value: object) -> str:
    return _sha(_json(value).encode())


def _json(value: object) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False, default=str)


def _sha(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]
