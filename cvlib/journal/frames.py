"""Results as data frames, for questions that the journal has no method for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cvlib.journal.results import Results

if TYPE_CHECKING:
    import pandas as pd


def metrics_frame(results: Results) -> pd.DataFrame:
    """One row a run with a result: variant, label, factor, seed, key, state, then its metrics."""
    import pandas as pd

    return pd.DataFrame([{**who, **run.metrics} for who, run in _runs(results)])


def history_frame(results: Results) -> pd.DataFrame:
    """One row an epoch of a run: variant, label, factor, seed, key, state, then the history."""
    import pandas as pd

    return pd.DataFrame([{**who, **epoch} for who, run in _runs(results) for epoch in run.history])


def _runs(results: Results) -> list[tuple[dict[str, Any], Any]]:
    return [
        (
            {
                "variant": variant.name,
                "label": variant.label,
                "factor": variant.factor,
                "seed": status.planned.seed,
                "key": status.planned.key,
                "state": status.state,
            },
            status.result,
        )
        for variant in results.shown(results.variants)
        for status in variant.statuses
        if status.result is not None
    ]
