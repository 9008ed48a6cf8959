"""What a chapter reads is written down while it is executed, whatever it is called and however."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]

FILES = {
    "_quarto.yml": "project: {type: book}\n",
    "report/a.qmd": "```{python}\n1\n```\n",
    "report/own.py": "import inner\n",
    "report/inner.py": "TEXT = open('report/at_import.txt').read()\n",
    "report/pkg/__init__.py": "from . import deep\n",
    "report/pkg/deep.py": "X = 1\n",
    "report/at_import.txt": "a",
    "report/notes.csv": "a,b\n1,2\n",
    "report/python.csv": "a,b\n1,2\n",
    "report/plain.txt": "x",
    "report/opened.bin": "x",
    "report/lines.txt": "x\n",
    "report/inline.txt": "x",
    "report/many/one.txt": "x",
    "report/declared.parquet": "x",
    ".venv/lib/thing.py": "x",
    "report/.cache/kept.txt": "x",
}

# A cell, and what it is to leave in the record besides what was there.
CELLS: dict[str, tuple[str, set[str]]] = {
    "modules, and what those read while they are imported": (
        "import own, pkg",
        {"file report/own.py", "file report/inner.py", "file report/pkg/__init__.py",
         "file report/pkg/deep.py", "file report/at_import.txt"},
    ),
    "pandas, in C": ("import pandas as pd; pd.read_csv('report/notes.csv')", {"file report/notes.csv"}),
    "pandas, in Python": (
        "pd.read_csv('report/python.csv', engine='python')", {"file report/python.csv"}
    ),
    "pathlib": ("from pathlib import Path; Path('report/plain.txt').read_text()", {"file report/plain.txt"}),
    "a file descriptor": ("import os; os.close(os.open('report/opened.bin', os.O_RDONLY))",
                          {"file report/opened.bin"}),
    "a file that another module opens": (
        "import linecache, fileinput; list(fileinput.input('report/lines.txt'))", {"file report/lines.txt"}
    ),
    "a file that is not there": ("Path('report/absent.txt').exists()", {"path report/absent.txt"}),
    "a file that is tried": (
        "try:\n    open('report/tried.txt')\nexcept OSError:\n    pass", {"file report/tried.txt"}
    ),
    "a file that is there and is not opened": ("Path('report/a.qmd').is_file()", {"path report/a.qmd"}),
    "a listing": ("sorted(Path('report/many').glob('*.txt'))", {"folder report/many"}),
    "what it wrote itself": (
        "open('report/out.txt', 'w').write('x'); open('report/out.txt').read(); "
        "os.replace('report/out.txt', 'report/moved.txt'); open('report/moved.txt').read()", set()
    ),
    "an array that it wrote itself": (
        "import numpy as np; np.save('report/a.npy', np.ones(2)); np.load('report/a.npy', mmap_mode='r')", set()
    ),
    "environments and caches": (
        "open('.venv/lib/thing.py').read(); open('report/.cache/kept.txt').read()", set()
    ),
    "a file that is declared": (
        "from cvlib.journal import reads; reads('report/declared.parquet')", {"file report/declared.parquet"}
    ),
}  # fmt: skip

DRIVER = """
import json, os, sys
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
sys.path.insert(0, os.path.abspath("report"))
import cvlib.recorder as recorder
recorder.start(os.getcwd(), "report/a.qmd")
def reads():
    return json.load(open(".quarto/cvlib/reads/report/a.qmd.json"))
found = []
for cell in json.load(sys.stdin):
    if cell.startswith("`"):
        shell.user_expressions({"0": cell.strip("`")})
    else:
        outcome = shell.run_cell(cell, store_history=True)
        assert outcome.success, outcome.error_in_exec
    found.append(reads())
