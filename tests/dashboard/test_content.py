from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cvlib.analysis.confidence import hardness, mistakenness, probable_label_errors, softmax
from cvlib.dashboard import DashboardError
from cvlib.dashboard.content import gather
from cvlib.data.load import load
from tests.dashboard.made import filled_project, one, stored, write

FOUR = ["convs-2", "wide", "no-norm", "base"]


def truth(layout, name):
    """Predictions of a stored run as id -> (right, predicted, label, confidence)."""
    read = stored(layout, name).predictions()
    sure = softmax(read.logits).max(axis=1)
    rows = zip(read.ids.tolist(), read.predicted, read.labels, sure, strict=True)
    return {image: (p == t, int(p), int(t), float(c)) for image, p, t, c in rows}


def test_every_view_holds_what_the_store_says(filled):
    content = gather(filled, "exp01", FOUR)
    views = {name: set(ids.tolist()) for name, ids in content.views.items()}
    runs = [truth(filled, f"exp01/{name} seed 0") for name in FOUR]
    first = runs[0]
    wrong = {image for image, row in first.items() if not row[0]}
    assert views["misclassified"] == wrong
    assert views["confident mistakes"] == {i for i in wrong if first[i][3] >= 0.9}
    assert views["every model wrong"] == {i for i in first if not any(r[i][0] for r in runs)}
    assert views["to review"] == wrong  # fewer than sixty
    read = [stored(filled, f"exp01/{name} seed 0").predictions() for name in FOUR]
    pooled = np.mean([softmax(run.logits) for run in read], axis=0)
    doubted = probable_label_errors(pooled, read[0].labels).rows
    assert views["probable label errors"] == set(read[0].ids[doubted].tolist())
    labels = ["2 convolutions", "width 8", "no norm", "base network"]
    for label, run in zip(labels, runs, strict=True):
        only = {i for i in first if run[i][0] and sum(r[i][0] for r in runs) == 1}
        assert views[f"only {label} right"] == only
    pairs = [name for name in views if " as " in name]
    assert len(pairs) == 5
    for name in pairs:
        true, predicted = map(int, name.split(" as "))
        assert views[name] == {i for i in wrong if first[i][1:3] == (predicted, true)}
    counts = [len(views[name]) for name in pairs]
    assert counts == sorted(counts, reverse=True)
    assert 0 < len(views["misclassified"]) < len(first)


def test_runs_on_parts_of_the_images_are_joined_by_id(filled):
    content = gather(filled, "exp01", ["wide", "exp02/base"])
    small, large = truth(filled, "exp01/wide seed 0"), truth(filled, "exp02/base seed 0")
    assert content.ids.tolist() == sorted({*small, *large})
    assert len(small) == 120 < len(large) == 200
    both = {image for image in small if not small[image][0] and not large[image][0]}
    assert set(content.views["every model wrong"].tolist()) == both
    absent = ~np.isin(content.ids, list(small))
    assert np.isnan(content.numbers["mistakenness"][absent]).all()
    assert np.isfinite(content.numbers["mistakenness_mean"]).all()
    expected = [sum(not run[i][0] for run in (small, large) if i in run) for i in content.ids]
    assert content.numbers["models_wrong"].tolist() == expected


def test_scores_are_the_first_runs_and_stand_at_their_images(filled):
    content = gather(filled, "exp01", ["exp02/base", "wide"])
    read = stored(filled, "exp02/base seed 0").predictions()
    at = np.searchsorted(content.ids, read.ids)
    assert content.numbers["hardness"][at] == pytest.approx(hardness(read.logits))
    expected = mistakenness(read.logits, read.labels)
    assert content.numbers["mistakenness"][at] == pytest.approx(expected)


def test_properties_are_measured_on_the_images_themselves(filled):
    content = gather(filled, "exp01", ["exp02/base"])
    test = load(one(filled, "exp02/base seed 0").spec.dataset, filled.data).test
    assert test.ids.tolist() == content.ids.tolist()
    expected = test.images.mean(axis=(1, 2, 3))
    assert content.properties["brightness"] == pytest.approx(expected, abs=1e-3)


def test_stored_maps_are_used_and_a_run_without_gets_one_of_its_logits(filled):
    content = gather(filled, "exp01", ["base", "wide"])
    base, wide = content.runs
    kept = stored(filled, "exp01/base seed 0").embedding()
    assert set(base.maps) == {"base_pca", "base_tsne"}
    rows, points = base.maps["base_tsne"]
    assert content.ids[rows].tolist() == kept["ids"].tolist()
    assert points == pytest.approx(kept["tsne"])
    assert list(wide.maps) == ["wide_logits_pca"]
    assert wide.maps["wide_logits_pca"][1].shape == (120, 2)


