"""Execute one planned run, in a worker process: data, training, and the result into the store."""

from __future__ import annotations

import logging
import shutil
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from cvlib.data.spec import DatasetSpec
from cvlib.errors import CvlibError, causes, fault_of_the_machine
from cvlib.files import DamagedFile, canonical_json, replace_text, sha256_text
from cvlib.models.spec import FAMILIES, BackboneSpec
from cvlib.probing.spec import LinearProbeSpec, ZeroShotSpec
from cvlib.project import Project
from cvlib.results.store import Store
from cvlib.studies.plan import PlannedRun, Starts
from cvlib.studies.spec import RunSpec, entries
from cvlib.studies.status import git_commit, package_versions, processor_name
from cvlib.studies.syntax import PACKAGE, SOURCE, code_fingerprint, version_here

if TYPE_CHECKING:
    import numpy as np

    from cvlib.analysis.feature_maps import FeatureMaps
    from cvlib.data.arrays import ImageData
    from cvlib.training.outcome import Outcome, Progress

logger = logging.getLogger(__name__)

# What makes the features of frozen backbones: a change here makes those in the cache useless.
FEATURES = ("cvlib.data.load", FAMILIES["backbone"], "cvlib.probing.features")


def features_made_by() -> dict[str, str]:
    """The code and the packages that would make features now, as `feature_identity` names them."""
    code = sha256_text(canonical_json(code_fingerprint(FEATURES)))
    return {"code": code, "timm": version_here("timm"), "torch": version_here("torch")}


@dataclass(frozen=True)
class Task:
    """A run to be made. replaces: digest of the stored result that it is to replace, '' for none.

    A result with another digest was made by another process meanwhile, and is taken as it is.
    trace: say which functions of cvlib the run calls.
    """

    run: PlannedRun
    replaces: str = ""
    trace: bool = False


# A function that was called: file relative to the folder of the package, and its first line; of
# what runs when a module is imported, line 0.
Called = frozenset[tuple[str, int]]


@dataclass(frozen=True)
class Ended:
    """How an attempt at a run ended.

    how: `done`, `failed` by its own doing (recorded in the store), `stopped` by the machine, with
    the reason, or `interrupted` on request (both keep what is stored, and the checkpoint), `held`
    (another process works on it) or `there` (another process finished it meanwhile). called: of a
    run that was traced.
    """

    how: str
    reason: str = ""
    metrics: dict[str, float] | None = None
    called: Called = frozenset()


_CHANGED = "{} changed while the run was waiting; start again"


class WeightsChanged(CvlibError):
    """The file that a run was to start from is another one by now."""


def _fault(error: Exception) -> str:
    """Why an error says nothing about the run itself; '' when it is the run's own doing."""
    if isinstance(error, DamagedFile | WeightsChanged):
        return str(error)
    return next(filter(None, map(fault_of_the_machine, causes(error))), "")


