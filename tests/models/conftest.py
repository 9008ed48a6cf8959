"""A project with empty caches, and weights made up in the layout of the hub's cache."""

import hashlib
import json
import shutil
import socket
from pathlib import Path

import pytest
from huggingface_hub import constants
from safetensors.torch import save_file

from cvlib.models import weights
from cvlib.models.timm_names import timm_table
from cvlib.project import Project

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture(scope="session")
def timm_notes(tmp_path_factory):
    """timm's list of models, made once for all tests."""
    import timm  # noqa: F401  imported: then no process of its own is needed

    cache = tmp_path_factory.mktemp("timm")
    timm_table(cache)
    return cache / "timm"


@pytest.fixture
def project(tmp_path, timm_notes, monkeypatch):
    """An empty project; the hub's and torch's caches are empty, too."""
    root = tmp_path / "project"
    (root / "data" / "weights").mkdir(parents=True)
    (root / "data" / ".cache").mkdir()
    (root / "data" / ".cache" / "timm").symlink_to(timm_notes)
    (root / "experiments").mkdir()
    (root / "_quarto.yml").write_text("project: {type: book}\n")
    # for processes that are started, and for this one, where the client has read them already
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hf" / "hub"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hf" / "hub"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setattr(weights, "_silent", {})
    monkeypatch.chdir(root)
    yield Project(root)
    shutil.rmtree(tmp_path / "hf", ignore_errors=True)  # pytest would keep some 400 MB of weights


@pytest.fixture
def no_network(monkeypatch):
    """Whoever opens a connection or looks up a name fails."""

    def refuse(*_args, **_kwargs):
        raise AssertionError("the network was used")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


def put_in_hub_cache(home: Path, name: str, state, file: str = "model.safetensors") -> Path:
    """Store tensors (or bytes) as the hub's client does; returns the path of the link to them."""
    folder = home / "hub" / f"models--timm--{name}"
    for part in ("blobs", "refs", f"snapshots/{COMMIT}"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    new = folder / "blobs" / "new"
    if isinstance(state, bytes):
        new.write_bytes(state)
    else:
        save_file(state, new)
    blob = new.rename(folder / "blobs" / hashlib.sha256(new.read_bytes()).hexdigest())
    (folder / "refs" / "main").write_text(COMMIT)
    link = folder / "snapshots" / COMMIT / file
    link.symlink_to(Path("../../blobs") / blob.name)
    return link


def write_experiment(project: Project, *models: dict) -> None:
    """Declare one variant for each backbone, given by its fields; `train` stands beside them."""
    variants = {
        f"v{i}": {
            "set": {
                field if field == "train" else f"model.{field}": value
                for field, value in model.items()
            }
        }
        for i, model in enumerate(models)
    }
    content = {
        "title": "Weights",
        "question": "Which weights are here?",
        "dataset": {"name": "digits", "subset": 100},
        "base": {
            "model": {"kind": "backbone", "name": "resnet50", "weights": None},
            "train": {"epochs": 1, "batch_size": 32, "optimizer": {"name": "sgd", "lr": 0.05}},
        },
        "variants": {"base": {}} | variants,
        "seeds": [0],
    }
    (project.experiments / "exp01.yaml").write_text(json.dumps(content))
