"""What a chapter's frozen copy depends on, besides its own text.

A frozen copy is true as long as every digest here is the one it was made with: the results of each
experiment that the chapter names, what a person said of its test images, and the code that turns
results into tables and figures.
"""

from __future__ import annotations

import ast
import hashlib
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cvlib.studies.project import Layout

JOURNAL_CODE = "journal code"
# The packages whose code shapes what is shown. What studies and data find out about a run reaches
# a chapter through its state and reason, which are in the results' digest.
SHOWS = ("cvlib.journal", "cvlib.analysis", "cvlib.results")
# This module decides what is shown again, not what it looks like.
_ITSELF = "cvlib.journal.inputs"

_CELL = re.compile(
    r"^(?P<fence>`{3,}|~{3,})\s*\{python\b[^}\n]*\}[^\n]*\n(?P<code>.*?)^(?P=fence)\s*$",
    re.MULTILINE | re.DOTALL,
)
_INLINE = re.compile(r"`\{python\}\s+(?P<code>[^`]+)`")
_NAMED = re.compile(r"\bexperiment\(\s*(?:name\s*=\s*)?(['\"])(?P<name>[^'\"]+)\1")
_CALLED = re.compile(r"\bexperiment\(")


def chapter_inputs(layout: Layout, qmd: Path) -> dict[str, str]:
    """Name -> digest of everything that a chapter shows besides its text.

    One `results of <id>` for each experiment("…") in its cells (for all experiments when one is
    called by a name that is computed), `reviews of <id>` where a person reviewed its mistakes, and
    `journal code`. Empty for a chapter without cells.
    """
    code = list(_python(qmd.read_text(encoding="utf-8")))
    if not code:
        return {}
    named = _named(code, layout)
    inputs = {f"results of {name}": results_digest(layout, name) for name in named}
    for name in named:
        reviews = layout.reviews / f"{name}.json"
        if reviews.exists():
            inputs[f"reviews of {name}"] = hashlib.sha256(reviews.read_bytes()).hexdigest()
    inputs[JOURNAL_CODE] = code_digest(_imported(code))
    return inputs


def experiments_of(layout: Layout, qmd: Path) -> list[str]:
    """Ids of the experiments that a chapter's cells name, sorted."""
    return _named(list(_python(qmd.read_text(encoding="utf-8"))), layout)


def results_digest(layout: Layout, experiment_id: str) -> str:
    """Digest of an experiment's shown words, and of each run's key, state, reason and content."""
    from cvlib.results.files import canonical_json, sha256_text
    from cvlib.results.store import Store
    from cvlib.studies.experiment import SpecError, load_experiment
    from cvlib.studies.plan import make_plan
    from cvlib.studies.project import ProjectError
    from cvlib.studies.status import Inspector

    try:
        experiment = load_experiment(layout, experiment_id)
    except (SpecError, ProjectError) as error:
        # not this function's to report: executing the chapter says it, with its line
        return sha256_text(f"no experiment: {error}")
    store = Store(layout.runs)
    plan = make_plan(experiment, layout)
    shown = [experiment.title, experiment.question, experiment.profile, *experiment.seeds]
    variants = [[v.name, v.label, v.factor] for v in experiment.variants]
    runs = [
        [s.planned.key, s.state, s.cue, s.reason, store.digest(s.planned.key or "-")]
        for s in Inspector(store).inspect(plan.runs)
    ]
    return sha256_text(canonical_json([shown, variants, runs]))


def code_digest(modules: tuple[str, ...] = ("cvlib.journal",)) -> str:
    """Digest of the meaning of the code below `SHOWS` that `modules` import, directly or not."""
    from cvlib.studies.code import code_fingerprint

    found = code_fingerprint(modules)
    lines = [
        f"{name} {digest}"
        for name, digest in found.items()
        if name.startswith(SHOWS) and name != _ITSELF
    ]
    for asset in sorted(Path(__file__).parent.glob("*.[cj]s*")):  # the gallery's style and keys
        lines.append(f"{asset.name} {hashlib.sha256(asset.read_bytes()).hexdigest()}")
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _python(text: str) -> Iterator[str]:
    """The code of cells, and of inline values."""
    for pattern in (_CELL, _INLINE):
        for match in pattern.finditer(text):
            yield match["code"]


def _named(code: Iterable[str], layout: Layout) -> list[str]:
    names: set[str] = set()
    for source in code:
        tree = _parsed(source)
        if tree is None:  # IPython's magics are no Python
            found: list[str | None] = [match["name"] for match in _NAMED.finditer(source)]
            found += [None] * (len(_CALLED.findall(source)) - len(found))
        else:
            found = [_name(node) for node in ast.walk(tree) if _is_call(node)]
        if None in found:
            return layout.experiment_ids()
        names.update(name for name in found if name)
    return sorted(names)


def _is_call(node: ast.AST) -> bool:
    if not isinstance(node, ast.Call):
        return False
    called = node.func
    name = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", None)
    return name == "experiment"


def _name(node: ast.AST) -> str | None:
    assert isinstance(node, ast.Call)
    given = [*node.args, *(k.value for k in node.keywords if k.arg == "name")]
    if given and isinstance(given[0], ast.Constant) and isinstance(given[0].value, str):
        return given[0].value
    return None


def _imported(code: Iterable[str]) -> tuple[str, ...]:
    """Modules of cvlib that the cells import."""
    found = {"cvlib.journal"}
    for source in code:
        tree = _parsed(source)
        for node in ast.walk(tree) if tree else ():
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module:
                names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
            else:
                continue
            found.update(name for name in names if name.split(".")[0] == "cvlib")
    return tuple(sorted(found))


def _parsed(source: str) -> ast.Module | None:
    try:
        return ast.parse(source)
    except SyntaxError:
        return None
