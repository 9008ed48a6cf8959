"""`cvlib dashboard` as it is typed."""

import subprocess
import sys

import pytest

from cvlib.dashboard.environment import LOG, URI, hold
from tests.dashboard.shown import copied, needs_fiftyone, needs_mongod, trained, without_fiftyone


def cvlib(*words, cwd=None, code=None, env=None):
    env = env or without_fiftyone()
    start = ["-c", code] if code else ["-m", "cvlib"]
    return subprocess.run(
        [sys.executable, *start, *words], capture_output=True, text=True, cwd=cwd, env=env
    )


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return copied(trained(tmp_path_factory), tmp_path_factory.mktemp("cli") / "digits").root


def test_help_shows_an_example():
    done = cvlib("dashboard", "--help")
    assert done.returncode == 0 and "Example: cvlib dashboard exp02" in done.stdout


def test_an_unknown_experiment_is_answered_before_anything_starts(root):
    done = cvlib("dashboard", "exp1", cwd=root)
    assert done.returncode == 2 and "did you mean 'exp01'?" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (root / "data" / ".cache" / "fiftyone-db").exists()


def test_an_unknown_run_is_answered_with_those_there_are(root):
    done = cvlib("dashboard", "exp01", "--run", "wider", cwd=root)
    assert done.returncode == 2 and "wide" in done.stderr and "narrow" in done.stderr
    assert "Traceback" not in done.stderr


def test_without_fiftyone_the_error_says_what_to_install(root):
    hidden = (
        "import sys; from importlib.machinery import PathFinder\n"
        "found = PathFinder.find_spec\n"
        "def find_spec(name, *rest):\n"
        "    return None if name.split('.')[0] == 'fiftyone' else found(name, *rest)\n"
        "PathFinder.find_spec = find_spec\n"
        "from cvlib.cli import main; sys.argv = ['cvlib', *sys.argv[1:]]; main()\n"
    )
    for words in ([], ["--export-tags"]):
        done = cvlib("dashboard", "exp01", *words, cwd=root, code=hidden)
        assert done.returncode == 2
        assert "`make dashboard`" in done.stderr and "Traceback" not in done.stderr


def test_runs_cannot_be_chosen_for_an_export(root):
    done = cvlib("dashboard", "exp01", "--export-tags", "--run", "wide", cwd=root)
    assert done.returncode == 2 and "leave --run out" in done.stderr


@needs_fiftyone
@needs_mongod
def test_an_export_before_there_is_a_dashboard_says_so_of_a_mongodb_of_ones_own(root, tmp_path):
    own = hold(tmp_path / "own")
    try:
        env = {**without_fiftyone(), URI: own.uri}
        done = cvlib("dashboard", "exp01", "--export-tags", cwd=root, env=env)
        assert done.returncode == 2 and "no dashboard yet" in done.stderr
        assert "Traceback" not in done.stderr
        from pymongo import MongoClient

        with MongoClient(own.uri) as client:
            assert "fiftyone" in client.list_database_names(), "it was this one that was asked"
    finally:
        own.release()
    started = root / "data" / ".cache" / "fiftyone-db" / LOG
    assert not started.exists(), "no other was started"
