"""The wheel that a project carries: whole, installable without a network, and the same for the same code."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from cvlib.starting import StartError
from cvlib.starting.project import new_project
from cvlib.starting.wheel import build_wheel, code_version, vendor

COMMAND = "from cvlib_journal import main; main()"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    return build_wheel(tmp_path_factory.mktemp("wheel"))


@pytest.fixture
def installed(wheel, tmp_path) -> Path:
    """A folder like site-packages, with nothing but the library in it."""
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    return tmp_path / "site"


def cvlib(installed, *words, cwd=None, before=None):
    """The console command of an installed cvlib, with what this Python has besides."""
    path = os.pathsep.join(str(folder) for folder in (before, installed) if folder)
    return subprocess.run(
        [sys.executable, "-c", COMMAND, *words],
        cwd=cwd or installed.parent,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
    )


def test_the_same_code_gives_the_same_bytes_and_other_code_another_version(wheel, tmp_path):
    assert build_wheel(tmp_path).read_bytes() == wheel.read_bytes()
    assert wheel.name == f"cvlib_journal-{code_version()}-py3-none-any.whl"
    site = tmp_path / "site"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    (site / "cvlib/errors.py").open("a").write("# changed\n")
    said = cvlib(site, "--version").stdout
    assert said.startswith("cvlib-journal 0.1.0+c") and code_version() not in said


def test_pip_and_uv_install_it_without_a_network(wheel, tmp_path):
    given = ["install", "--no-index", "--no-deps", "--target"]
    (tmp_path / "vendor").mkdir()
    (tmp_path / "vendor" / wheel.name).write_bytes(wheel.read_bytes())
    (tmp_path / "requirements.txt").write_text(f"./vendor/{wheel.name}\n")
    for name, command in (("pip", ["pip"]), ("uv", ["uv", "pip"])):
        words = [*command, *given, str(tmp_path / name), "--requirement", "requirements.txt"]
        done = subprocess.run(
            [sys.executable, "-m", *words], cwd=tmp_path, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert cvlib(tmp_path / name, "--version").stdout == f"cvlib-journal {code_version()}\n"
        assert (tmp_path / name / "bin/cvlib").exists()


def test_an_installed_cvlib_makes_projects_with_the_same_wheel(wheel, installed, tmp_path):
    done = cvlib(installed, "init", "mine", "--author", "Ivan Franko", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    made = tmp_path / "mine/vendor" / wheel.name
    assert made.read_bytes() == wheel.read_bytes()
    assert (tmp_path / "mine/_extensions/journal/journal.lua").is_file()
    done = cvlib(installed, "new", cwd=tmp_path / "mine")
    assert "report/exp02.qmd" in done.stdout, done.stderr
    assert cvlib(installed, "docs", "tutorial", cwd=tmp_path).stdout.startswith("# Your first")


def test_the_command_says_so_when_another_cvlib_is_imported(installed, tmp_path):
    other = tmp_path / "other/cvlib"
    other.mkdir(parents=True)
    (other / "__init__.py").write_text("from .object_detection import detect_common_objects\n")
    done = cvlib(installed, "status", before=other.parent)
    assert done.returncode == 2 and "Traceback" not in done.stderr
    assert f"is another one, {other}" in done.stderr and "uninstall cvlib" in done.stderr
    # installed over this one: its files take the place of ours
    (installed / "cvlib/__init__.py").write_text((other / "__init__.py").read_text())
    assert "is another one" in cvlib(installed, "status").stderr


def test_a_newer_cvlib_takes_the_place_of_the_one_in_vendor(installed, wheel, tmp_path):
    root = new_project(tmp_path / "mine", "Ivan Franko").root
    (root / "constraints.txt").write_text("old\n")
    (installed / "cvlib/errors.py").open("a").write("# newer\n")
    done = cvlib(installed, "vendor", cwd=root)
    assert done.returncode == 0, done.stderr
    (newer,) = (root / "vendor").iterdir()
    assert newer.name != wheel.name
    assert (root / "requirements.txt").read_text().endswith(f"\n./vendor/{newer.name}\n")
    assert "torch==" in (root / "constraints.txt").read_text()


def test_a_project_that_requires_no_wheel_is_left_alone(tmp_path):
    with pytest.raises(StartError, match="has no line that begins with"):
        vendor(tmp_path)
    assert list(tmp_path.iterdir()) == []
