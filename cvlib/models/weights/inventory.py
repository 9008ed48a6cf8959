"""The weights that runs want, as plain data and as a table: what `cvlib weights list` prints."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from cvlib.models.timm_names import ModelError
from cvlib.models.weights import WeightsFile, WeightsMissing
from cvlib.weights_cli import WeightsItem

FETCH = (
    "Where the hub can be reached: `cvlib weights fetch`; then `cvlib weights pack FILE` there and "
    "`cvlib weights unpack FILE` here."
)
_HEADINGS = ("backbone", "weights", "size", "sha256", "file")
_FROM = {
    "file": "here, a file",
    "cache": "here, the hub's cache",
    "network": "here, fetched",
    "package": "here, a package",
}


@dataclass(frozen=True)
class Item:
    """One set of weights. name: as Wanted.name gives it.

    found: None if it is not here; then reason says why. can_be_carried: not here, but where `fetch`
    gets it, `pack` takes it.
    """

    name: str
    wanted: WeightsItem
    found: WeightsFile | None
    reason: str | None = None
    can_be_carried: bool = False

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        file = self.found and asdict(self.found) | {
            "path": str(self.found.path),
            "size": self.found.path.stat().st_size,
        }
        return {"name": self.name, "here": bool(file), "file": file, "reason": self.reason}


def inventory(wanted: Iterable[WeightsItem], root: Path, project: Path) -> list[Item]:
    """Look up the weights of all that do not start from random ones, once each, sorted by name."""
    items: dict[str, Item] = {}
    for one in wanted:
        if one.spec.weights is None:
            continue
        try:
            name = one.name(root)
            if name in items:
                continue
            found = one.find(root, project)
        except ModelError as error:
            items.setdefault(one.written, Item(one.written, one, None, str(error)))
            continue
        if isinstance(found, WeightsFile):
            items[name] = Item(name, one, found)
        else:
            items[name] = missing_item(name, one, found)
    return [items[name] for name in sorted(items)]


def missing_item(name: str, wanted: WeightsItem, missing: WeightsMissing) -> Item:
    """Return the entry of weights that are not here; the usual way to get them is left to FETCH."""
    can_be_carried = missing.is_fetchable and not wanted.both_towers
    reason = missing.where if can_be_carried else f"{missing.where}; {missing.advice}"
    return Item(name, wanted, None, reason, can_be_carried)


def inventory_text(items: list[Item], project: Path) -> str:
    """Return an aligned table; below it, why the missing ones are missing."""
    if not items:
        return "no experiment asks for pretrained weights"
    rows = [_HEADINGS] + [_row(item, project) for item in items]
    widths = [max(len(row[i]) for row in rows) for i in range(len(_HEADINGS))]
    lines = [
        "  ".join(
            cell.rjust(width) if i == 2 else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
    if missing := [item for item in items if item.reason]:
        lines += ["", *(f"{item.name}: {item.reason}" for item in missing)]
    if any(item.can_be_carried for item in items):
        lines += ["", FETCH]
    return "\n".join(lines)


def _row(item: Item, project: Path) -> tuple[str, ...]:
    found = item.found
    if found is None:
        return (item.name, "not here", "", "", "")
    path = found.path
    shown = path.relative_to(project) if path.is_relative_to(project) else path
    size = megabytes(path.stat().st_size)
    return (item.name, _FROM[found.source], size, found.sha256[:12], str(shown))


def megabytes(size: int) -> str:
    """Return a size for people: `17.2 MB`, of a million bytes."""
    return f"{size / 1e6:.1f} MB"
