"""Large answers: read as they come, laid by on disk, cut only where they stall or are not what was promised."""

from __future__ import annotations

import gzip
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import requests

from connectors import download, http
from connectors.answers import decode_exactly, digits
from connectors.download import PIECE, Download
from connectors.records import ConnectorError, Gone, NeedsAttention, Temporary
from tests.connectors.servers import OK, SECRET, failure, serving, session
from tests.connectors.test_deadline import CHUNKED, HEAD, dripping

BODY = b"[" + b"1," * 200_000 + b"1]"


@pytest.fixture(autouse=True)
def _near(settings: Any) -> None:
    settings.ALLOW_PRIVATE_ADDRESSES = True


class Pieces(requests.Response):
    """An answer whose body comes in these pieces; an error among them is raised."""

    def __init__(self, *pieces: bytes | Exception) -> None:
        super().__init__()
        self.pieces, self.is_closed = pieces, False

    def iter_content(self, *args: Any, **options: Any) -> Iterator[bytes]:
        for piece in self.pieces:
            if isinstance(piece, Exception):
                raise piece
            yield piece

    def close(self) -> None:
        self.is_closed = True


def opened(*pieces: bytes | Exception) -> Download:
    return Download(Pieces(*pieces), 90, lambda how: Temporary(f"It failed: {how}."))


def laid_by(body: Download) -> list[int]:
    return list(body.lay_by())


def test_a_body_is_read_as_it_comes() -> None:
    with serving((200, {}, BODY)) as server, session(server.url).download("list", {"q": "a"}) as body:
        assert body.begins_with(b"[")
        assert not body.begins_with(b"{")
        assert body.position == 0
        assert body.read(5) == BODY[:5]
        assert body.read() == BODY[5:]
        assert (body.position, body.read(10)) == (len(BODY), b"")
    assert server.seen == [("GET", "/list?q=a", "")]


def test_the_rest_is_read_from_disk_once_it_is_laid_by() -> None:
    with serving((200, {}, BODY)) as server, session(server.url).download("list") as body:
        start = body.read(100_000)
        came = laid_by(body)
        assert came == sorted(came)
        assert came[-1] == len(BODY)
        assert start + body.read() == BODY


def test_a_packed_answer_is_unpacked() -> None:
    packed = gzip.compress(BODY)
    with serving((200, {"Content-Encoding": "gzip"}, packed)) as server, session(server.url).download("list") as body:
        laid_by(body)
        assert body.read() == BODY


def test_the_file_has_no_name_and_belongs_to_us_alone() -> None:
    body = opened(b"secret")
    laid_by(body)
    assert body._file is not None
    about = os.fstat(body._file.fileno())
    assert (about.st_nlink, stat.S_IMODE(about.st_mode)) == (0, 0o600)
    body.close()
    assert body._file.closed


def test_spaces_before_the_first_character_do_not_matter() -> None:
    assert opened(b" \n", b"  ", b" [1]").begins_with(b"[")
    assert not opened(b" ", b"").begins_with(b"[")


def test_reading_stops_when_it_is_closed() -> None:
    response = Pieces(b"[1,", b"2,")
    with Download(response, 90, lambda how: Temporary("It failed.")) as body:
        body.read(1)
    assert response.is_closed


@pytest.mark.parametrize("act", [lambda body: body.read(), laid_by], ids=["read", "lay_by"])
def test_an_answer_that_breaks_off_is_temporary(act: Any) -> None:
    promised = {"Content-Length": str(len(BODY) + 5)}
    with serving((200, promised, BODY)) as server, session(server.url).download("list") as body:
        error = failure(lambda: act(body))
    assert isinstance(error, Temporary)
    assert error.__cause__ is None
    assert "only a part" in error.message


@pytest.mark.parametrize(("head", "drop"), [(HEAD, b" "), (CHUNKED, b"1\r\n \r\n")], ids=["body", "chunks"])
def test_an_answer_in_drops_ends(monkeypatch: pytest.MonkeyPatch, head: bytes, drop: bytes) -> None:
    monkeypatch.setattr(http, "LONGEST_CALL", 0.05)
    with dripping(head, drop) as url, session(url).download("list") as body:
        assert isinstance(failure(body.read), Temporary)


