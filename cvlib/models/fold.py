"""Batch normalisation folded into the convolutions before it: the same outputs, a third faster."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

import torch
from timm.layers import BatchNormAct2d
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_weights
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves

_Layer = TypeVar("_Layer")

# What a model may ask of a convolution's output without using its values.
_SHAPE_ONLY = {Tensor.size, Tensor.dim, Tensor.stride, Tensor.is_contiguous, Tensor.numel}


def folded(module: nn.Module, example: Tensor) -> nn.Module:
    """Return a copy of `module` in eval mode without the batch norms that follow a convolution.

    example: one batch (best: of one image) as `module` takes it, on the module's device; it is run
    through the copy once to see which convolution feeds which norm. With γ, β, μ, σ² of the norm

        γ (W ∗ x + b - μ) / √(σ² + ε) + β  =  (s W) ∗ x + s (b - μ) + β,    s = γ / √(σ² + ε)

    so W and b are scaled by output channel, in float64, and stored as what they were. Only where
    this is exact is it done: the convolution's own weight and the norm's own statistics are used
    once, and the output between them by nothing else. All other norms stay, and work as before.
    A timm `BatchNormAct2d` leaves its drop and activation behind.
    """
    model = copy.deepcopy(module).eval()
    replacement: dict[nn.Module, nn.Module] = {}
    for convolution, norm in _pairs(model, example):
        _fold(convolution, norm)
        replacement[norm] = (
            nn.Sequential(norm.drop, norm.act)
            if isinstance(norm, BatchNormAct2d)
            else nn.Identity()
        ).eval()
    for parent in model.modules():
        for name, child in parent._modules.items():  # named_children() leaves repeated ones out
            if child in replacement:
                parent._modules[name] = replacement[child]
    return model


class _Uses(TorchFunctionMode):
    """Records each torch function that is called on a tensor, through all of a forward pass.

    Functions and not modules are watched (as hooks would), so that `bn(maps) + maps` counts as a
    second use, a weight that is changed on its way into the convolution (weight standardisation)
    is not taken for the module's own, and models that torch.fx cannot trace are seen as well.
    """

    def __init__(self) -> None:
        super().__init__()
        self.count: Counter[int] = Counter()  # id of a tensor -> calls that read it
        self.convolved: list[tuple[Tensor, Tensor]] = []  # weight, output
        self.normed: list[tuple[Tensor, Tensor]] = []  # input, running mean
        self._alive: list[Any] = []  # an id is a tensor's only while it lives

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        result = func(*args, **kwargs)
        is_getter = getattr(func, "__name__", "") == "__get__"
        if func not in _SHAPE_ONLY and (not is_getter or isinstance(result, Tensor)):
            self.reads((args, kwargs))
            if func is functional.conv2d:
                weight = args[1] if len(args) > 1 else kwargs["weight"]
                self.convolved.append((weight, result))
            elif func is functional.batch_norm and len(args) > 1 and isinstance(args[1], Tensor):
                self.normed.append((args[0], args[1]))
            self._alive.append((args, kwargs, result))
        return result

    def reads(self, value: Any) -> None:
        """Count a use of every tensor within `value`: nested tuples, lists and dictionaries."""
        self.count.update(id(leaf) for leaf in tree_leaves(value) if isinstance(leaf, Tensor))


def _pairs(model: nn.Module, example: Tensor) -> Iterator[tuple[nn.Conv2d, nn.BatchNorm2d]]:
    """Convolutions and the norms that only they feed, as one forward pass of `example` has them."""
    uses = _Uses()
    with torch.inference_mode(), uses:
        outputs = model(example)
    uses.reads(outputs)  # what the model returns is used by its caller
    convolutions = _only(
        (layer.weight, layer) for layer in model.modules() if isinstance(layer, nn.Conv2d)
    )
    norms = _only(
        (layer.running_mean, layer)
        for layer in model.modules()
        # exactly these two: what another subclass does besides is not known here
        if isinstance(layer, nn.BatchNorm2d) and type(layer) in (nn.BatchNorm2d, BatchNormAct2d)
    )
    made_by = {id(output): weight for weight, output in uses.convolved}
    for maps, mean in uses.normed:
        weight = made_by.get(id(maps))
        once = all(uses.count[id(tensor)] == 1 for tensor in (maps, mean, weight))
        if once and id(weight) in convolutions and id(mean) in norms:
            yield convolutions[id(weight)], norms[id(mean)]


def _only(owned: Iterable[tuple[Any, _Layer]]) -> dict[int, _Layer]:
    """From id of a tensor to the one layer that owns it; tensors of two layers are left out."""
    owned = list(owned)
    owners = Counter(id(tensor) for tensor, _ in owned)
    return {id(tensor): layer for tensor, layer in owned if owners[id(tensor)] == 1}


@torch.no_grad()
def _fold(convolution: nn.Conv2d, norm: nn.BatchNorm2d) -> None:
    assert norm.running_mean is not None and norm.running_var is not None
    weight = convolution.weight
    fused = fuse_conv_bn_weights(
        weight.double(),
        _double(convolution.bias),
        norm.running_mean.double(),
        norm.running_var.double(),
        norm.eps,
        _double(norm.weight),
        _double(norm.bias),
    )
    convolution.weight, convolution.bias = (
        nn.Parameter(value.to(weight.dtype), requires_grad=weight.requires_grad) for value in fused
    )


def _double(value: Tensor | None) -> Tensor | None:
    return None if value is None else value.double()
