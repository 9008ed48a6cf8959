"""Which code of cvlib a chapter calls, found from its source without running anything.

A part of a module (a function, a method, a constant) counts when its name is used by the chapter or
by a part that counts: a change in the gallery touches no chapter without a gallery. A name stands
for whatever bears it, so that a part that is called is not missed, and one that is not called is
taken in now and then.
"""

from __future__ import annotations

import ast
import hashlib
import re
from collections import defaultdict
from collections.abc import Collection, Iterable
from pathlib import Path

from cvlib.freeze.parts import Part, Uses, module_parts, uses_of
from cvlib.studies.syntax import module_file

# The packages whose code shapes what is shown. What studies and data find out about a run reaches
# a chapter through its state and reason, which are in the digest of its results.
SHOWS = ("cvlib.journal", "cvlib.analysis", "cvlib.results")
# Modules that show nothing: they train what is missing, or find out what a chapter reads.
_WORK = {
    f"cvlib.journal.{name}"
    for name in (
        *("running", "fingerprints", "inputs", "experiment_digests", "called_code"),
        *("named_experiments", "named_hypotheses", "named_files"),
    )
}
# The journal gets the runs of experiments by way of studies, which reads them with this.
READING = Uses({"Store", "read"}, {"cvlib.results.store"})
_DOTTED = re.compile(r"\bcvlib(?:\.\w+)*")
_MAGIC = re.compile(r"^\s*[%!].*$", re.MULTILINE)


def called_code(
    cells: Iterable[str],
    source: Path | None = None,
    uncalled: Collection[tuple[str, str]] = (),
    besides: Iterable[Uses] = (),
) -> dict[str, str]:
    """Module -> 16 hex digits over the parts of it that `cells` call, directly or not.

    source: the folder that holds the package `cvlib`. uncalled: (module, function) that is known
    not to be called, though its name is used. besides: what is used by other ways. A file beside a
    module (a style sheet) that a part names is part of it.
    """
    search = _Search(source or Path(__file__).resolve().parents[2], uncalled)
    for uses in [*besides, *map(called_by, cells)]:
        search.use(uses)
    return search.digests()


def source_digest(source: Path | None = None) -> str:
    """16 hex digits over the source of all that may be shown, comments and all.

    As long as it is the same, the code that is called is: for that nothing is to be taken apart.
    """
    root = source or Path(__file__).resolve().parents[2]
    digest = hashlib.sha256()
    for package in SHOWS:
        for path in sorted(root.joinpath(*package.split(".")).glob("*.*")):
            if f"{package}.{path.stem}" in _WORK:
                continue
            content = path.read_bytes()
            digest.update(f"{package}/{path.name} {len(content)}\n".encode() + content)
    return digest.hexdigest()[:16]


def called_by(cell: str) -> Uses:
    """What a cell refers to. IPython's magics are passed over; of what is no Python, every word."""
    try:
        tree = ast.parse(_MAGIC.sub("", cell))
    except SyntaxError:
        return Uses(set(re.findall(r"[A-Za-z_]\w*", cell)), set(_DOTTED.findall(cell)))
    return uses_of([tree])


class _Search:
    """Goes from what is used to what that uses, until nothing is new."""

    def __init__(self, root: Path, uncalled: Collection[tuple[str, str]] = ()) -> None:
        self._root = root
        self._uncalled = uncalled
        self._used: set[str] = set()
        self._modules: set[str] = set()
        self._counted: dict[str, list[Part]] = defaultdict(list)
        self._classes: set[tuple[str, str]] = set()
        self._waiting: dict[str, list[tuple[str, Part]]] = defaultdict(list)
        self._of_class: dict[tuple[str, str], list[Part]] = defaultdict(list)

    def use(self, uses: Uses) -> None:
        pending = [uses]
        while pending:
            new = pending.pop()
            for name in new.names - self._used:
                self._used.add(name)
                for module, part in self._waiting.pop(name, ()):
                    pending += self._count(module, part)
            for module in new.modules - self._modules:
                self._modules.add(module)
                shows = module.startswith(SHOWS) and module not in _WORK
                path = module_file(self._root, module) if shows else None
                for part in module_parts(path, module) if path else ():
                    pending += self._meet(module, part)

    def _meet(self, module: str, part: Part) -> list[Uses]:
        """Count a part, or put it where it is found when its class or its name comes into use."""
        if (module, part.name) in self._uncalled:
            return []
        if part.owner and (module, part.owner) not in self._classes:
            self._of_class[module, part.owner].append(part)
            return []
        if part.always or part.hooked or part.name in self._used:
            return self._count(module, part)
        self._waiting[part.name].append((module, part))
        return []

    def _count(self, module: str, part: Part) -> list[Uses]:
        self._counted[module].append(part)
        found = [part.uses]
        if not part.owner and (module, part.name) not in self._classes:
            self._classes.add((module, part.name))
            for method in self._of_class.pop((module, part.name), ()):
                found += self._meet(module, method)
        return found

    def digests(self) -> dict[str, str]:
        found = {}
        for module, parts in self._counted.items():
            if all(part.borrowed or not part.digest for part in parts):
                continue
            lines = sorted(f"{p.owner}.{p.name} {p.digest}" for p in parts if p.digest)
            folder = self._root.joinpath(*module.split(".")[:-1])
            for name in sorted(set().union(*(part.uses.files for part in parts))):
                if (folder / name).is_file():
                    content = (folder / name).read_bytes()
                    lines.append(f"{name} {hashlib.sha256(content).hexdigest()}")
            found[module] = hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]
        return dict(sorted(found.items()))
