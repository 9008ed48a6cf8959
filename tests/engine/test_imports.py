"""The engine knows no run and no experiment: it imports nothing else of cvlib, but how YAML is read."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import cvlib.engine

FILES = sorted(Path(cvlib.engine.__file__).parent.glob("*.py"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_engine_imports_nothing_else_of_cvlib_but_its_errors_and_its_yaml(path):
    imported = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            imported |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports hide what is imported"
            imported |= {f"{node.module}.{alias.name}" for alias in node.names}
    own = {name for name in imported if name.split(".")[0] == "cvlib"}
    allowed = ("cvlib.engine.", "cvlib.errors.CvlibError", "cvlib.yaml_source.")
    assert not {name for name in own if not name.startswith(allowed)}


def test_reading_books_and_chapters_imports_nothing_heavy():
    code = (
        "import sys, cvlib.engine.execute, cvlib.engine.convert, cvlib.engine.quarto\n"
        "print([m for m in ('numpy', 'torch', 'typst', 'jupyter_client', 'zmq', 'matplotlib')"
        " if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
