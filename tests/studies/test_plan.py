"""What runs start from, as a part of their keys, remembered, or missing with a reason; their names."""

import json
import subprocess
import sys

import pytest

from cvlib.cli import main
from cvlib.data.spec import DatasetSpec
from cvlib.errors import CvlibError
from cvlib.files import read_note
from cvlib.models import timm_names
from cvlib.project import Project, ProjectError
from cvlib.results.store import Store
from cvlib.studies.plan import Fingerprints, Start, Starts, named_runs
from cvlib.studies.run import inspect
from cvlib.studies.status import needs_work
from tests.studies.conftest import again, run_here

EXPERIMENT = """\
title: Digits
question: Does a pretrained network read digits better?
dataset: {name: digits, subset: 300, test_subset: 100}
base:
  model: {kind: backbone, name: test_vit, image_size: 32, crop: 1.0}
  train: {epochs: 1, batch_size: 64}
variants:
  tuned: {}
  probe: {set: {train: {mode: linear_probe, shots: [1, 5]}, embedding: {perplexity: 30, images: 50}}}
  headed: {set: {train.mode: probe_then_fine_tune}}
  scratch: {set: {model.weights: none}}
  asked: {set: {model.name: vit_base_patch32_clip_224.openai, model.weights: pretrained, train: {mode: zero_shot}}}
  cnn: {set: {model: {kind: custom_cnn, width: 4}}}
seeds: [0]
"""
PRETRAINED = ("tuned", "probe", "headed")


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hub"))
    # the client has read its environment already
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub" / "hub"))
    (tmp_path / "_quarto.yml").write_text("project: {type: book}\n")
    (tmp_path / "experiments").mkdir()
    (tmp_path / "data").mkdir()
    (tmp_path / "experiments" / "exp01.yaml").write_text(EXPERIMENT)
    return Project(tmp_path)


def put_weights(project, seed):
    import timm
    import torch
    from safetensors.torch import save_file

    torch.manual_seed(seed)
    folder = project.data / "weights"
    folder.mkdir(exist_ok=True)
    save_file(timm.create_model("test_vit").state_dict(), folder / "test_vit.safetensors")


def states(project):
    return {s.planned.variant: s.state for s in inspect(again(project))}


@pytest.mark.slow
def test_a_run_without_weights_is_skipped_until_they_come_and_is_of_those_weights(project):
    assert set(states(project).values()) == {"missing"}
    summary = run_here(again(project))
    skipped = (*PRETRAINED, "asked")
    assert sorted(summary.skipped) == sorted(f"exp01/{name} seed 0" for name in skipped)
    assert len(summary.done) == 2 and not summary.failed
    found = states(project)
    assert {name for name, state in found.items() if state == "skipped"} == set(skipped)
    assert found["scratch"] == found["cnn"] == "fresh"
    note = (project.runs / "weights.json").read_text()
    assert str(project.root) not in note and "://" not in note
    assert "could not be had" in json.loads(note)["test_vit"]["unreachable"]

    # a second call does no work; asked for, it looks again and comes to the same end
    assert not any(needs_work(s, None) for s in inspect(again(project)))
    assert not run_here(again(project)).done
    repeated = run_here(again(project), rerun="skipped")
    assert len(repeated.skipped) == 4 and not repeated.done

    # weights arrive: what was skipped is missing now, and runs
    put_weights(project, seed=1)
    assert {states(project)[name] for name in PRETRAINED} == {"missing"}
    assert len(run_here(again(project)).done) == 3
    found = states(project)
    assert found.pop("asked") == "skipped", "the text tower is not in the file of the image tower"
    assert set(found.values()) == {"fresh"}
    store = Store(project.runs)
    first = {s.planned.variant: s.result for s in inspect(again(project))}
    assert first["tuned"].weights_sha256 and first["scratch"].weights_sha256 is None
    assert not run_here(again(project)).done

    # the probe left its tables and maps, its body was not trained and it has no epochs
    probe = first["probe"]
    assert probe.history == [] and len(probe.tables["path"]) == 25
    assert {row["shots"] for row in probe.tables["few_shot"]} == {1, 5}
    assert probe.tables["protocol"][0]["text"].startswith("class token")
    maps = probe.embedding()
    assert maps["tsne"].shape == (50, 2)
    assert maps["perplexity"] < 17, "30 is too much for 50 images: less is used, and said"
    assert {"knn_10_accuracy", "ridge_accuracy", "silhouette"} <= probe.metrics.keys()
    assert first["headed"].metrics["train_seconds"] > first["headed"].history[0]["seconds"] * 0.99

    # on a machine that has the results and not the weights, all can be read
    (project.data / "weights" / "test_vit.safetensors").unlink()
    found = states(project)
    assert found.pop("asked") == "skipped" and set(found.values()) == {"fresh"}

    # other weights make other runs, and no features of the old ones are used for them
    put_weights(project, seed=2)
    stale = {s.planned.variant: s for s in inspect(again(project))}
    assert {stale[name].cue for name in PRETRAINED} == {"data"}
    assert "pretrained weights changed" in stale["probe"].reason
    assert stale["scratch"].state == "fresh"
    assert len(run_here(again(project)).done) == 3
    second = {s.planned.variant: s.result for s in inspect(again(project))}
    before, after = (r["probe"].predictions().logits for r in (first, second))
    assert (before != after).any()
    assert len(list((project.data / "features").glob("*/*/features.npy"))) == 6
    assert len(store.keys()) == 8