def test_arrays_become_png_files_of_the_same_pixels_once(project):
    images = gather(project, "exp01", ["wide"]).images
    test = load(one(project, "exp01/wide seed 0").spec.dataset, project.data).test
    for path, pixels in zip(images.paths, test.images, strict=True):
        assert np.array_equal(np.asarray(Image.open(path)), pixels[..., 0])
    folder = Path(images.paths[0]).parent
    assert folder.is_relative_to(project.data / ".cache" / "dashboard")
    for path in folder.iterdir():
        os.utime(path, (1, 1))
    Path(images.paths[0]).write_bytes(b"")  # what a loss of power may leave
    assert gather(project, "exp01", ["wide"]).images.paths == images.paths
    times = [Path(path).stat().st_mtime for path in images.paths]
    assert times[0] > 1
    assert set(times[1:]) == {1}
    assert Image.open(images.paths[0]).size == (8, 8)


def test_the_users_own_files_are_used_where_they_are(tmp_path):
    folder = tmp_path / "photos"
    generator = np.random.default_rng(0)
    for number in range(60):
        # browsers show no TIFF
        suffix = "tiff" if number % 2 else "png"
        path = folder / f"class {number % 3}" / f"{number:02}.{suffix}"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(generator.integers(0, 256, (12, 12, 3), dtype=np.uint8)).save(path)
    layout = filled_project(tmp_path / "project", f"imagefolder:{folder}")
    content = gather(layout, "exp01", ["wide"])
    own = [path for path in content.images.paths if Path(path).is_relative_to(folder)]
    made = [path for path in content.images.paths if not Path(path).is_relative_to(folder)]
    assert own
    assert made
    assert {Path(path).suffix for path in own} == {".png"}
    assert {Path(path).suffix for path in made} == {".png"}
    for path, name in zip(content.images.paths, content.images.names, strict=True):
        assert np.array_equal(np.asarray(Image.open(path)), np.asarray(Image.open(folder / name)))


def test_images_that_changed_since_the_run_are_refused(tmp_path):
    folder = tmp_path / "photos"
    for number in range(40):
        path = folder / f"{number % 2}" / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (8, 8), number).save(path)
    layout = filled_project(tmp_path / "project", f"imagefolder:{folder}")
    key = stored(layout, "exp01/wide seed 0").key
    gather(layout, "exp01", [key])
    Image.new("L", (8, 8), 200).save(folder / "0" / "0.png")
    with pytest.raises(DashboardError, match="changed since"):
        gather(layout, "exp01", [key])


def test_runs_of_two_datasets_are_refused(project):
    path = project.experiments / "exp03.yaml"
    text = (project.experiments / "exp01.yaml").read_text()
    folder = project.root / "photos"
    for number in range(40):
        image = folder / f"{number % 2}" / f"{number}.png"
        image.parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (8, 8), number).save(image)
    path.write_text(text.replace("name: digits", "name: 'imagefolder:photos'"))
    write(project, one(project, "exp03/wide seed 0"))
    with pytest.raises(DashboardError, match="the runs of one dataset"):
        gather(project, "exp01", ["wide", "exp03/wide"])


def test_the_digest_follows_the_predictions_and_nothing_else(project):
    before = gather(project, "exp01", ["wide", "base"])
    again = gather(project, "exp01", ["wide", "base"])
    assert (again.sample_digest, again.value_digest) == (before.sample_digest, before.value_digest)
    assert [run.digest for run in again.runs] == [run.digest for run in before.runs]
    write(project, one(project, "exp01/base seed 0"), draw=1)
    after = gather(project, "exp01", ["wide", "base"])
    assert after.value_digest != before.value_digest
    assert after.sample_digest == before.sample_digest
    assert after.runs[0].digest == before.runs[0].digest
    assert after.runs[1].digest != before.runs[1].digest


def test_gathering_loads_neither_fiftyone_nor_torch(filled):
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from cvlib.dashboard.content import gather\n"
        "from cvlib.project import Project\n"
        f"gather(Project(Path({str(filled.root)!r})), 'exp01').value_digest\n"
        "print(sorted({'torch', 'fiftyone', 'timm'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
