"""Content fingerprints of datasets: computed where the data is, remembered where it is not.

A clone of the project holds results but no data. So that they can be read, the store keeps
`datasets.json`: the fingerprint of every dataset its runs were trained on. Where the data is on
the machine the fingerprint is computed from it, and the note is not believed.
"""

from __future__ import annotations

import json
from pathlib import Path

from cvlib.data.spec import DatasetSpec
from cvlib.results.files import canonical_json, readable_json, replace_text

NOTE = "datasets.json"


class Fingerprints:
    """Looks fingerprints up for one store; each dataset is asked for once."""

    def __init__(self, data: Path, runs: Path) -> None:
        self._data = data
        self._note = runs / NOTE
        self._known: dict[str, tuple[str | None, bool]] = {}

    def find(self, spec: DatasetSpec) -> tuple[str | None, bool]:
        """Return (fingerprint, whether the data is on this machine); None when neither knows it."""
        name = _name(spec)
        if name not in self._known:
            from cvlib.data.fingerprint import local_fingerprint

            found = local_fingerprint(spec, self._data)
            self._known[name] = (self._read().get(name), False) if found is None else (found, True)
        return self._known[name]

    def fetch(self, spec: DatasetSpec) -> str:
        """Fingerprint of a dataset after fetching it if need be; written to the store's note."""
        from cvlib.data.load import fetch, fingerprint

        fetch(spec, self._data)
        found = fingerprint(spec, self._data)
        self._known[_name(spec)] = found, True
        noted = self._read()
        if noted.get(_name(spec)) != found:
            noted[_name(spec)] = found
            replace_text(self._note, readable_json(noted))
        return found

    def _read(self) -> dict[str, str]:
        return json.loads(self._note.read_text()) if self._note.exists() else {}


def _name(spec: DatasetSpec) -> str:
    return canonical_json(spec.model_dump(mode="json", exclude_none=True))