@pytest.mark.parametrize(
    ("old", "new", "variant", "reason"),
    [
        ("vit_base_patch32_clip_224.openai", "resnet18", "asked", "no CLIP model of timm"),
        ("name: test_vit,", "name: resnet81,", "tuned", "has no model 'resnet81'; did you mean"),
    ],
)
def test_a_backbone_that_will_not_do_is_said_with_the_variant_that_names_it(
    project, monkeypatch, capsys, old, new, variant, reason
):
    path = project.experiment_file("exp01")
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))
    monkeypatch.chdir(project.root)
    monkeypatch.setattr("sys.argv", ["cvlib", "status"])
    with pytest.raises(SystemExit) as ended:
        main()
    said = capsys.readouterr().err
    assert ended.value.code == 2
    assert said.startswith(f"cvlib: exp01/{variant}: ") and reason in said


def test_a_pretrained_run_whose_file_is_named_says_that_it_was_not_there(project):
    path = project.experiment_file("exp01")
    path.write_text(
        EXPERIMENT.replace("name: test_vit", "name: test_vit, weights: my/own.safetensors")
    )
    run_here(again(project), ["exp01"])
    reasons = {s.planned.variant: s.reason for s in inspect(again(project))}
    assert reasons["tuned"] == "the weights file my/own.safetensors was not there"


def test_in_a_clone_without_weights_the_note_is_taken_and_timm_is_not_asked(project, monkeypatch):
    """Asking timm imports it, which takes seconds: the hook before a render has not got them."""

    def refuse(*_):
        raise AssertionError("timm was asked")

    monkeypatch.setattr(timm_names, "timm_table", refuse)
    monkeypatch.setattr(timm_names, "_known", {})
    project.runs.mkdir()
    (project.runs / "weights.json").write_text(json.dumps({"test_vit": {"sha256": "a" * 64}}))
    spec = Project(project.root, project.profile).experiment("exp01").variant("tuned").spec

    def find():
        return Starts(project.root, project.data, project.runs).find(spec)

    assert find() == Start(needed=True, sha256="a" * 64)
    (project.data / "weights").mkdir()
    assert find().sha256 == "a" * 64
    (project.data / "weights" / "test_vit.safetensors").write_bytes(b"mine")
    with pytest.raises(AssertionError, match="timm was asked"):
        find()


