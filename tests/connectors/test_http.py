"""The session every connector uses, against tiny servers that answer what each test needs."""

from __future__ import annotations

import logging
import socket
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from typing import Any

import pytest
from django.test import override_settings
from hypothesis import given
from hypothesis import strategies as st

from connectors.answers import WORDS_LENGTH, Answer, decode, meaning
from connectors.http import Http, refuse_unsayable
from connectors.peers import host_of, is_same_place, refuse_address
from connectors.rate import TokenBucket
from connectors.records import (
    ConnectorError,
    Gone,
    NeedsAttention,
    Rejected,
    Stale,
    Temporary,
    Unknown,
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


@pytest.fixture(autouse=True)
def _near(settings: Any) -> None:
    settings.ALLOW_PRIVATE_ADDRESSES = True


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


def test_an_answer_is_its_json() -> None:
    with serving(OK) as server:
        answer = session(server.url).get("people", {"q": "a b"})
    assert (answer.status, answer.data) == (200, {"ok": True})
    assert server.seen == [("GET", "/people?q=a+b", "")]


def test_paths_are_appended_to_the_base_address() -> None:
    with serving(OK) as server:
        session(f"{server.url}/api/").get("/users/")
    assert server.seen[0][1] == "/api/users/"


def test_json_and_form_bodies() -> None:
    with serving(OK) as server:
        http = session(server.url)
        http.send("POST", "x", json={"a": None})
        http.send("POST", "x", form={"a": "ü b"})
    assert [body for _, _, body in server.seen] == ['{"a": null}', "a=%C3%BC+b"]
    assert [head["Content-Type"] for head in server.heads] == [
        "application/json",
        "application/x-www-form-urlencoded",
    ]


@pytest.mark.parametrize("trouble", [(500, {}, b"{}"), (503, {}, b""), (429, {}, b""), (408, {}, b""), None])
def test_a_read_is_repeated_until_it_succeeds(trouble: Reply | None) -> None:
    waits: list[float] = []
    with serving(trouble, trouble, OK) as server:
        assert session(server.url, waits).get("x").data == {"ok": True}
    assert len(server.seen) == 3
    assert 0.25 <= waits[0] <= 0.5 <= waits[1] <= 1


@pytest.mark.parametrize(
    "body", [b"<html>Sign in</html>", b'{"ok": tr', b"", b"[" * 100_000], ids=["html", "cut", "empty", "deep"]
)
def test_what_is_not_json_is_repeated_for_reads(body: bytes) -> None:
    with serving((200, {}, body), OK) as server:
        assert session(server.url).get("x").data == {"ok": True}


def test_a_body_shorter_than_promised_is_repeated_for_reads() -> None:
    with serving((200, {"Content-Length": "50"}, b'{"ok": true}'), OK) as server:
        assert session(server.url).get("x").data == {"ok": True}


def test_tries_are_bounded() -> None:
    waits: list[float] = []
    with serving((500, {}, b'{"message": "down"}')) as server:
        error = failure(lambda: session(server.url, waits, retries=3).get("x"))
    assert isinstance(error, Temporary)
    assert error.message == "The CRM has trouble (500). Try again later. It says: “down”."
    assert len(server.seen) == 4
    assert len(waits) == 3


@pytest.mark.parametrize(
    "reply",
    [
        (500, {}, b"{}"),
        (503, {"Retry-After": "1"}, b"{}"),
        (408, {}, b"{}"),
        (200, {}, b"<html>"),
        (200, {}, b""),
        (200, {"Content-Length": "50"}, b"{}"),
        None,
    ],
    ids=["500", "503", "408", "html", "empty", "cut", "hung up"],
)
def test_a_write_that_may_not_be_repeated_is_sent_once(reply: Reply | None) -> None:
    with serving(reply) as server:
        error = failure(lambda: session(server.url).send("POST", "x", json={}))
    assert isinstance(error, Unknown)
    assert len(server.seen) == 1


def test_a_write_answered_too_late_is_unknown() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        error = failure(lambda: session(url, timeout=0.05).send("POST", "x", json={}))
    assert isinstance(error, Unknown)
    assert "too late" in error.message


def test_a_write_declared_repeatable_is_repeated() -> None:
    with serving((500, {}, b"{}"), None, (200, {}, b"<html>"), OK) as server:
        assert session(server.url).send("PUT", "x", json={}, repeatable=True).data == {"ok": True}
    assert len(server.seen) == 4


def test_a_write_refused_by_429_is_repeated() -> None:
    with serving((429, {}, b"{}"), OK) as server:
        assert session(server.url).send("POST", "x", json={}).data == {"ok": True}


def test_an_empty_answer_where_it_may_be() -> None:
    with serving((204, {}, b""), (200, {}, b"")) as server:
        http = session(server.url)
        assert http.send("PUT", "x", json={}).data is None
        assert http.send("PUT", "x", json={}, may_be_empty=True).data is None


def test_retry_after_seconds_are_waited() -> None:
    waits: list[float] = []
    with serving((429, {"Retry-After": "7"}, b""), OK) as server:
        session(server.url, waits).get("x")
    assert waits == [7]


def test_a_long_retry_after_is_handed_on() -> None:
    waits: list[float] = []
    with serving((429, {"Retry-After": "3600"}, b"")) as server:
        error = failure(lambda: session(server.url, waits).get("x"))
    assert isinstance(error, Temporary)
    assert error.retry_after == 3600
    assert not waits
    assert len(server.seen) == 1


def test_retry_after_as_a_date() -> None:
    soon = format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)
    found = Answer(503, {"Retry-After": soon}).retry_after
    assert found is not None
    assert 3500 < found <= 3600


