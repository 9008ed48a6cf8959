"""Execute one planned run, in a worker process: data, training, and the result into the store."""

from __future__ import annotations

import shutil
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cvlib.data.spec import DatasetSpec
from cvlib.project import Project
from cvlib.results.files import canonical_json, replace_text, sha256_text
from cvlib.results.store import Store
from cvlib.studies.code import FEATURES, code_fingerprint, entries
from cvlib.studies.environment import git_commit, package_versions, processor_name
from cvlib.studies.plan import PlannedRun
from cvlib.studies.procedure import Resources, carry_out
from cvlib.studies.starts import Starts

if TYPE_CHECKING:
    from cvlib.data.arrays import ImageData
    from cvlib.training.outcome import Progress


@dataclass(frozen=True)
class Ended:
    """How an attempt at a run ended.

    how: `done`, `failed` (recorded in the store), `interrupted` (a checkpoint is kept), `held`
    (another process works on it) or `there` (another process finished it meanwhile).
    """

    key: str
    how: str
    reason: str = ""
    metrics: dict[str, float] | None = None


@dataclass(frozen=True)
class Task:
    """A run to be made. replaces: digest of the stored result that it is to replace, '' for none.

    A result with another digest was made by another process meanwhile, and is taken as it is.
    """

    run: PlannedRun
    replaces: str = ""


class Executor:
    """Executes runs one after another; keeps the last dataset in memory for the next run."""

    def __init__(self, layout: Project, device: str = "auto") -> None:
        self._layout = layout
        self._store = Store(layout.runs)
        self._device = device
        self._data: tuple[DatasetSpec, ImageData] | None = None
        self._commit = git_commit(layout.root)

    def execute(
        self,
        task: Task,
        *,
        on_progress: Callable[[Progress], None] | None = None,
        should_stop: Callable[[], bool] | None = None,
    ) -> Ended:
        """Train one run under its lock, unless another process has or does."""
        planned, key = task.run, task.run.key
        assert key is not None, "a run is executed once its data is there"
        with self._store.lock(key) as mine:
            if not mine:
                return Ended(key, "held")
            if self._store.digest(key) not in ("", task.replaces):
                return Ended(key, "there")
            return self._train(planned, key, on_progress, should_stop)

    def _train(
        self,
        planned: PlannedRun,
        key: str,
        on_progress: Callable[[Progress], None] | None,
        should_stop: Callable[[], bool] | None,
    ) -> Ended:
        from cvlib.training.outcome import Interrupted, RunFailed

        spec = planned.spec
        code = code_fingerprint(entries(spec))
        identity: dict[str, Any] = {
            "spec": spec.canonical(),
            "dataset_fingerprint": planned.dataset_fingerprint,
            "weights_sha256": planned.start.sha256,
        }
        provenance = {
            "made_for": {
                "experiment": planned.experiment,
                "variant": planned.variant,
                "seed": planned.seed,
            },
            "code": code,
            "packages": package_versions(),
            "processor": processor_name(),
            "git_commit": self._commit,
        }
        try:
            data = self._load(spec.dataset)
            if data.fingerprint != planned.dataset_fingerprint:
                raise RuntimeError(
                    f"the data of {planned.name} changed while the run was waiting; run it again"
                )
            resources = Resources(
                device=self._device,
                workdir=self._scratch(key, code),
                features=self._layout.data / "features",
                code=sha256_text(canonical_json(code_fingerprint(FEATURES))),
                weights=self._weights(planned),
                weights_sha256=planned.start.sha256,
                on_progress=on_progress,
                should_stop=should_stop,
            )
            outcome, maps = carry_out(spec, data, resources)
        except Interrupted:
            return Ended(key, "interrupted")
        except RunFailed as failure:
            reason, lasting = str(failure), True
        except Exception as error:  # a crash of one run must not take the others with it
            reason, lasting = f"{type(error).__name__}: {error}", False
            traceback.print_exc()
        else:
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
                },
                weights=outcome.weights,
                tables={**outcome.tables, **(maps.tables if maps else {})},
                embedding=maps.arrays if maps else None,
            )
            return Ended(key, "done", metrics=dict(outcome.metrics))
        self._store.write_failure(
            key, **identity, reason=reason, lasting=lasting, provenance=provenance
        )
        return Ended(key, "failed", reason)

    def _scratch(self, key: str, code: dict[str, str]) -> Path:
        """Checkpoint folder of a run; emptied when the code changed since, for a run is of one code."""
        folder = self._store.scratch(key)
        note, text = folder / "code.json", canonical_json(code)
        if not note.exists() or note.read_text() != text:
            shutil.rmtree(folder)
            replace_text(note, text)
        return folder

    def _weights(self, planned: PlannedRun) -> Path | None:
        """The file that the run starts from; it must be the one that its key was made for."""
        if not planned.start.needed:
            return None
        layout, wanted = self._layout, planned.start.sha256
        starts = Starts(layout.root, layout.data, layout.runs)
        found = starts.file(planned.spec, wanted)
        if found is None or found.sha256 != wanted:
            raise RuntimeError(
                f"the pretrained weights of {planned.name} changed while the run was waiting; "
                "run it again"
            )
        return found.path

    def _load(self, spec: DatasetSpec) -> ImageData:
        from cvlib.data.load import load

        if self._data is None or self._data[0] != spec:
            self._data = None  # let go of the old images before the new ones come
            self._data = spec, load(spec, self._layout.data)
        return self._data[1]