@pytest.fixture
def planned(layout, edit):
    edit("seeds: [0]", "seeds: [0, 1]")
    (layout.experiments / "exp02.yaml").write_text(layout.experiment_file("exp01").read_text())
    dataset = layout.experiment("exp01").variants[0].spec.dataset
    Fingerprints(layout.data, layout.runs).fetch(dataset)
    layout = again(layout)
    return [run for name in layout.experiment_ids() for run in layout.plan(name).runs]


def names(runs):
    return [f"{run.experiment}/{run.variant}@{run.seed}" for run in runs]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("exp01/wide", ["exp01/wide@0", "exp01/wide@1"]),
        ("exp02/wide@1", ["exp02/wide@1"]),
        ("wide@1", ["exp01/wide@1", "exp02/wide@1"]),
        ("wide", ["exp01/wide@0", "exp01/wide@1", "exp02/wide@0", "exp02/wide@1"]),
    ],
)
def test_a_name_is_a_variant_with_or_without_experiment_and_seed(planned, name, expected):
    assert names(named_runs(planned, [name])) == expected


def test_several_names_keep_the_order_of_the_runs_and_count_each_once(planned):
    found = names(named_runs(planned, ["exp01/wide@0", "exp01/base@1", "exp01/wide@0"]))
    assert found == ["exp01/base@1", "exp01/wide@0"]


def test_a_run_goes_by_the_first_digits_of_its_key(planned):
    assert named_runs(planned, [planned[2].key[:6]])[0] is planned[2]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("wid", "did you mean wide"),
        ("wide@7", "wide is not run with seed '7'; seeds: 0, 1"),
        ("exp03/wide", "no run 'exp03/wide'"),
        ("abcdef", "no run 'abcdef'"),
    ],
)
def test_a_name_that_no_run_has_is_answered_with_the_nearest(planned, name, said):
    with pytest.raises(ProjectError, match=said):
        named_runs(planned, [name])


def test_six_processes_that_note_datasets_at_once_keep_all_six(project):
    code = (
        "import sys; from pathlib import Path\n"
        "from cvlib.data.spec import DatasetSpec\n"
        "from cvlib.studies.plan import Fingerprints\n"
        "prints = Fingerprints(Path(sys.argv[1]), Path(sys.argv[2]))\n"
        "for n in range(5): prints.fetch(DatasetSpec(name='digits', subset=int(sys.argv[3]) + n))\n"
    )
    command = [sys.executable, "-c", code, str(project.data), str(project.runs)]
    at_once = [subprocess.Popen([*command, str(100 * n)]) for n in range(1, 7)]
    assert [process.wait() for process in at_once] == [0] * 6
    noted = read_note(project.runs / "datasets.json")
    assert len(noted) == 30 and {p.name for p in project.runs.iterdir()} == {
        "datasets.json",
        ".locks",
    }


def test_a_damaged_note_of_datasets_is_made_anew_where_the_data_are_and_else_refused(
    project, caplog
):
    spec = DatasetSpec(name="digits", subset=100)
    found = Fingerprints(project.data, project.runs).fetch(spec)
    note = project.runs / "datasets.json"
    whole = note.read_bytes()
    elsewhere = DatasetSpec(name="cifar10")
    for n in range(len(whole)):
        note.write_bytes(whole[:n] + bytes([whole[n] ^ 1]) + whole[n + 1 :] if n % 5 else whole[:n])
        with pytest.raises(CvlibError, match=r"datasets.json .*git checkout -- datasets.json"):
            Fingerprints(project.data, project.runs).find(elsewhere)
        assert Fingerprints(project.data, project.runs).find(spec) == (found, True)
    caplog.clear()
    assert Fingerprints(project.data, project.runs).fetch(spec) == found
    assert "it is made anew from the data that are here" in caplog.text
    assert note.read_bytes() == whole


@pytest.mark.parametrize("content", ["{", '{"test_vit": 3}', '{"test_vit": {"sha25": "a"}}', "[]"])
def test_a_damaged_note_of_weights_is_refused(project, content):
    (project.runs).mkdir()
    (project.runs / "weights.json").write_text(content)
    with pytest.raises(CvlibError, match=r"weights.json .*git checkout -- weights.json"):
        inspect(again(project))
