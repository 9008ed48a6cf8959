"""An experiment as a chapter sees it.

    from cvlib.journal import experiment

    exp = experiment("exp01")
    exp.run()                      # trains what is missing; everything else only reads
    exp.table("accuracy", "seconds")
    exp.ablation()

What it can be asked stands in `blocks` (tables and figures), `sentences` (inline values) and
`facts` (what was asked, and how large it is). Heavy packages are imported by the methods that need
them: a chapter that shows no figure imports no matplotlib, and none imports torch.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from cvlib.journal.blocks import Blocks
from cvlib.journal.errors import JournalError
from cvlib.journal.facts import Facts
from cvlib.journal.sentences import Sentences

if TYPE_CHECKING:
    import pandas as pd

    from cvlib.journal.variant_results import VariantResults
    from cvlib.results.run import Predictions

    Name = str | VariantResults


def experiment(
    name: str, *, root: Path | None = None, profile: str | None = None
) -> ExperimentHandle:
    """The experiment of `experiments/<name>.yaml` in the project that the working folder lies in.

    root, profile: instead of the ones found (see `studies.project.find_project`).
    Raises SpecError or ProjectError when there is no such experiment, or its YAML is wrong.
    """
    from cvlib.project import find_project
    from cvlib.studies.experiment import load_experiment

    layout = find_project(root, profile)
    return ExperimentHandle(layout, load_experiment(layout, name))


class ExperimentHandle(Blocks, Sentences, Facts):
    """What a chapter may ask of one experiment. Variants are given by name, or as handles."""

    def run(self) -> ExperimentHandle:
        """Train what is missing or stale by spec or data, in a process of its own; then read.

        Starts nothing when nothing is to do. Raises JournalError when runs still have no result
        afterwards; a run that diverged, or was skipped for want of weights, is a result of its own
        kind and stands in the table as such.
        """
        from cvlib.studies.status import needs_work

        if any(needs_work(status, None) for status in self.results.statuses):
            from cvlib.journal.running import run_missing

            run_missing(self.layout, self.id)
            self.__dict__.pop("results", None)
            left = [s for s in self.results.statuses if needs_work(s, None)]
            if left:
                lines = [f"  {s.planned.name}: {s.state} {s.reason}".rstrip() for s in left[:8]]
                raise JournalError(
                    f"{len(left)} of {len(self.results.statuses)} runs of {self.id} have no "
                    f"result:\n" + "\n".join(lines) + f"\n`cvlib run {self.id}` tries them again."
                )
        return self

    def metrics(self) -> pd.DataFrame:
        """One row a run: variant, label, factor, seed, key, state, then every metric."""
        from cvlib.journal.frames import metrics_frame

        return metrics_frame(self.results)

    def history(self) -> pd.DataFrame:
        """One row an epoch of a run: who, then epoch, losses, accuracies, lr, seconds."""
        from cvlib.journal.frames import history_frame

        return history_frame(self.results)

    def predictions(self, variant: Name, seed: int) -> Predictions:
        """Test logits (N, C), labels (N,) and ids (N,) of one run."""
        found = self.results.variant(variant).need()
        if seed not in found.runs:
            raise JournalError(
                f"{found.id} has no result for seed {seed}; it has: {list(found.runs)}"
            )
        return found.runs[seed].predictions()

    def __repr__(self) -> str:
        return f"<{self.id}: {self.title}; {len(self._experiment.variants)} variants>"

    def _ipython_display_(self) -> None:
        """Shown at the end of a cell: nothing, or a warning when results are stale."""
        from cvlib.journal.staleness import callout

        if warning := callout(self.results):
            from IPython.display import Markdown, display

            display(Markdown(warning))  # type: ignore[no-untyped-call]
