import json
import multiprocessing
import subprocess
import sys

import numpy as np
import pytest

from cvlib.results.run import DamagedRun, FailedRun, Run
from cvlib.results.store import Store, run_key

KEY = run_key({"seed": 0, "train": {"epochs": 1}}, "f" * 64)


def write(store: Store, key: str = KEY, **changes):
    generator = np.random.default_rng(0)
    given = {
        "spec": {"seed": 0, "train": {"epochs": 1}},
        "dataset_fingerprint": "f" * 64,
        "metrics": {"test_accuracy": 0.5},
        "history": [{"epoch": 1, "train_loss": 0.1 + 0.2}],
        "logits": generator.normal(size=(50, 4)).astype(np.float32),
        "labels": generator.integers(0, 4, 50),
        "ids": np.arange(50),
        "provenance": {"made_for": {}},
        "weights": {},
    }
    store.write_run(key, **{**given, **changes})
    return {**given, **changes}


def test_a_run_is_read_as_it_was_written(tmp_path):
    store = Store(tmp_path)
    given = write(store)
    run = store.read(KEY)
    assert isinstance(run, Run)
    assert run.spec == given["spec"] and run.metrics == given["metrics"]
    assert run.history == given["history"]
    stored = run.predictions()
    np.testing.assert_allclose(stored.logits, given["logits"], rtol=1e-3, atol=1e-6)
    np.testing.assert_array_equal(stored.labels, given["labels"])
    np.testing.assert_array_equal(stored.predicted, given["logits"].argmax(axis=1))


@pytest.mark.parametrize("shape", [(), (1,)])
def test_perplexity_is_read_as_one_number_from_old_runs_too(tmp_path, shape):
    store = Store(tmp_path)
    perplexity = np.full(shape, 12.5, np.float32)
    write(store, embedding={"tsne": np.zeros((50, 2), np.float32), "perplexity": perplexity})
    maps = store.read(KEY).embedding()
    assert maps["perplexity"].shape == () and maps["perplexity"] == np.float32(12.5)


def test_the_same_result_is_the_same_bytes(tmp_path):
    for name in ("a", "b"):
        write(Store(tmp_path / name))
    for path in (tmp_path / "a" / KEY).iterdir():
        assert path.read_bytes() == (tmp_path / "b" / KEY / path.name).read_bytes(), path.name


def test_rounding_to_float16_never_changes_the_predicted_class(tmp_path):
    # differences far below what float16 can hold
    logits = np.full((100, 3), 10.0, np.float32)
    winner = np.arange(100) % 3
    logits[np.arange(100), winner] += 1e-4
    logits[50:] *= -1
    logits[99] = [7e4, 8e4, -9e4]
    winner = logits.argmax(axis=1)
    store = Store(tmp_path)
    write(store, logits=logits, labels=winner, ids=np.arange(100))
    np.testing.assert_array_equal(store.read(KEY).predictions().predicted, winner)


@pytest.mark.parametrize(
    "name", ["spec.json", "metrics.json", "history.json", "predictions.npz", "provenance.json"]
)
def test_an_altered_or_missing_file_is_reported_and_never_read(tmp_path, name):
    store = Store(tmp_path)
    write(store)
    path = tmp_path / KEY / name
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))
    assert store.problems(KEY) == [f"{name} was altered"]
    with pytest.raises(DamagedRun, match=f"{name} was altered"):
        store.read(KEY)
    path.unlink()
    with pytest.raises(DamagedRun, match=f"{name} is missing"):
        store.read(KEY)


def test_a_run_without_its_ignored_weights_is_whole(tmp_path):
    weights = tmp_path / "w"
    weights.write_bytes(b"tensor")
    store = Store(tmp_path / "runs")
    write(store, weights={"best": weights})
    run = store.read(KEY)
    best = run.folder / "best.safetensors"
    assert best.read_bytes() == b"tensor"
    best.unlink()
    assert store.problems(KEY) == []


def test_numbers_that_are_not_finite_are_no_result(tmp_path):
    store = Store(tmp_path)
    with pytest.raises(ValueError, match="not finite"):
        write(store, logits=np.full((50, 4), np.nan))
    with pytest.raises(ValueError):
        write(store, metrics={"test_accuracy": float("nan")})
    assert store.keys() == []


