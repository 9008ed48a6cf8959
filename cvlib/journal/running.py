"""Training what an experiment lacks, in a process of its own: a chapter imports no torch."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

from cvlib.journal.errors import JournalError, NotTrained

if TYPE_CHECKING:
    from cvlib.project import Project

# Set to `never` where a chapter runs to be looked at: nothing is trained behind somebody's back.
TRAIN = "CVLIB_TRAIN"


def run_missing(project: Project, experiment_id: str) -> None:
    """Run `cvlib run` for one experiment; its progress goes to this process's stderr.

    Raises JournalError with the last lines when it could not start or ended badly and said so
    with exit status 2 or more; single failed runs are for the caller to find. Raises NotTrained
    where the environment forbids training.
    """
    from cvlib.freeze.interpretation import note_fingerprints

    if os.environ.get(TRAIN) == "never":
        raise NotTrained(
            f"runs of {experiment_id} have no result, and nothing is trained here; "
            f"`cvlib run {experiment_id}` does that"
        )
    command = [sys.executable, "-m", "cvlib", "run", experiment_id, "--profile", project.profile]
    # through a pipe: in a notebook the stderr of this process is no file that a child could have
    process = subprocess.Popen(
        command,
        cwd=project.root,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    assert process.stdout is not None
    last: list[str] = []
    try:
        for line in process.stdout:
            sys.stderr.write(line)
            sys.stderr.flush()
            last = [*last[-11:], line]
        status = process.wait()
    except KeyboardInterrupt:
        # Ctrl-C reached the child too: it writes its checkpoints, then ends
        process.wait()
        raise
    note_fingerprints(project)
    if status not in (0, 1):
        raise JournalError(
            f"`{' '.join(['cvlib', *command[3:]])}` ended with exit status {status}:\n"
            + "".join(last).rstrip()
        )
