"""A small vision transformer for images of any size, from scratch: the data-hungry control."""

from __future__ import annotations

from pathlib import Path

from timm.models.vision_transformer import VisionTransformer

from cvlib.models.spec import CustomViTSpec
from cvlib.models.stages import stages


def build_network(
    spec: CustomViTSpec,
    *,
    image_size: tuple[int, int],
    channels: int,
    num_classes: int,
    weights: Path | None = None,
) -> CustomViT:
    """The network of `spec` with random weights; `weights` is always None (see build.py)."""
    return CustomViT(spec, image_size=image_size, channels=channels, num_classes=num_classes)


class CustomViT(VisionTransformer):
    """`(N, channels, H, W)` float images to `(N, num_classes)` logits (Dosovitskiy et al., 2021).

    timm's transformer: learned position embeddings, norm before attention and MLP, MLP of 4 times
    the width. Pooling `average` has no class token and its norm after the mean of the patches.
    """

    def __init__(
        self, spec: CustomViTSpec, *, image_size: tuple[int, int], channels: int, num_classes: int
    ) -> None:
        """Raises ValueError for an image that patches do not fill."""
        _check_patches(spec.patch_size, image_size)
        dropout = spec.dropout or 0.0
        super().__init__(
            img_size=image_size,
            patch_size=spec.patch_size,
            in_chans=channels,
            num_classes=num_classes,
            global_pool="token" if spec.pooling == "cls" else "avg",
            class_token=spec.pooling == "cls",
            embed_dim=spec.width,
            depth=spec.depth,
            num_heads=spec.heads,
            # After the position embeddings and after each dense layer but the keys' and queries'
            # (Dosovitskiy et al., 2021, B.1).
            pos_drop_rate=dropout,
            proj_drop_rate=dropout,
            drop_path_rate=spec.drop_path or 0.0,
        )

    def stages(self) -> list[list[str]]:
        """Parameter names from input to output: embeddings, then each block; not the head."""
        return stages(self, leave_out=("head.weight", "head.bias"))


def _check_patches(patch: int, image_size: tuple[int, int]) -> None:
    height, width = image_size
    if min(image_size) < patch:
        raise ValueError(
            f"images of {height}x{width} are smaller than one patch of {patch} pixels: choose a "
            "smaller patch_size, or set the dataset's image_size"
        )
    if height % patch or width % patch:
        fitting = [
            side for side in range(1, min(image_size) + 1) if not (height % side or width % side)
        ]
        raise ValueError(
            f"images of {height}x{width} do not divide into patches of {patch} pixels: patch_size "
            f"can be {', '.join(map(str, fitting))}, or set the dataset's image_size"
        )
