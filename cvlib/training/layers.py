"""What of a pretrained body is trained, and how fast each layer of it learns."""

from __future__ import annotations

from typing import Any

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from cvlib.training.spec import TrainSpec


def freeze(model: nn.Module, unfrozen_stages: int | None) -> None:
    """Train only the head and the last `unfrozen_stages` stages of the body; None: everything.

    Raises ValueError for more stages than the body has.
    """
    if unfrozen_stages is None:
        return
    stages = _stages(model)
    if unfrozen_stages > len(stages):
        raise ValueError(
            f"train.unfrozen_stages is {unfrozen_stages}, but this backbone has {len(stages)} "
            "stages: give a smaller number, or null to train all of it"
        )
    frozen = {name for stage in stages[: len(stages) - unfrozen_stages] for name in stage}
    for name, parameter in model.named_parameters():
        if name in frozen:
            parameter.requires_grad_(False)


def lr_factors(model: nn.Module, spec: TrainSpec) -> dict[str, float]:
    """Name of each parameter -> its learning rate as a multiple of the recipe's.

    The head has head_lr / lr. With `layer_decay` d, the last stage of the body has d, the one
    before it d**2, and so on (Bao et al., 2022, "BEiT", and Clark et al., 2020, "ELECTRA").
    """
    factors = dict.fromkeys((name for name, _ in model.named_parameters()), 1.0)
    if spec.head_lr is None and spec.layer_decay is None:
        return factors
    stages = _stages(model)
    body = {name for stage in stages for name in stage}
    if spec.head_lr is not None:
        head = spec.head_lr / spec.optimizer.lr
        factors = {name: factor if name in body else head for name, factor in factors.items()}
    if spec.layer_decay is not None:
        for distance, stage in enumerate(reversed(stages), start=1):
            factors.update(dict.fromkeys(stage, spec.layer_decay**distance))
    return factors


def train_mode(model: nn.Module, batch_norm: str | None) -> None:
    """Training mode, but for batch norms that are frozen: their statistics stay as they were.

    Those are the ones whose scale is frozen; with batch_norm `frozen`, all of them. Their scale and
    offset are trained as the recipe says, either way.
    """
    model.train()
    for module in model.modules():
        if isinstance(module, _BatchNorm) and (
            batch_norm == "frozen" or (module.affine and not module.weight.requires_grad)
        ):
            module.eval()


def _stages(model: Any) -> list[list[str]]:
    if not hasattr(model, "stages"):
        raise ValueError(f"{type(model).__name__} is no backbone: it is trained whole")
    return model.stages()
