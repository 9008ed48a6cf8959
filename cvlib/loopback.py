"""Serving on 127.0.0.1, the address that only this machine reaches."""

from __future__ import annotations

import socket
import urllib.request
from collections.abc import Callable

ADDRESS = "127.0.0.1"


def check_port(port: int, is_ours: Callable[[int], bool], what: str) -> None:
    """Raise OSError that says who has the port, where it cannot be had.

    is_ours: whether what listens there is another one of `what`, such as `preview`.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do
        try:
            probe.bind((ADDRESS, port))
        except OSError as error:
            who = (
                f"another {what} is open there, http://{ADDRESS}:{port}"
                if is_ours(port)
                else f"another program has it ({error.strerror})"
            )
            raise OSError(
                f"port {port} of {ADDRESS} cannot be had: {who}; end that one, or give another "
                f"port, such as --port {port + 1}"
            ) from None


def direct() -> urllib.request.OpenerDirector:
    """An opener that asks no proxy: none stands between this machine and itself."""
    return urllib.request.build_opener(urllib.request.ProxyHandler({}))
