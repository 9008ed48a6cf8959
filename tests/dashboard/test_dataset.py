"""The FiftyOne dataset, in a real MongoDB."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

from cvlib.analysis.confidence import softmax
from cvlib.dashboard import DashboardError
from cvlib.dashboard import dataset as module
from cvlib.dashboard.content import gather
from cvlib.dashboard.dataset import dataset_name, existing_dataset, open_dataset
from cvlib.project import Project
from tests.dashboard.made import one, stored, write

RUNS = ["convs-2", "base"]


def opened(layout: Project, *names: str):
    return open_dataset(gather(layout, "exp01", names or RUNS), layout)


def column(dataset, field: str) -> dict[int, object]:
    return dict(zip(*dataset.values(["image_id", field]), strict=True))


def counts(dataset) -> dict[str, int]:
    return {name: len(dataset.load_saved_view(name)) for name in dataset.list_saved_views()}


@pytest.fixture(scope="module")
def made(fo, filled):
    """One project's dataset, and what it was made of. Not to be changed."""
    content = gather(filled, "exp01", ["convs-2", "wide", "no-norm", "exp02/base"])
    return open_dataset(content, filled), content


def test_every_saved_view_has_as_many_samples_as_the_store_says(made):
    dataset, content = made
    assert counts(dataset) == {name: len(ids) for name, ids in content.views.items()}
    for name, ids in content.views.items():
        assert set(dataset.load_saved_view(name).values("image_id")) == set(ids.tolist())
    assert max(counts(dataset).values()) > 0
    info = dataset.get_saved_view_info("misclassified")
    assert "2 convolutions" in info["description"]
    assert info["color"].startswith("#")


def test_samples_show_the_image_its_label_and_what_each_run_says(made, filled):
    dataset, content = made
    assert column(dataset, "filepath") == dict(
        zip(content.ids.tolist(), content.images.paths, strict=True)
    )
    for field, name in (("convs_2", "exp01/convs-2 seed 0"), ("exp02_base", "exp02/base seed 0")):
        read = stored(filled, name).predictions()
        found = column(dataset, field)
        label, right = column(dataset, "ground_truth.label"), column(dataset, f"eval_{field}")
        rows = zip(read.ids.tolist(), read.logits, read.labels, strict=True)
        for image, logits, truth in rows:
            said = found[image]
            assert said.label == str(logits.argmax())
            assert said.confidence == pytest.approx(softmax(logits[None]).max())
            assert said.logits == pytest.approx(logits)
            assert label[image] == str(truth)
            assert right[image] is bool(logits.argmax() == truth)
        assert [image for image in found if found[image] is None] == [
            image for image in found if image not in set(read.ids.tolist())
        ]


def test_numbers_and_properties_stand_at_their_images(made):
    dataset, content = made
    for name, values in content.numbers.items():
        found = column(dataset, name)
        read = [np.nan if found[i] is None else found[i] for i in content.ids.tolist()]
        assert np.array(read, dtype=float) == pytest.approx(values, nan_ok=True)
        assert dataset.get_field(name).description


def test_evaluations_agree_with_the_store(made, filled):
    dataset, _ = made
    for key, name in (("eval_wide", "exp01/wide seed 0"), ("eval_exp02_base", "exp02/base seed 0")):
        read = stored(filled, name).predictions()
        results = dataset.load_evaluation_results(key, cache=False)
        assert results.metrics()["accuracy"] == pytest.approx(read.correct.mean())
        assert results.report()["weighted avg"]["support"] == len(read.labels)
        matrix = np.zeros((10, 10), dtype=int)
        np.add.at(matrix, (read.labels, read.predicted), 1)
        assert np.array_equal(results.confusion_matrix(classes=list(map(str, range(10)))), matrix)


def test_maps_need_no_model_and_leave_out_images_without_a_point(fo, project):
    dataset = opened(project)
    assert dataset.list_brain_runs() == ["base_pca", "base_tsne", "convs_2_logits_pca"]
    results = dataset.load_brain_results("base_tsne", cache=False)
    kept = stored(project, "exp01/base seed 0").embedding()
    image = column(dataset, "id")
    at = dict(zip(results.sample_ids.tolist(), results.points, strict=True))
    assert len(at) == 50
    for number, point in zip(kept["ids"].tolist(), kept["tsne"], strict=True):
        assert at[image[number]] == pytest.approx(point)
    with results.use_view(dataset.load_saved_view("misclassified")):
        shown = set(results.current_sample_ids)
    wrong = dataset.load_saved_view("misclassified").values("id")
    assert shown == set(wrong) & set(at)


