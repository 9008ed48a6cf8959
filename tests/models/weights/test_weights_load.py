"""Weights reach the model as timm itself would load them, or not at all."""

import os
import pickle
from importlib.util import find_spec
from pathlib import Path

import pytest
import timm
import torch
from cvlib.models.load import WeightsError, load_pretrained, read_state_dict
from PIL import Image
from safetensors.torch import save_file
from timm.data import create_transform, resolve_data_config

from cvlib.models.spec import BackboneSpec
from cvlib.models.weights import PACKAGES, find, package_file

from .conftest import put_in_hub_cache

DINO = "vit_small_patch14_dinov2.lvd142m"
CLIP = "vit_base_patch32_clip_224.openai"


def made(name: str) -> dict[str, torch.Tensor]:
    """Weights as in the hub's file: timm's layout with timm's own classifier."""
    torch.manual_seed(7)
    return timm.create_model(name).state_dict()


def foolbox_samples() -> tuple[list[Path], torch.Tensor]:
    folder = Path(find_spec("foolbox").submodule_search_locations[0]) / "data"
    files = sorted(folder.glob("imagenet_*.jpg"))
    assert len(files) == 20
    return files, torch.tensor([int(file.stem.rsplit("_", 1)[1]) for file in files])


# timm's mean and deviation, both 0.5, and those that the packages were trained with
OWN = {"mean": (0.498,) * 3, "std": (0.502,) * 3}


@pytest.mark.parametrize(
    ("name", "own"), [(name, {}) for name in PACKAGES] + [("tf_efficientnet_lite0", OWN)]
)
def test_efficientnet_lite_classifies_imagenet_pictures(layout, name, own, no_network):
    found = find(BackboneSpec(name=name), layout.data / "weights", layout.root)
    model = timm.create_model(name).eval()
    load_pretrained(model, found.path, name)
    config = resolve_data_config(model.pretrained_cfg) | own
    assert config["interpolation"] == "bicubic" and config["crop_pct"] >= 0.875
    files, labels = foolbox_samples()
    prepare = create_transform(**config)
    images = torch.stack([prepare(Image.open(file).convert("RGB")) for file in files])
    with torch.inference_mode():
        predicted = model(images).argmax(1)
    assert (predicted == labels).sum() >= 17


@pytest.mark.parametrize(
    ("full", "names", "options"),
    [
        ("resnet18.a1_in1k", ["resnet18", "resnet18.a1_in1k"], {"num_classes": 0}),
        (DINO, ["vit_small_patch14_dinov2", DINO], {"num_classes": 0, "img_size": 98}),
        (CLIP, [CLIP], {}),
    ],
)
def test_hub_weights_are_loaded_by_name_without_the_network(
    layout, tmp_path, no_network, full, names, options
):
    state = made(full)
    put_in_hub_cache(tmp_path / "hf", full, state)
    for name in names:
        found = find(BackboneSpec(name=name), layout.data / "weights", layout.root)
        assert found.source == "cache"
        model = timm.create_model(name, **options)
        load_pretrained(model, found.path, name)
        loaded = model.state_dict()
        assert set(state) - set(loaded) <= {"fc.weight", "fc.bias"}
        for key, tensor in loaded.items():
            if key != "pos_embed" or tensor.shape == state[key].shape:
                assert torch.equal(tensor, state[key]), key
        if "img_size" in options:
            overlay = {"file": str(tmp_path / "made.safetensors")}
            save_file(state, overlay["file"])
            timms_own = timm.create_model(
                name, pretrained=True, pretrained_cfg_overlay=overlay, **options
            )
            assert loaded["pos_embed"].shape[1] == 1 + 7 * 7
            assert torch.equal(loaded["pos_embed"], timms_own.state_dict()["pos_embed"])


def test_a_clip_checkpoint_in_its_authors_layout_gives_the_same_tower(tmp_path):
    name = CLIP
    state = made(name)
    state["head.bias"] = torch.zeros_like(state["head.bias"])  # CLIP's projection has none
    renamed = {
        "patch_embed.proj": "conv1",
        "blocks.": "transformer.resblocks.",
        "norm_pre": "ln_pre",
        "norm1": "ln_1",
        "norm2": "ln_2",
        "attn.qkv.": "attn.in_proj_",
        "attn.proj": "attn.out_proj",
        "mlp.fc1": "mlp.c_fc",
        "mlp.fc2": "mlp.c_proj",
    }
    authors = {"logit_scale": torch.ones(())}  # and the rest of the text tower
    for key, tensor in state.items():
        new = key
        for ours, theirs in renamed.items():
            new = new.replace(ours, theirs)
        new = {
            "cls_token": "class_embedding",
            "pos_embed": "positional_embedding",
            "norm.weight": "ln_post.weight",
            "norm.bias": "ln_post.bias",
            "head.weight": "proj",
        }.get(new, new)
        if key == "head.bias":
            continue
        if key in ("cls_token", "pos_embed"):
            tensor = tensor.squeeze()
        if key == "head.weight":
            tensor = tensor.T.contiguous()
        authors[f"visual.{new}"] = tensor
    path = tmp_path / "open_clip_model.safetensors"
    save_file(authors, path)
    model = timm.create_model(name)
    load_pretrained(model, path, name)
    path.unlink()  # 350 MB
    assert all(torch.equal(tensor, state[key]) for key, tensor in model.state_dict().items())


def test_a_classifier_of_another_size_stays_as_it_is(tmp_path):
    path = tmp_path / "w.safetensors"
    state = made("test_resnet")
    save_file(state, path)
    model = timm.create_model("test_resnet", num_classes=7)
    before = model.get_classifier().weight.clone()
    load_pretrained(model, path, "test_resnet")
    assert torch.equal(model.get_classifier().weight, before)
    assert torch.equal(model.state_dict()["conv1.0.weight"], state["conv1.0.weight"])