@pytest.mark.parametrize(("text", "seconds"), [("0", 0), ("", None), ("soon", None), ("-5", None)])
def test_retry_after_otherwise(text: str, seconds: float | None) -> None:
    assert Answer(503, {"Retry-After": text}).retry_after == seconds


def test_retry_after_in_the_past_is_now() -> None:
    assert Answer(429, {"Retry-After": "Wed, 01 Jan 2020 00:00:00 GMT"}).retry_after == 0


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, Rejected),
        (401, NeedsAttention),
        (402, NeedsAttention),
        (403, NeedsAttention),
        (404, Gone),
        (405, NeedsAttention),
        (409, Stale),
        (410, Gone),
        (412, Stale),
        (418, Rejected),
        (422, Rejected),
    ],
)
def test_what_a_status_means(status: int, kind: type[ConnectorError]) -> None:
    with serving((status, {}, b'{"errors": [{"message": "No such thing"}]}')) as server:
        error = failure(lambda: session(server.url).get("x"))
    assert type(error) is kind
    assert error.message.startswith(("The CRM", "The record at The CRM"))
    assert error.message.endswith("It says: “No such thing”.")
    assert len(server.seen) == 1


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ("No", "No"),
        ([{"message": "A"}, {"message": "B"}], "A B"),
        ({"error": "x", "error_description": "Longer"}, "Longer"),
        ({"errors": ["A", "B"]}, "A B"),
        ({"error": {"message": "Inner"}}, "Inner"),
        ({"code": 5}, ""),
        (None, ""),
        ("x" * 1000, "x" * WORDS_LENGTH),
    ],
)
def test_a_systems_words(data: Any, words: str) -> None:
    assert Answer(400, {}, data).words == words


def test_text_is_words_and_a_web_page_is_none() -> None:
    assert Answer(400, {}, text="bad field").words == "bad field"
    assert Answer(400, {}, text="<html>bad field").words == ""


def test_a_connector_explains_its_own_errors() -> None:
    def explain(answer: Answer) -> ConnectorError | None:
        return Gone("It went.") if answer.data == {"code": 7} else None

    with serving((400, {}, b'{"code": 7}'), (400, {}, b'{"code": 8}')) as server:
        http = session(server.url, explain=explain)
        assert failure(lambda: http.get("x")).message == "It went."
        assert isinstance(failure(lambda: http.get("x")), Rejected)


def test_too_much_at_once_is_refused() -> None:
    with serving((200, {}, b"[" + b"1," * 2_000_000 + b"1]")) as server:
        error = failure(lambda: session(server.url, max_bytes=1_000_000, retries=0).get("x"))
    assert error.message == "The CRM answered with more than 1 MB at once. Try again later."


def test_a_redirect_within_the_system_is_followed() -> None:
    with serving((301, {"Location": "/there?q=1"}, b""), OK) as server:
        assert session(server.url).get("x", {"q": "1"}).data == {"ok": True}
    assert [path for _, path, _ in server.seen] == ["/x?q=1", "/there?q=1"]


def test_a_redirect_elsewhere_is_refused() -> None:
    with serving(OK) as stranger, serving((302, {"Location": f"{stranger.url}/x"}, b"")) as server:
        error = failure(lambda: session(server.url, headers={"X-Key": SECRET}).get("x"))
    assert isinstance(error, NeedsAttention)
    assert not stranger.seen


def test_a_redirect_of_a_write_is_refused() -> None:
    with serving((307, {"Location": "/there"}, b"")) as server:
        assert isinstance(failure(lambda: session(server.url).send("POST", "x", json={})), NeedsAttention)


