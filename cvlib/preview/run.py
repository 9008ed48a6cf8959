"""`cvlib preview`: serve the book, look for changes, bring it up to date, until it is ended."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
import traceback
import webbrowser
from collections.abc import Collection
from pathlib import Path

from cvlib.preview.book import WRONG, PreviewedBook
from cvlib.preview.chapters import Preview
from cvlib.preview.server import LiveNews, PreviewServer
from cvlib.processes import asked_to_end, signal_group
from cvlib.project import Project
from cvlib.studies.progress import trainings
from cvlib.terminal import drawable

LOOK_SECONDS = 0.15
# An editor may write a file in several steps.
SETTLE_SECONDS = 0.04
TELL_SECONDS = 1.0
# A training asked to stop writes its checkpoints first.
STOP_SECONDS = 60.0


def run_preview(project: Project, *, port: int, open_browser: bool, train: bool) -> None:
    """Serve the report's HTML on 127.0.0.1 until Ctrl-C, SIGTERM or the end of the terminal.

    train: train what is missing, in a process of its own. Raises PortTaken.
    """
    os.environ["CVLIB_PROFILE"] = project.profile  # the chapters' kernels ask for it
    own = project.root / ".quarto" / "cvlib-preview" / project.profile
    own.mkdir(parents=True, exist_ok=True)
    book, news, trainer = PreviewedBook(project, own), LiveNews(), Trainer(project)
    preview = Preview(book, news, _say)
    output = project.root / "_output"  # where renders put the PDF, which the pages link to
    with contextlib.suppress(*WRONG):
        output = preview.read_settings().output_dir

    def stop(_number: int, _frame: object) -> None:
        raise KeyboardInterrupt

    def tell_training() -> None:
        while True:
            news.update(training=trainings(project.runs))
            time.sleep(TELL_SECONDS)

    with asked_to_end(stop), PreviewServer(book.site, output, port, news) as server:
        try:
            print(f"preview: {server.address}\nCtrl-C ends it", flush=True)
            if open_browser:
                webbrowser.open(server.address, new=2)
            threading.Thread(target=tell_training, daemon=True).start()
            _keep_up_to_date(project, preview, trainer if train else None)
        except KeyboardInterrupt:
            if trainer.is_training:
                _say("the training writes its checkpoints; `cvlib run` goes on from there")
        finally:
            trainer.stop()


def _keep_up_to_date(project: Project, preview: Preview, trainer: Trainer | None) -> None:
    saved: set[Path] = set()
    was_training, done = False, False
    preview.files.changes()

    def is_outdated() -> bool:
        saved.update(preview.files.changes())
        return bool(saved)

    while True:
        is_training = bool(trainings(project.runs))
        if not done or is_outdated() or (was_training and not is_training):
            while new := preview.files.changes():
                saved.update(new)
                time.sleep(SETTLE_SECONDS)
            now, saved = saved, set()
            try:
                done = preview.update(now, is_training, is_outdated)
            except Exception as error:  # said, and tried again with the next save
                traceback.print_exc()
                preview.broke(error)
                done = True
            if trainer is not None and preview.missing:
                trainer.train(
                    [each.experiment for each in preview.missing],
                    [run for each in preview.missing for run in each.runs],
                )
        was_training = is_training
        time.sleep(LOOK_SECONDS)


class Trainer:
    """Runs `cvlib run` for what lacks results; the same runs are tried once. Stopped with `stop`."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._process: subprocess.Popen[bytes] | None = None
        self._tried: frozenset[str] = frozenset()

    @property
    def is_training(self) -> bool:
        """Whether a training that this started is under way."""
        return self._process is not None and self._process.poll() is None

    def train(self, experiments: Collection[str], runs: Collection[str]) -> None:
        """Train the experiments, unless that is done already; `runs` names what is missing now.

        What was tried and is still missing has failed, and is tried again once it changed.
        """
        if self.is_training or not set(runs) - self._tried:
            return
        self._tried |= frozenset(runs)
        command = [sys.executable, "-m", "cvlib", "run", *sorted(experiments)]
        # a session of its own: Ctrl-C is for the preview, which stops it in order
        self._process = subprocess.Popen(
            [*command, "--profile", self._project.profile],
            cwd=self._project.root,
            stdin=subprocess.DEVNULL,
            stdout=sys.stderr,
            start_new_session=True,
        )

    def stop(self) -> None:
        """Ask the training to leave checkpoints and end, and wait for it; a second call kills it."""
        if self._process is None or not self.is_training:
            return
        signal_group(self._process, signal.SIGINT if os.name == "posix" else signal.SIGTERM)
        try:
            self._process.wait(STOP_SECONDS)
        except (subprocess.TimeoutExpired, KeyboardInterrupt):
            signal_group(self._process, signal.SIGKILL if os.name == "posix" else signal.SIGTERM)
            self._process.wait()


def _say(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')}  {drawable(text.rstrip())}", file=sys.stderr, flush=True)
