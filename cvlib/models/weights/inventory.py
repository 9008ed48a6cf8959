"""The weights that specs ask for, as plain data and as a table: what `cvlib weights list` prints."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from cvlib.models.spec import BackboneSpec
from cvlib.models.weights.errors import ModelError
from cvlib.models.weights.files import WeightsFile, WeightsMissing
from cvlib.models.weights.find import find
from cvlib.models.weights.timm_names import timm_entry

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
    """One set of weights. name: timm's with its tag, and PATH if a spec names one.

    found: None if it is not here; then reason says why. is_fetchable: `fetch` may get it.
    """

    name: str
    spec: BackboneSpec
    found: WeightsFile | None
    reason: str | None = None
    is_fetchable: bool = False

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        file = self.found and asdict(self.found) | {
            "path": str(self.found.path),
            "size": self.found.path.stat().st_size,
        }
        return {"name": self.name, "here": bool(file), "file": file, "reason": self.reason}


def inventory(specs: Iterable[BackboneSpec], root: Path, project: Path) -> list[Item]:
    """Look up the weights of each spec that asks for some, once for each set, sorted by name."""
    items: dict[str, Item] = {}
    for spec in specs:
        if spec.weights is None:
            continue
        try:
            name = weights_name(spec, root)
            found = find(spec, root, project)
        except ModelError as error:
            items.setdefault(spec.name, Item(spec.name, spec, None, str(error)))
            continue
        if isinstance(found, WeightsFile):
            items.setdefault(name, Item(name, spec, found))
        else:
            items.setdefault(name, missing_item(name, spec, found))
    return [items[name] for name in sorted(items)]


def missing_item(name: str, spec: BackboneSpec, missing: WeightsMissing) -> Item:
    """Return the entry of weights that are not here; the way to fetch them is left to FETCH."""
    reason = missing.where if missing.is_fetchable else f"{missing.where}; {missing.advice}"
    return Item(name, spec, None, reason, missing.is_fetchable)


def weights_name(spec: BackboneSpec, root: Path) -> str:
    """Return timm's full name of a spec's weights; with a PATH, the name and the PATH."""
    if spec.weights != "pretrained":
        return f"{spec.name} from {spec.weights}"
    return timm_entry(spec.name, root.parent / ".cache").name


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
    if any(item.is_fetchable for item in items):
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
