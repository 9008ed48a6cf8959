"""What `cvlib dashboard` does."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import ExitStack

from cvlib.project import Project


def run_dashboard(
    layout: Project, experiment: str, runs: Sequence[str], *, port: int, open_browser: bool
) -> int:
    """Open the dashboard of an experiment and serve it until it is asked to end; the exit code."""
    from cvlib.dashboard.environment import prepare, writing_alone
    from cvlib.dashboard.serve import Server, Stopped, _is_fiftyone, serve, stopping_in_order
    from cvlib.processes import check_port

    layout.experiment_file(experiment)  # a wrong name is said at once
    check_port(port, _is_fiftyone, "dashboard")
    try:
        with stopping_in_order():
            from cvlib.dashboard.content import gather

            content = gather(layout, experiment, runs)
            prepare(layout)
            _say("starting FiftyOne")
            with ExitStack() as started:
                with writing_alone(layout):
                    # it starts while the dataset is made
                    server = started.enter_context(Server(port))
                    from cvlib.dashboard.dataset import open_dataset

                    dataset = open_dataset(content, layout)
                serve(dataset, port=port, open_browser=open_browser, server=server)
    except KeyboardInterrupt:
        return 130
    except Stopped as stopped:
        return 128 + stopped.number
    return 0


def run_export(layout: Project, experiment: str) -> int:
    """Write the tags given in the App to the file that the report reads; the exit code.

    Of the dashboard as it was last opened. One that is open meanwhile goes on.
    """
    from cvlib.dashboard.environment import prepare, writing_alone

    layout.experiment_file(experiment)
    prepare(layout)
    from cvlib.dashboard.dataset import existing_dataset
    from cvlib.dashboard.tags import export_tags

    with writing_alone(layout):
        path = export_tags(existing_dataset(layout, experiment), layout, experiment)
    print(f"tags: {path.relative_to(layout.root)}")
    return 0


def _say(what: str) -> None:
    print(f"dashboard: {what} …", file=sys.stderr, flush=True)
