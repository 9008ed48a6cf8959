"""What `cvlib status` prints: every run, seeds of a variant together where they agree."""

from __future__ import annotations

from collections import Counter
from itertools import groupby

from cvlib.studies.plan import Plan
from cvlib.studies.status import RunStatus


def status_text(plan: Plan, statuses: list[RunStatus]) -> str:
    """The status of one experiment, a line for each variant and state."""
    experiment = plan.experiment
    counts = Counter(status.state for status in statuses)
    summary = ", ".join(f"{n} {state}" for state, n in sorted(counts.items()))
    lines = [f"{experiment.id}  {experiment.title}  ({experiment.profile}: {summary})"]
    width = max(len(status.planned.variant) for status in statuses)

    def same(status: RunStatus) -> tuple[str, str, str | None, str]:
        return status.planned.variant, status.state, status.cue, status.reason

    for (variant, state, cue, reason), group in groupby(statuses, key=same):
        seeds = " ".join(str(status.planned.seed) for status in group)
        why = f"  {cue + ': ' if cue else ''}{reason}" if reason else ""
        lines.append(f"  {variant:<{width}}  seed {seeds:<8} {state}{why}")
    return "\n".join(lines)
