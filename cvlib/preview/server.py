"""Serves a preview's pages on 127.0.0.1, and tells them what is new as server-sent events.

Only for this machine: the address is its own, and a request that names another host, as a page from
elsewhere would make it through a name of its own, is refused.
"""

from __future__ import annotations

import contextlib
import mimetypes
import posixpath
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from pathlib import Path
from socketserver import TCPServer
from urllib.parse import unquote, urlsplit

from cvlib import loopback
from cvlib.engine.errors import RenderError
from cvlib.loopback import ADDRESS
from cvlib.preview.site import OWN, live_page, missing_page
from cvlib.preview.state import State

# So that a connection that broke is noticed, by either side.
HEARTBEAT_SECONDS = 10.0
_HOSTS = ("127.0.0.1", "localhost", "::1")
_SERVER = "cvlib-preview"


class PreviewServer(ThreadingHTTPServer):
    """Serves `folder`; what is not there, from `other`. Use it as a context manager."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 32

    def __init__(self, folder: Path, other: Path, port: int, state: State) -> None:
        check_port(port)
        self.folder = folder
        self.other = other
        self.state = state
        self.ending = threading.Event()
        super().__init__((ADDRESS, port), _Handler)
        self._thread = threading.Thread(target=self.serve_forever, args=(0.1,), daemon=True)
        self._thread.start()

    def server_bind(self) -> None:
        """Bind without asking a name server what this machine is called, which may take seconds."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = ADDRESS, self.server_address[1]

    @property
    def address(self) -> str:
        """Where the pages are."""
        return f"http://{ADDRESS}:{self.server_address[1]}/"

    def __exit__(self, *_: object) -> None:
        self.ending.set()
        self.shutdown()
        self.server_close()

    def handle_error(self, request: object, client_address: object) -> None:
        """A browser that went away in the middle of an answer is nothing to talk about."""

    def find(self, path: str) -> Path | None:
        """Return the file that a request's path names, or None."""
        plain = posixpath.normpath("/" + unquote(path)).lstrip("/") or "index.html"
        if plain.startswith(".") or "/." in plain or "\0" in plain:
            return None
        for folder in (self.folder, self.other):
            # of the other folder the PDF alone: its pages are those of an earlier render
            names = (plain, f"{plain}/index.html") if folder == self.folder else (plain,)
            for name in names:
                found = folder / name
                if folder != self.folder and found.suffix != ".pdf":
                    continue
                if found.is_file() and found.resolve().is_relative_to(folder.resolve()):
                    return found
        return None


class _Handler(BaseHTTPRequestHandler):
    server: PreviewServer
    server_version = _SERVER
    sys_version = ""
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        host = urlsplit(f"//{self.headers.get('Host', '')}").hostname
        if host not in _HOSTS:
            self._answer(
                HTTPStatus.FORBIDDEN, "text/plain", b"This preview is for 127.0.0.1 only.\n"
            )
        elif path == "/favicon.ico":  # a browser asks for it by itself
            self._answer(HTTPStatus.NO_CONTENT, "image/x-icon", b"")
        elif path == f"{OWN}events":
            self._events()
        elif path.startswith(OWN):
            self._own(path.removeprefix(OWN))
        else:
            self._file(path)

    do_HEAD = do_GET

    def _file(self, path: str) -> None:
        found = self.server.find(path)
        if found is None:
            plain = posixpath.normpath("/" + unquote(path)).lstrip("/") or "index.html"
            page = live_page(missing_page(plain), "none").encode()
            self._answer(HTTPStatus.NOT_FOUND, "text/html; charset=utf-8", page)
            return
        kind = mimetypes.guess_type(found.name)[0] or "application/octet-stream"
        content = found.read_bytes()
        if found.suffix == ".html":
            name = found.relative_to(self.server.folder).as_posix()
            digest = self.server.state.told.pages.get(name, "none")
            content = live_page(content.decode(), digest).encode()
        if kind.startswith("text/") or kind.endswith("javascript"):
            kind += "; charset=utf-8"
        self._answer(HTTPStatus.OK, kind, content)

    def _own(self, name: str) -> None:
        asset = files("cvlib.preview") / "assets" / name
        if name not in ("live.js", "live.css"):
            self._answer(HTTPStatus.NOT_FOUND, "text/plain", b"There is no such thing.\n")
            return
        kind = "text/javascript" if name.endswith(".js") else "text/css"
        self._answer(HTTPStatus.OK, f"{kind}; charset=utf-8", asset.read_bytes())

    def _answer(self, status: HTTPStatus, kind: str, content: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        # a figure keeps its name when it changes
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def _events(self) -> None:
        self.close_connection = True
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", "text/event-stream; charset=utf-8")
        self.send_header("Cache-Control", "no-store")
        self.send_header("Connection", "close")
        self.end_headers()
        version, waited = -1, 0.0
        with contextlib.suppress(OSError):
            while not self.server.ending.is_set():
                now, told = self.server.state.next(version, 0.5)
                if now != version:
                    version, waited = now, 0.0
                    self.wfile.write(f"data: {told.as_json()}\n\n".encode())
                else:
                    waited += 0.5
                    if waited >= HEARTBEAT_SECONDS:
                        waited = 0.0
                        self.wfile.write(b": still here\n\n")

    def log_message(self, format: str, *args: object) -> None:
        """Requests are not written down."""


def check_port(port: int) -> None:
    """Raise PublishError when something listens on this port of 127.0.0.1, with what it is."""
    try:
        loopback.check_port(port, _is_preview, "preview")
    except OSError as error:
        raise RenderError(str(error)) from None


def _is_preview(port: int) -> bool:
    try:
        with loopback.direct().open(f"http://{ADDRESS}:{port}{OWN}live.css", timeout=2) as answer:
            return str(answer.headers.get("Server", "")).startswith(_SERVER)
    except (OSError, ValueError):
        return False
