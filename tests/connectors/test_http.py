"""The session every connector uses, against tiny servers."""

from __future__ import annotations

import logging
import socket
import threading
import traceback
from typing import Any

import pytest

from connectors.answers import WORDS_LENGTH, Answer
from connectors.http import refuse_unsayable
from connectors.lastly import checked_by
from connectors.records import (
    ConnectorError,
    Gone,
    NeedsAttention,
    Rejected,
    Stale,
    Temporary,
    Unknown,
)
from tests.connectors.servers import OK, SECRET, Reply, failure, serving, session


@pytest.fixture(autouse=True)
def _near(settings: Any) -> None:
    settings.ALLOW_PRIVATE_ADDRESSES = True


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


def test_who_lost_the_right_to_write_sends_no_further_try() -> None:
    class Lost(Exception):
        pass

    def check() -> None:
        if server.seen:
            raise Lost

    with serving((429, {}, b"{}"), OK, OK) as server:
        http = session(server.url)
        with checked_by(check), pytest.raises(Lost):
            http.send("POST", "x", json={})
        assert len(server.seen) == 1
        with checked_by(check):
            http.get("x")
        http.send("POST", "x", json={})
    assert [method for method, _, _ in server.seen] == ["POST", "GET", "POST"]


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


@pytest.mark.parametrize("there", ["http://[", "https://a.org:port/x"])
def test_a_redirect_to_no_address(there: str) -> None:
    with serving((302, {"Location": there}, b"")) as server:
        assert isinstance(failure(lambda: session(server.url).get("x")), NeedsAttention)


def test_redirects_in_circles_end() -> None:
    with serving((302, {"Location": "/x"}, b"")) as server:
        assert "circles" in failure(lambda: session(server.url).get("x")).message


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


@pytest.mark.parametrize("ahead", [WORDS_LENGTH - 5, 4 * WORDS_LENGTH - 5])
@pytest.mark.parametrize("body", [b'{"message": "%s"}', b"%s"], ids=["json", "text"])
def test_no_half_of_a_secret_is_left_where_words_are_cut(ahead: int, body: bytes) -> None:
    with serving((400, {}, body % (b"x" * ahead + SECRET.encode()))) as server:
        assert "s3c" not in failure(lambda: session(server.url).get("x")).message


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


def test_what_json_can_not_carry_is_refused_by_field() -> None:
    refuse_unsayable({"a": "ü\0", "b": [1, {"c": None}]})
    with pytest.raises(Rejected) as caught:
        refuse_unsayable({"good": "x", "bad": "a\ud800", "worse": ["\udfff"]})
    assert set(caught.value.fields) == {"bad", "worse"}


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
