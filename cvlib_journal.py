"""The console command `cvlib`, in a module of another name than the library.

A package of other people's is called cvlib, too. Where that is what Python imports, this says so
and what to do, instead of failing in the middle of an import.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path

_OURS = "Experiment journals for computer vision"  # how cvlib/__init__.py begins


def other_cvlib() -> str | None:
    """What is wrong with the cvlib that Python finds, and what to do; None where it is this one."""
    spec = find_spec("cvlib")
    place = Path(spec.origin) if spec is not None and spec.origin else None
    if place is None or _OURS not in place.read_text(encoding="utf-8", errors="replace")[:200]:
        found = f"is another one, {place.parent}" if place else "cannot be found"
        return (
            f"the cvlib that {sys.executable} imports {found}, not the library of this command "
            f"({Path(__file__).parent}). `{sys.executable} -m pip uninstall cvlib`, then install this "
            "one again: `rm -rf .venv && make setup` in the project, or `pip install "
            "--force-reinstall --no-deps vendor/cvlib_journal-*.whl`"
        )
    return None


def main() -> None:
    """Run the command; exit code 2 where another cvlib is in its place."""
    if (problem := other_cvlib()) is not None:
        print(f"cvlib: {problem}", file=sys.stderr)
        raise SystemExit(2)
    from cvlib.cli import main as run

    run()
