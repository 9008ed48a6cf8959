"""The skeleton's cells run on made results of every kind of experiment."""

import json
import re

import numpy as np
import pytest
import yaml

from cvlib.journal.figure import ReportFigure
from cvlib.journal.quantity import Markdown
from cvlib.markup import markdown
from cvlib.project import Project
from cvlib.results.store import Store
from cvlib.starting.chapter import chapter_text
from cvlib.studies.plan import WEIGHTS_NOTE
from tests.journal.made import provenance
from tests.journal.made_backbones import EXPERIMENT, GRID, make_backbones

ALL = yaml.safe_load(EXPERIMENT.replace("VARIANTS", GRID))
CELL = re.compile(r"^```\{python\}\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`\{python\} (?P<code>[^`]+)`")
LABELLED = re.compile(r"#\| label: (?P<label>\S+)")
ZERO_SHOT = {
    "model": {"name": "vit_base_patch32_clip_224.openai", "weights": "pretrained"},
    "train": {"mode": "zero_shot"},
}
# name of the kind -> variants, grid, and the calls that its chapter makes
KINDS = {
    "trained": (
        ["base", "constant-1e-4", "constant-3e-4"],
        {},
        'exp.table("accuracy", "difference", "p", "parameters", "seconds")',
        "exp.learning_curves(",
    ),
    "trained, one variant": (
        ["tuned"],
        {},
        'exp.table("accuracy", "parameters", "seconds")',
        "exp.learning_curves(",
    ),
    "grid": (
        [],
        {"train.schedule.name": ["constant", "cosine"], "train.optimizer.lr": ["1e-4", "3e-4"]},
        'reference="schedule=constant, lr=0.0001")',
        "exp.heat_map(",
    ),
    "numbers of images": (
        ["scratch-500", "scratch-2000", "vit-500", "vit-2000"],
        {},
        'reference="scratch-500")',
        "exp.data_curve(",
    ),
    "probes with few shots": (
        ["probe-a", "probe-b", "dino"],
        {},
        'exp.table("accuracy", "difference", "p", "knn", "extract_seconds", reference="probe-a")',
        "exp.few_shot(",
    ),
    "probed and trained": (
        ["base", "probe-a", "tuned"],
        {},
        'exp.table("accuracy", "difference", "p", "seconds")',
        "exp.accuracy_against_time(",
    ),
    "skipped": (["clip"], {}, 'exp.table("accuracy", "knn", "extract_seconds")', "exp.embedding("),
    "zero-shot": (["asked"], {}, 'exp.table("accuracy")', "mistakes(exp["),
}


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    return make_backbones(tmp_path_factory.mktemp("project"))


def write_zero_shot(project):
    """Results of the zero-shot variant: predictions without any training."""
    note = project.runs / WEIGHTS_NOTE
    name = f"{ZERO_SHOT['model']['name']}, both towers"
    note.write_text(json.dumps(json.loads(note.read_text()) | {name: {"sha256": "a" * 64}}))
    labels = np.arange(200) % 10
    for run in Project(project.root).plan("exp03").runs:
        metrics = {"test_accuracy": 0.9, "test_loss": 0.4, "train_seconds": 0.0, "parameters": 9}
        Store(project.runs).write_run(
            str(run.key),
            spec=run.spec.canonical(),
            dataset_fingerprint=str(run.dataset_fingerprint),
            metrics=metrics | {"train_images": 1800, "val_images": 200, "test_images": 200},
            history=[],
            logits=np.eye(10)[np.where(np.arange(200) < 20, (labels + 1) % 10, labels)],
            labels=labels,
            ids=np.arange(200),
            provenance=provenance(run),
            weights={},
            weights_sha256="a" * 64,
        )


def made_chapter(project, kind):
    """Write exp03 with these variants of exp02: the same specs, and so the same stored runs."""
    names, grid, *calls = KINDS[kind]
    chosen = {n: ALL["variants"].get(n, {"set": ZERO_SHOT}) for n in names}
    data = {**ALL, "variants": chosen, "grid": grid}
    text = yaml.safe_dump(data, sort_keys=False).replace(
        "'", ""
    )  # 1e-4 is a number to cvlib, and a text to PyYAML
    (project.experiments / "exp03.yaml").write_text(text)
    return chapter_text(Project(project.root).experiment("exp03"), list(grid)), calls


@pytest.mark.parametrize("kind", KINDS)
def test_table_and_figure_fit_the_experiment(project, kind, monkeypatch):
    chapter, calls = made_chapter(project, kind)
    if kind == "zero-shot":
        write_zero_shot(project)
    assert all(call in chapter for call in calls)
    assert all(max(map(len, m["code"].splitlines())) < 120 for m in CELL.finditer(chapter))
    monkeypatch.chdir(project.root)
    monkeypatch.setattr("cvlib.journal.handle.run_missing", None)  # all results are there
    scope, shown = {}, {}
    for match in CELL.finditer(chapter):
        *lines, last = [x for x in match["code"].splitlines() if not x.startswith("#|")]
        exec("\n".join(lines), scope)
        label = LABELLED.search(match["code"])
        shown[label["label"] if label else "first"] = eval(last, scope)
    assert isinstance(shown["tbl-exp03"], Markdown) and "|" in str(shown["tbl-exp03"])
    assert isinstance(shown["fig-exp03"], ReportFigure)
    values = [str(eval(match["code"], scope)) for match in INLINE.finditer(chapter)]
    assert len(values) >= 6 and all(values)


def test_a_chapter_says_what_is_to_be_written_in_each_section(project):
    chapter, _ = made_chapter(project, "trained")
    heads = re.findall(r"^## (.+)$", chapter, re.MULTILINE)
    assert heads == ["Question", "Set-up", "Results", "Interpretation", "What follows"]
    assert chapter.count("*To write:") == 3
    assert "@tbl-exp03" in chapter and "@fig-exp03" in chapter


def test_a_title_is_shown_letter_by_letter():
    assert markdown("5×5 *or* {x} @home $1") == r"5×5 \*or\* \{x\} \@home \$1"
