"""Tiny servers that answer what a test needs, and sessions to them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from connectors.http import Http
from connectors.records import (
    ConnectorError,
)

SECRET = "s3cr/et key"
Reply = tuple[int, dict[str, str], bytes]
OK: Reply = (200, {}, b'{"ok": true}')


class Server(ThreadingHTTPServer):
    """Answers with `replies` in turn, the last one for ever; None hangs up."""

    daemon_threads = True

    def __init__(self, *replies: Reply | None) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.replies = list(replies)
        self.seen: list[tuple[str, str, str]] = []
        self.heads: list[dict[str, str]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self) -> None:
        there = self.server
        assert isinstance(there, Server)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        there.seen.append((self.command, self.path, body.decode()))
        there.heads.append(dict(self.headers))
        reply = there.replies.pop(0) if len(there.replies) > 1 else there.replies[0]
        if reply is None:
            self.close_connection = True
            return
        self.send_response(reply[0])
        for name, value in {"Content-Length": str(len(reply[2])), "Connection": "close", **reply[1]}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(reply[2])
        self.close_connection = True

    do_GET = do_POST = do_PUT = answer  # noqa: N815 - the library's names

    def log_message(self, *args: object) -> None:
        pass


@contextmanager
def serving(*replies: Reply | None) -> Iterator[Server]:
    server = Server(*replies)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


def session(url: str, waits: list[float] | None = None, **options: Any) -> Http:
    given = {"label": "The CRM", "timeout": 5, "requests_per_second": 1e6, "secrets": [SECRET]}
    return Http(url, sleep=(waits if waits is not None else []).append, **{**given, **options})


def raiser(error: Exception) -> Callable[..., Any]:
    def fail(*args: object, **options: object) -> None:
        raise error

    return fail


def failure(call: Callable[[], object]) -> ConnectorError:
    with pytest.raises(ConnectorError) as caught:
        call()
    return caught.value
