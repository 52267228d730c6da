"""AlumnIQ's key: its days, its renewal, and that nobody ever sees it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from connectors.models import setting_defaults
from connectors.records import NeedsAttention, Temporary, Unknown
from connectors.sandbox.alumniq import AlumnIQ
from connectors.systems.alumniq import Alumniq
from connectors.systems.alumniq.answers import days_left, environment_of, new_key_of
from connectors.systems.alumniq.settings import AlumniqSettings
from tests.connectors.alumniq import NOON, WORK, open_to, running
from tests.connectors.servers import OK, Server, serving


@pytest.fixture(autouse=True)
def _near_and_quick(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.ALLOW_PRIVATE_ADDRESSES = True
    monkeypatch.setattr("connectors.http.FIRST_WAIT", 0.0001)


@pytest.fixture
def there() -> Iterator[AlumnIQ]:
    with running(people=0, limit=10) as there:
        there.clock = lambda: NOON
        yield there


@pytest.mark.parametrize(("days", "is_due"), [(200, False), (31, False), (30, True), (1, True), (0, True)])
def test_the_key_s_days_are_shown_and_warned_about_a_month_ahead(there: AlumnIQ, days: int, is_due: bool) -> None:
    there.days_remaining = days
    identity = open_to(there).check()
    said = "one day" if days == 1 else f"{days} days"
    assert identity.notes == (f"The API key is good for {said} more.",)
    assert bool(identity.warnings) is is_due
    if is_due:
        assert said in identity.warnings[0]
        assert "“Renew the key”" in identity.warnings[0]


@pytest.mark.parametrize(
    ("text", "days"), [("200", 200), ("-3", -3), ("12.5", 12), ("", None), ("soon", None), ("NaN", None)]
)
def test_days_left(text: str, days: int | None) -> None:
    assert days_left({"x-api-key-days-remaining": text}) == days
    assert days_left({}) is None


def test_an_expired_key_says_where_to_make_a_new_one(there: AlumnIQ) -> None:
    there.days_remaining = -1
    with pytest.raises(NeedsAttention, match=r"expired.*Security > API Keys"):
        open_to(there).check()


@pytest.mark.parametrize("shape", ["object", "text"])
def test_a_key_is_exchanged_for_a_new_one(shape: str) -> None:
    with running(people=0, new_key=shape, days_remaining=3) as there:
        old = open_to(there)
        renewed = old.renew()
        assert renewed == {"api_key": "sandbox-iq-key-2"}
        assert not open_to(there, api_key=renewed["api_key"]).check().warnings
        with pytest.raises(NeedsAttention):
            old.check()


def test_an_exchange_whose_answer_is_lost_is_not_repeated(there: AlumnIQ) -> None:
    there.faults.next("lost", times=9)
    with pytest.raises(Unknown):
        open_to(there).renew()
    assert there.counts["creates"] == 1


def test_a_key_can_not_be_renewed_without_its_address_or_by_another(there: AlumnIQ) -> None:
    with pytest.raises(NeedsAttention, match="whose key it is"):
        open_to(there, key_email="").renew()
    with pytest.raises(Exception, match="No such key"):
        open_to(there, key_email="somebody@example.org").renew()
    assert there.counts["creates"] == 0


@pytest.mark.parametrize(
    ("data", "key"),
    [
        (" abc ", "abc"),
        ({"apikey": "abc"}, "abc"),
        ({"API_KEY": "abc", "message": "ok"}, "abc"),
        ({"data": {"newKey": "abc"}}, "abc"),
        ({"message": "no"}, ""),
        (["abc"], ""),
        (None, ""),
    ],
)
def test_a_new_key_in_whatever_shape(data: Any, key: str) -> None:
    assert new_key_of(data) == key


def test_an_exchange_without_a_key_in_its_answer(there: AlumnIQ, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(there, "_exchange", lambda request: there._say({"message": "Thank you"}))
    with pytest.raises(NeedsAttention, match="not with a new key"):
        open_to(there).renew()


def speaking_to(server: Server) -> Alumniq:
    given = {"base_url": server.url, "api_key": "s3cr/et key", "requests_per_second": 1e6}
    return Alumniq({**setting_defaults(Alumniq), **given})


def test_the_key_is_in_the_address_of_questions_and_in_the_body_of_a_put() -> None:
    with serving((200, {}, b"[]"), OK) as server:
        system = speaking_to(server)
        system.check()
        system.acknowledge(WORK, ["7", "8"])
    (_, asked, _), (method, path, body) = server.seen
    assert "apikey=s3cr%2Fet+key" in asked
    assert (method, path) == ("PUT", f"/sync/{WORK}")
    assert body == '{"apikey": "s3cr/et key", "changeIdList": "7,8"}'


def test_the_key_is_not_carried_to_strangers() -> None:
    with (
        serving((200, {}, b"[]")) as stranger,
        serving((302, {"Location": f"{stranger.url}/sync/identity-change"}, b"")) as server,
        pytest.raises(NeedsAttention, match="has moved") as caught,
    ):
        speaking_to(server).check()
    assert stranger.seen == []
    assert "s3cr" not in caught.value.message


@pytest.mark.parametrize("status", [400, 401, 403, 404])
def test_a_key_that_an_error_repeats_is_cut_out(status: int) -> None:
    body = b'{"message": "apikey=s3cr%2Fet+key or s3cr/et key is wrong"}'
    with serving((status, {}, body)) as server, pytest.raises(NeedsAttention) as caught:
        speaking_to(server).check()
    assert "s3cr" not in caught.value.message


@pytest.mark.parametrize("status", [400, 404])
def test_a_wrong_address(status: int) -> None:
    said = r"no feed “identity-change”.*api/v1/index\.cfm"
    with serving((status, {}, b"Nothing here")) as server, pytest.raises(NeedsAttention, match=said):
        speaking_to(server).check()


def test_an_error_in_plain_text_is_repeated_in_words() -> None:
    with serving((500, {}, b"Lucee is out of heap space")) as server, pytest.raises(Temporary, match="heap space"):
        speaking_to(server).check()


@pytest.mark.parametrize(
    ("address", "is_good"),
    [
        ("https://example.alumniq.com/api/v1/index.cfm", True),
        ("http://127.0.0.1:8000/api/v1/index.cfm", True),
        ("http://example.alumniq.com/api/v1/index.cfm", False),
        ("HTTP://example.alumniq.com/api/v1/index.cfm", False),
    ],
)
def test_the_key_travels_encrypted_only(address: str, is_good: bool) -> None:
    form = AlumniqSettings({"base_url": address, "api_key": "k"})
    assert form.is_valid() is is_good, form.errors
    assert ("base_url" in form.errors) is not is_good


@pytest.mark.parametrize(
    ("host", "environment"),
    [("qa-example.alumniq.com", "test"), ("example.alumniq.com", "production"), ("127.0.0.1", "")],
)
def test_the_test_system_is_known_by_its_name(host: str, environment: str) -> None:
    assert environment_of(host) == environment


def test_closing_twice_or_before_use(there: AlumnIQ) -> None:
    system = open_to(there)
    system.close()
    system.check()
    system.close()
    system.close()
