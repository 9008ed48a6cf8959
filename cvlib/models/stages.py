"""A network's parameters in order from input to output: what layer-wise decay and freezing need."""

from __future__ import annotations

from collections.abc import Container

from timm.models._manipulate import group_with_matcher
from torch import nn

_UNKNOWN = "~"  # the name of no parameter: it falls into the group of what timm's matcher knows not


def stages(body: nn.Module, *, prefix: str = "", leave_out: Container[str] = ()) -> list[list[str]]:
    """Parameter names by stage, the input's first: stem (or patch embedding), then every block.

    body: a timm model. prefix: put before each name. leave_out: names of the body to skip.
    The grouping is timm's (`group_matcher`, made for layer-wise decay). What comes after the last
    block (final norm, last convolution, projection) belongs to the stage of that block, so a ViT
    of 12 blocks has 13 stages. Raises ValueError for a body that timm does not group.
    """
    make_matcher = getattr(body, "group_matcher", None)
    if make_matcher is None:
        raise ValueError(
            f"timm groups no parameters of a {type(body).__name__}: use neither layer_decay nor "
            "unfrozen_stages with it"
        )
    names = [(name, name) for name, _ in body.named_parameters() if name not in leave_out]
    groups = group_with_matcher(iter([*names, (_UNKNOWN, _UNKNOWN)]), make_matcher(coarse=False))
    found: list[list[str]] = []
    for _, group in sorted(groups.items()):
        stage = [prefix + name for name in group if name != _UNKNOWN]
        if _UNKNOWN in group and found:
            found[-1].extend(stage)
        elif stage:
            found.append(stage)
    return found
