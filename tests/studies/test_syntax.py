import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from cvlib.studies.spec import RunSpec, entries
from cvlib.studies.syntax import changed_modules, code_fingerprint, normalised

SOURCE = '''"""Doc."""
import os


class A:
    """Doc."""

    field: int = 1
    """Attribute doc."""

    def f(self, x, /, *rest, y=None, **more):
        """Doc."""
        return f"{x!r:>{y}}" if y is not None else [*rest, b"a", 1.0, ..., -1j]


async def g():
    """Only a docstring."""


match os.name:
    case "posix" | "nt" as name if name:
        pass
'''


def test_comments_docstrings_and_formatting_do_not_count():
    changed = (
        SOURCE.replace('"""Doc."""', '"""Another text."""\n    # and a comment')
        .replace('"""Attribute doc."""', "")
        .replace("import os\n", "\n\nimport os  # why\n")
        .replace("y=None, **more", "\n        y = None,\n        **more,\n    ")
        .replace('"posix" | "nt"', "'posix' | ('nt')")
        .replace('"""Only a docstring."""', "pass")
    )
    assert changed != SOURCE
    assert normalised(changed) == normalised(SOURCE)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("field: int = 1", "field: int = 2"),
        ("y=None, **more", "y=0, **more"),
        ("b'a'", "b'b'"),
        ("1.0", "1.5"),
        ("...", "None"),
        ("!r", "!s"),
        ("async def", "def"),
        ('"nt"', '"mac"'),
        ("x, /,", "x,"),
        ("is not None", "is None"),
        ("os.name:", 'os.name or "":'),
    ],
)
def test_every_change_of_meaning_counts(old, new):
    source = SOURCE.replace('b"a"', "b'a'")
    assert old in source
    assert normalised(source.replace(old, new)) != normalised(source)


@pytest.fixture
def package(tmp_path):
    files = {
        "cvlib/__init__.py": "",
        "cvlib/entry.py": "from cvlib.loop import step\nfrom cvlib.sub import helper\n",
        "cvlib/loop.py": "import cvlib.spec\n\ndef step():\n    from . import lazy\n    return 1\n",
        "cvlib/lazy.py": "X = 1\n",
        "cvlib/spec.py": "DEFAULT = 1\nfrom cvlib.behind_spec import Y\n",
        "cvlib/behind_spec.py": "Y = 1\n",
        "cvlib/sub/__init__.py": "",
        "cvlib/sub/helper.py": (
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import cvlib.types_only\n"
        ),
        "cvlib/types_only.py": "Z = 1\n",
        "cvlib/unrelated.py": "W = 1\n",
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


def test_the_fingerprint_covers_what_is_imported_and_nothing_else(package):
    assert set(code_fingerprint(["cvlib.entry"], package)) == {
        "cvlib.entry",
        "cvlib.loop",
        "cvlib.lazy",
        "cvlib.sub.helper",
    }


def test_a_changed_module_is_named(package):
    before = code_fingerprint(["cvlib.entry"], package)
    path = package / "cvlib/lazy.py"
    path.write_text("X = 2  # changed\n")
    after = code_fingerprint(["cvlib.entry"], package)
    assert changed_modules(before, after) == ["cvlib.lazy"]


def test_the_training_code_is_covered_and_the_report_is_not():
    covered = code_fingerprint(TRAINING)
    assert {"cvlib.training.run", "cvlib.models.custom_cnn", "cvlib.data.loader"} <= set(covered)
    outside = ("cvlib.studies", "cvlib.results", "cvlib.journal", "cvlib.engine", "cvlib.analysis")
    outside = (*outside, "cvlib.data.sources", "cvlib.data.providers", "cvlib.data.fingerprint")
    assert not [name for name in covered if name.startswith(outside) or name.endswith(".spec")]


def _spec(**parts):
    return RunSpec.model_validate({"dataset": {"name": "digits"}, **parts})


TRAINING = entries(_spec())
BACKBONE = {"kind": "backbone", "name": "resnet18"}


def test_each_kind_of_run_is_covered_by_what_it_uses_and_by_nothing_else():
    cnn = set(code_fingerprint(TRAINING))
    tuned = set(code_fingerprint(entries(_spec(model=BACKBONE))))
    probe = _spec(model=BACKBONE, train={"mode": "linear_probe"}, embedding={})
    probed = set(code_fingerprint(entries(probe)))
    assert "cvlib.models.custom_cnn" in cnn and "cvlib.models.backbone" not in cnn
    assert "cvlib.training.loop" in cnn & tuned and "cvlib.training.loop" not in probed
    assert "cvlib.models.preprocess" in tuned & probed
    assert {"cvlib.probing.logistic", "cvlib.probing.features"} <= probed - tuned
    assert "cvlib.analysis.feature_maps" in probed - tuned
    first = _spec(model=BACKBONE, train={"mode": "probe_then_fine_tune"})
    assert {"cvlib.probing.logistic", "cvlib.training.loop"} <= set(
        code_fingerprint(entries(first))
    )


@pytest.fixture
def copied(tmp_path):
    """The shipped package, to be edited."""
    shutil.copytree(Path(__file__).parents[2] / "cvlib", tmp_path / "cvlib")
    return tmp_path


def _changed(source, module, old, new):
    before = code_fingerprint(TRAINING, source)
    path = source.joinpath(*module.split(".")).with_suffix(".py")
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    return changed_modules(before, code_fingerprint(TRAINING, source))


def test_a_line_of_the_shipped_loop_is_noticed_and_a_comment_in_it_is_not(copied):
    loop = "cvlib.training.loop"
    assert _changed(copied, loop, "\n\n\n", "\n\n\n# a thought\n\n\n") == []
    assert _changed(copied, loop, ".backward()", ".backward(retain_graph=True)") == [loop]


def test_comments_in_every_module_change_nothing(copied):
    before = code_fingerprint(TRAINING, copied)
    for path in (copied / "cvlib").rglob("*.py"):
        path.write_text("# first line\n" + path.read_text() + "\n\n# last line\n")
    assert code_fingerprint(TRAINING, copied) == before


def test_the_report_and_the_choice_of_data_are_no_part_of_a_run(copied):
    assert _changed(copied, "cvlib.journal.handle", "import annotations", "import division") == []
    assert _changed(copied, "cvlib.data.providers", "import annotations", "import division") == []


def _other_pythons():
    found = (shutil.which(f"python3.{minor}") for minor in range(10, 16))
    return [path for path in found if path]


@pytest.mark.skipif(not _other_pythons(), reason="no other Python on PATH")
def test_every_python_gives_the_same_fingerprint():
    code = Path(__file__).parents[2] / "cvlib/studies/syntax.py"
    # the module alone, so that it runs without cvlib's dependencies
    script = f"import runpy; print(runpy.run_path({str(code)!r})['normalised']({SOURCE!r}))"
    tried = 0
    for python in _other_pythons():
        answer = subprocess.run([python, "-c", script], capture_output=True, text=True)
        if answer.returncode == 0:  # a shim on PATH may have no Python behind it
            assert answer.stdout.strip() == normalised(SOURCE), python
            tried += 1
    if not tried:
        pytest.skip("no other Python on PATH runs")
    assert sys.version_info >= (3, 10)
