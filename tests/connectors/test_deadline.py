"""An answer that comes drop by drop must end as well, and a call with all its repetitions with it."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest

from connectors import http
from connectors.records import Temporary, Unknown
from tests.connectors.servers import OK, failure, serving, session

HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.fixture(autouse=True)
def _near_and_hurried(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.ALLOW_PRIVATE_ADDRESSES = True
    monkeypatch.setattr(http, "LONGEST_CALL", 0.05)


@contextmanager
def dripping(head: bytes, drop: bytes) -> Iterator[str]:
    """A server that sends a head, and then a drop every millisecond for as long as the test lasts."""
    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def drip() -> None:
            with suppress(OSError), listening.accept()[0] as taken:
                taken.recv(65536)
                taken.sendall(head)
                while not over.wait(0.001):
                    taken.sendall(drop)

        dripper = threading.Thread(target=drip)
        dripper.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            over.set()
            dripper.join()


@pytest.mark.parametrize(
    ("head", "drop"),
    [(HEAD, b" "), (CHUNKED, b"1\r\n \r\n"), (b"", b"H"), (b"HTTP/1.1 200 OK\r\nX: ", b"x")],
    ids=["body", "chunks", "status", "header"],
)
def test_an_answer_in_drops_ends(head: bytes, drop: bytes) -> None:
    waits: list[float] = []
    with dripping(head, drop) as url:
        error = failure(lambda: session(url, waits).get("x"))
    assert isinstance(error, Temporary)
    assert not waits


def test_a_write_answered_in_drops_is_unknown() -> None:
    with dripping(HEAD, b" ") as url:
        error = failure(lambda: session(url).send("POST", "x", json={}))
    assert isinstance(error, Unknown)


def test_no_wait_goes_beyond_the_time_of_a_call(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "LONGEST_CALL", 30)
    waits: list[float] = []
    with serving((429, {"Retry-After": "20"}, b"")) as server:
        error = failure(lambda: session(server.url, waits).get("x"))
    assert isinstance(error, Temporary)
    assert (error.retry_after, waits, len(server.seen)) == (20, [20], 2)


def test_each_call_has_its_own_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "LONGEST_CALL", 5)
    reply = (200, {"Connection": "keep-alive"}, b"{}")
    with serving(reply) as server:
        there = session(server.url)
        with dripping(HEAD, b" ") as url:
            monkeypatch.setattr(http, "LONGEST_CALL", 0.05)
            failure(lambda: session(url).get("x"))
            monkeypatch.setattr(http, "LONGEST_CALL", 5)
        assert [there.get("x").data, there.get("x").data] == [{}, {}]


def test_an_answer_in_time_is_whole() -> None:
    body = b'["' + b"x" * 300_000 + b'"]'
    with serving((200, {}, body), OK) as server:
        assert session(server.url).get("x").data == ["x" * 300_000]
