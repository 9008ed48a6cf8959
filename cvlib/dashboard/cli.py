"""What `cvlib dashboard` does."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from cvlib.studies.project import Layout


def run_dashboard(
    layout: Layout, experiment: str, runs: Sequence[str], *, port: int, open_browser: bool
) -> int:
    """Open the dashboard of an experiment and serve it until it is asked to end; the exit code."""
    from cvlib.dashboard.environment import prepare
    from cvlib.dashboard.serve import Server, Stopped, check_port, serve, stopping_in_order

    layout.experiment_file(experiment)  # a wrong name is said at once
    check_port(port)
    try:
        with stopping_in_order():
            from cvlib.dashboard.content import gather

            content = gather(layout, experiment, runs)
            prepare(layout)
            _say("starting FiftyOne")
            with Server(port) as server:  # it starts while the dataset is made
                from cvlib.dashboard.dataset import open_dataset

                dataset = open_dataset(content, layout)
                serve(dataset, port=port, open_browser=open_browser, server=server)
    except KeyboardInterrupt:
        return 130
    except Stopped as stopped:
        return 128 + stopped.number
    return 0


def run_export(layout: Layout, experiment: str, runs: Sequence[str]) -> int:
    """Write the tags given in the App to the file that the report reads; the exit code.

    A dashboard that is open meanwhile goes on.
    """
    from cvlib.dashboard.content import gather

    from cvlib.dashboard.environment import prepare

    layout.experiment_file(experiment)
    content = gather(layout, experiment, runs)
    prepare(layout)
    from cvlib.dashboard.dataset import open_dataset
    from cvlib.dashboard.tags import export_tags

    path = export_tags(open_dataset(content, layout), layout, experiment)
    print(f"tags: {path.relative_to(layout.root)}")
    return 0


def _say(what: str) -> None:
    print(f"dashboard: {what} …", file=sys.stderr, flush=True)
