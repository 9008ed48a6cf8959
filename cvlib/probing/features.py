"""A frozen backbone's features of many images, at the speed of its bare forward pass."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from cvlib.models.fold import folded
from cvlib.training.device import keep_freed_memory
from cvlib.training.outcome import RunFailed

if TYPE_CHECKING:
    from cvlib.models.backbone import Backbone

# Images of a batch. Measured on a CPU: 16 to 64 are equally fast, fewer or more are slower.
_BATCH_SIZES = {"cpu": 32, "cuda": 256, "mps": 128}
_MOST_WORKERS = 16  # batches at once on a CPU: with more, Python's lock would be what they wait for


def extract(
    backbone: Backbone,
    images: np.ndarray,
    *,
    device: str | torch.device,
    batch_size: int | None = None,
    autocast: bool = False,
    on_batch: Callable[[int, int], None] | None = None,
) -> np.ndarray:
    """Return the features (N, D) float32 of images (N, H, W, C) uint8, C 1 or 3, in their order.

    The backbone is copied, its batch norms are folded (cvlib/models/fold.py) and the copy computes
    on `device`, in channels_last but on MPS; `backbone` itself stays as it is. autocast: compute in
    bfloat16. on_batch: told before the first batch and after each how many images of how many are
    done; what it raises ends the extraction, and nothing is kept. Raises RunFailed if a feature is
    not finite.
    """
    place = torch.device(device)
    example = torch.from_numpy(np.zeros_like(images[:1])).permute(0, 3, 1, 2)
    model: Any = folded(backbone, example.to(next(backbone.parameters()).device)).to(place)
    if place.type != "mps":
        model.to(memory_format=torch.channels_last)
    result = in_batches(
        model.features,
        images,
        backbone.num_features,
        device=place,
        batch_size=batch_size,
        autocast=autocast,
        on_batch=on_batch,
    )
    finite = np.isfinite(result).all(axis=1)
    if not finite.all():
        broken = len(finite) - finite.sum()
        raise RunFailed(f"{broken} of {len(finite)} images have features that are not finite")
    return result


def in_batches(
    function: Callable[[Tensor], Tensor],
    images: np.ndarray,
    width: int,
    *,
    device: torch.device,
    batch_size: int | None = None,
    autocast: bool = False,
    on_batch: Callable[[int, int], None] | None = None,
) -> np.ndarray:
    """Return `function` of images (N, H, W, C) uint8, as (N, width) float32; arguments as extract's.

    function: from (B, C, H, W) uint8 in channels_last on `device` to (B, width); on a CPU it is
    called from several threads at once.
    """
    size = batch_size or _BATCH_SIZES[device.type]
    workers = 1
    if device.type == "cpu":
        workers = min(torch.get_num_threads(), _MOST_WORKERS)
        keep_freed_memory()  # else the kernel zeroes each batch's maps anew: a third of the time
    count = len(images)
    result = torch.empty(count, width, device=device)

    def one(start: int) -> None:
        # both contexts hold for a thread only
        with (
            torch.inference_mode(),
            torch.autocast(device.type, dtype=torch.bfloat16, enabled=autocast),
        ):
            # A copy, for torch takes no read-only memory (a memory map's); bytes are all that
            # travels to the device, and (N, H, W, C) seen as (N, C, H, W) is channels_last.
            batch = torch.from_numpy(np.array(images[start : start + size])).to(device)
            result[start : start + size] = function(batch.permute(0, 3, 1, 2))

    on_batch = on_batch or (lambda done, total: None)
    on_batch(0, count)
    starts = range(0, count, size)
    with closing(_each(one, starts, workers)) as finished:
        for start, _ in zip(starts, finished, strict=True):
            on_batch(min(start + size, count), count)
    return result.cpu().numpy()


def _each(
    one: Callable[[int], None], starts: Iterable[int], workers: int
) -> Generator[None, None, None]:
    """Call `one` with each of `starts`, `workers` at a time; yield when each is done, in order.

    Two batches at once, each in one thread, are done sooner than one after the other in two: no
    thread waits for another at the end of each layer (benchmarks/extraction.py).
    """
    if workers == 1:
        for start in starts:
            one(start)
            yield
        return
    threads = torch.get_num_threads()
    pool = ThreadPoolExecutor(
        workers, initializer=torch.set_num_threads, initargs=(threads // workers,)
    )
    try:
        for future in [pool.submit(one, start) for start in starts]:
            future.result()
            yield
    finally:
        pool.shutdown(cancel_futures=True)
        torch.set_num_threads(threads)  # of threads to come; this one's was never another


def feature_identity(
    backbone: Backbone,
    *,
    weights_sha256: str | None,
    seed: int,
    dataset: dict[str, Any],
    dataset_fingerprint: str,
    split: str,
    device: str,
    autocast: bool,
    code: str,
) -> dict[str, Any]:
    """All that features depend on, as plain JSON values: the key of their file.

    weights_sha256: of the file that the body was loaded from; None: it is random, from `seed`.
    dataset: the canonical dataset spec, with image_size and channels. device: its type, for seconds
    are kept with the features and a CPU's say nothing about a GPU. code: digest of the modules that
    make the features, from the caller.
    """
    spec = backbone.spec
    drawn = weights_sha256 is None or spec.stem is not None  # a small stem fits no weight file
    return {
        "backbone": spec.name,
        "weights": "random" if weights_sha256 is None else weights_sha256,
        "seed": seed if drawn else None,
        "stem": spec.stem,
        "preprocess": backbone.preprocess.describe(),
        "pooling": backbone.pooling.name,
        "dataset": dataset,
        "dataset_fingerprint": dataset_fingerprint,
        "split": split,
        "device": device,
        "precision": "bfloat16" if autocast else "float32",
        "code": code,
        "timm": version("timm"),  # the backbones' own code
        "torch": version("torch").split("+")[0],  # its kernels; a build's tag follows the device
    }
