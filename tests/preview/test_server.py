"""The pages as they are served: to this machine alone, with news as it comes."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import threading
import time

import pytest

from cvlib.preview.server import LiveNews, PreviewServer, Problem, page_digests
from cvlib.processes import PortTaken

PAGE = '<!DOCTYPE html><html><head><title>T</title></head><body><img src="a%20b.svg"></body></html>'


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]


@pytest.fixture
def folders(tmp_path):
    site, other = tmp_path / "site", tmp_path / "_output"
    (site / "report").mkdir(parents=True)
    other.mkdir()
    (site / "index.html").write_text(PAGE)
    (site / "report" / "one.html").write_text(PAGE)
    (site / "a b.svg").write_text("<svg/>")
    (other / "report.pdf").write_bytes(b"%PDF")
    (other / "index.html").write_text("an earlier render")
    (other / "only-there.html").write_text("an earlier render")
    (tmp_path / "secret.txt").write_text("kept to oneself")
    return site, other


@pytest.fixture
def server(folders):
    news = LiveNews()
    news.update(pages=page_digests(folders[0]))
    with PreviewServer(*folders, free_port(), news) as running:
        yield running


def get(server, path, host=None, method="GET"):
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=5)
    connection.request(method, path, headers={"Host": host} if host else {})
    answer = connection.getresponse()
    body = answer.read().decode()
    connection.close()
    return answer, body


def test_pages_come_with_the_script_and_the_digest_of_what_they_show(server):
    for path in ("/", "/index.html"):
        answer, body = get(server, path)
        assert answer.status == 200 and answer.headers["Cache-Control"] == "no-store"
        digest = server.news.state.pages["index.html"]
        assert f'<script src="/@preview/live.js" data-digest="{digest}" defer>' in body
    answer, body = get(server, "/a%20b.svg")
    assert body == "<svg/>" and answer.headers["Content-Type"].startswith("image/svg")
    answer, body = get(server, "/@preview/live.js")
    assert answer.status == 200 and "EventSource" in body


def test_the_pdf_is_that_of_the_last_render_and_its_pages_are_not_mistaken_for_ours(server):
    answer, body = get(server, "/report.pdf")
    assert body == "%PDF" and answer.headers["Content-Type"] == "application/pdf"
    assert "earlier render" not in get(server, "/index.html")[1]
    assert get(server, "/only-there.html")[0].status == 404


def test_a_page_that_is_not_there_waits_for_it(server):
    answer, body = get(server, "/report/two.html")
    assert answer.status == 404 and "live.js" in body and "no page report/two.html" in body
    assert "<script>" not in get(server, "/%3Cscript%3E.html")[1]


@pytest.mark.parametrize(
    "path",
    ["/../secret.txt", "/%2e%2e/secret.txt", "/report/../../secret.txt", "//etc/passwd",
     "/@preview/../../secret.txt", "/@preview/run.py", "/.hidden", "/report/.x"],
)  # fmt: skip
def test_nothing_outside_is_served(server, folders, path):
    (folders[0] / ".hidden").write_text("kept to oneself")
    (folders[0] / "report" / ".x").write_text("kept to oneself")
    answer, body = get(server, path)
    assert answer.status == 404 and "kept to" not in body and "root:" not in body


def test_only_requests_for_this_machine_are_answered(server):
    for host in ("127.0.0.1", "localhost:4848", "localhost:9999", "[::1]:4848"):
        assert get(server, "/", host)[0].status == 200, host
    for host in ("evil.example", "evil.example:4848", "127.0.0.1.evil.example"):
        answer, body = get(server, "/", host)
        assert answer.status == 403 and "live.js" not in body, host
    [listening] = server.sockets
    assert listening.getsockname()[0] == "127.0.0.1"


def test_head_has_no_body(server):
    answer, body = get(server, "/", method="HEAD")
    assert answer.status == 200 and body == "" and int(answer.headers["Content-Length"]) > 100


def events(server, count):
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=5)
    connection.request("GET", "/@preview/events")
    answer = connection.getresponse()
    for line in iter(answer.fp.readline, b""):
        if line.startswith(b"data: "):
            yield json.loads(line[6:])
            count -= 1
            if not count:
                break
    connection.close()


def test_news_comes_at_once_and_only_when_there_is_some(server):
    told = events(server, 2)
    assert next(told)["problems"] == []
    problem = Problem("index.html", "index.qmd:3", "wrong", "two\nlines")

    def tell():
        time.sleep(0.1)
        server.news.update(busy="")  # as it was: no news
        server.news.update(problems=[problem])

    threading.Thread(target=tell).start()
    started = time.monotonic()
    assert next(told)["problems"][0]["detail"] == "two\nlines"
    assert time.monotonic() - started < 2


def test_ending_closes_connections_that_wait_for_news(folders):
    with PreviewServer(*folders, free_port(), LiveNews()) as server:
        told = events(server, 10)
        next(told)
        port = server.port
        started = time.monotonic()
    assert time.monotonic() - started < 2
    assert list(told) == []
    with contextlib.suppress(ConnectionError), socket.create_connection(("127.0.0.1", port), 1):
        pytest.fail("the port is still open")


def test_a_port_that_is_taken_is_told_with_who_has_it(server, folders):
    port = server.port
    with pytest.raises(PortTaken, match=f"another preview is open there, .*:{port};.*--port"):
        PreviewServer(*folders, port, LiveNews())
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = other.getsockname()[1]
        threading.Thread(target=lambda: other.accept()[0].close(), daemon=True).start()
        with pytest.raises(PortTaken, match="another program has it"):
            PreviewServer(*folders, taken, LiveNews())


def test_a_page_is_new_when_a_picture_that_it_shows_is(folders):
    site, _ = folders
    (site / "report" / "a b.svg").write_text("<svg/>")
    before = page_digests(site)
    assert sorted(before) == ["index.html", "report/one.html"]
    (site / "report" / "a b.svg").write_text("<svg>new</svg>")
    now = page_digests(site)
    assert now["report/one.html"] != before["report/one.html"]
    assert now["index.html"] == before["index.html"]


@pytest.mark.parametrize(
    ("path", "host", "status"),
    [
        ("/" + "a" * 300, "127.0.0.1", 404),
        ("/" + "a" * 30_000, "127.0.0.1", 414),
        ("/circle/x", "127.0.0.1", 404),
        ("/index.html", "[::1", 403),
        ("/index.html", "127.0.0.1:99999x", 403),
        ("/index.html", "127.0.0.1:" + "9" * 5000, 400),
    ],
)
def test_whatever_is_asked_is_answered_and_nothing_is_logged(
    server, capfd, caplog, path, host, status
):
    (server.folder / "circle").symlink_to(server.folder / "circle")
    assert get(server, path, host)[0].status == status
    assert get(server, "/index.html")[0].status == 200
    assert capfd.readouterr().err == "" and caplog.text == ""


def test_a_fault_that_nobody_foresaw_is_answered_and_told_in_one_line(server, monkeypatch, caplog):
    def broken(path):
        raise LookupError(path)

    monkeypatch.setattr(server, "find", broken)
    answer, body = get(server, "/x.html")
    assert answer.status == 500 and body == "Internal Server Error\n"
    assert [record.getMessage() for record in caplog.records] == [
        "preview: GET /x.html: LookupError: x.html"
    ]
    assert caplog.records[0].exc_info is None
