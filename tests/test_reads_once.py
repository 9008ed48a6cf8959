"""A command reads each thing once: every run is verified once, every YAML, chapter and record read once."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

# Counts calls of what reads, and openings of files, while the command line runs one command.
DRIVER = """
import json, os, sys
from collections import Counter
root, words = sys.argv[1], sys.argv[2:]
os.chdir(root)
opened, calls = Counter(), Counter()
def audit(event, args):
    if event == "open" and isinstance(args[0], str) and isinstance(args[1], str) and args[1][:1] == "r":
        path = os.path.abspath(args[0])
        if path.startswith(root + os.sep):
            opened[os.path.relpath(path, root)] += 1
sys.addaudithook(audit)
from cvlib.engine import chapter
from cvlib.results.store import Store
from cvlib.studies import experiment
def counted(owner, name, key):
    inner = getattr(owner, name)
    def call(*args, **kwargs):
        calls[name + " " + str(key(*args))] += 1
        return inner(*args, **kwargs)
    setattr(owner, name, call)
counted(Store, "read", lambda self, run: run)
counted(Store, "problems", lambda self, run: run)
counted(experiment, "parse_experiment", lambda path, *_: os.path.basename(path))
counted(chapter, "parse_chapter", lambda root, file, text: file)
from cvlib.cli import app
try:
    app(words, standalone_mode=False)
except BaseException as error:
    code = getattr(error, "exit_code", 0)
print("COUNTED" + json.dumps([opened, calls]))
"""


def count(root: Path, *words: str) -> tuple[Counter[str], Counter[str]]:
    done = subprocess.run(
        [sys.executable, "-c", DRIVER, str(root), *words],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0 and "COUNTED" in done.stdout, done.stdout + done.stderr
    opened, calls = json.loads(done.stdout.split("COUNTED")[1])
    return Counter(opened), Counter(calls)


@pytest.mark.parametrize(
    "words",
    [("status",), ("render", "--engine", "embedded"), ("check",), ("trace", "tbl-exp01")],
    ids=["status", "frozen render", "check", "trace"],
)
def test_a_command_reads_each_thing_once(frozen_book, words):
    root = frozen_book.root
    if words == ("check",):
        count(root, "render", "--engine", "embedded")
    opened, calls = count(root, *words)
    assert {name for name, times in calls.items() if times > 1} == set()
    runs = [p.name for p in frozen_book.runs.iterdir() if p.is_dir() and p.name[0] != "."]
    verified = [name for name in calls if name.startswith("problems ")]
    assert len(verified) == len(runs) if words != ("trace", "tbl-exp01") else verified
    records = {name for name in opened if name.startswith("_freeze") and name.endswith(".json")}
    assert records and {opened[name] for name in records} == {1}
