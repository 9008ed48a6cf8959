"""A timm model with the weights of a file, as `timm.create_model(pretrained=True)`, but strictly."""

from __future__ import annotations

import logging
import pickle
import re
from collections.abc import Iterable
from logging.handlers import BufferingHandler
from pathlib import Path
from typing import Any

import timm
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from timm.models import clean_state_dict
from torch import nn

from cvlib.errors import CvlibError

StateDict = dict[str, torch.Tensor]

# Where training checkpoints keep the weights, in timm's order of preference.
_NESTED = ("state_dict_ema", "model_ema", "state_dict", "model")
# torch.load's word for what it refuses to call
_BLOCKED = re.compile(r"unsupported global:? (?:GLOBAL )?([\w.]+)", re.IGNORECASE)
# torch's words for a tensor of another shape: name, shape in the file, shape in the model
_MISMATCH = re.compile(r"size mismatch for (\S+):.*?\[([\d, ]*)\].*?\[([\d, ]*)\]")


class WeightsError(CvlibError, ValueError):
    """A weights file is damaged, unsafe, or does not fit the model; the message names the file."""


def load_pretrained(name: str, path: Path, **options: Any) -> nn.Module:
    """Make the timm model `name` with `options` and load the weights at `path` into it.

    timm's own filters rename tensors and resample position embeddings. A classifier that the file
    lacks, or has for other classes, is filled with NaN: it is to be taken off. Everything else must
    match name by name and shape by shape: WeightsError names the file and what differs. TypeError
    for an option that the model does not have.
    """
    state = _without_own_prefix(read_state_dict(path))
    with torch.random.fork_rng(devices=[]), torch.device("meta"):
        unloaded: Any = timm.create_model(name, **options)
    shapes = {key: tensor.shape for key, tensor in unloaded.state_dict().items()}
    if "_conv_stem.weight" in state and name.startswith("tf_efficientnet_lite"):
        state = _by_order(state, shapes, path, name)
    state = _with_any_classifier(state, shapes, unloaded.pretrained_cfg)
    # A few families are loaded loosely: what a file lacks of them timm says in its log alone.
    log, heard = logging.getLogger("timm.models._builder"), BufferingHandler(capacity=100)
    level = log.level
    log.addHandler(heard)
    log.setLevel(logging.INFO)
    options |= {"pretrained": True, "pretrained_cfg_overlay": {"state_dict": state}}
    try:
        model: Any = timm.create_model(name, **options)
    except Exception as error:  # timm's filters fail in many ways on what is not theirs
        if problems := _misfits(str(error)):
            raise WeightsError(f"{path} does not fit {name}: it {problems}") from error
        raise WeightsError(f"{path}: not weights of {name} ({error})") from error
    finally:
        log.setLevel(level)
        log.removeHandler(heard)
    for record in heard.buffer:
        if missing := re.match(r"Missing keys \((.*?)\)", record.getMessage()):
            lacks = _some(missing[1].split(", "))
            raise WeightsError(f"{path} does not fit {name}: it lacks {lacks}")
    del model.pretrained_cfg["state_dict"]  # timm would keep it as long as the model
    return model


def read_state_dict(path: Path) -> StateDict:
    """Read tensors by name from a safetensors or a PyTorch file. Code in a file is never executed.

    Raises WeightsError, naming the file, if it is damaged or holds anything but tensors.
    """
    if not path.is_file():
        raise WeightsError(f"{path}: there is no such file")
    if path.suffix == ".safetensors":
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
        said = (str(error).strip().splitlines() or [type(error).__name__])[0]
        if isinstance(error, pickle.UnpicklingError):
            said = "not a pickle of tensors"
        raise WeightsError(f"{path} is damaged or no PyTorch file of tensors: {said}") from error
    if isinstance(found, dict):
        found = next((found[k] for k in _NESTED if isinstance(found.get(k), dict)), found)
    if not isinstance(found, dict) or not found:
        raise WeightsError(f"{path} holds no tensors by name, but a {type(found).__name__}")
    if wrong := [k for k, v in found.items() if not isinstance(v, torch.Tensor)]:
        kind = type(found[wrong[0]]).__name__
        raise WeightsError(f"{path} holds more than tensors: {wrong[0]!r} is of type {kind}")
    return clean_state_dict(found)


def _without_own_prefix(state: StateDict) -> StateDict:
    """Take the body out of weights that a run of cvlib stored (`body.…` and its own `head.…`)."""
    body = {k.removeprefix("body."): v for k, v in state.items() if k.startswith("body.")}
    rest = {k for k in state if not k.startswith(("body.", "head."))}
    return body if body and not rest else state


def _by_order(state: StateDict, shapes: dict[str, torch.Size], path: Path, name: str) -> StateDict:
    """Give the tensors of an EfficientNet-Lite package timm's names: both have the same order."""
    if len(state) != len(shapes):
        raise WeightsError(f"{path}: {len(state)} tensors, {name} has {len(shapes)}")
    for (given, tensor), (key, shape) in zip(state.items(), shapes.items(), strict=True):
        if tensor.shape != shape:
            raise WeightsError(
                f"{path}: {given} is {_shape(tensor.shape)}, {name}'s {key} is {_shape(shape)}"
            )
    return dict(zip(shapes, state.values(), strict=True))


def _with_any_classifier(
    state: StateDict, shapes: dict[str, torch.Size], config: dict[str, Any]
) -> StateDict:
    """In timm's layout, replace a classifier that timm would not load by NaN of the right shape."""
    names = config.get("classifier") or ()
    names = (names,) if isinstance(names, str) else names
    classifier = {f"{name}.{kind}" for name in names for kind in ("weight", "bias")}
    body = {k for k in shapes if not k.endswith("num_batches_tracked")} - classifier
    if not body <= state.keys():
        return state
    state = {k: v for k, v in state.items() if k not in classifier or k in shapes}
    for key in classifier & shapes.keys():
        # some old weights have a class for the background in front
        rows, *rest = shapes[key]
        shape = (rows + (config.get("label_offset") or 0), *rest)
        if key not in state or state[key].shape != shape:
            state[key] = torch.full(shape, torch.nan)
    return state


def _misfits(said: str) -> str:
    """What torch says of a file that does not fit, in one line: it lists hundreds of tensors."""
    listed = dict(re.findall(r"(Missing|Unexpected) key\(s\) in state_dict: (.*)", said))
    keys = {kind: _some(re.findall('"([^"]+)"', line)) for kind, line in listed.items()}
    problems = []
    if "Missing" in keys:
        problems.append(f"lacks {keys['Missing']}")
    if "Unexpected" in keys:
        problems.append(f"has {keys['Unexpected']} that the model lacks")
    if mismatches := _MISMATCH.findall(said):
        key, *shapes = mismatches[0]
        given, own = (_shape(shape.split(", ")) for shape in shapes)
        more = f" (and {len(mismatches) - 1} more)" if len(mismatches) > 1 else ""
        problems.append(f"has {key} of shape {given}, not {own}{more}")
    return "; it ".join(problems)


def _some(keys: list[str]) -> str:
    return ", ".join(keys[:3]) + (f" and {len(keys) - 3} more tensors" if len(keys) > 3 else "")


def _shape(shape: Iterable[object]) -> str:
    return "×".join(map(str, shape)) or "a single number"
