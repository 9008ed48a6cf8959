"""What a chapter may ask of the report as a whole."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from cvlib.journal.errors import JournalError

if TYPE_CHECKING:
    from cvlib.journal.handle import ExperimentHandle
    from cvlib.journal.quantity import Markdown
    from cvlib.studies.project import Layout


def provenance_table(*experiments: ExperimentHandle) -> Markdown:
    """Where all numbers of the report come from, for its end: a row an experiment.

    experiments: those to be named; none: all that a chapter of the book asks for. Said are runs by
    state, seeds, training time, commit, and whether the code is still that of the runs; below, once:
    device, versions, fingerprints of the data, and a digest of all runs that were used.
    """
    from cvlib.journal.provenance_table import table_over

    return table_over(experiments or _of_the_book())


def _of_the_book() -> list[ExperimentHandle]:
    from cvlib.journal.handle import experiment
    from cvlib.journal.inputs import experiments_of
    from cvlib.studies.project import find_layout

    layout = find_layout()
    names = {
        name for file in _chapters(layout) for name in experiments_of(layout, layout.root / file)
    }
    if not names:
        raise JournalError("no chapter asks for an experiment; name them: provenance_table(exp01)")
    return [experiment(name, root=layout.root, profile=layout.profile) for name in sorted(names)]


def _chapters(layout: Layout) -> list[str]:
    import yaml

    settings = yaml.safe_load((layout.root / "_quarto.yml").read_text(encoding="utf-8"))
    files = _files((settings or {}).get("book", {}).get("chapters"))
    return [file for file in files if (layout.root / file).is_file()]


def _files(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        if value.endswith(".qmd"):
            yield value
    elif isinstance(value, list):
        for item in value:
            yield from _files(item)
    elif isinstance(value, dict):
        yield from _files(value.get("chapters"))
