"""Serves a preview's pages on 127.0.0.1, and tells them what is new as server-sent events.

Only for this machine: the address is its own, and a request that names another host, as a page from
elsewhere would make it through a name of its own, is refused.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import logging
import mimetypes
import posixpath
import re
import threading
import time
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from html import escape
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from tornado.httpserver import HTTPServer
from tornado.httputil import HTTPInputError, HTTPMessageDelegate
from tornado.iostream import StreamClosedError
from tornado.netutil import bind_sockets
from tornado.web import Application, HTTPError, RequestHandler

from cvlib.processes import ADDRESS, check_port, fetch
from cvlib.terminal import printable

OWN = "/@preview/"  # nothing of a report begins so
ASSETS = Path(__file__).with_name("assets")
LOOK_SECONDS = 0.05
# So that a connection that broke is noticed, by either side.
HEARTBEAT_SECONDS = 10.0
_IDLE_SECONDS = 60.0  # until a connection whose request does not end, or does not come, is closed
_HOSTS = ("127.0.0.1", "localhost", "[::1]")
_LONGEST_ADDRESS = 8000
_MOST_READ = 10 << 20  # of a request; of one that is larger the connection is closed
_SERVER = "cvlib-preview"
_LOADED = re.compile(r'\s(?:src|href)="([^"#?]+)"')
_EMPTY = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>Preview</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark"></head>
<body class="preview-empty"><main><article><p>{text}</p></article></main></body></html>
"""


@dataclass(frozen=True)
class Problem:
    """What is wrong with a chapter, or with the whole book (page ""), or what it waits for.

    where: `report/exp02.qmd:12`; message: what is wrong; detail: the rest of what is known.
    """

    page: str
    where: str
    message: str
    detail: str = ""


@dataclass(frozen=True)
class PreviewState:
    """What open pages are told. pages: page -> digest of what it shows; busy: what is done now."""

    pages: Mapping[str, str] = field(default_factory=dict)
    busy: str = ""
    problems: Sequence[Problem] = ()
    waiting: Sequence[Problem] = ()  # chapters that show what they last could, for want of results
    training: Sequence[Mapping[str, object]] = ()


class LiveNews:
    """Holds the state as it is now: another object once something in it is another."""

    def __init__(self) -> None:
        self.state = PreviewState()
        self._lock = threading.Lock()

    def update(self, **changes: object) -> None:
        """Change some of the state. From any thread."""
        with self._lock:
            state = replace(self.state, **changes)  # type: ignore[arg-type]
            if state != self.state:
                self.state = state


class PreviewServer:
    """Serves the pages below `folder`, and the PDF below `output`, while it is entered.

    Raises PortTaken when something listens on this port of 127.0.0.1 already.
    """

    def __init__(self, folder: Path, output: Path, port: int, news: LiveNews) -> None:
        check_port(port, _is_preview, "preview")
        self.folder = folder
        self.output = output
        self.port = port
        self.news = news
        self.is_ending = False
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)

    @property
    def address(self) -> str:
        """Where the pages are."""
        return f"http://{ADDRESS}:{self.port}/"

    def __enter__(self) -> PreviewServer:
        self.sockets = bind_sockets(self.port, ADDRESS)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.is_ending = True
        self._thread.join()

    async def _serve(self) -> None:
        handlers = [(f"{OWN}events", _Events, {"server": self}), ("/.*", _File, {"server": self})]
        application = _Application(handlers, log_function=lambda _: None)
        server = HTTPServer(
            application,
            max_header_size=_MOST_READ,
            max_buffer_size=_MOST_READ,
            idle_connection_timeout=_IDLE_SECONDS,
            body_timeout=_IDLE_SECONDS,
        )
        server.add_sockets(self.sockets)
        while not self.is_ending:
            await asyncio.sleep(LOOK_SECONDS)
        server.stop()
        await server.close_all_connections()

    def find(self, path: str) -> Path | None:
        """Return the file that a path names, `report/exp01.html`, or None."""
        if path.startswith(".") or "/." in path or "\0" in path:
            return None
        # of the output the PDF alone: its pages are those of an earlier render
        places = [(self.folder, path), (self.folder, f"{path}/index.html")]
        places += [(self.output, path)] if path.endswith(".pdf") else []
        for folder, name in places:
            found = folder / name
            # what no file can be called, and links that lead in a circle
            with contextlib.suppress(OSError, ValueError, RuntimeError):
                if found.is_file() and found.resolve().is_relative_to(folder.resolve()):
                    return found
        return None


class _Application(Application):
    """Answers 400 to a request in which anything cannot be read, such as its port."""

    def start_request(self, server_conn: object, request_conn: Any) -> HTTPMessageDelegate:
        delegate = super().start_request(server_conn, request_conn)
        read = delegate.headers_received

        def headers_received(*received: Any) -> Awaitable[None] | None:
            try:
                return read(*received)
            except Exception as error:
                raise HTTPInputError(str(error)) from None

        delegate.headers_received = headers_received  # type: ignore[assignment,method-assign]
        return delegate


