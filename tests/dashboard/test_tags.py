"""Tags given in the App, to the file that the report reads and back."""

from __future__ import annotations

import pytest
from PIL import Image

from cvlib.dashboard import DashboardError
from cvlib.dashboard.content import gather
from cvlib.dashboard.dataset import open_dataset
from cvlib.dashboard.tags import export_tags, reviews_file
from cvlib.results.reviews import Reviews, read_reviews, write_reviews
from tests.dashboard.made import filled_project, stored


@pytest.fixture
def opened(fo, project):
    """Open the project's dataset, of these runs."""

    def again(*names):
        return open_dataset(gather(project, "exp01", names or ["convs-2"]), project)

    return again


def tag(dataset, images, *names):
    ids = dict(zip(*dataset.values(["image_id", "id"]), strict=True))
    dataset.select([ids[image] for image in images]).tag_samples(list(names))


def tagged(dataset, name) -> list[int]:
    return sorted(dataset.match_tags(name).values("image_id"))


def reviews(project, tags, **changes) -> Reviews:
    run = stored(project, "exp01/convs-2 seed 0")
    given = {
        "experiment": "exp01",
        "dataset": "digits",
        "dataset_fingerprint": run.dataset_fingerprint,
        "runs": (run.key,),
        "tags": tags,
    }
    return Reviews(**{**given, **changes})


def test_exported_tags_are_ids_of_images_by_tag_and_nothing_of_this_machine(opened, project):
    dataset = opened()
    images = sorted(dataset.match_tags("to review").values("image_id"))
    tag(dataset, images[:5], "label-error")
    tag(dataset, images[3:8], "ambiguous", "my own")
    path = export_tags(dataset, project, "exp01")
    assert path == reviews_file(project, "exp01")
    expected = reviews(
        project,
        {
            "label-error": tuple(images[:5]),
            "ambiguous": tuple(images[3:8]),
            "my own": tuple(images[3:8]),
        },
    )
    assert read_reviews(path) == expected
    assert str(project.root) not in path.read_text()
    before = path.read_bytes()
    assert export_tags(dataset, project, "exp01").read_bytes() == before


def test_with_nothing_tagged_it_says_what_to_do_and_leaves_the_file(opened, project):
    dataset = opened()
    path = reviews_file(project, "exp01")
    with pytest.raises(DashboardError, match="give them a tag: label-error"):
        export_tags(dataset, project, "exp01")
    assert not path.exists()
    write_reviews(path, reviews(project, {"ambiguous": (1,)}))
    before = path.read_bytes()
    with pytest.raises(DashboardError, match="no image is tagged"):
        export_tags(dataset, project, "exp01")
    assert path.read_bytes() == before


def test_a_clones_reviews_are_on_its_images_from_the_start(opened, project):
    images = gather(project, "exp01", ["convs-2"]).ids[::9].tolist()
    write_reviews(reviews_file(project, "exp01"), reviews(project, {"ambiguous": tuple(images)}))
    assert tagged(opened(), "ambiguous") == images


def test_a_tag_taken_off_stays_off_until_the_file_changes(opened, project):
    images = gather(project, "exp01", ["convs-2"]).ids[:4].tolist()
    path = reviews_file(project, "exp01")
    write_reviews(path, reviews(project, {"ambiguous": tuple(images)}))
    dataset = opened()
    dataset.match_tags("ambiguous").limit(1).untag_samples("ambiguous")
    left = tagged(opened("convs-2", "base"), "ambiguous")
    assert len(left) == 3
    write_reviews(path, reviews(project, {"model-error": tuple(images[:2])}))
    dataset = opened("convs-2", "base")
    assert tagged(dataset, "model-error") == images[:2]
    assert tagged(dataset, "ambiguous") == left


def test_tags_of_images_that_are_not_shown_are_exported_too(opened, project):
    dataset = opened("exp02/base")
    images = sorted(dataset.values("image_id"))
    tag(dataset, images, "seen")
    few = opened("wide")
    assert len(few) == 120 < len(images)
    path = export_tags(few, project, "exp01")
    assert read_reviews(path).tags == {"seen": tuple(images)}
    # the same for a clone, which never showed the others
    few.delete()
    path = export_tags(opened("wide"), project, "exp01")
    assert read_reviews(path).tags == {"seen": tuple(images)}
    assert tagged(opened("exp02/base"), "seen") == images


def test_reviews_of_another_dataset_are_neither_shown_nor_overwritten(opened, project, caplog):
    path = reviews_file(project, "exp01")
    write_reviews(path, reviews(project, {"ambiguous": (1, 2, 3)}, dataset="cifar10"))
    before = path.read_bytes()
    dataset = opened()
    assert not dataset.match_tags("ambiguous")
    assert "other images" in caplog.text
    tag(dataset, dataset.values("image_id")[:1], "label-error")
    with pytest.raises(DashboardError, match="move it away"):
        export_tags(dataset, project, "exp01")
    assert path.read_bytes() == before


def test_tags_do_not_pass_to_the_images_of_another_dataset(fo, tmp_path):
    # the same names and as many bytes, other pixels
    for folder, shade in (("one", 0), ("two", 1)):
        for number in range(60):
            path = tmp_path / folder / f"{number % 2}" / f"{number}.bmp"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("L", (8, 8), 2 * number + shade).save(path)
    layout = filled_project(tmp_path / "project", f"imagefolder:{tmp_path / 'one'}")
    first = open_dataset(gather(layout, "exp01", ["wide"]), layout)
    tag(first, first.values("image_id"), "seen")
    yaml = layout.experiments / "exp01.yaml"
    for folder, seen in (("two", 0), ("one", len(first))):
        other = filled_project(tmp_path / f"again {folder}", f"imagefolder:{tmp_path / folder}")
        yaml.write_text((other.experiments / "exp01.yaml").read_text())
        for run in other.runs.iterdir():
            if run.is_dir() and not (layout.runs / run.name).exists():
                run.rename(layout.runs / run.name)
        dataset = open_dataset(gather(layout, "exp01", ["wide"]), layout)
        assert {path.split("/")[-3] for path in dataset.values("filepath")} == {folder}
        assert len(dataset.match_tags("seen")) == seen
