"""Images a second of extracting features, side by side in one run: EfficientNet-Lite0 at 96 pixels.

    python benchmarks/extraction.py --json extraction.json       about 6 minutes on 2 cores

Contenders take turns, so that a machine that slows down slows all of them; a ratio is the median
of the ratios within each turn. See benchmarks/README.md for what is compared and why it is fair.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

import numpy as np
import torch
from common import fashion_mnist, machine, parser, pretrained, restore_start_method, write_json
from PIL import Image
from timm.data import create_transform
from torch.utils.data import DataLoader, Dataset
from turns import measure, print_table, summarise

from cvlib.models.backbone import Backbone
from cvlib.models.fold import folded
from cvlib.models.spec import BackboneSpec
from cvlib.probing.features import extract
from cvlib.training.device import keep_freed_memory

SPEC = BackboneSpec(name="tf_efficientnet_lite0", image_size=96)
CEILING, OURS = "bare folded", "cvlib, colour"
TARGETS = {CEILING: 0.95}


class Pictures(Dataset):
    """(N, H, W, C) uint8 as the tutorials read them: a PIL image, then a transform."""

    def __init__(self, images: np.ndarray, transform: Callable[[Image.Image], Any]) -> None:
        self.images, self.transform = images, transform

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> torch.Tensor:
        return self.transform(Image.fromarray(self.images[index].squeeze()).convert("RGB"))


class Contenders:
    """Who is measured: each a function that returns images a second.

    grey: Fashion-MNIST, 28 pixels a side; colour: the same pictures enlarged to 96 and tinted, so
    that bytes, shape and layout are those of colour pictures. The network is one for all.
    """

    def __init__(self, images: int, batch_size: int) -> None:
        self.size, self.workers = batch_size, 0
        whole = fashion_mnist(val_fraction=0.1).train.images
        self.grey = np.ascontiguousarray(np.resize(whole[:images], (images, 28, 28, 1)))
        enlarged = [Image.fromarray(picture[..., 0]).resize((96, 96)) for picture in self.grey]
        bright = np.stack([np.asarray(picture) for picture in enlarged])
        self.colour = np.stack([bright, bright // 2, 255 - bright], axis=3)
        torch.manual_seed(0)
        self.backbone = Backbone(SPEC, num_classes=10, weights=pretrained(SPEC).path).eval()
        inside = self.backbone.preprocess
        self.transform = create_transform(
            input_size=inside.size,
            crop_pct=inside.crop,
            interpolation=inside.interpolation,
            mean=tuple(inside.mean.flatten().tolist()),
            std=tuple(inside.std.flatten().tolist()),
        )
        self.by_name: dict[str, Callable[[], float]] = {
            "one at a time": self.one_at_a_time,
            "DataLoader": self.data_loader,
            "batched": self.batched,
            "bare": lambda: self.bare(self.backbone),
            CEILING: lambda: self.bare(folded(self.backbone, torch.zeros(1, 3, 96, 96))),
            "cvlib, grey": lambda: self.cvlib(self.grey),
            OURS: lambda: self.cvlib(self.colour),
        }

    @torch.inference_mode()
    def one_at_a_time(self) -> float:
        """A PIL image, timm's transform, one image a forward pass: an eighth of the images."""
        pictures = Pictures(self.colour[: len(self.colour) // 8], self.transform)
        start = time.perf_counter()
        for index in range(len(pictures)):
            self.backbone.pooled(pictures[index][None])
        return len(pictures) / (time.perf_counter() - start)

    @torch.inference_mode()
    def data_loader(self) -> float:
        """The same transform in a DataLoader; starting its processes is on the clock."""
        pictures = Pictures(self.colour, self.transform)
        start = time.perf_counter()
        for batch in DataLoader(pictures, batch_size=self.size, num_workers=self.workers):
            self.backbone.pooled(batch)
        return len(pictures) / (time.perf_counter() - start)

    @torch.inference_mode()
    def batched(self) -> float:
        """Preprocessed a batch at a time, channels_last, batch norms as they are."""
        model = self.backbone.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        start = time.perf_counter()
        for first in range(0, len(self.colour), self.size):
            batch = torch.from_numpy(self.colour[first : first + self.size])
            model.features(batch.permute(0, 3, 1, 2))
        return len(self.colour) / (time.perf_counter() - start)

    @torch.inference_mode()
    def bare(self, model: Any) -> float:
        """One preprocessed batch in channels_last, again and again through the body alone."""
        model = model.to(memory_format=torch.channels_last)
        pictures = torch.from_numpy(self.colour[: self.size]).permute(0, 3, 1, 2)
        batch = model.preprocess(pictures)
        batches = len(self.colour) // self.size
        model.pooled(batch)
        start = time.perf_counter()
        for _ in range(batches):
            model.pooled(batch)
        return batches * self.size / (time.perf_counter() - start)

    def cvlib(self, images: np.ndarray) -> float:
        """The project's own extraction, from bytes to an array: copying and folding on the clock."""
        start = time.perf_counter()
        extract(self.backbone, images, device="cpu", batch_size=self.size)
        return len(images) / (time.perf_counter() - start)

    @torch.inference_mode()
    def least_cosine(self) -> float:
        """Of all images, the least cosine between the unfolded network's features and ours."""
        some = self.colour[:128]
        ours = torch.from_numpy(extract(self.backbone, some, device="cpu")).double()
        plain = self.backbone.features(torch.from_numpy(some).permute(0, 3, 1, 2)).double()
        return torch.cosine_similarity(ours, plain).min().item()


def serve(pipe: Connection, name: str, threads: int, workers: int, *arguments: int) -> None:
    """Run one contender in a process of its own, each time it is asked to."""
    torch.set_num_threads(threads)
    restore_start_method()
    contenders = Contenders(*arguments)
    contenders.workers = workers
    if name.startswith("bare"):
        # ceilings get what cvlib gives itself; the others run as their users start them
        keep_freed_memory()
    while pipe.recv():
        pipe.send(contenders.by_name[name]())


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--images", type=int, default=2560, help="images of one measurement")
    arguments.add_argument("--batch-size", type=int, default=32, help="of all that batch")
    arguments.add_argument("--repeats", type=int, default=5, help="turns that count")
    options = arguments.parse_args()
    torch.set_num_threads(options.threads)
    facts = machine(options.threads)

    contenders = Contenders(options.images, options.batch_size)
    cosine = contenders.least_cosine()
    by_workers = {}
    for contenders.workers in (0, 2):
        by_workers[contenders.workers] = contenders.data_loader()
    workers = max(by_workers, key=lambda count: by_workers[count])
    print(f"DataLoader workers: {workers} (images/s of each: {by_workers})")
    rates = measure(
        serve,
        list(contenders.by_name),
        options.repeats,
        options.threads,
        workers,
        options.images,
        options.batch_size,
    )
    rows = summarise(rates, OURS, TARGETS)

    print(f"\n{facts}\nleast cosine of folded and unfolded features: {cosine:.8f}\n")
    print_table(rows, OURS)
    write_json(
        options.json,
        {
            "machine": facts,
            "model": SPEC.model_dump(mode="json"),
            "least_cosine": cosine,
            "workers": workers,
            "rates": rates,
            "summary": rows,
        },
    )


if __name__ == "__main__":
    main()