class _Answer(RequestHandler):
    """An answer to this machine, which no browser keeps: a figure's name stays when it changes."""

    def initialize(self, server: PreviewServer) -> None:
        self.server = server

    def set_default_headers(self) -> None:
        self.set_header("Server", _SERVER)
        self.set_header("Cache-Control", "no-store")
        self.set_header("X-Content-Type-Options", "nosniff")

    def prepare(self) -> None:
        if self.request.host_name not in _HOSTS:
            raise HTTPError(HTTPStatus.FORBIDDEN, reason="This preview is for 127.0.0.1 only.")
        if len(self.request.uri or "") > _LONGEST_ADDRESS:
            raise HTTPError(HTTPStatus.REQUEST_URI_TOO_LONG)

    def write_error(self, status_code: int, **_: object) -> None:
        """Say what is wrong in one line."""
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        self.finish(f"{self._reason}\n")

    def log_exception(self, kind: Any, error: Any, trace: object) -> None:
        """Tell whoever started the preview what nobody foresaw, in one line."""
        if not isinstance(error, HTTPError):
            asked = f"{self.request.method} {self.request.path[:80]}"
            logging.getLogger(__name__).error(
                "preview: %s: %s", printable(asked), printable(f"{kind.__name__}: {error}"[:300])
            )


class _File(_Answer):
    def get(self) -> None:
        path = posixpath.normpath("/" + unquote(self.request.path)).lstrip("/") or "index.html"
        if path == "favicon.ico":  # a browser asks for it by itself
            self.set_status(HTTPStatus.NO_CONTENT)
            return
        is_asset = path in (f"{OWN}live.js".lstrip("/"), f"{OWN}live.css".lstrip("/"))
        found = ASSETS / Path(path).name if is_asset else self.server.find(path)
        if found is None:
            self.set_status(HTTPStatus.NOT_FOUND)
            self.set_header("Content-Type", "text/html; charset=utf-8")
            is_first = path == "index.html"
            text = "The book is being made." if is_first else f"There is no page {path}."
            self.finish(live_page(_EMPTY.format(text=escape(text)), "none"))
            return
        kind = mimetypes.guess_type(found.name)[0] or "application/octet-stream"
        is_text = kind.startswith("text/") or kind.endswith("javascript")
        self.set_header("Content-Type", f"{kind}; charset=utf-8" if is_text else kind)
        content = found.read_bytes()
        if found.suffix == ".html":
            name = found.relative_to(self.server.folder).as_posix()
            digest = self.server.news.state.pages.get(name, "none")
            content = live_page(content.decode(), digest).encode()
        self.finish(content)

    head = get


class _Events(_Answer):
    async def get(self) -> None:
        self.set_header("Content-Type", "text/event-stream; charset=utf-8")
        told, since = None, time.monotonic()
        with contextlib.suppress(StreamClosedError):
            while not self.server.is_ending:
                state = self.server.news.state
                if state is not told:
                    self.write(f"data: {json.dumps(asdict(state), ensure_ascii=False)}\n\n")
                elif time.monotonic() - since > HEARTBEAT_SECONDS:
                    self.write(": still here\n\n")
                else:
                    await asyncio.sleep(LOOK_SECONDS)
                    continue
                told, since = state, time.monotonic()
                await self.flush()


def _is_preview(port: int) -> bool:
    found = fetch(port, f"{OWN}live.css")
    return found is not None and found[0].get("Server", "").startswith(_SERVER)


def live_page(html: str, digest: str) -> str:
    """Return a page with the script that asks for news; `digest` is of what the page shows."""
    head = (
        f'<link rel="stylesheet" href="{OWN}live.css">\n'
        f'<script src="{OWN}live.js" data-digest="{escape(digest)}" defer></script>\n</head>'
    )
    return html.replace("</head>", head, 1)


def page_digests(folder: Path) -> dict[str, str]:
    """Page -> digest of the page and of every picture, style sheet and script that it loads.

    A file that is written again as it was keeps its time stamp (`engine.output.publish_site`).
    """
    found = {}
    for page in sorted(folder.rglob("*.html")):
        if ".staging-" in page.as_posix():
            continue
        text = page.read_text(encoding="utf-8")
        digest = hashlib.sha256(text.encode())
        for reference in dict.fromkeys(_LOADED.findall(text)):
            path = page.parent / posixpath.normpath(unquote(reference))
            if path.suffix != ".html" and path.is_file():
                state = path.stat()
                digest.update(f"\0{reference}\0{state.st_mtime_ns}\0{state.st_size}".encode())
        found[page.relative_to(folder).as_posix()] = digest.hexdigest()[:16]
    return found
