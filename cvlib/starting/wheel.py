"""The wheel of the cvlib that runs: made offline from its own files, its version from the code.

A project that `cvlib init` makes carries it in `vendor/` and requires exactly that file: no index is
asked for the library, whose name there, `cvlib`, is that of somebody else's package.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
import shutil
import sys
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

import cvlib
from cvlib.starting import TEMPLATES, StartError

DISTRIBUTION = "cvlib-journal"
_PACKAGE = Path(cvlib.__file__).parent
_LAUNCHER = "cvlib_journal.py"  # the console command's module, installed beside the package
_WHEEL = "Wheel-Version: 1.0\nGenerator: cvlib\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
_ENTRY_POINTS = "[console_scripts]\ncvlib = cvlib_journal:main\n"
_REQUIRED = re.compile(r"^\./vendor/cvlib_journal-.*$", re.MULTILINE)


def code_version() -> str:
    """The version of the cvlib that runs, `0.1.0+c1a2b3c4d5`: another one whenever a file of it is."""
    return _version(_code())


def vendor(root: Path) -> Path:
    """Let the project in `root` require the cvlib that runs; returns the wheel below `vendor/`.

    Changes `requirements.txt` and `constraints.txt`. Raises StartError where they require no wheel.
    """
    requirements = root / "requirements.txt"
    text = requirements.read_text(encoding="utf-8") if requirements.exists() else ""
    if not _REQUIRED.search(text):
        raise StartError(
            f"{requirements} has no line that begins with ./vendor/cvlib_journal-; it is in every "
            "project that `cvlib init` makes"
        )
    folder = root / "vendor"
    folder.mkdir(exist_ok=True)
    for old in folder.glob("cvlib_journal-*.whl"):
        old.unlink()
    wheel = build_wheel(folder)
    requirements.write_text(_REQUIRED.sub(f"./vendor/{wheel.name}", text), encoding="utf-8")
    shutil.copyfile(TEMPLATES / "project/constraints.txt", root / "constraints.txt")
    return wheel


def build_wheel(folder: Path) -> Path:
    """Write the wheel into `folder`; the same code gives the same bytes. Returns its path."""
    files = _code()
    version = _version(files)
    metadata, licence = _metadata()
    info = f"cvlib_journal-{version}.dist-info"
    texts = {
        "METADATA": re.sub(r"(?m)^Version: .*$", f"Version: {version}", metadata, count=1),
        "WHEEL": _WHEEL,
        "entry_points.txt": _ENTRY_POINTS,
        "licenses/LICENSE": licence,
    }
    files |= {f"{info}/{name}": text.encode() for name, text in texts.items()}
    record = []
    for name, content in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).decode().rstrip("=")
        record.append(f"{name},sha256={digest},{len(content)}")
    files[f"{info}/RECORD"] = "\n".join([*record, f"{info}/RECORD,,", ""]).encode()
    path = folder / f"cvlib_journal-{version}-py3-none-any.whl"
    with ZipFile(path, "w", ZIP_DEFLATED) as archive:
        for name, content in files.items():
            entry = ZipInfo(name)  # of 1980: no clock
            entry.compress_type, entry.external_attr = ZIP_DEFLATED, 0o644 << 16
            archive.writestr(entry, content)
    return path


def _code() -> dict[str, bytes]:
    """Every file of the library by its place in the wheel, in order."""
    paths = {_LAUNCHER: _PACKAGE.parent / _LAUNCHER}
    for folder, folders, names in os.walk(_PACKAGE, followlinks=True):
        folders[:] = [name for name in folders if name != "__pycache__" and name[0] != "."]
        for name in names:
            # pictures of the manual stay out: nobody sees them in a terminal
            if name[0] != "." and not name.endswith((".pyc", "~", ".png")):
                path = Path(folder, name)
                paths[f"cvlib/{path.relative_to(_PACKAGE).as_posix()}"] = path
    return {name: paths[name].read_bytes() for name in sorted(paths)}


def _version(files: dict[str, bytes]) -> str:
    digest = hashlib.sha256()
    for name, content in files.items():
        digest.update(f"{name} {len(content)}\n".encode() + content)
    return f"{cvlib.__version__}+c{digest.hexdigest()[:10]}"


def _metadata() -> tuple[str, str]:
    """METADATA and the licence: a checkout's from its pyproject.toml, else those that are installed."""
    checkout = _PACKAGE.parent / "pyproject.toml"
    if checkout.exists():
        return _metadata_of(checkout), (_PACKAGE.parent / "LICENSE").read_text(encoding="utf-8")
    try:
        installed = distribution(DISTRIBUTION)
    except PackageNotFoundError:
        raise StartError(
            f"{_PACKAGE} is neither a checkout of cvlib nor installed as {DISTRIBUTION}: no wheel "
            "can be made of it. Install the wheel, or run the command of a checkout"
        ) from None
    return str(installed.read_text("METADATA")), str(installed.read_text("licenses/LICENSE"))


def _metadata_of(pyproject: Path) -> str:
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    project = tomllib.loads(pyproject.read_text(encoding="utf-8"))["project"]
    lines = [
        "Metadata-Version: 2.4",
        f"Name: {DISTRIBUTION}",
        "Version: 0",
        f"Summary: {project['description']}",
        f"License-Expression: {project['license']}",
        "License-File: LICENSE",
        f"Requires-Python: {project['requires-python']}",
        *(f"Requires-Dist: {needed}" for needed in project["dependencies"]),
    ]
    for extra, needs in project["optional-dependencies"].items():
        lines.append(f"Provides-Extra: {extra}")
        lines += [f'Requires-Dist: {needed}; extra == "{extra}"' for needed in needs]
    return "\n".join([*lines, ""])
