"""A picture of the real dashboard, for the README.

    .venv/bin/python -m tests.dashboard.screenshot exp02 docs/dashboard.png \\
        --run head-first --run scratch-4x --key head_first_tsne

opens the experiment's dashboard as a person would, its misclassified images beside a map of the
test images or the summary of an evaluation, and takes a picture of 1400 x 900 pixels.
"""

from __future__ import annotations

import argparse
import signal
from pathlib import Path

from cvlib.project import find_project
from tests.dashboard.app_page import app_page
from tests.dashboard.shown import Command


def main() -> None:
    """Read the arguments and take the picture."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("experiment")
    parser.add_argument("picture", type=Path)
    parser.add_argument("--run", action="append", default=[], help="as for `cvlib dashboard`")
    parser.add_argument("--view", default="misclassified", help="slug of a saved view")
    parser.add_argument("--panel", choices=["Embeddings", "Model Evaluation"], default="Embeddings")
    parser.add_argument("--key", required=True, help="of the map, or of the evaluation")
    parser.add_argument("--color-by", default="ground_truth.label", help="of the map's points")
    options = parser.parse_args()
    runs = [word for run in options.run for word in ("--run", run)]
    command = Command(find_project(), experiment=options.experiment, runs=runs).open()
    try:
        with app_page() as app:
            app.open(f"{command.url}?view={options.view}")
            app.add_panel(options.panel)
            if options.panel == "Model Evaluation":
                app.evaluation(options.key)
            else:
                app.map_points(options.key)
                app.color_map_by(options.color_by)
            app.page.mouse.move(5, 5)
            app.page.wait_for_timeout(1500)  # pictures and transitions
            app.page.screenshot(path=options.picture)
    finally:
        command.end(signal.SIGTERM)


if __name__ == "__main__":
    main()