def test_a_failure_is_kept_with_its_reason_and_a_result_takes_its_place(tmp_path):
    store = Store(tmp_path)
    store.write_failure(
        KEY,
        spec={"seed": 0, "train": {"epochs": 1}},
        dataset_fingerprint="f" * 64,
        reason="loss is nan at step 7",
        lasting=True,
        provenance={},
    )
    failed = store.read(KEY)
    assert isinstance(failed, FailedRun) and failed.reason == "loss is nan at step 7"
    write(store)
    assert isinstance(store.read(KEY), Run)


def test_a_failure_stands_beside_an_earlier_result_until_there_is_a_newer(tmp_path):
    store = Store(tmp_path)
    given = write(store)
    identity = {name: given[name] for name in ("spec", "dataset_fingerprint")}
    store.write_failure(KEY, **identity, reason="loss is nan", lasting=True, provenance={})
    assert isinstance(store.read(KEY), Run) and store.last_failure(KEY) == "loss is nan"
    write(store)
    assert store.last_failure(KEY) == ""


def test_a_run_in_a_folder_of_another_name_is_refused(tmp_path):
    store = Store(tmp_path)
    write(store)
    (tmp_path / KEY).rename(tmp_path / ("cd" * 32))
    with pytest.raises(DamagedRun, match="in a folder of another name"):
        store.read("cd" * 32)


def test_writing_a_run_drops_its_scratch_folder(tmp_path):
    store = Store(tmp_path)
    (store.scratch(KEY) / "checkpoint").write_text("x")
    assert store.is_under_way(KEY)
    write(store)
    assert not store.is_under_way(KEY)


KILLED = """
import os, sys
from pathlib import Path
import numpy as np
sys.path.insert(0, sys.argv[2])
from tests.results.test_store import write
from cvlib.results import store as module
point = int(sys.argv[3])
real = module.write_durably
def dies(path, data):
    global point
    if point == 0:
        path.write_bytes(data[: len(data) // 2])
        os.kill(os.getpid(), 9)
    point -= 1
    real(path, data)
module.write_durably = dies
write(module.Store(Path(sys.argv[1])))
"""


@pytest.mark.parametrize("point", range(6))
def test_a_process_killed_while_writing_leaves_no_run(tmp_path, point, request):
    root = request.config.rootpath
    died = subprocess.run(
        [sys.executable, "-c", KILLED, str(tmp_path), str(root), str(point)], cwd=root
    )
    assert died.returncode == -9
    store = Store(tmp_path)
    assert store.keys() == []
    write(store)
    assert store.problems(KEY) == []


def _try_lock(root, answer):
    with Store(root).lock(KEY) as mine:
        answer.put(mine)


def test_only_one_process_holds_a_runs_lock(tmp_path):
    context = multiprocessing.get_context("spawn")
    answer = context.Queue()
    with Store(tmp_path).lock(KEY) as mine:
        assert mine
        other = context.Process(target=_try_lock, args=(tmp_path, answer))
        other.start()
        assert answer.get(timeout=30) is False
        other.join()
    with Store(tmp_path).lock(KEY) as mine:
        assert mine


def test_reading_the_store_imports_no_torch(tmp_path):
    store = Store(tmp_path)
    write(store)
    code = (
        "import sys; from pathlib import Path; from cvlib.results.store import Store;"
        f"Store(Path({str(tmp_path)!r})).read({KEY!r}).predictions();"
        "assert not {'torch', 'pandas', 'matplotlib'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_key_follows_content_and_not_the_order_of_fields():
    a = run_key({"x": 1, "y": {"b": 2.0, "a": None}}, "f")
    assert a == run_key({"y": {"a": None, "b": 2.0}, "x": 1}, "f")
    assert a != run_key({"x": 1, "y": {"b": 2.5, "a": None}}, "f")
    assert a != run_key({"x": 1, "y": {"b": 2.0, "a": None}}, "g")
    assert len(a) == 64


def test_the_manifest_lists_every_file(tmp_path):
    write(Store(tmp_path))
    listed = json.loads((tmp_path / KEY / "manifest.json").read_text())["files"]
    there = {path.name for path in (tmp_path / KEY).iterdir()}
    assert set(listed) == there - {"manifest.json"}
