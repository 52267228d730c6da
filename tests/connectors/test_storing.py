"""What people enter of a connection: kept as a setup file's would be, secrets apart."""

from __future__ import annotations

from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.utils import timezone

from connectors.models import Connection
from connectors.registry import connectors
from connectors.storing import keep, offered_systems, readable_secrets, secret_fields, worth_keeping
from tests.mappings.setup_example import ToyConnector, register

pytestmark = pytest.mark.django_db
SETTINGS = {"base_url": "https://toy.example.org"}


@pytest.fixture
def there() -> Connection:
    row = Connection(name="CRM", system="toy", settings=SETTINGS, checked_at=timezone.now())
    row.secrets = {"api_key": "k", "made_here": "token"}
    row.save()
    return row


def store(row: Connection, **changed: Any) -> list[str]:
    return keep(row, **{"name": row.name, "settings": row.settings, "secrets": {}, **changed})


def test_systems_are_offered_by_label_where_they_are_allowed(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    register(monkeypatch)
    labels = [kind.label for kind in offered_systems()]
    assert labels == sorted(labels, key=str.lower)
    assert {kind.name for kind in offered_systems()} == set(connectors())
    settings.ALLOW_MEMORY_SYSTEM = False
    assert {kind.name for kind in offered_systems()} == set(connectors()) - {"memory"}


def test_every_system_offered_says_what_it_is() -> None:
    assert [kind.name for kind in offered_systems() if not kind.about] == []


def test_secret_fields_are_those_encrypted() -> None:
    assert secret_fields(ToyConnector) == ("api_key", "password")


@pytest.mark.parametrize(
    ("cleaned", "before", "kept"),
    [
        ({"base_url": "https://a.example.org", "timeout": 30, "time_zone": "UTC"}, {}, {"base_url"}),
        ({"timeout": 30.0, "concurrency": 4}, {"timeout": 30}, {"timeout"}),
        ({"timeout": 12, "mode": "", "keep_fields": [], "auth": None}, {"timeout": 30, "mode": "full"}, {"timeout"}),
        ({"keep_fields": ["a"], "auth": {"type": "none"}}, {}, {"keep_fields", "auth"}),
        ({"api_key": "k", "password": "p", "unheard": 1}, {}, set()),
    ],
)
def test_neither_blanks_nor_defaults_nor_secrets_are_settings(
    cleaned: dict[str, Any], before: dict[str, Any], kept: set[str]
) -> None:
    found = worth_keeping(ToyConnector, cleaned, {}, before)
    assert found == {name: cleaned[name] for name in kept}


def test_what_json_cannot_say_is_kept_as_typed() -> None:
    day = timezone.now().date()
    assert worth_keeping(ToyConnector, {"start_date": day}, {"start_date": "2026-01-05"}, {}) == {
        "start_date": "2026-01-05"
    }


def test_a_new_connection_is_stored_whole() -> None:
    row = Connection(system="toy")
    changed = keep(row, name="New", settings=SETTINGS, secrets={"api_key": "k"})
    assert changed == ["name", "base_url", "api_key"]
    stored = Connection.objects.get(pk=row.pk)
    assert (stored.name, stored.system, stored.settings, stored.secrets) == ("New", "toy", SETTINGS, {"api_key": "k"})


def test_what_is_not_entered_again_stays(there: Connection) -> None:
    assert store(there, secrets={"password": "p"}) == ["password"]
    there.refresh_from_db()
    assert there.secrets == {"api_key": "k", "made_here": "token", "password": "p"}
    assert store(there, without=["password"]) == ["password"]
    there.refresh_from_db()
    assert there.secrets == {"api_key": "k", "made_here": "token"}


def test_a_name_alone_leaves_the_check_standing(there: Connection) -> None:
    assert store(there, name="Renamed") == ["name"]
    there.refresh_from_db()
    assert there.checked_at is not None
    assert store(there, settings={**SETTINGS, "timeout": 3}) == ["timeout"]
    there.refresh_from_db()
    assert there.checked_at is None


def test_what_needs_a_person_is_not_forgotten_by_storing(there: Connection) -> None:
    Connection.objects.update(attention="The key has expired.", identity={"organisation": "org-1"})
    store(there, secrets={"api_key": "new"})
    there.refresh_from_db()
    assert (there.attention, there.identity) == ("The key has expired.", {"organisation": "org-1"})


def test_secrets_that_cannot_be_read_now_are_not_thrown_away(there: Connection, settings: Any) -> None:
    keys = settings.ALUMNISYNC_ENCRYPTION_KEYS
    settings.ALUMNISYNC_ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    row = Connection.objects.defer("secrets").get()
    assert readable_secrets(row) is None
    keep(row, name="Renamed", settings=SETTINGS, secrets={})
    settings.ALUMNISYNC_ENCRYPTION_KEYS = keys
    there.refresh_from_db()
    assert (there.name, there.secrets) == ("Renamed", {"api_key": "k", "made_here": "token"})
