"""What each model starts from: random weights, or a file whose checksum is part of a run's key.

As with datasets, a clone holds results and no weights. So that they can be read, the store keeps
`weights.json`: for each backbone the sha256 of the file that its runs started from, or why none
could be had. A file that is on the machine counts for more than the note, but where there are
several, the noted one is taken.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cvlib.models.spec import BackboneSpec, ModelSpec
from cvlib.results.files import readable_json, replace_text

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

    def find(self, model: ModelSpec) -> Start:
        """What is known without the network."""
        if not isinstance(model, BackboneSpec) or model.weights is None:
            return Start()
        name = _name(model)
        if name not in self._known:
            self._known[name] = self._look(model, name)
        return self._known[name]

    def fetch(self, model: ModelSpec) -> Start:
        """The same after looking on the network, too; what came of it is written to the note."""
        if not isinstance(model, BackboneSpec) or model.weights is None:
            return Start()
        from cvlib.models.weights.errors import WeightsUnavailable
        from cvlib.models.weights.find import fetch

        name = _name(model)
        noted = self._read()
        before = noted.get(name, {})
        try:
            found = fetch(model, self._root, self._project, before.get("sha256"))
        except WeightsUnavailable:
            after = {**before, "unreachable": _why(model)}
        else:
            after = {"sha256": found.sha256}
        if after != before:
            replace_text(self._note, readable_json({**noted, name: after}))
        self._known[name] = self._look(model, name)
        return self._known[name]

    def _look(self, model: BackboneSpec, name: str) -> Start:
        from cvlib.models.weights.files import WeightsFile
        from cvlib.models.weights.find import find

        noted = self._read().get(name, {})
        found = find(model, self._root, self._project, noted.get("sha256"))
        if isinstance(found, WeightsFile):
            return Start(needed=True, sha256=found.sha256, is_local=True)
        return Start(needed=True, sha256=noted.get("sha256"), unreachable=noted.get("unreachable"))

    def _read(self) -> dict[str, dict[str, Any]]:
        return json.loads(self._note.read_text()) if self._note.exists() else {}


def _name(model: BackboneSpec) -> str:
    return model.name if model.weights == "pretrained" else f"{model.name} from {model.weights}"


def _why(model: BackboneSpec) -> str:
    # No path and no host: the note is committed. `cvlib weights list` says where was looked.
    if model.weights != "pretrained":
        return f"the weights file {model.weights} was not there"
    return (
        "its pretrained weights could not be had: not on the machine, nor from the network, nor in "
        "a package"
    )