def test_weights_of_a_run_are_taken_without_its_head(tmp_path):
    path = tmp_path / "best.safetensors"
    body = timm.create_model("test_resnet", num_classes=0)
    state = {f"body.{k}": v for k, v in body.state_dict().items()}
    save_file(state | {"head.weight": torch.zeros(10, 4), "head.bias": torch.zeros(10)}, path)
    model = timm.create_model("test_resnet", num_classes=0)
    load_pretrained(model, path, "test_resnet")
    assert all(torch.equal(v, body.state_dict()[k]) for k, v in model.state_dict().items())


def test_a_tensor_of_another_shape_is_named_with_both_shapes(tmp_path):
    path = tmp_path / "w.safetensors"
    save_file(made("test_resnet"), path)
    model = timm.create_model("test_resnet", in_chans=1)
    with pytest.raises(
        WeightsError, match=r"it has conv1\.0\.weight of shape \d+×3×3×3, not \d+×1×3×3$"
    ):
        load_pretrained(model, path, "test_resnet")


def test_loading_leaves_the_random_state_alone(tmp_path):
    path = tmp_path / "w.safetensors"
    save_file(made("test_vit"), path)
    model = timm.create_model("test_vit")
    before = torch.get_rng_state()
    load_pretrained(model, path, "test_vit")
    assert torch.equal(torch.get_rng_state(), before)


def test_weights_of_another_model_are_refused_and_change_nothing(tmp_path):
    path = tmp_path / "vit.safetensors"
    save_file(made("test_vit"), path)
    model = timm.create_model("test_resnet")
    before = {key: value.clone() for key, value in model.state_dict().items()}
    with pytest.raises(WeightsError, match=r"vit\.safetensors does not fit test_resnet: it lacks"):
        load_pretrained(model, path, "test_resnet")
    assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items())


def test_a_missing_or_a_superfluous_tensor_is_named(tmp_path):
    path, state = tmp_path / "w.safetensors", made("test_resnet")
    lost = state.pop("conv1.0.weight")
    save_file(state, path)
    model = timm.create_model("test_resnet")
    with pytest.raises(WeightsError, match=r"it lacks conv1\.0\.weight$"):
        load_pretrained(model, path, "test_resnet")
    save_file(state | {"conv1.0.weight": lost, "other": torch.zeros(2)}, path)
    with pytest.raises(WeightsError, match=r"it has other that the model lacks$"):
        load_pretrained(model, path, "test_resnet")


def test_package_weights_of_another_size_are_refused():
    path = package_file(PACKAGES["tf_efficientnet_lite1"])
    model = timm.create_model("tf_efficientnet_lite0")
    with pytest.raises(WeightsError, match=r"efficientnet-lite1.*386 tensors.*has 296"):
        load_pretrained(model, path, "tf_efficientnet_lite0")
    path = package_file(PACKAGES["tf_efficientnet_lite2"])
    with pytest.raises(WeightsError, match=r"efficientnet-lite2.*is \d+"):
        load_pretrained(timm.create_model("tf_efficientnet_lite1"), path, "tf_efficientnet_lite1")


class Code:
    """What a hostile pickle holds: a call."""

    def __init__(self, target):
        self.target = target

    def __reduce__(self):
        return os.mkdir, (str(self.target),)


def test_a_pickle_with_code_is_refused_and_not_run(tmp_path):
    target = tmp_path / "was-run"
    torch.save({"weight": torch.zeros(2), "code": Code(target)}, tmp_path / "a.pth")
    with pytest.raises(WeightsError, match=r"a\.pth holds posix\.mkdir, which is code"):
        read_state_dict(tmp_path / "a.pth")
    (tmp_path / "b.pth").write_bytes(pickle.dumps(Code(target), protocol=2))
    with pytest.raises(WeightsError, match=r"b\.pth"):
        read_state_dict(tmp_path / "b.pth")
    assert not target.exists()


def test_a_damaged_file_is_named(tmp_path):
    torch.save({"weight": torch.zeros(1000)}, tmp_path / "whole.pth")
    save_file({"weight": torch.zeros(1000)}, tmp_path / "whole.safetensors")
    for whole in (tmp_path / "whole.pth", tmp_path / "whole.safetensors"):
        content = whole.read_bytes()
        for name, damaged in (
            ("cut", content[: len(content) // 2]),
            ("empty", b""),
            ("page", b"<!DOCTYPE html><title>Not found</title>" * 9),
        ):
            path = tmp_path / f"{name}{whole.suffix}"
            path.write_bytes(damaged)
            with pytest.raises(WeightsError, match=rf"{name}\{whole.suffix} is damaged"):
                read_state_dict(path)
    with pytest.raises(WeightsError, match="there is no such file"):
        read_state_dict(tmp_path / "gone.pth")


def test_a_training_checkpoint_gives_its_weights_and_nothing_else_counts_as_weights(tmp_path):
    path, weight = tmp_path / "w.pth", torch.arange(3.0)
    torch.save({"epoch": 3, "state_dict": {"module.weight": weight}}, path)
    assert torch.equal(read_state_dict(path)["weight"], weight)
    torch.save({"weight": weight, "epoch": 3}, path)
    with pytest.raises(WeightsError, match="'epoch' is of type int"):
        read_state_dict(path)
    torch.save([weight], path)
    with pytest.raises(WeightsError, match="no tensors by name, but a list"):
        read_state_dict(path)
