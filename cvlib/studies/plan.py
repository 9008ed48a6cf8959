"""From an experiment to its runs: one resolved spec and one key for each variant and seed.

A run's key holds what it starts from: the content of its data, and the file of pretrained weights.
A clone of the project holds results but neither of these. So that the results can be read, the
store keeps two notes: `datasets.json`, the fingerprint of every dataset that its runs were trained
on, and `weights.json`, for each backbone the sha256 of the file that its runs started from, or why
none could be had. What is on the machine counts for more than a note; of several files of weights
the noted one is taken. In a clone that has no weights of its own, and where timm was not asked for
its models yet, which takes seconds, the note is all there is to know.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cvlib.data.spec import DatasetSpec
from cvlib.files import DamagedFile, canonical_json, read_note, update_note
from cvlib.models.spec import BackboneSpec
from cvlib.models.timm_names import ModelError
from cvlib.probing.spec import ZeroShotSpec
from cvlib.project import ProjectError
from cvlib.results.store import run_key
from cvlib.studies.experiment import Experiment
from cvlib.studies.spec import RunSpec
from cvlib.yaml_source import SpecError

if TYPE_CHECKING:
    from cvlib.models.weights import WeightsFile

_log = logging.getLogger(__name__)

DATASETS_NOTE = "datasets.json"
WEIGHTS_NOTE = "weights.json"
_KEY_PREFIX = re.compile(r"[0-9a-f]{6,64}")


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


@dataclass(frozen=True)
class PlannedRun:
    """One run that an experiment asks for.

    key: None while the content of its data, or of the weights that it starts from, is unknown.
    """

    experiment: str
    variant: str
    seed: int
    spec: RunSpec
    dataset_fingerprint: str | None
    data_is_local: bool
    start: Start

    @property
    def key(self) -> str | None:
        """sha256 over canonical spec, dataset fingerprint and checksum of pretrained weights."""
        if self.dataset_fingerprint is None or (self.start.needed and self.start.sha256 is None):
            return None
        return run_key(self.spec.canonical(), self.dataset_fingerprint, self.start.sha256)

    @property
    def name(self) -> str:
        """For messages: `exp01/base seed 0`."""
        return f"{self.experiment}/{self.variant} seed {self.seed}"

    def _has_name(self, name: str) -> bool:
        if _KEY_PREFIX.fullmatch(name) and self.key is not None and self.key.startswith(name):
            return True
        full = f"{self.experiment}/{self.variant}"
        return name in (self.variant, full, f"{self.variant}@{self.seed}", f"{full}@{self.seed}")


@dataclass(frozen=True)
class Plan:
    """All runs of one experiment in one profile, variants in order, seeds within."""

    experiment: Experiment
    runs: tuple[PlannedRun, ...]


def resolve(experiment: Experiment, fingerprints: Fingerprints, starts: Starts) -> Plan:
    """Resolve every run of an experiment; fetches nothing.

    Raises SpecError that names the variant whose backbone timm does not know, or that is no CLIP
    though it is asked zero-shot.
    """
    runs = []
    for variant in experiment.variants:
        fingerprint, is_local = fingerprints.find(variant.spec.dataset)
        try:
            start = starts.find(variant.spec)
        except ModelError as error:
            raise SpecError(f"{experiment.id}/{variant.name}: {error}") from error
        for seed in variant.seeds:
            runs.append(
                PlannedRun(
                    experiment=experiment.id,
                    variant=variant.name,
                    seed=seed,
                    spec=variant.spec.model_copy(update={"seed": seed}),
                    dataset_fingerprint=fingerprint,
                    data_is_local=is_local,
                    start=start,
                )
            )
    return Plan(experiment, tuple(runs))


def named_runs(runs: Sequence[PlannedRun], names: Iterable[str]) -> list[PlannedRun]:
    """The runs that have one of these names, in their own order, each once.

    A name is a variant (all its seeds), a variant and a seed (`probe@1`), either with its experiment
    before it (`exp02/probe@1`), or a run's key, at least its first 6 digits. Raises ProjectError
    with the nearest names for one that no run has.
    """
    names = list(names)
    for name in names:
        if not any(run._has_name(name) for run in runs):
            raise ProjectError(_no_such_run(runs, name))
    return [run for run in runs if any(run._has_name(name) for name in names)]


def _no_such_run(runs: Sequence[PlannedRun], name: str) -> str:
    variants = list(dict.fromkeys(run.variant for run in runs))
    plain, at, seed = name.rpartition("@")
    if at and (of := [run for run in runs if run._has_name(plain)]):
        there = ", ".join(dict.fromkeys(str(run.seed) for run in of))
        return f"{plain} is not run with seed {seed!r}; seeds: {there}"
    near = get_close_matches(name.rpartition("/")[2].partition("@")[0], variants, n=3)
    hint = f"did you mean {' or '.join(near)}?" if near else f"variants: {', '.join(variants)}"
    experiments = ", ".join(dict.fromkeys(run.experiment for run in runs))
    return (
        f"{experiments}: no run {name!r}; {hint} A run is named by variant, variant@seed, "
        "experiment/variant, or 6 or more digits of its key."
    )


class Fingerprints:
    """Looks the content of datasets up for one store; each dataset is asked for once."""

    def __init__(self, data: Path, runs: Path) -> None:
        self._data = data
        self._note = runs / DATASETS_NOTE
        self._known: dict[str, tuple[str | None, bool]] = {}

    def find(self, spec: DatasetSpec) -> tuple[str | None, bool]:
        """Return (fingerprint, whether the data is on this machine); None when neither knows it."""
        name = canonical_json(spec.model_dump(mode="json", exclude_none=True))
        if name not in self._known:
            from cvlib.data.fingerprint import local_fingerprint

            found = local_fingerprint(spec, self._data)
            self._known[name] = (found, True) if found else (_noted(self._note, name), False)
        return self._known[name]

    def fetch(self, spec: DatasetSpec) -> str:
        """Fingerprint of a dataset after fetching it if need be; written to the store's note."""
        from cvlib.data.load import fetch, fingerprint

        fetch(spec, self._data)
        found = fingerprint(spec, self._data)
        name = canonical_json(spec.model_dump(mode="json", exclude_none=True))
        self._known[name] = found, True
        update_note(self._note, lambda noted: noted.update({name: found}), mend=self._anew)
        return found

    def _anew(self, damage: DamagedFile) -> dict[str, Any]:
        """What a damaged note is made from: the data that are here."""
        _log.warning("%s; it is made anew from the data that are here", damage)
        return {name: found for name, (found, is_local) in self._known.items() if is_local}