class Worker:
    """Executes runs one after another; keeps the last dataset in memory for the next run.

    on_progress is told how far a run is; a run stops, with a checkpoint, once should_stop says so.
    """

    def __init__(
        self,
        project: Project,
        device: str = "auto",
        *,
        on_progress: Callable[[Progress], None] | None = None,
        should_stop: Callable[[], bool] | None = None,
    ) -> None:
        self._project = project
        self._store = Store(project.runs)
        self._data: tuple[DatasetSpec, ImageData] | None = None
        self._commit = git_commit(project.root)
        # what training, probing and asking take alike
        self._machine: dict[str, Any] = {
            "device": device,
            "on_progress": on_progress,
            "should_stop": should_stop,
        }

    def execute(self, task: Task) -> Ended:
        """Make one run under its lock, unless another process has or does."""
        key = task.run.key
        assert key is not None, "a run is executed once its data is there"
        try:
            with self._store.lock(key) as mine:
                if not mine:
                    return Ended("held")
                if self._store.digest(key) not in ("", task.replaces):
                    return Ended("there")
                if not task.trace:
                    return self._make(task.run, key)
                with calls_traced() as called:
                    ended = self._make(task.run, key)
                return replace(ended, called=frozenset(called))
        except (OSError, MemoryError) as error:  # of the store itself
            return Ended("stopped", fault_of_the_machine(error) or str(error))

    def _make(self, planned: PlannedRun, key: str) -> Ended:
        from cvlib.training.outcome import Interrupted, RunFailed

        spec = planned.spec
        code = code_fingerprint(entries(spec))
        identity: dict[str, Any] = {
            "spec": spec.canonical(),
            "dataset_fingerprint": planned.dataset_fingerprint,
            "weights_sha256": planned.start.sha256,
        }
        provenance: dict[str, Any] = {
            "made_for": {
                "experiment": planned.experiment,
                "variant": planned.variant,
                "seed": planned.seed,
            },
            "code": code,
            "packages": package_versions(planned),
            "processor": processor_name(),
            "git_commit": self._commit,
        }
        try:
            data = self._load(spec.dataset)
            if data.fingerprint != planned.dataset_fingerprint:
                return Ended("stopped", _CHANGED.format(f"the data of {planned.name}"))
            if not data.decoded:
                provenance["packages"].pop("pillow", None)
            outcome = self._outcome(planned, data, self._scratch(key, code))
            maps = _maps(spec, data, outcome.test_features)
            self._store.write_run(
                key,
                **identity,
                metrics={
                    **outcome.metrics,
                    **(maps.metrics if maps else {}),
                    "train_images": len(data.train.labels),
                    "val_images": len(data.val.labels),
                    "test_images": len(data.test.labels),
                },
                history=outcome.history,
                logits=outcome.test_logits,
                labels=outcome.test_labels,
                ids=outcome.test_ids,
                provenance={
                    **provenance,
                    "environment": outcome.environment,
                    "unreadable_images": [f"{u.name}: {u.reason}" for u in data.unreadable],
                    **({"equal_pictures": equal} if (equal := data.equal_pictures) else {}),
                },
                weights=outcome.weights,
                tables={**outcome.tables, **(maps.tables if maps else {})},
                embedding=maps.arrays if maps else None,
            )
            return Ended("done", metrics=dict(outcome.metrics))
        except Interrupted:
            return Ended("interrupted")
        except RunFailed as failure:
            reason, lasting = str(failure), True
        except Exception as error:  # a crash of one run must not take the others with it
            if fault := _fault(error):
                return Ended("stopped", fault)
            reason, lasting = f"{type(error).__name__}: {error}", False
            traceback.print_exc()
        self._store.write_failure(
            key, **identity, reason=reason, lasting=lasting, provenance=provenance
        )
        return Ended("failed", reason)

    def _outcome(self, planned: PlannedRun, data: ImageData, workdir: Path) -> Outcome:
        """Train, probe or ask, as the spec says."""
        spec, weights = planned.spec, self._weights(planned)
        if isinstance(spec.train, ZeroShotSpec):
            from cvlib.probing.zero_shot_run import ask

            assert weights is not None
            return ask(data, spec.train, weights=weights, **self._machine)
        probing: dict[str, Any] = {
            "seed": spec.seed,
            "model": spec.model,
            "dataset": spec.dataset.model_dump(mode="json", exclude_none=True),
            "weights": weights,
            "weights_sha256": planned.start.sha256,
            "cache": self._project.data / "features",
            "code": features_made_by()["code"],
            **self._machine,
        }
        if isinstance(spec.train, LinearProbeSpec):
            from cvlib.probing.run import probe

            assert isinstance(spec.model, BackboneSpec)
            return probe(data, spec.train, **probing)
        from cvlib.training.run import train

        head = None
        if spec.train.mode == "probe_then_fine_tune":
            from cvlib.probing.run import fit_head

            head = fit_head(data, precision=spec.train.precision, **probing)
        return train(
            data,
            spec.model,
            spec.train,
            spec.seed,
            workdir=workdir,
            weights=weights,
            head=head,
            keep_features=spec.embedding is not None,
            **self._machine,
        )

    def _scratch(self, key: str, code: dict[str, str]) -> Path:
        """Checkpoint folder of a run; emptied when the code changed since, for a run is of one code."""
        folder = self._store.scratch(key)
        note, text = folder / "code.json", canonical_json(code)
        if not note.exists() or note.read_text(errors="replace") != text:
            if note.exists():
                logger.warning("%s is of other code, training starts anew", folder)
            shutil.rmtree(folder)
            replace_text(note, text)
        return folder

    def _weights(self, planned: PlannedRun) -> Path | None:
        """The file that the run starts from; it must be the one that its key was made for."""
        if not planned.start.needed:
            return None
        project, wanted = self._project, planned.start.sha256
        found = Starts(project.root, project.data, project.runs).file(planned.spec, wanted)
        if found is None or found.sha256 != wanted:
            raise WeightsChanged(_CHANGED.format(f"the pretrained weights of {planned.name}"))
        return found.path

    def _load(self, spec: DatasetSpec) -> ImageData:
        from cvlib.data.load import load

        if self._data is None or self._data[0] != spec:
            self._data = None  # let go of the old images before the new ones come
            self._data = spec, load(spec, self._project.data)
        return self._data[1]


def _maps(spec: RunSpec, data: ImageData, features: np.ndarray | None) -> FeatureMaps | None:
    """Maps of the test images' features where the spec asks for them.

    Features that cannot be mapped, such as those of a collapsed network, cost the maps and not the
    run: the reason is then all there is, as tables["maps_left_out"] {reason}.
    """
    if spec.embedding is None or features is None:
        return None
    from cvlib.analysis.feature_maps import FeatureMaps, feature_maps

    try:
        return feature_maps(
            features,
            data.test.labels,
            data.test.ids,
            data.class_names,
            perplexity=spec.embedding.perplexity,
            images=spec.embedding.images,
            seed=spec.seed,
        )
    except ValueError as error:
        return FeatureMaps(None, {}, {"maps_left_out": [{"reason": str(error)}]})


@contextmanager
def calls_traced() -> Iterator[set[tuple[str, int]]]:
    """Enter every function of cvlib that is called in the block into a set, see `Called`."""
    called: set[tuple[str, int]] = set()
    package, skip = str(SOURCE / PACKAGE), len(str(SOURCE)) + 1

    def note(frame: FrameType, event: str, _: object) -> None:
        code = frame.f_code
        if event == "call" and code.co_filename.startswith(package):
            called.add((code.co_filename[skip:], code.co_firstlineno))

    threading.setprofile(note)  # of threads that are started from here on
    sys.setprofile(note)
    try:
        yield called
    finally:
        sys.setprofile(None)
        threading.setprofile(None)  # type: ignore[arg-type]
        loaded = [getattr(module, "__file__", None) or "" for module in list(sys.modules.values())]
        called.update((file[skip:], 0) for file in loaded if file.startswith(package))
