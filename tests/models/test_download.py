"""Fetching, against a hub on this machine: no test leaves it."""

import hashlib
import shutil
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from huggingface_hub import constants

from cvlib.models import weights
from cvlib.models.spec import BackboneSpec
from cvlib.models.timm_names import TimmEntry, timm_entry
from cvlib.models.weights import CLIP_CONFIG, NotFetched, download, find

from .conftest import COMMIT

LITE = "tf_efficientnet_lite0"


def at(monkeypatch, address):
    """Let the hub's client ask there."""
    template = f"{address}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
    monkeypatch.setattr(constants, "ENDPOINT", address)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)


class Hub:
    """files: path of an address -> bytes; asked: what was asked for; address: of the server."""

    def __init__(self):
        self.files: dict[str, bytes] = {}
        self.asked: list[str] = []

    def publish(self, name: str, content: bytes, file: str = "model.safetensors") -> None:
        self.files[f"/timm/{name}/resolve/main/{file}"] = content
        self.files[f"/timm/{name}/resolve/{COMMIT}/{file}"] = content


@pytest.fixture
def hub(project, monkeypatch):
    hub = Hub()

    class Answer(BaseHTTPRequestHandler):
        def do_HEAD(self):
            self.do_GET(head=True)

        def do_GET(self, head=False):
            hub.asked.append(f"{self.command} {self.path}")
            content = b"hub" if self.path == "/" else hub.files.get(self.path)
            self.send_response(404 if content is None else 200)
            if content is None:
                self.send_header("X-Error-Code", "EntryNotFound")
            self.send_header("X-Repo-Commit", COMMIT)
            self.send_header("ETag", f'"{hashlib.sha256(content or b"").hexdigest()}"')
            self.send_header("Content-Length", str(len(content or b"")))
            self.end_headers()
            if not head:
                self.wfile.write(content or b"")

        def log_message(self, *_args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    hub.address = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    at(monkeypatch, hub.address)
    yield hub
    server.shutdown()
    server.server_close()


def get(project, name, pinned=None, **more):
    return find(BackboneSpec(name=name), project.root, pinned, fetch=True, **more)


def test_what_is_fetched_lies_in_the_hubs_cache_and_is_fetched_once(project, hub, tmp_path):
    hub.publish("resnet18.a1_in1k", b"weights")
    found = get(project, "resnet18")
    assert found.source == "network" and found.path.read_bytes() == b"weights"
    assert (tmp_path / "hf" / "hub") in found.path.parents
    asked = len(hub.asked)
    again = find(BackboneSpec(name="resnet18"), project.root)
    assert (again.source, again.path, again.sha256) == ("cache", found.path, found.sha256)
    assert get(project, "resnet18").source == "cache" and len(hub.asked) == asked


def test_a_repository_with_the_older_file_only_is_fetched(project, hub):
    hub.publish("resnet18.a1_in1k", b"pickle", file="pytorch_model.bin")
    found = get(project, "resnet18")
    assert found.path.name == "pytorch_model.bin" and found.path.read_bytes() == b"pickle"


def test_the_network_comes_before_a_package_unless_the_package_is_pinned(project, hub):
    hub.publish(f"{LITE}.in1k", b"the hub's own")
    package = find(BackboneSpec(name=LITE), project.root)
    assert get(project, LITE, pinned=package.sha256) == package and not hub.asked
    assert get(project, LITE).source == "network"


def test_what_the_hub_lacks_is_said_with_every_place(project, hub):
    said = get(project, "resnet18").reason
    assert "network: " in said and "has no model.safetensors or pytorch_model.bin" in said
    assert said.index("data/weights") < said.index("hub's cache") < said.index("network: ")
    assert said.index("network: ") < said.index("no package")


def test_without_a_network_the_package_is_used(project, hub, monkeypatch):
    at(monkeypatch, "http://127.0.0.1:9")
    assert get(project, LITE).source == "package"


def test_a_silent_network_is_waited_for_once_and_not_for_long(project, hub, monkeypatch):
    assert weights.PATIENCE_SECONDS < 5
    monkeypatch.setattr(weights, "PATIENCE_SECONDS", 0.4)
    with socket.socket() as silent:  # it takes connections and never says a word
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        at(monkeypatch, f"http://127.0.0.1:{silent.getsockname()[1]}")
        seconds = []
        for name in ("resnet18", "resnet34", "resnet50"):
            start = time.perf_counter()
            assert "does not answer" in get(project, name).reason
            seconds.append(time.perf_counter() - start)
    assert 0.3 < seconds[0] < 3 and max(seconds[1:]) < 0.2


def test_a_name_server_that_is_silent_is_not_waited_for_either(project, hub, monkeypatch):
    monkeypatch.setattr(weights, "PATIENCE_SECONDS", 0.3)
    monkeypatch.setattr(socket, "getaddrinfo", lambda *a, **k: time.sleep(3))
    start = time.perf_counter()
    assert "does not answer within 0.3 s" in get(project, "resnet18").reason
    assert time.perf_counter() - start < 2


def test_an_address_is_fetched_into_torchs_cache_and_compared_with_its_digits(
    project, hub, tmp_path
):
    content = b"weights by address"
    digits = hashlib.sha256(content).hexdigest()[:8]
    entry = timm_entry("legacy_seresnet18", project.data / ".cache")
    for name, is_right in ((f"model-{digits}.pth", True), ("model-00000000.pth", False)):
        hub.files[f"/{name}"] = content
        moved = type(entry)(**(vars(entry) | {"url": f"{hub.address}/{name}"}))
        target = tmp_path / "torch" / "hub" / "checkpoints" / name
        if is_right:
            assert download(moved) == target and target.read_bytes() == content
        else:
            with pytest.raises(NotFetched, match=r"invalid hash value .*00000000"):
                download(moved)
            assert not target.exists()
    assert [path.name for path in target.parent.iterdir()] == [f"model-{digits}.pth"]


def test_the_same_address_may_be_fetched_twice_at_once(project, hub, tmp_path, monkeypatch):
    hub.files["/model.pth"] = b"weights by address"
    entry = TimmEntry("of_an_address", None, f"{hub.address}/model.pth")
    target = tmp_path / "torch" / "hub" / "checkpoints" / "model.pth"
    move, moved = shutil.move, []

    def while_another_fetches_it(part, *target):
        moved.append(part)
        if len(moved) == 1:
            download(entry)
        return move(part, *target)

    monkeypatch.setattr(shutil, "move", while_another_fetches_it)
    assert download(entry) == target and target.read_bytes() == b"weights by address"
    assert len(set(moved)) == 2
    assert list(target.parent.iterdir()) == [target]


@pytest.mark.parametrize("file", ["open_clip_model.safetensors", "open_clip_pytorch_model.bin"])
def test_both_towers_of_clip_are_asked_for_by_the_names_that_they_have(project, hub, file):
    name = "vit_base_patch32_clip_224.openai"
    hub.publish(name, b"towers", file=file)
    hub.publish(name, b"{}", file=CLIP_CONFIG)
    found = get(project, name, both_towers=True).path
    assert found.read_bytes() == b"towers" and found.with_name(CLIP_CONFIG).read_bytes() == b"{}"
    asked = {line.rsplit("/", 1)[1] for line in hub.asked} - {""}
    assert asked <= {"open_clip_model.safetensors", "open_clip_pytorch_model.bin", CLIP_CONFIG}
