import json

import pytest
from typer.testing import CliRunner

from cvlib.models import weights as weights_module
from cvlib.models.weights import CLIP_CONFIG
from cvlib.weights_cli import app

from .conftest import put_in_hub_cache, write_experiment

LITE = "tf_efficientnet_lite0"
CLIP = "vit_base_patch32_clip_224.openai"
ZERO_SHOT = {"train": {"mode": "zero_shot"}}


def weights(*words):
    return CliRunner().invoke(app, list(words))


def backbone(name, **more):
    return {"name": name, "weights": "pretrained"} | more


@pytest.mark.parametrize("command", ["list", "fetch", "pack", "unpack"])
def test_every_commands_help_shows_an_example(command):
    said = weights(command, "--help")
    assert said.exit_code == 0 and f"Example: cvlib weights {command}" in said.stdout


def test_list_shows_each_set_of_weights_once_and_why_one_is_missing(project):
    write_experiment(
        project,
        backbone(LITE),
        backbone(f"{LITE}.in1k", image_size=96),
        backbone("resnet18"),
        backbone("resnet34", weights=None),
    )
    said = weights("list")
    assert said.exit_code == 0
    heading, resnet, lite, *rest = said.stdout.splitlines()
    assert lite.split()[:2] == [f"{LITE}.in1k", "here,"] and "579344248a93" in lite
    assert resnet.split() == ["resnet18.a1_in1k", "not", "here"]
    assert heading.index("weights") == lite.index("here") == resnet.index("not here")
    assert rest[1].startswith("resnet18.a1_in1k: no resnet18 or resnet18.a1_in1k (")
    assert "cvlib weights pack FILE" in rest[-1]
    assert "resnet34" not in said.stdout


def test_list_as_json_has_the_same(project):
    write_experiment(project, backbone(LITE), backbone("resnet18"))
    resnet, lite = json.loads(weights("list", "--json").stdout)
    assert lite["here"] and lite["file"]["source"] == "package"
    assert lite["file"].keys() == {"path", "size", "sha256", "source"}
    assert lite["file"]["sha256"].startswith("57934424") and lite["file"]["size"] > 17_000_000
    assert not resnet["here"] and resnet["file"] is None and "hub's cache" in resnet["reason"]


def test_list_without_backbones_says_so(project):
    write_experiment(project)
    assert "no experiment asks for pretrained weights" in weights("list").stdout


def test_fetch_does_the_others_when_one_fails(project, tmp_path):
    put_in_hub_cache(tmp_path / "hf", "resnet34.a1_in1k", b"cached")
    said = weights("fetch", "resnet18", "resnet19", "resnet34", LITE)
    assert said.exit_code == 1
    assert [line.split()[:2] for line in said.stdout.splitlines() if "sha256" in line][:2] == [
        ["resnet34.a1_in1k", "cache"],
        [f"{LITE}.in1k", "package"],
    ]
    assert "resnet18.a1_in1k: no resnet18 or" in said.stderr and "resnet19" in said.stderr
    assert weights("fetch", "resnet34").exit_code == 0


def test_fetch_without_names_takes_those_of_the_experiments(project):
    write_experiment(project, backbone(LITE), backbone("resnet18", weights=None))
    said = weights("fetch")
    assert said.exit_code == 0 and len(said.stdout.splitlines()) == 1


def test_a_bundle_carries_the_weights_of_the_experiments_to_another_machine(
    project, tmp_path, monkeypatch
):
    write_experiment(project, backbone(LITE), backbone("resnet18"), backbone("resnet34"))
    put_in_hub_cache(tmp_path / "hf", "resnet34.a1_in1k", b"cached")
    packed = weights("pack", "carry.tar")
    assert packed.exit_code == 0
    assert "left out: resnet18.a1_in1k: not here" in packed.stderr

    monkeypatch.setattr(
        "huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "another machine's")
    )
    monkeypatch.setattr("cvlib.models.weights.package_file", lambda package: None)
    before = {item["name"]: item["here"] for item in json.loads(weights("list", "--json").stdout)}
    assert not any(before.values())
    unpacked = weights("unpack", "carry.tar")
    assert unpacked.exit_code == 0
    assert "unpacked data/weights/resnet34.a1_in1k.safetensors" in unpacked.stdout
    after = {item["name"]: item["here"] for item in json.loads(weights("list", "--json").stdout)}
    assert after == {
        "resnet18.a1_in1k": False,
        "resnet34.a1_in1k": True,
        f"{LITE}.in1k": True,
    }
    assert "already here" in weights("unpack", "carry.tar").stdout


