"""`cvlib run` as a person meets it: in processes of its own, stopped, killed, started twice."""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from cvlib.results.store import Store
from cvlib.studies.execute import Ended
from cvlib.studies.executors import WorkerPool
from cvlib.studies.run import inspect, make_tasks, run_experiments
from tests.studies.conftest import FakeExecutor, again, run_here

LONG = ("epochs: 2,", "epochs: 40,")
WIDE = ("  wide: {factor: width, set: {model.width: 8}}\n", "")
ADAM = ("  adam: {factor: optimiser, set: {train.optimizer: {name: adamw, lr: 3e-3}}}\n", "")


def cvlib(layout, *words, **kwargs):
    # a group of its own, so that signals can be sent as a terminal does
    return subprocess.Popen(
        [sys.executable, "-m", "cvlib", *words],
        cwd=layout.root,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        **kwargs,
    )


def wait_for_checkpoint(layout, seconds=60):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if list(layout.runs.glob(".scratch/*/*checkpoint*")):
            return
        time.sleep(0.05)
    raise AssertionError(f"no checkpoint in {layout.runs}/.scratch")


def results(layout):
    return {
        s.planned.name: (s.result.predictions().logits, s.result.history)
        for s in inspect(again(layout))
        if s.result
    }


def same(a, b):
    assert a.keys() == b.keys()
    for name in a:
        np.testing.assert_array_equal(a[name][0], b[name][0])
        losses = [[row["train_loss"] for row in x[name][1]] for x in (a, b)]
        assert losses[0] == losses[1]


def test_what_is_missing_is_submitted_and_named_runs_alone_where_runs_are_named(layout):
    for settings, asked in (
        ({"variants": ["wide"]}, ["wide"]),
        ({"variants": ["exp01/adam@0", "base"], "rerun": "all"}, ["base", "adam"]),
        ({}, ["base", "wide", "adam"]),
    ):
        executor = FakeExecutor()
        summary = run_experiments(again(layout), executor=executor, **settings)
        assert executor.asked == summary.done == [f"exp01/{name} seed 0" for name in asked]
        assert not summary.interrupted
    found = inspect(again(layout), variants=["wide"])
    assert [status.planned.variant for status in found] == ["wide"]


def test_how_runs_end_elsewhere_is_summed_up(layout):
    hows = iter(("failed", "stopped", "there"))
    executor = FakeExecutor(lambda task: [Ended(next(hows), "why")])
    summary = run_experiments(layout, executor=executor)
    assert summary.failed == {"exp01/base seed 0": "why"}
    assert summary.stopped == {"exp01/wide seed 0": "why"}
    assert summary.done == [] and not summary.interrupted


def test_ctrl_c_asks_the_executor_to_stop_and_what_is_left_counts_as_interrupted(layout, capsys):
    def tell(task):
        os.kill(os.getpid(), signal.SIGINT)
        yield Ended("interrupted")

    executor = FakeExecutor(tell)
    before = signal.getsignal(signal.SIGINT)
    assert run_experiments(layout, executor=executor).interrupted
    assert executor.stopped and executor.asked == ["exp01/base seed 0"]
    assert "The next `cvlib run` goes on" in capsys.readouterr().err
    assert signal.getsignal(signal.SIGINT) is before


