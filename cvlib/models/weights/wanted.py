"""Weights that a run wants, of a backbone or of CLIP with both towers: found and fetched alike."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from cvlib.models.spec import BackboneSpec
from cvlib.models.timm_names import TimmEntry, timm_entry
from cvlib.models.weights import WeightsFile, WeightsMissing, cached_sha256, fetch, find
from cvlib.models.weights.clip import BOTH_TOWERS, cached_clip, fetch_clip, missing_clip


@dataclass(frozen=True)
class Wanted:
    """The weights that `spec` names; with both_towers those that zero-shot needs beside them.

    In all methods root is the project's data/weights, and a name that is not timm's a ModelError.
    """

    spec: BackboneSpec
    both_towers: bool = False

    @classmethod
    def named(cls, name: str) -> Wanted:
        """Pretrained weights by a name as `name` gives it, or by timm's without its tag."""
        spec = BackboneSpec(name=name.removesuffix(BOTH_TOWERS))
        return cls(spec, both_towers=name.endswith(BOTH_TOWERS))

    @property
    def written(self) -> str:
        """The name as it was written, whether timm knows it or not."""
        return f"{self.spec.name}{BOTH_TOWERS if self.both_towers else ''}"

    def name(self, root: Path) -> str:
        """Return timm's full name of these weights; of a file, the model's name and the PATH."""
        if self.spec.weights != "pretrained":
            return f"{self.spec.name} from {self.spec.weights}"
        return f"{self._entry(root).name}{BOTH_TOWERS if self.both_towers else ''}"

    def find(self, root: Path, project: Path) -> WeightsFile | WeightsMissing:
        """Look on this machine, without the network."""
        if not self.both_towers:
            return find(self.spec, root, project)
        entry = self._entry(root)
        path = cached_clip(entry)
        return missing_clip(entry) if path is None else _file(path, "cache", root)

    def fetch(self, root: Path, project: Path) -> WeightsFile:
        """Look here, then on the network; raises WeightsUnavailable with what was tried."""
        if not self.both_towers:
            return fetch(self.spec, root, project)
        here = self.find(root, project)
        if isinstance(here, WeightsFile):
            return here
        return _file(fetch_clip(self._entry(root)), "network", root)

    def _entry(self, root: Path) -> TimmEntry:
        return timm_entry(self.spec.name, root.parent / ".cache")


def _file(path: Path, source: Literal["cache", "network"], root: Path) -> WeightsFile:
    return WeightsFile(path, cached_sha256(path, root.parent / ".cache"), source)