def test_pack_of_a_name_that_is_not_here_packs_nothing(project):
    said = weights("pack", "carry.tar", LITE, "resnet18", "resnet19")
    assert said.exit_code == 1 and "nothing was packed" in said.stderr
    assert "left out: resnet18.a1_in1k" in said.stderr
    assert "did you mean 'resnet18'" in said.stderr
    assert not (project.root / "carry.tar").exists()


def put_clip(tmp_path):
    put_in_hub_cache(tmp_path / "hf", CLIP, b"{}", CLIP_CONFIG)
    return put_in_hub_cache(tmp_path / "hf", CLIP, b"towers", "open_clip_model.safetensors")


def test_both_towers_are_wanted_by_zero_shot_and_the_image_tower_by_the_others(project, tmp_path):
    write_experiment(project, backbone(CLIP), backbone(CLIP, **ZERO_SHOT))
    one, both = json.loads(weights("list", "--json").stdout)
    assert (one["name"], both["name"]) == (CLIP, f"{CLIP}, both towers")
    assert not one["here"] and not both["here"] and "open_clip_model.safetensors" in both["reason"]

    put_clip(tmp_path)
    one, both = json.loads(weights("list", "--json").stdout)
    assert not one["here"] and both["here"]
    assert both["file"]["source"] == "cache" and both["file"]["size"] == len(b"towers")


def test_a_missing_clip_says_how_both_towers_are_carried_and_not_by_pack(project):
    write_experiment(project, backbone(CLIP, **ZERO_SHOT))
    said = weights("list").stdout
    assert f"{CLIP}, both towers  not here" in said
    assert f"copy models--timm--{CLIP} from the hub's cache" in said and "pack" not in said


def test_fetch_gets_both_towers_too_or_says_why_not(project, tmp_path):
    write_experiment(project, backbone(CLIP, **ZERO_SHOT))
    said = weights("fetch")
    assert said.exit_code == 1
    assert f"{CLIP}, both towers: " in said.stderr and "HF_HUB_OFFLINE is set" in said.stderr
    link = put_clip(tmp_path)
    for words in (("fetch",), ("fetch", f"{CLIP}, both towers")):
        said = weights(*words)
        assert said.exit_code == 0 and str(link) in said.stdout


def test_both_towers_of_a_model_that_is_no_clip_are_an_error_that_names_it(project):
    for words in (("fetch",), ("pack", "carry.tar")):
        said = weights(*words, "resnet18, both towers")
        assert said.exit_code == 1
        assert "resnet18, both towers: resnet18.a1_in1k is no CLIP model" in said.stderr


def test_pack_says_that_it_leaves_both_towers_out(project, tmp_path):
    write_experiment(project, backbone(LITE), backbone(CLIP, **ZERO_SHOT))
    put_clip(tmp_path)
    said = weights("pack", "carry.tar")
    assert said.exit_code == 0 and f"packed {LITE}.in1k.pth" in said.stdout
    folder = tmp_path / "hf" / "hub" / f"models--timm--{CLIP}"
    assert (
        f"left out: {CLIP}, both towers: both towers are not packed, copy {folder}" in said.stderr
    )


@pytest.mark.parametrize(
    "path",
    ["data/weights/m.pt", "data/weights/sub/m.pth", "data/weights/my m.pth", "m.safetensors"],
)
def test_a_path_that_no_bundle_takes_is_left_out_and_the_others_are_packed(project, path):
    file = project.root / path
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(b"mine")
    (project.data / "weights" / "good.pth").write_bytes(b"good")
    write_experiment(
        project,
        backbone("resnet18", weights=path),
        backbone("resnet18", weights="data/weights/good.pth"),
    )
    said = weights("pack", "carry.tar")
    assert said.exit_code == 0 and "packed good.pth" in said.stdout
    assert f"left out: resnet18 from {path}: only .safetensors and .pth directly in" in said.stderr


def test_a_set_that_many_runs_want_is_looked_for_once(project, monkeypatch):
    asked, find = [], weights_module.find

    def counted(spec, *places, **more):
        asked.append(spec.name)
        return find(spec, *places, **more)

    monkeypatch.setattr(weights_module, "find", counted)
    said = weights("pack", "carry.tar", "resnet18", LITE, "resnet18", "resnet18.a1_in1k")
    assert said.stderr.count("left out: resnet18.a1_in1k: not here") == 1
    assert asked == ["resnet18", LITE]