print("RECORDS" + json.dumps(found))
"""


def drive(root: Path, cells: list[str], driver: str = DRIVER) -> list[dict]:
    done = subprocess.run(
        [sys.executable, "-c", driver],
        input=json.dumps(cells),
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr + done.stdout
    return json.loads(done.stdout.split("RECORDS")[1])


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("recorder")
    for name, text in FILES.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


@pytest.fixture(scope="module")
def records(root) -> dict[str, tuple[dict, dict]]:
    found = drive(root, ["1", *(cell for cell, _ in CELLS.values())])
    return {name: (found[n], found[n + 1]) for n, name in enumerate(CELLS)}


@pytest.mark.parametrize("name", CELLS)
def test_what_a_cell_reads_is_recorded(records, name):
    before, after = records[name]
    new = {
        key
        for key in after["reads"].keys() - before["reads"].keys()
        if not key.startswith(("code", "package"))
    }
    assert new == CELLS[name][1]


def test_the_modules_of_cvlib_that_are_loaded_are_recorded(records):
    *_, (_, last) = records.values()
    assert "code cvlib.journal" in last["reads"]
    assert not [name for name in last["reads"] if "recorder" in name or "freeze" in name]


def test_a_file_that_inline_values_read_is_recorded(root):
    assert (
        "file report/inline.txt"
        in drive(root, ["1", "`open('report/inline.txt').read()`"])[-1]["reads"]
    )


def test_a_file_that_changed_after_it_was_read_has_no_digest(root):
    cell = (
        "import os, time; open('report/plain.txt').read(); "
        "os.utime('report/plain.txt', (time.time() + 9,) * 2)"
    )
    assert drive(root, [cell])[0]["reads"]["file report/plain.txt"] == ""


# What Quarto runs in the kernel before and after a chapter's cells, as far as it matters here.
SETUP = (
    "import os, sys\nkernel_deps = {m: os.path.exists(m) for m in ['report/gone.py']}\n%reset -f"
)


def test_a_kernel_that_is_used_again_begins_anew_and_knows_what_its_modules_read(root):
    first, cleaned, _, again = drive(
        root, ["import own; open('report/plain.txt').read()", SETUP, SETUP, "1"]
    )
    assert "file report/plain.txt" in first["reads"]
    assert cleaned == first, "Quarto's own cells are not the chapter's"
    assert "file report/plain.txt" not in again["reads"]
    assert {"file report/at_import.txt", "file report/own.py"} <= again["reads"].keys()


def test_a_chapter_that_empties_its_kernel_has_read_what_it_read(root):
    *_, last = drive(root, ["open('report/plain.txt').read()", "%reset -f", "1"])
    assert "file report/plain.txt" in last["reads"]


QUARTO_DRIVER = DRIVER.replace(
    'import cvlib.recorder as recorder\nrecorder.start(os.getcwd(), "report/a.qmd")',
    'os.environ.update(QUARTO_PROJECT_ROOT=os.getcwd(), QUARTO_DOCUMENT_PATH="report", '
    'QUARTO_DOCUMENT_FILE="a.qmd")',
)


@pytest.mark.parametrize(
    ("cells", "late"),
    [
        (["from cvlib.journal import experiment"], None),
        (["import pandas\nfrom cvlib.journal import experiment"], None),
        (["x = 1\nfrom cvlib.journal import experiment"], "does something before it imports"),
        (["import own\nfrom cvlib.journal import experiment"], "before cvlib.journal"),
    ],
    ids=["alone", "after a package", "after a statement", "after a module of the project"],
)
def test_under_quarto_recording_begins_with_the_import_of_the_journal(root, cells, late):
    record = drive(root, cells, QUARTO_DRIVER)[-1]
    assert record["late"] is None if late is None else late in record["late"]
    assert "code cvlib.journal" in record["reads"]


def test_under_quarto_a_first_cell_without_the_journal_is_told(root):
    driver = QUARTO_DRIVER.replace("found.append(reads())", "").replace(
        "print(", "found = [reads()]; print("
    )
    record = drive(root, ["1", "from cvlib.journal import experiment"], driver)[0]
    assert record["late"] == "its first cell does not import cvlib.journal"