def test_redirects_in_circles_end() -> None:
    with serving((302, {"Location": "/x"}, b"")) as server:
        assert "circles" in failure(lambda: session(server.url).get("x")).message


@pytest.mark.parametrize(
    ("before", "after", "is_same"),
    [
        ("https://a.org/x", "https://A.org/y", True),
        ("http://a.org/x", "https://a.org/x", True),
        ("https://a.org/x", "http://a.org/x", False),
        ("https://a.org/x", "https://b.org/x", False),
        ("https://a.org/x", "https://a.org:8443/x", False),
        ("http://a.org/x", "https://a.org:8443/x", False),
    ],
)
def test_the_same_place(before: str, after: str, is_same: bool) -> None:
    assert is_same_place(before, after) is is_same


def test_loopback_is_refused_unless_allowed(settings: Any) -> None:
    settings.ALLOW_PRIVATE_ADDRESSES = False
    with serving(OK) as server:
        error = failure(lambda: session(server.url).get("x"))
        assert isinstance(error, NeedsAttention)
        assert "ALLOW_PRIVATE_ADDRESSES" in error.message
        assert not server.seen


def test_a_name_that_leads_inside_is_refused(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.ALLOW_PRIVATE_ADDRESSES = False
    with serving(OK) as server:
        there = (socket.AF_INET, socket.SOCK_STREAM, 6, "", server.server_address)
        monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **options: [there])
        error = failure(lambda: session("http://crm.example.org").get("x"))
    assert isinstance(error, NeedsAttention)
    assert "crm.example.org" in error.message
    assert not server.seen


def test_a_secure_connection_is_checked_as_well(settings: Any) -> None:
    settings.ALLOW_PRIVATE_ADDRESSES = False
    with socket.create_server(("127.0.0.1", 0)) as server:
        error = failure(lambda: session(f"https://127.0.0.1:{server.getsockname()[1]}").get("x"))
    assert "ALLOW_PRIVATE_ADDRESSES" in error.message


PRIVATE = ["10.1.2.3", "172.16.0.1", "192.168.1.1", "127.0.0.1", "100.64.0.1", "::1", "fd12::1", "::ffff:10.0.0.1"]
NEVER = ["169.254.169.254", "fe80::1%eth0", "224.0.0.1", "0.0.0.0", "168.63.129.16", "fd00:ec2::254"]  # noqa: S104
NEVER += ["64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::1", "::ffff:169.254.169.254"]


@pytest.mark.parametrize("address", PRIVATE)
def test_private_addresses_need_leave(settings: Any, address: str) -> None:
    refuse_address(address, "x")
    settings.ALLOW_PRIVATE_ADDRESSES = False
    with pytest.raises(NeedsAttention):
        refuse_address(address, "x")


@pytest.mark.parametrize("address", NEVER)
def test_some_addresses_are_never_allowed(address: str) -> None:
    with pytest.raises(NeedsAttention):
        refuse_address(address, "x")


@given(st.ip_addresses())
def test_no_address_passes_that_is_not_global(address: Any) -> None:
    with override_settings(ALLOW_PRIVATE_ADDRESSES=False):
        try:
            refuse_address(str(address), "x")
        except NeedsAttention:
            return
    assert ip_address(str(address)).is_global


def test_an_unknown_host_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", raiser(socket.gaierror(socket.EAI_NONAME, "not known")))
    error = failure(lambda: session("https://crm.example.invalid").get("x"))
    assert isinstance(error, NeedsAttention)
    assert error.message == "There is no host called crm.example.invalid. Check the address of The CRM."


def test_names_that_can_not_be_looked_up_now_are_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", raiser(socket.gaierror(socket.EAI_AGAIN, "try again")))
    error = failure(lambda: session("https://crm.example.invalid").get("x"))
    assert isinstance(error, Temporary)
    assert "crm.example.invalid" in error.message


def test_a_refused_connection_is_temporary_even_for_a_write() -> None:
    waits: list[float] = []
    with socket.create_server(("127.0.0.1", 0)) as closed:
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
    error = failure(lambda: session(url, waits).send("POST", "x", json={}))
    assert isinstance(error, Temporary)
    assert len(waits) == 4


def test_a_failed_handshake_is_temporary_even_for_a_write() -> None:
    with serving(OK) as server:
        error = failure(lambda: session(server.url.replace("http", "https")).send("POST", "x", json={}))
    assert isinstance(error, Temporary)


@pytest.mark.parametrize(
    "address", ["", "example.org", "ftp://example.org", "https://", "https://me:pw@example.org", "https://a:x/"]
)
def test_an_address_that_is_none(address: str) -> None:
    with pytest.raises(NeedsAttention, match="must look like"):
        host_of(address)