def test_a_slow_answer_is_not_cut_while_it_flows(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, limits = [0.0], []

    @contextmanager
    def noted(until: float) -> Iterator[None]:
        limits.append(until - clock[0])
        yield
        clock[0] += 60

    monkeypatch.setattr(download, "answered_by", noted)
    monkeypatch.setattr("connectors.download.time.monotonic", lambda: clock[0])
    assert len(opened(*[b"x" * PIECE] * 5).read()) == 5 * PIECE
    assert min(limits) > 0
    limits.clear()
    # Drops win no time: what comes is too little.
    opened(*[b"x"] * 5).read()
    assert min(limits) < 0


@pytest.mark.parametrize("act", [lambda body: body.read(), laid_by], ids=["read", "lay_by"])
def test_an_answer_without_end_is_cut(monkeypatch: pytest.MonkeyPatch, act: Any) -> None:
    monkeypatch.setattr(download, "LARGEST", 3)
    with opened(b"12", b"34", b"56") as body:
        assert isinstance(failure(lambda: act(body)), Temporary)


def test_one_record_can_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "LARGEST_PART", 3)
    body = opened(b"12", b"34", b"56")
    body.read(2)
    body.mark()
    body.read(2)
    assert isinstance(failure(lambda: body.read(2)), Temporary)


def test_a_full_disk_is_for_a_person(monkeypatch: pytest.MonkeyPatch) -> None:
    class Full:
        def write(self, piece: bytes) -> None:
            raise OSError(28, "No space left on device")

        def close(self) -> None:
            """Nothing is open."""

    monkeypatch.setattr("connectors.download.tempfile.TemporaryFile", Full)
    with opened(b"12") as body:
        error = failure(lambda: laid_by(body))
    assert isinstance(error, NeedsAttention)
    assert "no room" in error.message


@pytest.mark.parametrize(("status", "kind"), [(404, Gone), (401, NeedsAttention), (500, Temporary)])
def test_a_refusal_is_one_as_always(status: int, kind: type[ConnectorError]) -> None:
    with serving((status, {}, f'{{"message": "no {SECRET}"}}'.encode())) as server:
        error = failure(lambda: session(server.url).download("list"))
    assert isinstance(error, kind)
    assert SECRET not in error.message


def test_a_download_is_begun_again_until_its_head_comes() -> None:
    waits: list[float] = []
    with serving((500, {}, b""), None, (200, {}, b"[]")) as server:
        with session(server.url, waits).download("list") as body:
            assert body.read() == b"[]"
        assert (len(waits), len(server.seen)) == (2, 3)


def test_a_redirect_is_followed_within_the_system() -> None:
    with serving((302, {"Location": "/there"}, b""), (200, {}, b"[]")) as server:
        with session(server.url).download("here") as body:
            assert body.read() == b"[]"
        assert [path for _, path, _ in server.seen] == ["/here", "/there"]


def test_json_that_is_bytes_already_is_sent_as_it_is() -> None:
    with serving(OK) as server:
        session(server.url).send("POST", "x", json=b'{"value": 25.10}')
    assert server.seen == [("POST", "/x", '{"value": 25.10}')]
    assert server.heads[0]["Content-Type"] == "application/json"


def test_a_decoder_of_one_s_own() -> None:
    with serving((200, {}, b'{"value": 25.10, "count": 3}')) as server:
        answer = session(server.url, decoder=decode_exactly).get("x")
    assert answer.data == {"value": "25.10", "count": 3}


@pytest.mark.parametrize(
    ("number", "text"), [("25.10", "25.10"), ("1e3", "1000"), ("0.1", "0.1"), ("-2.50", "-2.50"), ("1e999", "1e999")]
)
def test_numbers_keep_their_digits(number: str, text: str) -> None:
    assert digits(number) == text
    assert decode_exactly(number.encode()) == text


def test_what_no_number_is_stays_a_text() -> None:
    assert decode_exactly(b"[NaN, 12]") == ["NaN", 12]
    assert decode_exactly(b"") is None
    with pytest.raises(ValueError, match="deep"):
        decode_exactly(b"[" * 200_000)
