"""A key that is about to expire is warned about, and exchanged for a new one by a button; nobody sees either."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client

from connectors.checking import check
from connectors.models import Connection
from connectors.records import NeedsAttention
from connectors.renewing import renew
from connectors.sandbox.alumniq import AlumnIQ
from tests.connectors.alumniq import running
from tests.connectors.test_screens_connections import member, url, words
from tests.mappings.setup_example import ToyConnector, keep, register

pytestmark = pytest.mark.django_db

OLD, NEW = "sandbox-iq-key-1", "sandbox-iq-key-2"


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    settings.ALLOW_PRIVATE_ADDRESSES = True
    monkeypatch.setattr("connectors.http.FIRST_WAIT", 0.0001)


@pytest.fixture
def there() -> Iterator[AlumnIQ]:
    with running(people=0, days_remaining=9) as there:
        yield there


@pytest.fixture
def platform(there: AlumnIQ) -> Connection:
    settings = there.settings
    row = keep("Platform", "alumniq", {"api_key": settings.pop("api_key")})
    row.settings = {**settings, "requests_per_second": 100_000}
    row.save()
    return row


def key_of(connection: Connection) -> str:
    return str(Connection.objects.get(pk=connection.pk).secrets["api_key"])


def test_a_check_keeps_the_warning_and_every_page_of_the_connection_says_it(
    platform: Connection, admin_client: Client
) -> None:
    check(platform)
    warning = "good for 9 days more; then nothing can be read"
    for page in (url("changelist"), url("change", platform.pk)):
        assert warning in words(admin_client.get(page)), page
    assert warning in words(admin_client.post(url("check", platform.pk)))


def test_the_new_key_takes_the_old_one_s_place(platform: Connection) -> None:
    platform.secrets = {**platform.secrets, "other": "stays"}
    platform.save()
    # Opened long ago: what somebody stored meanwhile is not written over.
    held = Connection.objects.defer("secrets").get(pk=platform.pk)
    Connection.objects.filter(pk=platform.pk).update(name="Renamed")
    assert renew(held) == ["api_key"]
    now = Connection.objects.get(pk=platform.pk)
    assert (now.name, now.secrets) == ("Renamed", {"api_key": NEW, "other": "stays"})
    assert held.secrets == now.secrets


def test_the_button_stores_the_new_key_and_works_with_it(platform: Connection, admin_client: Client) -> None:
    assert "Renew the key" in words(admin_client.get(url("change", platform.pk)))
    answer = admin_client.post(url("renew", platform.pk), follow=True)
    assert "Platform has a new key, and works with it." in answer.content.decode()
    said = words(answer)
    assert "The API key is good for 365 days more." in said
    assert "then nothing can be read" not in said
    assert key_of(platform) == NEW
    assert not [key for key in (OLD, NEW) if key in answer.content.decode()]
    entry = LogEntry.objects.get()
    assert "api_key" in entry.change_message
    assert "sandbox" not in entry.change_message


def test_a_refused_exchange_changes_nothing(platform: Connection, admin_client: Client) -> None:
    platform.settings = {**platform.settings, "key_email": "somebody@example.org"}
    platform.save()
    answer = admin_client.post(url("renew", platform.pk), follow=True)
    assert "No such key for this address" in answer.content.decode()
    assert key_of(platform) == OLD
    assert not LogEntry.objects.exists()


def test_a_key_that_was_exchanged_is_kept_even_where_it_does_not_work_yet(
    there: AlumnIQ, platform: Connection, admin_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    exchange = there._exchange

    def refuse_afterwards(request: Any) -> Any:
        there.faults.next("401", times=9)
        return exchange(request)

    monkeypatch.setattr(there, "_exchange", refuse_afterwards)
    answer = admin_client.post(url("renew", platform.pk), follow=True)
    assert "accept our key" in answer.content.decode()
    assert key_of(platform) == NEW
    assert LogEntry.objects.count() == 1


def test_looking_renews_nothing_and_only_operators_may(platform: Connection, client: Client) -> None:
    viewer = member(client, "view_connection")
    assert "Renew the key" not in words(viewer.get(url("change", platform.pk)))
    assert viewer.post(url("renew", platform.pk)).status_code == 403
    assert key_of(platform) == OLD


def test_get_renews_nothing(platform: Connection, admin_client: Client) -> None:
    assert admin_client.get(url("renew", platform.pk)).status_code == 405
    assert key_of(platform) == OLD


def test_a_system_that_can_not_renew_has_no_button(admin_client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    register(monkeypatch)
    row = keep("Toy", "toy", {"api_key": "k-12345"})
    assert ToyConnector.renewal == ""
    assert "Renew" not in words(admin_client.get(url("change", row.pk)))
    with pytest.raises(NeedsAttention, match="can't renew its key from here"):
        renew(row)