def test_a_key_that_no_header_can_carry() -> None:
    with serving(OK) as server:
        for key in ("line\nbreak", "emoji 🎓"):
            error = failure(lambda key=key: session(server.url, headers={"X-Key": key}).get("x"))  # type: ignore[misc]
            assert isinstance(error, NeedsAttention)
            assert key not in "".join(traceback.format_exception(error))


@pytest.mark.parametrize("form", [SECRET, "s3cr%2Fet%20key", "s3cr%2Fet+key", "s3cr/et%20key"])
def test_secrets_are_cut_out_of_a_systems_words(form: str) -> None:
    body = f'{{"message": "wrong key {form} given"}}'.encode()
    with serving((400, {}, body)) as server:
        error = failure(lambda: session(server.url).get("x"))
    assert error.message == "The CRM refuses this (400). It says: “wrong key … given”."
    assert str(error) == error.message


def test_secrets_are_cut_out_of_field_words() -> None:
    def explain(answer: Answer) -> ConnectorError:
        return Rejected("No.", {"email": f"not {SECRET}"})

    with serving((400, {}, b"{}")) as server:
        error = failure(lambda: session(server.url, explain=explain).get("x"))
    assert isinstance(error, Rejected)
    assert error.fields == {"email": "not …"}


@pytest.mark.parametrize("reply", [None, (200, {}, b"<html>"), (401, {}, b"{}"), (302, {"Location": "//x.org"}, b"")])
def test_no_secret_in_logs_or_chains(reply: Reply | None, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with serving(reply) as server:
        http = session(server.url, headers={"X-Key": SECRET})
        error = failure(lambda: http.get("x", {"key": SECRET}))
    seen = "".join(traceback.format_exception(error)) + repr(http) + caplog.text + repr(error)
    assert "s3cr" not in seen
    assert error.__cause__ is None
    assert error.__context__ is None


def test_the_environment_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    with serving(OK) as server:
        assert session(server.url).get("x").data == {"ok": True}


def test_cookies_are_not_kept() -> None:
    with serving((200, {"Set-Cookie": "who=me"}, b"{}")) as server:
        http = session(server.url)
        http.get("x")
        http.get("x")
    assert "Cookie" not in server.heads[1]


def test_a_lone_surrogate_does_not_spoil_a_page() -> None:
    assert decode(b'[{"name": "a\\ud800b"}, {"name": "c"}]') == [{"name": "a\ud800b"}, {"name": "c"}]


@given(st.binary(max_size=40))
def test_decoding_raises_nothing_but_value_errors(body: bytes) -> None:
    try:
        decode(body)
    except ValueError:
        return


def test_what_json_can_not_carry_is_refused_by_field() -> None:
    refuse_unsayable({"a": "ü\0", "b": [1, {"c": None}]})
    with pytest.raises(Rejected) as caught:
        refuse_unsayable({"good": "x", "bad": "a\ud800", "worse": ["\udfff"]})
    assert set(caught.value.fields) == {"bad", "worse"}


class Clock:
    """Time that passes only by sleeping."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@given(st.floats(0.1, 50), st.lists(st.floats(0, 3), max_size=40))
def test_never_more_than_the_rate(rate: float, pauses: list[float]) -> None:
    clock = Clock()
    bucket = TokenBucket(rate, clock, clock.sleep)
    taken = []
    for pause in pauses:
        clock.sleep(pause)
        bucket.take()
        taken.append(clock.now)
    burst = max(1.0, rate)
    for first in range(len(taken)):
        for last in range(first, len(taken)):
            assert last - first + 1 <= burst + rate * (taken[last] - taken[first]) + 1e-6


def test_a_second_s_worth_goes_through_at_once() -> None:
    clock = Clock()
    bucket = TokenBucket(5, clock, clock.sleep)
    for _ in range(5):
        bucket.take()
    assert clock.now == 0
    bucket.take()
    assert clock.now == pytest.approx(0.2)


def test_sessions_to_one_address_share_their_rate() -> None:
    waits: list[float] = []
    with serving(OK) as server:
        for _ in range(3):
            held = [session(server.url, waits, requests_per_second=2) for _ in range(2)]
            held[0].get("x")
            held[1].get("x")
    assert len(waits) >= 4


def test_threads_share_a_session() -> None:
    with serving(OK) as server:
        http = session(server.url, concurrency=4)
        threads = [threading.Thread(target=http.get, args=("x",)) for _ in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        http.close()
    assert len(server.seen) == 12


def test_a_meaning_names_the_system() -> None:
    assert "360Alumni" in meaning(Answer(401, {}), "360Alumni").message
