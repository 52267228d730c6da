import json
from typing import Any

import orjson
import pytest
from cryptography.fernet import Fernet
from django import forms
from django.core.exceptions import ImproperlyConfigured
from django.db import IntegrityError, connection, transaction
from django.db.models import ProtectedError
from django.test import override_settings
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from connectors.base import ConnectorSettings, SecretField
from connectors.models import Connection, Cursor, RemoteRecord, setting_defaults
from connectors.packing import fingerprint, pack, unpack
from connectors.records import MISSING
from connectors.systems.memory import MemoryConnector, Store, stores

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(codec="utf-8")), inner),
    max_leaves=10,
)
FIRST, SECOND = Fernet.generate_key().decode(), Fernet.generate_key().decode()
SECRET = {"api_key": "k-12345"}


class KeyedConnector(MemoryConnector):
    """A connector with a setting of each sort."""

    class Settings(ConnectorSettings):
        base_url = forms.CharField()
        page_size = forms.IntegerField(initial=100)
        api_key = SecretField()


@pytest.fixture
def there() -> Connection:
    return Connection.objects.create(name="There", system="memory", settings={"store": "there"})


@pytest.fixture
def record(there: Connection) -> RemoteRecord:
    cursor = Cursor.objects.create(connection=there, object_type="person")
    return RemoteRecord(cursor=cursor, remote_id="7", fingerprint=b"", change_no=1, landed_at=timezone.now())


def stored_secrets() -> Any:
    with connection.cursor() as sql:
        sql.execute("SELECT secrets FROM connectors_connection")
        return sql.fetchone()[0]


# Packing


@given(JSON)
def test_what_is_packed_comes_back(value: Any) -> None:
    assert unpack(pack(value)) == value


@pytest.mark.parametrize("value", [None, MISSING, "", [], {}, 0, False, "a\0b"])
def test_blanks_are_kept_apart_from_missing(value: Any) -> None:
    back = unpack(pack(value))
    assert (back is MISSING) is (value is MISSING)
    assert back == value
    assert type(back) is type(value)


def test_the_database_may_give_a_memoryview() -> None:
    assert unpack(memoryview(pack({"a": 1}))) == {"a": 1}
    assert unpack(memoryview(b"")) is MISSING


@pytest.mark.parametrize("value", ["a\ud800", {"\ud800": 1}, [2**70], {"a": {1, 2}}, {1: 2}], ids=repr)
def test_what_json_cannot_say_is_refused(value: Any) -> None:
    with pytest.raises(TypeError):
        pack(value)
    with pytest.raises(TypeError):
        fingerprint({"value": value})


@given(st.dictionaries(st.text(st.characters(codec="utf-8")), JSON))
def test_the_order_of_fields_does_not_matter(values: dict[str, Any]) -> None:
    turned = dict(reversed(values.items()))
    assert fingerprint(turned) == fingerprint(values)
    assert pack(turned) == pack(values)


@given(JSON, JSON)
def test_fingerprints_are_equal_only_for_the_same_json(one: Any, other: Any) -> None:
    same = orjson.dumps(one, option=orjson.OPT_SORT_KEYS) == orjson.dumps(other, option=orjson.OPT_SORT_KEYS)
    assert (fingerprint({"value": one}) == fingerprint({"value": other})) is same


