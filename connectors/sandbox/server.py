"""Stand-ins: small servers on loopback that answer as the vendors' documents say, for invented people.

with start("some_system", people=20) as there:
    requests.get(there.settings["base_url"] + …)
    there.change("user", there.ids("user")[0], phone="…")   # behind the interface's back
    there.faults.next("500")
    there.counts["creates"], there.log
"""

from __future__ import annotations

import importlib
import pkgutil
import socket
import struct
import sys
import threading
from collections.abc import Callable, Iterable
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast
from urllib.parse import parse_qsl, unquote, urlsplit

import connectors.sandbox as package
from connectors.sandbox.control import CONTROL, control
from connectors.sandbox.pages import is_page, page
from connectors.sandbox.stand_in import Answer, Request, StandIn

__all__ = ["StandIn", "stand_ins", "start"]


def start(system: str, *, people: int = 20, port: int = 0, seed: int = 1, **options: Any) -> StandIn:
    """A running stand-in for `system`, on 127.0.0.1, a free port or `port`; `options` are its class's."""
    stand_in = stand_ins()[system](people=people, seed=seed, **options)
    stand_in.server = _Server(("127.0.0.1", port), stand_in)
    threading.Thread(target=stand_in.server.serve_forever, args=(0.02,), daemon=True).start()
    return stand_in


def stand_ins() -> dict[str, type[StandIn]]:
    """The systems there is a stand-in for: each module of this package that names its STAND_IN."""
    names = (f"{package.__name__}.{found.name}" for found in pkgutil.iter_modules(package.__path__))
    classes = (getattr(importlib.import_module(name), "STAND_IN", None) for name in names)
    return {kind.system: kind for kind in classes if kind is not None}


class _Server(ThreadingHTTPServer):
    # A forgotten stand-in must not keep its process alive.
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def __init__(self, address: tuple[str, int], stand_in: StandIn) -> None:
        self.stand_in = stand_in
        self._open: set[socket.socket] = set()
        self._open_lock = threading.Lock()
        super().__init__(address, _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._open_lock:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._open_lock:
            self._open.discard(request)
        super().shutdown_request(request)

    def server_close(self) -> None:
        super().server_close()
        # A kept-alive connection would go on being answered by its thread.
        with self._open_lock:
            for connection in self._open:
                _hang_up(connection)

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exc_info()[1], OSError):  # a client that went away is no error
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "StandIn"
    sys_version = ""
    disable_nagle_algorithm = True
    wbufsize = 1 << 16  # headers and body in one packet: apart, each would wait for an acknowledgement

    def _serve(self) -> None:
        stand_in = cast(_Server, self.server).stand_in
        request = self._read()
        answer = self._handler(stand_in, request)(request)
        if answer.hanging:
            # Until the client hangs up; it has nothing more to say before that.
            self.rfile.read(1)
        if answer.silent:
            self._drop()
        else:
            self._send(answer)

    def _handler(self, stand_in: StandIn, request: Request) -> Callable[[Request], Answer]:
        if request.path.startswith(CONTROL):
            return partial(control, stand_in)
        return partial(page, stand_in) if is_page(stand_in, request) else stand_in.serve

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _serve  # noqa: N815

    def _read(self) -> Request:
        address = urlsplit(self.path)
        query = dict(parse_qsl(address.query, keep_blank_values=True))
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        return Request(self.command, unquote(address.path), query, headers, body)

    def _send(self, answer: Answer) -> None:
        if answer.parts is not None:
            self._send_parts(answer, answer.parts)
            return
        content = answer.content
        self.send_response(answer.status)
        for name, value in {"Content-Type": "application/json; charset=utf-8", **answer.headers}.items():
            self.send_header(name, value)
        if answer.status not in (204, 304):
            self.send_header("Content-Length", str(len(content)))
        # The length that was promised stands: that is how a client can tell.
        if answer.cut:
            content = content[: len(content) // 2]
            self.close_connection = True
        self.end_headers()
        self.wfile.write(content)

    def _send_parts(self, answer: Answer, parts: Iterable[bytes]) -> None:
        self.send_response(answer.status)
        for name, value in {"Content-Type": "application/json; charset=utf-8", **answer.headers}.items():
            self.send_header(name, value)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for part in parts:
            self.wfile.write(b"%x\r\n%b\r\n" % (len(part), part))
            if answer.cut:
                self.close_connection = True
                return
        self.wfile.write(b"0\r\n\r\n")

    def _drop(self) -> None:
        self.close_connection = True
        # A reset, and not the tidy end that a client could take for an empty answer.
        linger_not = struct.pack("ii", 1, 0)
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger_not)
        _hang_up(self.connection)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: the log is the stand-in's, without values."""


def _hang_up(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        return
