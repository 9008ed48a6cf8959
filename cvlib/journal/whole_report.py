"""What a chapter may ask of the report as a whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cvlib.journal.errors import JournalError

if TYPE_CHECKING:
    from cvlib.journal.handle import ExperimentHandle
    from cvlib.journal.quantity import Markdown


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
    from cvlib.project import find_project

    layout = find_project()
    names = layout.experiments_of_book()
    if not names:
        raise JournalError("no chapter asks for an experiment; name them: provenance_table(exp01)")
    return [experiment(name, root=layout.root, profile=layout.profile) for name in names]