class Starts:
    """Looks up what models start from, for one store; each backbone is looked for once."""

    def __init__(self, project: Path, data: Path, runs: Path) -> None:
        self._project = project
        self._root = data / "weights"
        self._cache = data / ".cache"
        self._note = runs / WEIGHTS_NOTE
        self._known: dict[str, Start] = {}

    def find(self, spec: RunSpec) -> Start:
        """What is known without the network."""
        name = _weights_name(spec)
        if name is None:
            return Start()
        if name not in self._known:
            noted = _noted(self._note, name) or {}
            by_note = bool(noted) and self._nothing_but_the_note(spec)
            found = None if by_note else self.file(spec, noted.get("sha256"))
            self._known[name] = (
                Start(True, found.sha256, is_local=True) if found else Start(True, **noted)
            )
        return self._known[name]

    def _nothing_but_the_note(self, spec: RunSpec) -> bool:
        from cvlib.models.timm_names import timm_was_asked

        if _backbone(spec).weights != "pretrained" or timm_was_asked(self._cache):
            return False
        return not self._root.is_dir() or not any(self._root.iterdir())

    def fetch(self, spec: RunSpec) -> Start:
        """The same after looking on the network, too; what came of it is written to the note."""
        name = _weights_name(spec)
        if name is None:
            return Start()
        before = _noted(self._note, name) or {}
        found = self.file(spec, before.get("sha256"), fetch=True)
        given = _backbone(spec).weights
        # No path and no host: the note is committed. `cvlib weights list` says where was looked.
        why = (
            "its pretrained weights could not be had: not on the machine, nor from the network, nor "
            "in a package"
            if given == "pretrained"
            else f"the weights file {given} was not there"
        )
        after = {"sha256": found.sha256} if found else {**before, "unreachable": why}
        update_note(self._note, lambda noted: noted.update({name: after}))
        self._known.pop(name, None)
        return self.find(spec)

    def file(self, spec: RunSpec, pinned: str | None, fetch: bool = False) -> WeightsFile | None:
        """The file that a run starts from, `pinned` (a sha256) where it is there.

        fetch: look on the network, too. None where it cannot be had.
        """
        from cvlib.models.weights import WeightsFile, find

        both = isinstance(spec.train, ZeroShotSpec)
        found = find(_backbone(spec), self._project, pinned, both_towers=both, fetch=fetch)
        return found if isinstance(found, WeightsFile) else None


def _noted(note: Path, name: str) -> Any:
    """What a note says under a name, or None. Raises DamagedFile that says how to get it back."""
    try:
        entry = read_note(note).get(name)
        said = entry if isinstance(entry, dict) else {"sha256": entry or ""}
        if not all(k in ("sha256", "unreachable") and isinstance(v, str) for k, v in said.items()):
            raise DamagedFile(f"{note} was altered: of {name} it says {entry!r}")
        return entry
    except DamagedFile as error:
        raise DamagedFile(
            f"{error}. Get it back with `git checkout -- {note.name}` in {note.parent}, or delete "
            "it: `cvlib run` writes it anew where data and weights are"
        ) from error


def _backbone(spec: RunSpec) -> BackboneSpec:
    assert isinstance(spec.model, BackboneSpec)
    return spec.model


def _weights_name(spec: RunSpec) -> str | None:
    """What a run's weights are noted under; None where it starts from random ones."""
    model = spec.model
    if not isinstance(model, BackboneSpec) or model.weights is None:
        return None
    if isinstance(spec.train, ZeroShotSpec):
        return f"{model.name}, both towers"
    return model.name if model.weights == "pretrained" else f"{model.name} from {model.weights}"
