"""What a chapter calls is found from its source: no more than needed, and never less."""

from __future__ import annotations

from pathlib import Path

import pytest

from cvlib.freeze.called_code import called_by, called_code, source_digest
from cvlib.freeze.parts import Uses

FILES = {
    "__init__.py": "",
    "journal/__init__.py": "from cvlib.journal.handle import experiment\n",
    "journal/handle.py": """\
from cvlib.journal.blocks import Blocks

def experiment(name):
    return Handle(name)

class Handle(Blocks):
    limit = 3

    def __init__(self, name):
        self.name = name

    def _repr_markdown_(self):
        from cvlib.journal.shown import shown
        return shown(self.name)
""",
    "journal/blocks.py": """\
from __future__ import annotations
from typing import TYPE_CHECKING
if TYPE_CHECKING:
    from cvlib.journal.types_only import Kind

class Blocks:
    def table(self) -> Kind:
        from cvlib.journal.table import table
        return table(self)

    def page(self):
        from cvlib.journal.page import page
        return page(self)
""",
    "journal/table.py": """\
from cvlib.analysis.mean import mean
WIDTH = 3
UNUSED = 4

def table(handle):
    return mean([WIDTH, getattr(handle, "height")])

def other():
    from cvlib.analysis.other import other
    return other()
""",
    "journal/page.py": 'STYLE = "page.css"\n\ndef page(handle):\n    return STYLE\n',
    "journal/page.css": "a {}\n",
    "journal/shown.py": "def shown(name):\n    return name\n",
    "journal/types_only.py": "class Kind:\n    pass\n",
    "journal/height.py": "X = 1\n",
    "analysis/mean.py": "def mean(values):\n    return sum(values)\n\ndef median(values):\n    return 0\n",
    "analysis/other.py": "def other():\n    return 1\n",
    "data/load.py": "def load():\n    return 1\n",
}
CELL = "from cvlib.journal import experiment\nexp = experiment('a')\n"


@pytest.fixture
def package(tmp_path) -> Path:
    for name, text in FILES.items():
        path = tmp_path / "cvlib" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


def edit(package: Path, file: str, old: str, new: str) -> None:
    path = package / "cvlib" / file
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new) + "#" * len(new))


def called(package: Path, cell: str) -> set[str]:
    return {name.removeprefix("cvlib.") for name in called_code([cell], package)}


def test_what_is_called_is_found_through_methods_that_import_it(package):
    assert called(package, CELL + "exp.table()") == {
        "journal.handle", "journal.blocks", "journal.shown", "journal.table", "analysis.mean",
    }  # fmt: skip
    assert "journal.page" not in called(package, CELL + "exp.table()")
    assert "journal.page" in called(package, CELL + "exp.page()")


@pytest.mark.parametrize(
    ("file", "old", "new", "changed"),
    [
        ("journal/table.py", "WIDTH = 3", "WIDTH = 4", {"cvlib.journal.table"}),
        ("journal/table.py", '"height"', '"width"', {"cvlib.journal.table"}),
        ("journal/handle.py", "limit = 3", "limit = 4", {"cvlib.journal.handle"}),
        ("journal/shown.py", "return name", "return name * 2", {"cvlib.journal.shown"}),
        ("analysis/mean.py", "sum(values)", "max(values)", {"cvlib.analysis.mean"}),
        ("journal/blocks.py", "return table(self)", "return [table(self)]", {"cvlib.journal.blocks"}),
        ("journal/table.py", "UNUSED = 4", "UNUSED = 5", set()),
        ("journal/table.py", "return other()", "return 2 * other()", set()),
        ("journal/blocks.py", "return page(self)", "return [page(self)]", set()),
        ("analysis/mean.py", "return 0", "return 1", set()),
        ("journal/types_only.py", "pass", "x = 1", set()),
        ("journal/page.css", "a {}", "b {}", set()),
    ],
)  # fmt: skip
def test_a_part_that_is_called_counts_and_one_beside_it_does_not(package, file, old, new, changed):
    cells = [CELL, "exp.table()"]
    before = called_code(cells, package)
    edit(package, file, old, new)
    after = called_code(cells, package)
    assert {m for m in {*before, *after} if before.get(m) != after.get(m)} == changed


def test_a_style_sheet_counts_with_the_code_that_names_it(package):
    before = called_code([CELL + "exp.page()"], package)
    edit(package, "journal/page.css", "a {}", "b {}")
    after = called_code([CELL + "exp.page()"], package)
    assert before["cvlib.journal.page"] != after["cvlib.journal.page"]


@pytest.mark.parametrize(
    "source",
    [
        # called by Python or Jupyter, by another package, or where it is defined
        "class Kept:\n    def __len__(self):\n        return 1\n\ndef experiment(n):\n    return Kept()\n",
        "import ast\nclass Kept(ast.NodeVisitor):\n    def visit_Name(self, n):\n        return 1\n\n"
        "def experiment(n):\n    return Kept()\n",
        "from elsewhere import register\n\n@register\ndef handler():\n    return 1\n\n"
        "def experiment(n):\n    return 2\n",
        "TABLE = {}\nfor key in 'ab':\n    TABLE[key] = 1\n\ndef experiment(n):\n    return 2\n",
        "class Base:\n    def step(self):\n        return 1\n\nclass Kept(Base):\n    pass\n\n"
        "def experiment(n):\n    return Kept().step()\n",
        "class Kept:\n    @property\n    def size(self):\n        return 1\n\n"
        "def experiment(n):\n    return getattr(Kept(), 'size')\n",
        "try:\n    import fast\n    one = 1\nexcept ImportError:\n    one = 1\n\ndef experiment(n):\n    return one\n",
    ],
    ids=["dunder", "foreign base", "decorator", "loop", "inherited", "by its name", "try"],
)  # fmt: skip
def test_what_is_called_by_others_is_not_missed(package, source):
    path = package / "cvlib/journal/handle.py"
    path.write_text(source)
    before = called_code([CELL], package)
    path.write_text(source.replace("1", "3", 1) + "\n")
    assert called_code([CELL], package) != before


def test_what_is_known_not_to_be_called_is_left_out(package):
    cells = [CELL, "exp.table()"]
    found = called_code(cells, package, uncalled={("cvlib.journal.blocks", "table")})
    assert "cvlib.journal.table" not in found


def test_code_outside_of_what_is_shown_does_not_count(package):
    assert called(package, "from cvlib.data.load import load\nload()") == set()


def test_the_digest_of_the_source_sees_every_byte_that_may_be_shown(package):
    before = source_digest(package)
    (package / "cvlib/journal/running.py").write_text("# trains, and shows nothing\n")
    (package / "cvlib/data/load.py").write_text("X = 1\n")
    assert source_digest(package) == before
    edit(package, "journal/page.css", "a {}", "a {} ")
    assert source_digest(package) != before


def test_magics_are_passed_over_and_what_is_no_python_is_taken_by_its_words():
    assert called_by("%time exp\nexp.table()").names == {"exp", "table"}
    words = called_by("from cvlib.journal import x\nexp.table( = 1")
    assert {"exp", "table"} <= words.names and words.modules == {"cvlib.journal"}
    assert called_by("import cvlib.analysis.mean as m") == Uses(
        {"cvlib.analysis.mean"}, {"cvlib.analysis.mean"}
    )
