"""docs/how-to/own-model.md, followed to the letter in a clone of the library, for a project of its own."""

import json
import shutil
import zipfile
from dataclasses import replace

import pytest

from tests.docs.documents import ROOT, blocks
from tests.docs.made import small_project

DOCUMENT = "docs/how-to/own-model.md"
EXPERIMENT = """\
title: A perceptron
question: Does it learn?
dataset: {name: digits, subset: 200, test_subset: 100}
base:
  MODEL
  train: {epochs: 3}
"""


def patched(text, diff):
    """The text after a block of `diff`: its context and removed lines must stand in it once."""
    before = "".join(line[1:] for line in diff.splitlines(keepends=True) if line[0] != "+")
    after = "".join(line[1:] for line in diff.splitlines(keepends=True) if line[0] != "-")
    assert text.count(before) == 1, before
    return text.replace(before, after)


@pytest.mark.slow
def test_a_family_added_as_described_is_checked_trained_and_watched(tmp_path):
    clone = tmp_path / "clone"
    shutil.copytree(ROOT / "cvlib", clone / "cvlib", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("cvlib_journal.py", "pyproject.toml", "LICENSE"):
        shutil.copy(ROOT / name, clone)
    project = replace(small_project(tmp_path / "mine"), source=clone)
    spec = clone / "cvlib/models/spec.py"
    diffs = blocks(DOCUMENT, "diff")
    assert len(diffs) == 2
    for block in diffs:
        spec.write_text(patched(spec.read_text(), block.text))
    (network,) = blocks(DOCUMENT, "python")
    (clone / "cvlib/models/mlp.py").write_text(network.text)
    model = next(b.text.strip() for b in blocks(DOCUMENT, "yaml") if "mlp" in b.text)
    path = project.root / "experiments/exp02.yaml"

    path.write_text(EXPERIMENT.replace("MODEL", model.replace("width", "widht")))
    wrong = project.run(".venv/bin/cvlib status exp02")
    assert wrong.returncode == 2 and "did you mean 'width'" in wrong.stdout

    path.write_text(EXPERIMENT.replace("MODEL", model))
    trained = project.run(".venv/bin/cvlib run exp02")
    assert "1 trained; all is fresh" in trained.stdout, trained.stdout
    (metrics,) = (project.root / "experiments/runs").glob("*/metrics.json")
    found = json.loads(metrics.read_text())
    assert found["parameters"] == 64 * 128 + 128 + 128 * 128 + 128 + 128 * 10 + 10
    assert found["test_accuracy"] > 0.3

    module = clone / "cvlib/models/mlp.py"
    module.write_text(module.read_text().replace("nn.ReLU(inplace=True)", "nn.GELU()"))
    stale = project.run(".venv/bin/cvlib status exp02")
    assert stale.returncode == 1 and "stale" in stale.stdout and "models.mlp" in stale.stdout

    assert project.run(".venv/bin/cvlib vendor").returncode == 0
    (wheel,) = (project.root / "vendor").iterdir()
    with zipfile.ZipFile(wheel) as archive:
        assert archive.read("cvlib/models/mlp.py") == module.read_bytes()