def test_two_at_once_train_each_run_once(layout):
    both = [cvlib(layout, "run") for _ in range(2)]
    said = [process.communicate(timeout=120) for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    trained = sum(err.count("% in ") for _, err in said)
    assert trained == 3, said
    assert all(s.state == "fresh" for s in inspect(again(layout)))


def test_ctrl_c_stops_cleanly_and_the_next_call_goes_on_to_the_same_result(layout, edit, tmp_path):
    edit(*LONG)
    edit(*WIDE)
    edit(*ADAM)
    process = cvlib(layout, "run", "--workers", "1")
    wait_for_checkpoint(layout)
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "Traceback" not in err and "The next `cvlib run` goes on" in err
    assert any("under way" in s.reason for s in inspect(again(layout)))
    assert not run_experiments(again(layout)).failed
    resumed = results(layout)

    for key in Store(layout.runs).keys():  # noqa: SIM118
        Store(layout.runs).remove(key)
    run_experiments(again(layout))
    same(resumed, results(layout))


def test_a_killed_parent_leaves_no_process_and_no_lock(layout, edit):
    edit(*LONG)
    edit(*ADAM)
    process = cvlib(layout, "run", "--workers", "2")
    wait_for_checkpoint(layout)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    end = time.monotonic() + 30
    while _group_lives(process.pid) and time.monotonic() < end:
        time.sleep(0.1)
    assert not _group_lives(process.pid), "workers outlived their parent"
    assert not run_experiments(again(layout)).failed
    assert all(s.state == "fresh" for s in inspect(again(layout)))


def _group_lives(group: int) -> bool:
    listed = subprocess.run(["ps", "-eo", "pgid,stat"], capture_output=True, text=True).stdout
    rows = [line.split() for line in listed.splitlines()[1:]]
    return any(row[0] == str(group) and not row[1].startswith("Z") for row in rows)


def test_a_worker_that_dies_takes_only_its_run_with_it(layout, edit):
    edit(*LONG)
    runs = [s.planned for s in inspect(again(layout))]
    pool = WorkerPool(layout, workers=1, threads=1, device="cpu")
    killed, ended = False, {}
    for news in pool.submit(make_tasks(layout, runs, {})):
        if news and news.ended:
            ended[news.run.variant] = news.ended.how
        elif not killed and list(layout.runs.glob(".scratch/*/*checkpoint*")):
            import multiprocessing

            multiprocessing.active_children()[0].kill()
            killed = True
    assert killed
    assert sorted(ended.values()) == ["done", "done", "stopped"]


def test_status_json_says_why_and_exits_with_0_only_when_all_is_fresh(layout, edit):
    process = cvlib(layout, "status", "--json")
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 1
    assert {run["state"] for run in json.loads(out)["runs"]} == {"missing"}

    run_here(again(layout))
    process = cvlib(layout, "status", "--json")
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 0 and json.loads(out)["fresh"] is True

    edit("model.width: 8", "model.width: 7")
    process = cvlib(layout, "status")
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "spec: model.width: 8 → 7" in out


def test_output_that_is_no_terminal_gets_one_line_a_run(layout):
    process = cvlib(layout, "run")
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    assert "\x1b" not in err + out and "\r" not in err
    assert len(err.strip().splitlines()) == 4, err
    process = cvlib(layout, "run", "--quiet", "--rerun", "all")
    out, err = process.communicate(timeout=120)
    assert (out, err) == ("", "")


def test_data_that_changes_makes_exactly_its_runs_stale(layout, edit, tmp_path):
    from PIL import Image

    generator = np.random.default_rng(0)
    for split, count in (("train", 20), ("test", 6)):
        for label in ("cat", "dog"):
            folder = layout.root / "pictures" / split / label
            folder.mkdir(parents=True)
            for i in range(count):
                pixels = generator.integers(0, 255, (12, 12, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(folder / f"{i}.png")
    edit(
        "  wide: {factor: width, set: {model.width: 8}}",
        "  wide: {set: {dataset: {name: 'imagefolder:pictures', subset: none, val_fraction: 0.2}}}",
    )
    assert len(run_here(again(layout)).done) == 3
    path = layout.root / "pictures/test/dog/3.png"
    image = np.asarray(Image.open(path)).copy()
    image[0, 0, 0] ^= 1
    Image.fromarray(image).save(path)
    found = {s.planned.variant: (s.state, s.cue) for s in inspect(again(layout))}
    assert found == {"base": ("fresh", None), "wide": ("stale", "data"), "adam": ("fresh", None)}


@pytest.mark.parametrize("signal_", [signal.SIGTERM])
def test_a_clusters_terminate_leaves_a_checkpoint(layout, edit, signal_):
    edit(*LONG)
    edit(*WIDE)
    edit(*ADAM)
    process = cvlib(layout, "run", "--workers", "1")
    wait_for_checkpoint(layout)
    os.kill(process.pid, signal_)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130 and "Traceback" not in err
    assert any("under way" in s.reason for s in inspect(again(layout)))
