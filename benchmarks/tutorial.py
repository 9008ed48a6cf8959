"""The loop that tutorials teach: PIL images, transforms, a DataLoader, Adam, `.item()` each step."""

from __future__ import annotations

from PIL import Image
from torch import nn, optim
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

from cvlib.data.arrays import Split

BATCH_SIZE = 128
LEARNING_RATE = 1e-3


class PilImages(Dataset):
    """As torchvision.datasets.FashionMNIST: an array in memory, a PIL image for each item."""

    def __init__(self, split: Split, mean: float, std: float) -> None:
        self.split = split
        self.transform = transforms.Compose(
            [
                transforms.RandomCrop(28, padding=2),
                transforms.RandomHorizontalFlip(),
                transforms.ToTensor(),
                transforms.Normalize((mean,), (std,)),
            ]
        )

    def __len__(self) -> int:
        return len(self.split)

    def __getitem__(self, index: int):
        image = Image.fromarray(self.split.images[index, :, :, 0])
        return self.transform(image), int(self.split.labels[index])


def data_loader(split: Split, mean: float, std: float, workers: int) -> DataLoader:
    return DataLoader(
        PilImages(split, mean, std), batch_size=BATCH_SIZE, shuffle=True, num_workers=workers
    )


def train_one_epoch(model: nn.Module, loader: DataLoader, optimizer: optim.Optimizer) -> float:
    """The mean loss; nothing here is slower than it is written in tutorials, and nothing faster."""
    criterion = nn.CrossEntropyLoss()
    model.train()
    running_loss, correct, total = 0.0, 0, 0
    for images, labels in loader:
        optimizer.zero_grad()
        outputs = model(images)
        loss = criterion(outputs, labels)
        loss.backward()
        optimizer.step()
        running_loss += loss.item() * images.size(0)
        correct += (outputs.argmax(1) == labels).sum().item()
        total += labels.size(0)
    return running_loss / total