def test_the_sidebar_has_every_field_once_and_a_persons_colours_stay(fo, project):
    dataset = opened(project)
    dataset.app_config.color_scheme = fo.ColorScheme(color_by="field")
    dataset.add_sample_field("mine", fo.StringField)
    dataset.save()
    dataset = opened(project, "convs-2", "wide")
    paths = [path for group in dataset.app_config.sidebar_groups for path in group.paths]
    assert len(paths) == len(set(paths))
    fields = {name for name in dataset.get_field_schema() if name != "metadata"}
    assert fields <= set(paths)
    assert not {"base", "eval_base"} & set(paths)
    assert dataset.app_config.color_scheme.color_by == "field"


def test_opened_again_nothing_is_written(fo, project):
    first = opened(project)
    before = first.values("last_modified_at")
    again = opened(project)
    assert again.name == first.name
    assert again.values("last_modified_at") == before


def test_a_retrained_run_is_written_again_and_no_other(fo, project):
    dataset = opened(project)
    kept = column(dataset, "base.id")
    old = counts(dataset)["misclassified"]
    write(project, one(project, "exp01/convs-2 seed 0"), draw=1)
    read = stored(project, "exp01/convs-2 seed 0").predictions()
    dataset = opened(project)
    assert column(dataset, "base.id") == kept
    assert counts(dataset)["misclassified"] == int((~read.correct).sum()) != old
    results = dataset.load_evaluation_results("eval_convs_2", cache=False)
    assert results.metrics()["accuracy"] == pytest.approx(read.correct.mean())


def test_runs_are_added_and_dropped_without_touching_the_others(fo, project):
    dataset = opened(project, "convs-2", "base")
    kept = column(dataset, "convs_2.id")
    dataset = opened(project, "convs-2", "wide")
    assert column(dataset, "convs_2.id") == kept
    assert dataset.list_evaluations() == ["eval_convs_2", "eval_wide"]
    assert dataset.list_brain_runs() == ["convs_2_logits_pca", "wide_logits_pca"]
    assert not {"base", "eval_base"} & set(dataset.get_field_schema())
    assert set(counts(dataset)) == set(gather(project, "exp01", ["convs-2", "wide"]).views)


def test_an_update_that_was_broken_off_is_taken_up_again(fo, project, monkeypatch):
    written = module.write_run

    def killed(dataset, run, *rest):
        if run.field == "base":
            dataset.add_sample_field("eval_base", fo.BooleanField)
            raise KeyboardInterrupt
        written(dataset, run, *rest)

    monkeypatch.setattr(module, "write_run", killed)
    with pytest.raises(KeyboardInterrupt):
        opened(project)
    monkeypatch.undo()
    dataset = opened(project)
    assert counts(dataset) == {k: len(v) for k, v in gather(project, "exp01", RUNS).views.items()}
    assert dataset.list_evaluations() == ["eval_base", "eval_convs_2"]


def test_a_broken_off_first_writing_of_images_leaves_each_once(fo, project, monkeypatch):
    def killed(self, samples, **options):
        original(self, (s for s, _ in zip(samples, range(30), strict=False)), validate=False)
        raise KeyboardInterrupt

    original = fo.Dataset.add_samples
    monkeypatch.setattr(fo.Dataset, "add_samples", killed)
    with pytest.raises(KeyboardInterrupt):
        opened(project)
    monkeypatch.undo()
    content = gather(project, "exp01", RUNS)
    assert sorted(opened(project).values("image_id")) == content.ids.tolist()


def test_images_whose_removal_was_broken_off_keep_their_tags_and_no_run_is_left(
    fo, project, monkeypatch
):
    dataset = opened(project, "exp02/base")
    dataset.tag_samples("mine")

    def killed(self, samples):
        raise KeyboardInterrupt

    monkeypatch.setattr(fo.Dataset, "delete_samples", killed)
    with pytest.raises(KeyboardInterrupt):
        opened(project, "wide")
    monkeypatch.undo()
    dataset = opened(project, "wide")
    assert not {"exp02_base", "eval_exp02_base"} & set(dataset.get_field_schema())
    assert dataset.list_evaluations() == ["eval_wide"]
    assert opened(project, "exp02/base").count_sample_tags()["mine"] == 200