@pytest.mark.parametrize(("one", "other"), [({"a": None}, {}), ({"a": ""}, {"a": None}), ({"a": 1}, {"a": "1"})])
def test_absent_blank_and_written_otherwise_are_told_apart(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert fingerprint(one) != fingerprint(other)


def test_a_fingerprint_fits_its_column() -> None:
    assert len(fingerprint({})) == RemoteRecord._meta.get_field("fingerprint").max_length == 16


# Packed columns


@pytest.mark.django_db
@pytest.mark.parametrize("value", [{}, {"name": "Zoë 山田", "none": None, "nul": "a\0b"}, MISSING, None, ["a"]])
def test_a_packed_column_keeps_what_it_was_given(record: RemoteRecord, value: Any) -> None:
    record.values = value
    record.save()
    record.refresh_from_db()
    assert record.values == value


@pytest.mark.django_db
def test_packed_columns_survive_being_stored_in_bulk(record: RemoteRecord) -> None:
    record.values = {"email": "a"}
    RemoteRecord.objects.bulk_create([record])
    RemoteRecord.objects.update(values={"email": "b"})
    record = RemoteRecord.objects.get()
    assert record.values == {"email": "b"}


@pytest.mark.django_db
def test_sql_sees_no_values(record: RemoteRecord) -> None:
    record.values = {"email": "ada@example.org"}
    record.save()
    with connection.cursor() as sql:
        sql.execute('SELECT "values" FROM connectors_remoterecord')
        assert b"ada@" not in bytes(sql.fetchone()[0])


# Secrets


@pytest.mark.django_db
def test_secrets_are_stored_encrypted_and_read_in_the_clear(there: Connection) -> None:
    there.secrets = SECRET
    there.save()
    assert SECRET["api_key"] not in stored_secrets()
    assert Connection.objects.get().secrets == SECRET


@pytest.mark.django_db
def test_no_secrets_are_stored_as_nothing_and_need_no_key(there: Connection) -> None:
    assert stored_secrets() == ""
    with override_settings(ALUMNISYNC_ENCRYPTION_KEYS=[]):
        assert Connection.objects.get().secrets == {}


@pytest.mark.django_db
def test_the_first_key_encrypts_and_all_decrypt(there: Connection) -> None:
    there.secrets = SECRET
    with override_settings(ALUMNISYNC_ENCRYPTION_KEYS=[FIRST]):
        there.save()
    with override_settings(ALUMNISYNC_ENCRYPTION_KEYS=[SECOND, FIRST]):
        kept = Connection.objects.get()
        assert kept.secrets == SECRET
        kept.save()
    assert json.loads(Fernet(SECOND).decrypt(stored_secrets())) == SECRET


@pytest.mark.django_db
def test_secrets_of_a_lost_key_say_what_to_do(there: Connection) -> None:
    there.secrets = SECRET
    with override_settings(ALUMNISYNC_ENCRYPTION_KEYS=[FIRST]):
        there.save()
    with (
        override_settings(ALUMNISYNC_ENCRYPTION_KEYS=[SECOND]),
        pytest.raises(ImproperlyConfigured) as caught,
    ):
        Connection.objects.get()
    assert "enter the connection's secrets again" in str(caught.value)
    assert stored_secrets() not in str(caught.value)


@pytest.mark.django_db
@override_settings(ALUMNISYNC_ENCRYPTION_KEYS=[])
def test_secrets_are_not_kept_without_a_key(there: Connection) -> None:
    there.secrets = SECRET
    with pytest.raises(ImproperlyConfigured, match="ALUMNISYNC_ENCRYPTION_KEYS"):
        there.save()


@pytest.mark.django_db
def test_no_page_or_text_shows_secrets(there: Connection) -> None:
    there.secrets = SECRET
    assert SECRET["api_key"] not in f"{there!r} {there}"
    assert not Connection._meta.get_field("secrets").editable


# Settings


def test_defaults_come_from_the_form_and_hold_no_secret() -> None:
    defaults = setting_defaults(KeyedConnector)
    assert defaults == {
        "time_zone": "UTC",
        "requests_per_second": 5,
        "concurrency": 4,
        "timeout": 30,
        "keep_fields": [],
        "base_url": None,
        "page_size": 100,
    }


def test_defaults_are_not_shared() -> None:
    setting_defaults(KeyedConnector)["keep_fields"].append("x")
    assert setting_defaults(KeyedConnector)["keep_fields"] == []


def test_what_was_set_wins_over_defaults_and_secrets_over_both(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(stores, "there", Store())
    there = Connection(system="memory", settings={"store": "nowhere", "timeout": 3})
    there.secrets = {"store": "there"}
    opened = there.open()
    assert (opened.settings["timeout"], opened.settings["store"], opened.concurrency) == (3, "there", 4)


def test_a_setting_left_blank_is_its_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(stores, "there", Store())
    there = Connection(system="memory", settings={"store": "there", "timeout": None, "time_zone": ""})
    opened = there.open().settings
    assert (opened["timeout"], opened["time_zone"]) == (30, "UTC")


def test_settings_show_no_values(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(stores, "there", Store())
    settings = MemoryConnector({"store": "there", **SECRET}).settings
    assert settings["api_key"] == "k-12345"
    assert repr(settings) == f"{settings}" == "<settings store, api_key>"


@pytest.mark.parametrize(
    ("given", "refused"),
    [
        ({}, set()),
        ({"time_zone": "America/New_York", "concurrency": 32, "keep_fields": '["a"]'}, set()),
        ({"time_zone": "Missouri"}, {"time_zone"}),
        ({"concurrency": 0}, {"concurrency"}),
        ({"concurrency": 33}, {"concurrency"}),
        ({"timeout": 0}, {"timeout"}),
        ({"timeout": 91}, {"timeout"}),
        ({"requests_per_second": 0}, {"requests_per_second"}),
        ({"keep_fields": "[a"}, {"keep_fields"}),
    ],
)
def test_settings_of_every_connector_are_checked(given: dict[str, Any], refused: set[str]) -> None:
    assert set(ConnectorSettings(given).errors) == refused


def test_a_secret_is_not_shown_again() -> None:
    form = KeyedConnector.Settings(initial=SECRET)
    assert SECRET["api_key"] not in form.as_p()


# Rows


@pytest.mark.django_db
def test_a_record_is_there_once(record: RemoteRecord) -> None:
    record.save()
    record.pk = None
    with pytest.raises(IntegrityError), transaction.atomic():
        record.save(force_insert=True)


@pytest.mark.django_db
def test_a_connection_with_records_is_not_deleted(record: RemoteRecord, there: Connection) -> None:
    record.save()
    with pytest.raises(ProtectedError):
        there.delete()


@pytest.mark.django_db
def test_rows_are_named_for_people_without_their_values(record: RemoteRecord) -> None:
    record.values = {"email": "ada@example.org"}
    assert str(record) == "person 7"
    assert str(record.cursor) == "There: person"
    assert "ada@" not in repr(record)
