"""`cvlib preview`: serve the book, look for changes, bring it up to date, until it is ended."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
import traceback
import webbrowser
from dataclasses import asdict
from pathlib import Path

from cvlib.engine import pandoc
from cvlib.engine.errors import RenderError
from cvlib.engine.book import load_book
from cvlib.preview.book import Pages
from cvlib.preview.server import PreviewServer
from cvlib.preview.state import State
from cvlib.preview.trainer import Trainer
from cvlib.preview.watch import Watch
from cvlib.project import Project
from cvlib.signals import asked_to_end
from cvlib.studies.progress_file import trainings

LOOK_SECONDS = 0.15
# An editor may write a file in several steps.
SETTLE_SECONDS = 0.04
TELL_SECONDS = 1.0


def run_preview(layout: Project, *, port: int, open_browser: bool, train: bool) -> int:
    """Serve the report's HTML on 127.0.0.1 until Ctrl-C, SIGTERM or the end of the terminal.

    train: train what is missing, in a process of its own. Returns the exit code. Raises
    PublishError when the port cannot be had.
    """
    os.environ["CVLIB_PROFILE"] = layout.profile  # the chapters' kernels ask for it
    pandoc.remember()
    own = layout.root / ".quarto" / "cvlib-preview" / layout.profile
    own.mkdir(parents=True, exist_ok=True)
    state = State()
    book = Pages(layout, own, state, _say)
    trainer = Trainer(layout)
    with asked_to_end(_stop), PreviewServer(book.site, _output(layout), port, state) as server:
        try:
            print(f"preview: {server.address}\nCtrl-C ends it", flush=True)
            if open_browser:
                webbrowser.open(server.address, new=2)
            threading.Thread(target=_tell_training, args=(layout, state), daemon=True).start()
            _keep_up_to_date(layout, book, trainer if train else None)
        except KeyboardInterrupt:
            if trainer.is_training:
                _say("the training writes its checkpoints; `cvlib run` goes on from there")
        finally:
            trainer.stop()
    return 0


def _keep_up_to_date(layout: Project, book: Pages, trainer: Trainer | None) -> None:
    with contextlib.suppress(RenderError, OSError):
        book.project()
    watch = Watch(lambda: book.files)
    saved: set[Path] = set()
    was_training, done = False, False

    def is_outdated() -> bool:
        saved.update(watch.changes())
        return bool(saved)

    while True:
        is_training = bool(trainings(layout.runs))
        if not done or is_outdated() or (was_training and not is_training):
            while new := watch.changes():
                saved.update(new)
                time.sleep(SETTLE_SECONDS)
            now, saved = saved, set()
            try:
                done = book.make(now, is_training, is_outdated)
            except Exception as error:  # said, and tried again with the next save
                traceback.print_exc()
                book.broke(error)
                done = True
            if trainer is not None and book.lacking:
                trainer.train(
                    [each.experiment for each in book.lacking],
                    [run for each in book.lacking for run in each.runs],
                )
        was_training = is_training
        time.sleep(LOOK_SECONDS)


def _tell_training(layout: Project, state: State) -> None:
    while True:
        state.tell(training=[asdict(each) for each in trainings(layout.runs)])
        time.sleep(TELL_SECONDS)


def _output(layout: Project) -> Path:
    """Where renders put the PDF, which the pages link to."""
    try:
        return load_book(layout.root, layout.quarto_profile).output_dir
    except (RenderError, OSError):
        return layout.root / "_output"


def _stop(_number: int, _frame: object) -> None:
    """End as Ctrl-C does."""
    raise KeyboardInterrupt


def _say(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')}  {text.rstrip()}", file=sys.stderr, flush=True)
