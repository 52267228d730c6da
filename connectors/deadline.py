"""A time by which an answer must be here whole, however slowly its bytes come in.

A socket's time-out starts anew with each byte: a server that sends one a second would hold us for days.
"""

from __future__ import annotations

import io
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from http.client import HTTPResponse
from math import inf
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

# Connections are made and pooled by the HTTP library, which takes no deadline along to them.
_until: ContextVar[float] = ContextVar("until", default=inf)


@contextmanager
def answered_by(moment: float) -> Iterator[None]:
    """Within it, answers read in this thread raise TimeoutError at this moment of the monotonic clock."""
    token = _until.set(moment)
    try:
        yield
    finally:
        _until.reset(token)


class TimedResponse(HTTPResponse):
    """An answer whose head and body are read under the deadline."""

    def __init__(self, sock: socket.socket, *args: Any, **options: Any) -> None:
        super().__init__(sock, *args, **options)
        self.fp = io.BufferedReader(_TimedReader(self.fp.detach(), sock))


class _TimedReader(io.RawIOBase):
    def __init__(self, inner: io.RawIOBase, sock: socket.socket) -> None:
        self._inner, self._sock = inner, sock

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int | None:
        left = _until.get() - time.monotonic()
        if left <= 0:
            raise TimeoutError("The answer takes too long.")
        usual = self._sock.gettimeout()
        self._sock.settimeout(min(left, inf if usual is None else usual))
        try:
            return self._inner.readinto(buffer)
        finally:
            # The connection is used again, for requests with a deadline of their own.
            self._sock.settimeout(usual)

    def close(self) -> None:
        self._inner.close()
        super().close()
