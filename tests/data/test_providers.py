from __future__ import annotations

import gzip
import hashlib
import io
import subprocess
import tarfile
import urllib.request
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torchvision.datasets

from cvlib.data import providers
from cvlib.data.arrays import DataUnavailable
from cvlib.data.load import fetch, load
from cvlib.data.sources import open_source, published
from cvlib.data.spec import DatasetSpec
from tests.data.test_published import idx

SPEC = DatasetSpec(name="fashion_mnist")


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(url: str, timeout: float) -> None:
        raise urllib.error.URLError("no route to host")

    monkeypatch.setattr(urllib.request, "urlopen", refuse)


@pytest.fixture
def archives(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with four small archives in Fashion-MNIST's format, made the published ones."""
    folder = tmp_path / "archives"
    folder.mkdir()
    resources, digests = [], {}
    for stem, count in (("train", 40), ("t10k", 20)):
        for kind, array in (
            ("images-idx3", np.full((count, 28, 28), 7, np.uint8)),
            ("labels-idx1", (np.arange(count) % 10).astype(np.uint8)),
        ):
            name, content = f"{stem}-{kind}-ubyte", idx(array)
            packed = gzip.compress(content)
            (folder / f"{name}.gz").write_bytes(packed)
            resources.append((f"{name}.gz", hashlib.md5(packed).hexdigest()))
            digests[name] = hashlib.sha256(content).hexdigest()
    theirs = torchvision.datasets.FashionMNIST
    monkeypatch.setattr(theirs, "mirrors", [f"{folder.as_uri()}/"])
    monkeypatch.setattr(theirs, "resources", resources)
    monkeypatch.setattr(published, "SHA256", digests)
    return folder


@pytest.mark.usefixtures("no_network")
def test_every_attempt_and_the_way_by_hand_are_listed(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(providers.shutil, "which", lambda tool: None)
    with pytest.raises(DataUnavailable) as error:
        load(SPEC, root)
    lines = str(error.value).splitlines()
    assert lines[0] == "fashion_mnist cannot be had. Tried:"
    assert lines[1].startswith("  1. on disk: not there: FashionMNIST/raw/train-images-idx3-ubyte")
    assert lines[2] == "  2. torchvision's download: URLError: <urlopen error no route to host>"
    assert lines[3].startswith("  3. Debian's package dataset-fashion-mnist: DebianFailed: apt-get")
    assert lines[4].startswith("By hand: put train-images-idx3-ubyte.gz")
    assert str(root / "FashionMNIST" / "raw") in lines[4]
    assert open_source(SPEC.name, root).missing()


@pytest.mark.usefixtures("no_network")
@pytest.mark.parametrize("name", ["cifar10", "cifar100", "dtd", "imagefolder:none", "parquet:none"])
def test_no_dataset_fails_without_saying_what_to_do(name: str, root: Path) -> None:
    with pytest.raises(DataUnavailable, match=r"(?s)cannot be had. Tried:.*By hand: (put|unpack)"):
        load(DatasetSpec(name=name), root)


def test_torchvisions_download_is_checked_and_unpacked(root: Path, archives: Path) -> None:
    fetch(SPEC, root)
    found = sorted(p.name for p in (root / "FashionMNIST" / "raw").iterdir())
    assert found == sorted(published.SHA256)
    assert len(load(SPEC, root).test) == 20


def test_a_damaged_download_is_not_kept_and_the_next_provider_is_asked(
    root: Path, archives: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (archives / "t10k-images-idx3-ubyte.gz").write_bytes(b"damaged")
    with pytest.raises(
        DataUnavailable, match=r"ChecksumMismatch: t10k-images.*expected MD5"
    ) as error:
        monkeypatch.setattr(providers.shutil, "which", lambda tool: None)
        load(SPEC, root)
    assert "3. Debian" in str(error.value)
    assert not list(root.rglob("*.part")) and not list(root.rglob("t10k-images*"))


@pytest.fixture
def fake_debian(archives: Path, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """apt-get and dpkg-deb that hand out the archives; the machine has no package lists."""
    calls: list[list[str]] = []

    def run(command: list[str], cwd: Path, **kwargs: Any) -> subprocess.CompletedProcess[str]:
        calls.append(command)
        if command[-2:] == ["download", published.DEBIAN_PACKAGE]:
            if len(command) == 3:
                return subprocess.CompletedProcess(command, 100, "", "E: Unable to locate package")
            (cwd / f"{published.DEBIAN_PACKAGE}_1_all.deb").write_bytes(b"deb")
        if command[0] == "dpkg-deb":
            target = cwd / command[-1] / "usr/share/datasets/fashion-mnist"
            target.mkdir(parents=True)
            for path in archives.iterdir():
                (target / path.name).write_bytes(path.read_bytes())
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(providers.shutil, "which", lambda tool: f"/usr/bin/{tool}")
    monkeypatch.setattr(providers.subprocess, "run", run)
    return calls


@pytest.mark.usefixtures("no_network")
def test_debians_package_is_used_without_root_or_package_lists(
    root: Path, fake_debian: list[list[str]]
) -> None:
    data = load(SPEC, root)
    assert [len(s) for s in (data.train, data.val, data.test)] == [30, 10, 20]
    update = next(c for c in fake_debian if c[-1] == "update")
    assert any(o.startswith(f"Dir::State::lists={root.resolve()}") for o in update)
    assert not any(word in command for command in fake_debian for word in ("sudo", "install"))
    assert list((root / ".cache").glob("debian-*")) == []  # nothing is left behind


def test_data_on_disk_ask_nobody(
    root: Path, archives: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetch(SPEC, root)
    monkeypatch.setattr(urllib.request, "urlopen", lambda *a, **k: pytest.fail("asked"))
    fetch(SPEC, root)


def test_an_archive_cannot_write_outside_its_folder(tmp_path: Path) -> None:
    archive = tmp_path / "bad.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        member = tarfile.TarInfo("../outside.txt")
        member.size = 1
        tar.addfile(member, io.BytesIO(b"x"))
    with pytest.raises(ValueError, match=r"holds '\.\./outside\.txt'"):
        providers.unpack(archive, tmp_path / "inside")
    assert not (tmp_path / "outside.txt").exists()


def test_cifar_is_fetched_from_torchvisions_address(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.data.test_published import write_cifar

    edition = published.EDITIONS["cifar10"]
    edition = edition._replace(md5=dict(edition.md5))
    monkeypatch.setitem(published.EDITIONS, "cifar10", edition)
    write_cifar(tmp_path, "cifar10", monkeypatch)
    archive = tmp_path / "cifar.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(tmp_path / edition.folder, edition.folder)
    theirs = torchvision.datasets.CIFAR10
    monkeypatch.setattr(theirs, "url", archive.as_uri())
    monkeypatch.setattr(theirs, "tgz_md5", hashlib.md5(archive.read_bytes()).hexdigest())
    assert len(load(DatasetSpec(name="cifar10"), root).test) == 200
