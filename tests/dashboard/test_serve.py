"""The dashboard as a process: it ends in whatever way it is ended, and nothing of it stays."""

import contextlib
import fcntl
import os
import pty
import signal
import socket
import termios
import urllib.request

import psutil
import pytest

from cvlib.dashboard.serve import check_free
from cvlib.processes import PortTaken
from tests.dashboard.shown import (
    Command,
    copied,
    free_port,
    needs_fiftyone,
    needs_mongod,
    trained,
)


def needs_dashboard(test):
    for mark in (needs_fiftyone, needs_mongod, pytest.mark.slow):
        test = mark(test)
    return test


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    return copied(trained(tmp_path_factory), tmp_path_factory.mktemp("serve") / "digits")


def answers(command: Command) -> bool:
    with urllib.request.urlopen(f"http://127.0.0.1:{command.port}/fiftyone", timeout=5) as page:
        return page.status == 200


def addresses(command: Command) -> set[str]:
    """The addresses that processes of a dashboard listen on."""
    return {
        connection.laddr.ip
        for process in command.alive()
        for connection in process.net_connections(kind="inet")
        if connection.status == psutil.CONN_LISTEN
    }


@pytest.fixture
def start(project):
    """Starts a dashboard; kills what a failed test leaves of it."""
    commands = []

    def started(**popen) -> Command:
        commands.append(Command(project, **popen))
        return commands[-1]

    yield started
    for command in commands:
        for process in [command.process, *command.alive()]:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()


@pytest.fixture
def terminal():
    """A terminal: what we hold of it, and what makes it a command's own."""
    ours, theirs = pty.openpty()
    yield ours, {"stdin": theirs, "preexec_fn": lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0)}
    for end in (ours, theirs):
        with contextlib.suppress(OSError):
            os.close(end)


@needs_dashboard
def test_two_dashboards_share_a_mongod_that_ends_with_the_last(start, terminal):
    ours, popen = terminal
    typed = start(**popen)
    typed.wait_for(lambda: typed.running("/mongod --dbpath"))  # it is the one that starts mongod
    killed = start()
    typed.open(), killed.open()
    [mongod] = typed.running("/mongod --dbpath")
    assert not killed.running("/mongod --dbpath")
    assert [len(command.running("server/main.py")) for command in (typed, killed)] == [1, 1]
    assert addresses(typed) == addresses(killed) == {"127.0.0.1"}

    os.write(ours, b"\x03")  # Ctrl-C, as the terminal passes it on
    assert typed.process.wait(60) == 0
    psutil.wait_procs(typed.running("server/main.py"), timeout=15)
    assert not typed.running("server/main.py")
    assert mongod.is_running() and answers(killed), "the other still needs it"

    assert killed.end(signal.SIGKILL) == -signal.SIGKILL
    assert typed.left_over() == [] and killed.left_over() == []
    assert "Traceback" not in typed.output + killed.output


@needs_dashboard
def test_a_command_killed_while_it_starts_leaves_no_mongod(start):
    command = start()
    command.wait_for(lambda: command.running("/mongod --dbpath"))
    assert command.end(signal.SIGKILL) == -signal.SIGKILL
    assert command.left_over() == []


@needs_dashboard
def test_a_terminal_closed_while_the_server_starts_leaves_nothing_behind(start, terminal):
    ours, popen = terminal
    command = start(**popen)
    command.wait_for(lambda: command.running("server/main.py"))
    assert command.running("/mongod --dbpath")
    os.close(popen["stdin"])
    os.close(ours)  # the kernel sends SIGHUP to those whose terminal it was
    assert command.process.wait(60) == 128 + signal.SIGHUP
    assert command.left_over() == []


def test_a_port_in_use_is_named_before_anything_starts(project):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        command = Command(project, port=port)
        assert command.process.wait(60) == 2
        command.join()
    assert f"port {port} of 127.0.0.1 cannot be had" in command.output
    assert f"--port {port + 1}" in command.output
    assert not (project.data / ".cache" / f"fiftyone-db/server-{port}.log").exists()


def test_a_free_port_passes():
    port = free_port()
    check_free(port)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port))
        taken.listen()
        with pytest.raises(PortTaken, match=f"port {port}"):
            check_free(port)
