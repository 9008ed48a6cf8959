"""Names as a report writes them: of datasets, classes, and settings."""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from cvlib.journal.errors import JournalError

if TYPE_CHECKING:
    from cvlib.journal.results import VariantResults
    from cvlib.results.run import Run

_DATASETS = {
    "fashion_mnist": "Fashion-MNIST",
    "cifar10": "CIFAR-10",
    "cifar100": "CIFAR-100",
    "digits": "the digits of scikit-learn",
    "dtd": "DTD",
}

# This copy of CIFAR-10 was compressed again; its numbers are not those of the original.
_PARQUET = {"cifar10-jpeg": "CIFAR-10 (JPEG q75)"}
Value = float | str | None
Key = TypeVar("Key", bound=Hashable)
Item = TypeVar("Item", bound=Hashable)

_NAMES = {
    "train.optimizer.lr": "learning rate",
    "train.schedule.name": "schedule",
    "train.schedule": "schedule",
    "train.optimizer.name": "optimizer",
    "train.head_lr": "learning rate of the head",
    "dataset.subset": "training images",
    "model.kind": "model",
    "model.name": "backbone",
}

# keys whose values are words of ours
_WORDS = ("train.schedule", "train.optimizer", "train.mode")


def dataset_words(name: str) -> str:
    """A dataset's name in prose: `Fashion-MNIST`, `the images in flowers`."""
    _kind, _, path = name.partition(":")
    if not path:
        return _DATASETS.get(name, name)
    folder = re.split(r"[\\/]", path.rstrip("\\/"))[-1]
    return _PARQUET.get(folder, f"the images in {folder}")


def listed(names: Sequence[str], most: int = 6) -> str:
    """`a, b and c`; from more than `most` the rest is counted.

    Names that hold commas themselves are set apart by semicolons.
    """
    comma = "; " if any("," in name for name in names) else ", "
    if len(names) > most:
        return f"{comma.join(names[:most])} and {len(names) - most} more"
    last = "; and " if comma == "; " else " and "
    return last.join([comma.join(names[:-1]), names[-1]] if len(names) > 1 else names)


def grouped(pairs: Iterable[tuple[Key, Item]]) -> dict[Key, list[Item]]:
    """Key -> the different items that stand with it, both in the order in which they come."""
    found: dict[Key, dict[Item, None]] = {}
    for key, item in pairs:
        found.setdefault(key, {})[item] = None
    return {key: list(items) for key, items in found.items()}


def ranged(numbers: Sequence[int], noun: str) -> str:
    """`3 seeds`, or `2–3 seeds` where they differ."""
    low, high = min(numbers), max(numbers)
    return counted(low, noun) if low == high else f"{low:,}–{high:,} {noun}s"


def counted(number: int, noun: str) -> str:
    """`1 run`, `30 runs`, `6,000 images`."""
    return f"{number:,} {noun}{'s' * (number != 1)}"


def class_names(run: Run, classes: int) -> list[str] | None:
    """One name a class, in the order of labels; None where the run was stored without them.

    They stand in the run's table `classes`, rows {name}.
    """
    names = [str(row["name"]) for row in run.tables.get("classes", [])]
    return names if len(names) >= classes else None


def short_name(name: str) -> str:
    """A class name that fits beside points: `T-shirt/top` is `T-shirt`, underscores are spaces."""
    return name.split("/")[0].replace("_", " ").strip() or name


def spec_value(variant: VariantResults, key: str) -> Value:
    """The value at a key such as `train.optimizer.lr`; None where it is off.

    Of a part with a name, such as `train.schedule`, the name: `cosine, 3 epochs of warm-up`.
    Raises JournalError that lists the keys there are when the variant has no such key.
    """
    found: Any = variant.variant.spec
    for depth, part in enumerate(key.split(".")):
        fields = type(found).model_fields if hasattr(type(found), "model_fields") else {}
        if part not in fields:
            where = ".".join(key.split(".")[:depth]) or "a run"
            raise JournalError(
                f"{variant.id} has no {key!r}; {where} has: {', '.join(fields) or 'a plain value'}"
            )
        found = getattr(found, part)
    if hasattr(type(found), "model_fields"):
        name = getattr(found, "name", None) or getattr(found, "kind", None)
        if name is not None:
            warmup = getattr(found, "warmup_epochs", None)
            return f"{name}, {warmup:g} epochs of warm-up" if warmup is not None else str(name)
        inner = ", ".join(f"{key}.{name}" for name in type(found).model_fields)
        raise JournalError(f"{key!r} has parts of its own; name one of them: {inner}")
    if isinstance(found, bool):
        return "on" if found else "off"
    return found if found is None or isinstance(found, int | float | str) else str(found)


def has_setting(variant: VariantResults, key: str) -> bool:
    """Whether the variant's spec has that key; a probe has no learning rate."""
    try:
        spec_value(variant, key)
    except JournalError:
        return False
    return True


def key_words(key: str) -> str:
    """A key as an axis names it: `learning rate`."""
    return _NAMES.get(key, key.split(".")[-1].replace("_", " "))


def value_words(key: str, value: Value) -> str:
    """The value at a key as a tick or a sentence says it: `3×10⁻⁴`, `0.01`, `one cycle`, `none`.

    Names that others gave, such as a backbone's, stay as they are.
    """
    if value is None:
        return "none"
    if isinstance(value, str):
        return value.replace("_", " ") if key.removesuffix(".name") in _WORDS else value
    if value == 0 or 1e-3 <= abs(value) < 1e5:
        return f"{value:,.6g}"
    lead, exponent = f"{value:.3e}".split("e")
    lead = lead.rstrip("0").rstrip(".")
    power = "10" + str(int(exponent)).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
    return power if lead == "1" else f"{lead}×{power}"


def in_order(values: list[Value]) -> list[Value]:
    """Different values: `none` first, numbers by size, words as they come."""
    distinct = list(dict.fromkeys(values))
    numbers = sorted(v for v in distinct if isinstance(v, int | float))
    words = [v for v in distinct if isinstance(v, str)]
    return [*([None] if None in distinct else []), *numbers, *words]