def test_a_persons_tags_and_views_survive_every_update(fo, project):
    dataset = opened(project, "exp02/base")
    tagged = dataset.values("image_id")[::7]
    ids = column(dataset, "id")
    dataset.select([ids[image] for image in tagged]).tag_samples("ambiguous")
    dataset.save_view("mine", dataset.match_tags("ambiguous"))
    write(project, one(project, "exp02/base seed 0"), draw=1)
    # 120 of the 200 images, then all again
    for names in (["exp02/base"], ["wide"], ["exp02/base", "wide"]):
        dataset = opened(project, *names)
        assert "mine" in dataset.list_saved_views()
        here = set(dataset.values("image_id"))
        found = set(dataset.match_tags("ambiguous").values("image_id"))
        assert found == here & set(tagged)
    assert found == set(tagged)


def test_the_dashboards_own_tag_marks_the_sample_to_review(fo, project):
    for draw in (0, 1):
        write(project, one(project, "exp01/convs-2 seed 0"), draw=draw)
        found = opened(project).match_tags("to review").values("image_id")
        assert sorted(found) == gather(project, "exp01", RUNS).views["to review"].tolist()


def test_views_of_classes_that_no_address_can_spell_are_told_apart(fo, project, monkeypatch):
    content = gather(project, "exp01", RUNS)
    names = ("$10_bill", "$class_name", *"二三四五六七八九")  # MongoDB takes a $ for a field
    object.__setattr__(content.images, "class_names", names)
    dataset = open_dataset(content, project)
    for _ in range(3):
        assert len(dataset.list_saved_views()) == len(content.views)
        dataset.info["cvlib"]["digests"]["values"] = ""
        dataset.save()
        dataset = open_dataset(content, project)
    assert sorted(counts(dataset).values()) == sorted(len(v) for v in content.views.values())


def test_a_persons_views_keep_their_names(fo, project):
    dataset = opened(project)
    for name in ("only width 8 right", "only width 8 right 2"):
        dataset.save_view(name, dataset.limit(3))
    found = counts(opened(project, "convs-2", "wide"))
    assert found["only width 8 right"] == found["only width 8 right 2"] == 3
    expected = gather(project, "exp01", ["convs-2", "wide"]).views["only width 8 right"]
    assert found["only width 8 right 3"] == len(expected)


def test_a_dataset_belongs_to_one_folder_experiment_and_profile(tmp_path):
    names = {
        dataset_name(Project(tmp_path / folder, profile), experiment)
        for folder in ("a", "b")
        for experiment in ("exp01", "exp02")
        for profile in ("default", "quick")
    }
    assert len(names) == 8


def test_a_project_that_was_moved_keeps_its_dataset(fo, project):
    dataset = opened(project)
    dataset.match_tags("to review").tag_samples("mine")
    moved = Project(project.root.with_name("moved"))
    shutil.move(project.root, moved.root)
    again = opened(moved)
    assert again.count_sample_tags()["mine"] > 0
    assert all(path.startswith(str(moved.root)) for path in again.values("filepath"))
    copy = Project(project.root.with_name("copied"))
    shutil.copytree(moved.root, copy.root)
    assert "mine" not in opened(copy).count_sample_tags()


def test_a_dataset_of_another_machine_on_the_same_mongodb_is_left_alone(fo, project, tmp_path):
    elsewhere = opened(project)
    elsewhere.match_tags("to review").tag_samples("theirs")
    here = Project(tmp_path / "here")
    shutil.copytree(project.root, here.root, ignore=shutil.ignore_patterns("dashboard"))
    shutil.rmtree(project.root)  # as this machine sees it
    assert opened(here).name != elsewhere.name
    assert "theirs" not in opened(here).count_sample_tags()
    elsewhere.reload()
    assert elsewhere.count_sample_tags()["theirs"] > 0


def test_a_dataset_in_an_older_format_is_written_anew_and_keeps_its_tags(fo, project):
    dataset = opened(project)
    dataset.match_tags("to review").tag_samples("mine")
    before = dataset.count_sample_tags()
    dataset.set_values("brightness", [0.0] * len(dataset))
    dataset.info["cvlib"]["format"] = 0
    dataset.save()
    again = opened(project)
    assert again.count_sample_tags() == before
    assert min(again.values("brightness")) > 0
    assert len(again) == 120


def test_existing_names_the_command_that_makes_one(fo, project):
    with pytest.raises(DashboardError, match="cvlib dashboard exp01"):
        existing_dataset(project, "exp01")
    assert opened(project).name == existing_dataset(project, "exp01").name
