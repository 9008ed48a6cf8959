"""One file for a machine without a network: whole and unchanged, or refused."""

import hashlib
import io
import json
import os
import tarfile

import pytest

from cvlib.models.bundle import BundleError, pack, unpack
from cvlib.models.spec import BackboneSpec
from cvlib.models.weights import WeightsFile, WeightsMissing, find

CONTENT = {"resnet18.a1_in1k.safetensors": b"a" * 3000, "vit_small_patch16_224.pth": b"b" * 20_000}


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@pytest.fixture
def files(tmp_path):
    found = {}
    for name, content in CONTENT.items():
        path = tmp_path / "elsewhere" / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
        found[name] = WeightsFile(path, digest(content), "cache")
    return found


@pytest.fixture
def bundle(tmp_path, files):
    path = tmp_path / "weights.tar"
    pack(path, files)
    return path


def made(path, members, manifest=None):
    """A tar that no `pack` wrote. members: (TarInfo or name, bytes)."""
    entries = [{"file": n, "size": len(c), "sha256": digest(c)} for n, c in CONTENT.items()]
    manifest = {"format": 1, "files": entries} if manifest is None else manifest
    with tarfile.open(path, "w") as tar:
        for member, content in [("manifest.json", json.dumps(manifest).encode()), *members]:
            info = member if isinstance(member, tarfile.TarInfo) else tarfile.TarInfo(member)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return path


WHOLE = [(f"weights/{name}", content) for name, content in CONTENT.items()]


def test_what_was_packed_is_found_after_unpacking(project, bundle):
    root = project.data / "weights"
    spec = BackboneSpec(name="resnet18")
    assert isinstance(find(spec, project.root), WeightsMissing)
    done = unpack(bundle, root)
    assert {e.file: (root / e.file).read_bytes() for e in done} == CONTENT
    assert all(entry.is_new for entry in done)
    found = find(spec, project.root)
    assert (found.source, found.sha256) == ("file", digest(b"a" * 3000))
    assert {path.name for path in root.iterdir()} == set(CONTENT)
    assert not any(entry.is_new for entry in unpack(bundle, root))


def test_the_same_files_give_the_same_bytes(tmp_path, files, bundle):
    for found in files.values():
        os.utime(found.path, (1, 1))
        found.path.chmod(0o600)
    again = tmp_path / "again.tar"
    pack(again, dict(reversed(files.items())))
    assert again.read_bytes() == bundle.read_bytes()


def test_a_bundle_cut_at_any_length_is_refused_and_leaves_nothing(project, bundle, tmp_path):
    content = bundle.read_bytes()
    root = project.data / "weights"
    cut = tmp_path / "cut.tar"
    with tarfile.open(bundle) as tar:
        last = tar.getmembers()[-1]
    end = last.offset_data + last.size  # after it there is only padding
    for length in [0, 1, 100, 511, 512, 600, *range(1024, end, 1024), end - 1]:
        cut.write_bytes(content[:length])
        with pytest.raises(BundleError, match="cut"):
            unpack(cut, root)
        assert not list(root.iterdir())


def test_a_single_flipped_bit_of_the_weights_is_noticed(project, bundle):
    content = bytearray(bundle.read_bytes())
    content[content.index(b"b" * 100) + 50] ^= 1
    bundle.write_bytes(content)
    with pytest.raises(BundleError, match=r"vit_small_patch16_224\.pth is not what the manifest"):
        unpack(bundle, project.data / "weights")
    assert not list((project.data / "weights").iterdir())


def test_a_member_of_another_size_is_refused_before_it_is_written(project, tmp_path):
    members = [(WHOLE[0][0], b"a" * 3001), WHOLE[1]]
    with pytest.raises(BundleError, match="has not the size"):
        unpack(made(tmp_path / "bad.tar", members), project.data / "weights")


def link(name, target, kind=tarfile.SYMTYPE):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info, b""


