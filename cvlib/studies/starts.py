"""What each model starts from: random weights, or a file whose checksum is part of a run's key.

As with datasets, a clone holds results and no weights. So that they can be read, the store keeps
`weights.json`: for each backbone the sha256 of the file that its runs started from, or why none
could be had. A file that is on the machine counts for more than the note, but where there are
several, the noted one is taken. In a clone that has no weights of its own, and where timm was not
asked for its models yet, which takes seconds, the note is all there is to know.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cvlib.models.spec import BackboneSpec
from cvlib.probing.spec import ZeroShotSpec
from cvlib.results.files import readable_json, replace_text
from cvlib.studies.spec import RunSpec

if TYPE_CHECKING:
    from cvlib.models.weights.files import WeightsFile

NOTE = "weights.json"


@dataclass(frozen=True)
class Start:
    """What a run's weights are before its first step.

    needed: it starts from a file; sha256: of that file, None while it is unknown; is_local: the
    file is on this machine; unreachable: why it could not be had when that was tried last.
    """

    needed: bool = False
    sha256: str | None = None
    is_local: bool = False
    unreachable: str | None = None

    @property
    def is_known(self) -> bool:
        """Whether a run's key can be computed."""
        return not self.needed or self.sha256 is not None


class Starts:
    """Looks starts up for one store; each backbone is looked for once."""

    def __init__(self, project: Path, data: Path, runs: Path) -> None:
        self._project = project
        self._root = data / "weights"
        self._note = runs / NOTE
        self._known: dict[str, Start] = {}

    def find(self, spec: RunSpec) -> Start:
        """What is known without the network."""
        name = _name(spec)
        if name is None:
            return Start()
        if name not in self._known:
            noted = self._read().get(name, {})
            by_note = bool(noted) and self._nothing_but_the_note(spec)
            found = None if by_note else self.file(spec, noted.get("sha256"))
            self._known[name] = (
                Start(needed=True, sha256=noted.get("sha256"), unreachable=noted.get("unreachable"))
                if found is None
                else Start(needed=True, sha256=found.sha256, is_local=True)
            )
        return self._known[name]

    def _nothing_but_the_note(self, spec: RunSpec) -> bool:
        from cvlib.models.weights.timm_names import timm_was_asked

        if _backbone(spec).weights != "pretrained" or timm_was_asked(self._root.parent / ".cache"):
            return False
        return not self._root.is_dir() or not any(self._root.iterdir())

    def fetch(self, spec: RunSpec) -> Start:
        """The same after looking on the network, too; what came of it is written to the note."""
        name = _name(spec)
        if name is None:
            return Start()
        from cvlib.models.weights.errors import WeightsUnavailable

        noted = self._read()
        before = noted.get(name, {})
        try:
            found = self._fetched(spec, before.get("sha256"))
        except WeightsUnavailable:
            after = {**before, "unreachable": _why(spec)}
        else:
            after = {"sha256": found.sha256}
        if after != before:
            replace_text(self._note, readable_json({**noted, name: after}))
        self._known.pop(name, None)
        return self.find(spec)

    def file(self, spec: RunSpec, pinned: str | None) -> WeightsFile | None:
        """The file on this machine that a run starts from, `pinned` (a sha256) where it is there."""
        from cvlib.models.weights.files import WeightsFile, cached_sha256

        model, cache = _backbone(spec), self._root.parent / ".cache"
        if isinstance(spec.train, ZeroShotSpec):
            from cvlib.models.weights.clip import cached_clip
            from cvlib.models.weights.timm_names import timm_entry

            path = cached_clip(timm_entry(model.name, cache))
            return None if path is None else WeightsFile(path, cached_sha256(path, cache), "cache")
        from cvlib.models.weights.find import find

        found = find(model, self._root, self._project, pinned)
        return found if isinstance(found, WeightsFile) else None

    def _fetched(self, spec: RunSpec, pinned: str | None) -> WeightsFile:
        from cvlib.models.weights.files import WeightsFile, cached_sha256

        model, cache = _backbone(spec), self._root.parent / ".cache"
        if isinstance(spec.train, ZeroShotSpec):
            from cvlib.models.weights.clip import fetch_clip
            from cvlib.models.weights.timm_names import timm_entry

            path = fetch_clip(timm_entry(model.name, cache))
            return WeightsFile(path, cached_sha256(path, cache), "network")
        from cvlib.models.weights.find import fetch

        return fetch(model, self._root, self._project, pinned)

    def _read(self) -> dict[str, dict[str, Any]]:
        return json.loads(self._note.read_text()) if self._note.exists() else {}


def _backbone(spec: RunSpec) -> BackboneSpec:
    assert isinstance(spec.model, BackboneSpec)
    return spec.model


def _name(spec: RunSpec) -> str | None:
    """What a run's weights are noted under; None where it starts from random ones."""
    model = spec.model
    if not isinstance(model, BackboneSpec) or model.weights is None:
        return None
    if isinstance(spec.train, ZeroShotSpec):
        return f"{model.name}, both towers"
    return model.name if model.weights == "pretrained" else f"{model.name} from {model.weights}"


def _why(spec: RunSpec) -> str:
    # No path and no host: the note is committed. `cvlib weights list` says where was looked.
    model = _backbone(spec)
    if model.weights != "pretrained":
        return f"the weights file {model.weights} was not there"
    return (
        "its pretrained weights could not be had: not on the machine, nor from the network, nor in "
        "a package"
    )
