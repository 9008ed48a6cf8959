"""How timm turns a checkpoint into a model's weights: asked of timm itself, once a model name.

Each family of timm hands its own filter (renamed keys, resampled position embeddings, merged
layers) to one function, `load_pretrained`. Calling the family's factory with that function set
aside shows what it would have been called with. The model made on the way has no storage.
"""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch
    from torch import nn

    State = dict[str, torch.Tensor]

_lock = threading.Lock()  # the function is set aside for the whole process


@dataclass(frozen=True)
class Recipe:
    """shapes: of every tensor of the unchanged model, in order. is_strict: no tensor may be left over."""

    shapes: dict[str, torch.Size]
    is_strict: bool
    classifiers: tuple[str, ...]
    label_offset: int
    filter_fn: Callable[..., State] | None

    def filter(self, state: State, model: nn.Module) -> State:
        """Return a checkpoint's tensors under the names and in the shapes of `model`."""
        if self.filter_fn is None:
            return state
        takes_model = len(inspect.signature(self.filter_fn).parameters) > 1
        return self.filter_fn(state, model) if takes_model else self.filter_fn(state)

    def classifier_of(self, model: nn.Module) -> set[str]:
        """Return the names of the classifier's tensors, whether `model` has them or not."""
        own = getattr(model, "pretrained_cfg", {}).get("classifier") or self.classifiers
        names = (own,) if isinstance(own, str) else own
        return {f"{name}.{kind}" for name in names for kind in ("weight", "bias")}


@lru_cache(maxsize=32)
def recipe_of(name: str) -> Recipe:
    """Ask timm how it loads the pretrained weights of `name`. The global random state is kept."""
    import timm
    import torch
    from timm.models import _builder

    caught: list[dict[str, Any]] = []

    def instead(model: nn.Module, **call: Any) -> None:
        caught.append(call)

    with _lock, torch.random.fork_rng(devices=[]):
        original = _builder.load_pretrained
        _builder.load_pretrained = instead  # type: ignore[assignment]
        try:
            # a source of weights must be named, or timm refuses before it comes to load
            overlay = {"file": "set aside"}
            with torch.device("meta"):
                model = timm.create_model(name, pretrained=True, pretrained_cfg_overlay=overlay)
        finally:
            _builder.load_pretrained = original
    if len(caught) != 1:
        raise RuntimeError(
            f"timm {timm.__version__} loads {name} in another way than by its load_pretrained; "
            "cvlib knows no other"
        )
    config = caught[0]["pretrained_cfg"]
    classifier = config.get("classifier") or ()
    return Recipe(
        shapes={key: tensor.shape for key, tensor in model.state_dict().items()},
        is_strict=caught[0].get("strict", True),
        classifiers=(classifier,) if isinstance(classifier, str) else tuple(classifier),
        label_offset=config.get("label_offset") or 0,
        filter_fn=caught[0].get("filter_fn"),
    )