@pytest.mark.parametrize(
    "member",
    [
        ("../outside.pth", b"x"),
        ("/tmp/outside.pth", b"x"),
        ("weights/../../outside.pth", b"x"),
        ("weights/unlisted.pth", b"x"),
        ("resnet18.a1_in1k.safetensors", b"a" * 3000),
        link("weights/resnet18.a1_in1k.safetensors", "/etc/passwd"),
        link("weights/resnet18.a1_in1k.safetensors", "manifest.json", tarfile.LNKTYPE),
        link("weights/vit_small_patch16_224.pth", "", tarfile.FIFOTYPE),
        link("weights", "", tarfile.DIRTYPE),
        WHOLE[0],  # twice
    ],
)
def test_members_that_are_not_its_own_are_refused(project, tmp_path, member):
    root = project.data / "weights"
    members = [*WHOLE, member] if member is WHOLE[0] else [member, *WHOLE]
    with pytest.raises(BundleError, match="which is not its own"):
        unpack(made(tmp_path / "bad.tar", members), root)
    assert not list(root.iterdir())
    assert not (project.root / "outside.pth").exists() and not (tmp_path / "outside.pth").exists()


@pytest.mark.parametrize("name", ["../up.pth", "/abs.pth", "a/b.pth", ".hidden.pth", "run.py", ""])
def test_a_manifest_with_other_than_plain_names_is_refused(project, tmp_path, name):
    manifest = {"format": 1, "files": [{"file": name, "size": 1, "sha256": digest(b"x")}]}
    bad = made(tmp_path / "bad.tar", [(f"weights/{name}", b"x")], manifest)
    with pytest.raises(BundleError, match="is no plain name"):
        unpack(bad, project.data / "weights")


@pytest.mark.parametrize(
    ("manifest", "words"),
    [
        ({"format": 2, "files": []}, "has format 2"),
        ({"format": 1}, "cannot be read"),
        ([1], "cannot be read"),
        ({"format": 1, "files": [{"file": "a.pth", "size": 1, "sha256": "0"}] * 2}, "twice"),
    ],
)
def test_a_manifest_that_cannot_be_read_is_refused(project, tmp_path, manifest, words):
    with pytest.raises(BundleError, match=words):
        unpack(made(tmp_path / "bad.tar", [], manifest), project.data / "weights")


def test_a_manifest_nested_without_end_is_refused(project, tmp_path):
    bad = tmp_path / "bad.tar"
    with tarfile.open(bad, "w") as tar:
        info = tarfile.TarInfo("manifest.json")
        info.size = 100_000
        tar.addfile(info, io.BytesIO(b"[" * info.size))
    with pytest.raises(BundleError, match="cannot be read"):
        unpack(bad, project.data / "weights")


def test_another_file_is_no_bundle(project, tmp_path):
    other = tmp_path / "other.tar"
    with tarfile.open(other, "w") as tar:
        tar.addfile(*[tarfile.TarInfo("readme")])
    for content in (other.read_bytes(), b"PK\x03\x04" * 400):
        other.write_bytes(content)
        with pytest.raises(BundleError, match="no bundle"):
            unpack(other, project.data / "weights")
    with pytest.raises(BundleError, match="there is no such file"):
        unpack(tmp_path / "gone.tar", project.data / "weights")


def test_a_file_that_differs_is_kept_unless_replace_is_said(project, bundle):
    root = project.data / "weights"
    own = root / "resnet18.a1_in1k.safetensors"
    own.write_bytes(b"my own")
    with pytest.raises(BundleError, match="differs from the one in"):
        unpack(bundle, root)
    assert own.read_bytes() == b"my own" and [p.name for p in root.iterdir()] == [own.name]
    unpack(bundle, root, replace_files=True)
    assert own.read_bytes() == b"a" * 3000


def test_a_file_that_changed_since_it_was_found_is_not_packed(tmp_path, files):
    target = tmp_path / "weights.tar"
    next(iter(files.values())).path.write_bytes(b"c" * 3000)
    with pytest.raises(BundleError, match="changed while it was packed"):
        pack(target, files)
    assert not list(tmp_path.glob("*weights.tar*"))
