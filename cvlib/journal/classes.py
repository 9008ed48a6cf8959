"""Names of the classes of a run, for direct labels."""

from __future__ import annotations

from cvlib.results.run import Run


def class_names(run: Run, classes: int) -> list[str] | None:
    """One name a class, in the order of labels; None where the run was stored without them.

    They stand in the run's table `classes`, rows {name}.
    """
    names = [str(row["name"]) for row in run.tables.get("classes", [])]
    return names if len(names) >= classes else None


def short_name(name: str) -> str:
    """A class name that fits beside points: `T-shirt/top` is `T-shirt`, underscores are spaces."""
    return name.split("/")[0].replace("_", " ").strip() or name
