"""Who is measured: each a function that trains one epoch and returns images a second.

Every one builds the same network from the same seed and sees the same images. `steps` and `split`
give the same number of images to all.
"""

from __future__ import annotations

import dataclasses
import importlib.util
import logging
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import torch
from torch import nn, optim
from tutorial import BATCH_SIZE, LEARNING_RATE, data_loader, train_one_epoch

from cvlib.data.arrays import ImageData
from cvlib.data.loader import ResidentLoader, channel_statistics
from cvlib.data.spec import AugmentSpec
from cvlib.models.build import build
from cvlib.models.spec import CustomCNNSpec
from cvlib.training.optimizers import make_optimizer
from cvlib.training.run import train
from cvlib.training.spec import AdamWSpec, ConstantSpec, TrainSpec

RECIPE = TrainSpec(
    epochs=1,
    batch_size=BATCH_SIZE,
    optimizer=AdamWSpec(lr=LEARNING_RATE),
    schedule=ConstantSpec(),
    augment=AugmentSpec(crop_padding=2, flip=True),
)


class Contenders:
    """The contenders that are installed here, by name; data: train is what is trained on."""

    def __init__(self, data: ImageData, model: CustomCNNSpec, mean: float, std: float) -> None:
        self.data, self.model, self.mean, self.std = data, model, mean, std
        self.workers = 0
        self.by_name: dict[str, Callable[[], float]] = {
            "bare step": self.bare,
            "cvlib": self.cvlib,
            "tutorial": self.tutorial,
        }
        for name, module, function in (
            ("lightning", "pytorch_lightning", self.lightning),
            ("fastai", "fastai", self.fastai),
        ):
            if importlib.util.find_spec(module):
                self.by_name[name] = function
            else:
                print(f"{name} is left out: not installed (see benchmarks/README.md)")

    def choose_workers(self) -> dict[int, float]:
        """Give the DataLoader loops the number of workers that is faster for the tutorial loop."""
        rates = {}
        for self.workers in (0, 2):
            rates[self.workers] = self.tutorial()
        self.workers = max(rates, key=lambda workers: rates[workers])
        return rates

    def network(self) -> nn.Module:
        """The network that all train, from the same random weights."""
        torch.manual_seed(0)
        return build(self.model, image_size=(28, 28), channels=1, num_classes=10)

    @property
    def images(self) -> int:
        """Images of one measurement."""
        return len(self.data.train)

    def bare(self) -> float:
        """Forward, backward and step on one batch that is there: what the hardware allows."""
        mean, std = channel_statistics(self.data.train.images)
        loader = ResidentLoader(
            self.data.train, batch_size=BATCH_SIZE, device="cpu", mean=mean, std=std, seed=0
        )
        images, labels = next(iter(loader.epoch(0)))
        model = self.network().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        optimizer = make_optimizer(RECIPE, model)
        model.train()
        steps = self.images // BATCH_SIZE
        start = time.perf_counter()
        for _ in range(steps):
            optimizer.zero_grad(set_to_none=True)
            nn.functional.cross_entropy(model(images), labels).backward()
            optimizer.step()
        return steps * BATCH_SIZE / (time.perf_counter() - start)

    def cvlib(self) -> float:
        """The project's own training, as `cvlib run` calls it."""
        with tempfile.TemporaryDirectory() as folder:
            outcome = train(
                self.data, self.model, RECIPE, 0, device="cpu", workdir=Path(folder)
            )  # fmt: skip
        return float(outcome.history[0]["images_per_second"])

    def tutorial(self) -> float:
        """PIL images, a DataLoader, `.item()` at each step."""
        model = self.network()
        optimizer = optim.Adam(model.parameters(), lr=LEARNING_RATE)
        loader = data_loader(self.data.train, self.mean, self.std, self.workers)
        start = time.perf_counter()
        train_one_epoch(model, loader, optimizer)
        return self.images / (time.perf_counter() - start)

    def lightning(self) -> float:
        """pytorch-lightning with everything off that is not training."""
        import pytorch_lightning as lightning

        class Module(lightning.LightningModule):
            def __init__(self, model: nn.Module) -> None:
                super().__init__()
                self.model = model

            def training_step(self, batch, _index):
                images, labels = batch
                outputs = self.model(images)
                loss = nn.functional.cross_entropy(outputs, labels)
                self.log("loss", loss)
                self.log("accuracy", (outputs.argmax(1) == labels).float().mean())
                return loss

            def configure_optimizers(self):
                return optim.Adam(self.parameters(), lr=LEARNING_RATE)

            def on_train_start(self) -> None:
                self.started = time.perf_counter()

            def on_train_end(self) -> None:
                self.seconds = time.perf_counter() - self.started

        logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
        module = Module(self.network())
        with warnings.catch_warnings(), tempfile.TemporaryDirectory() as folder:
            warnings.simplefilter("ignore")
            trainer = lightning.Trainer(
                max_epochs=1,
                accelerator="cpu",
                logger=False,
                enable_checkpointing=False,
                enable_progress_bar=False,
                enable_model_summary=False,
                default_root_dir=folder,
            )
            trainer.fit(module, data_loader(self.data.train, self.mean, self.std, self.workers))
        return self.images / module.seconds

    def fastai(self) -> float:
        """fastai's Learner around the same DataLoader, its validation not timed."""
        import fastai.callback.progress  # noqa: F401  gives Learner its no_bar
        from fastai.callback.core import Callback
        from fastai.data.core import DataLoaders
        from fastai.learner import Learner
        from fastai.optimizer import Adam

        class Clock(Callback):
            def before_train(self) -> None:
                self.started = time.perf_counter()

            def after_train(self) -> None:
                self.seconds = time.perf_counter() - self.started

        few = dataclasses.replace(
            self.data.val,
            **{
                name: getattr(self.data.val, name)[:BATCH_SIZE]
                for name in ("images", "labels", "ids", "names")
            },
        )
        loaders = DataLoaders(
            data_loader(self.data.train, self.mean, self.std, self.workers),
            data_loader(few, self.mean, self.std, 0),
            device="cpu",
        )
        learner = Learner(loaders, self.network(), nn.CrossEntropyLoss(), opt_func=Adam)
        clock = Clock()
        with learner.no_bar(), learner.no_logging():
            learner.fit(1, lr=LEARNING_RATE, cbs=[clock])
        return self.images / clock.seconds
