"""Rows in bulk: what is stored, which keys they get, and that statements don't grow with them."""

from datetime import UTC, datetime

import pytest
from django.db import DataError, IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from connectors import bulk
from connectors.models import Connection, Cursor, RemoteRecord
from connectors.records import MISSING

NOW = datetime(2026, 3, 1, 12, 30, 15, 123456, tzinfo=UTC)


@pytest.fixture
def cursor(db: None) -> Cursor:
    there = Connection.objects.create(name="There", system="memory")
    return Cursor.objects.create(connection=there, object_type="person")


def make(cursor: Cursor, number: int, **values: object) -> RemoteRecord:
    given = {"values": {"email": "o'brien\\@example.org"}, "fingerprint": b"\0'\\x", "change_no": number, **values}
    return RemoteRecord(cursor=cursor, remote_id=f"ø{number}", landed_at=NOW, **given)


def stored(cursor: Cursor) -> dict[str, RemoteRecord]:
    return {row.remote_id: row for row in RemoteRecord.objects.filter(cursor=cursor)}


def columns(row: RemoteRecord) -> list[object]:
    values = [getattr(row, field.attname) for field in row._meta.concrete_fields]
    return [bytes(value) if isinstance(value, memoryview) else value for value in values]


def test_inserted_rows_have_their_keys_and_come_back_as_they_were(cursor: Cursor) -> None:
    rows = [make(cursor, 1, created_there=NOW), make(cursor, 2, values=MISSING, field_times=[1], gone_at=NOW)]
    bulk.insert(rows)
    found = stored(cursor)
    assert [columns(found[row.remote_id]) for row in rows] == [columns(row) for row in rows]


def test_keys_are_given_to_nobody_else(cursor: Cursor) -> None:
    make(cursor, 1).save()
    bulk.insert([make(cursor, 2), make(cursor, 3)])
    make(cursor, 4).save()
    bulk.insert([make(cursor, 5)])
    keys = [stored(cursor)[f"ø{number}"].pk for number in range(1, 6)]
    assert keys == sorted(set(keys))


def test_what_an_insert_can_not_store_is_not_stored(cursor: Cursor) -> None:
    make(cursor, 1).save()
    with pytest.raises(IntegrityError), transaction.atomic():
        bulk.insert([make(cursor, 2), make(cursor, 1)])
    assert set(stored(cursor)) == {"ø1"}


def test_text_is_never_cut_to_fit(cursor: Cursor) -> None:
    if connection.vendor == "sqlite":
        pytest.skip("SQLite takes text of any length")
    with pytest.raises(DataError), transaction.atomic():
        bulk.insert([make(cursor, 1, version="x" * 256)])


def test_a_row_may_point_to_one_that_got_its_key_later(cursor: Cursor) -> None:
    there = Connection(name="Elsewhere", system="memory")
    late = Cursor(connection=there, object_type="person")
    there.save()
    bulk.insert([late])
    assert Cursor.objects.get(pk=late.pk).connection == there


@pytest.mark.django_db(transaction=True)
def test_rows_are_added_inside_a_transaction_only() -> None:
    with pytest.raises(transaction.TransactionManagementError):
        bulk.insert([Connection(name="There", system="memory")])


def test_an_upsert_sets_the_fields_named_and_no_others(cursor: Cursor) -> None:
    make(cursor, 1, version="old", problem="old").save()
    bulk.upsert(
        [make(cursor, 1, version="new", problem="new"), make(cursor, 2)], by=["cursor", "remote_id"], fields=["version"]
    )
    found = stored(cursor)
    assert (found["ø1"].version, found["ø1"].problem) == ("new", "old")
    assert set(found) == {"ø1", "ø2"}


def test_an_update_sets_each_row_s_own_values(cursor: Cursor) -> None:
    rows = [make(cursor, number, gone_at=NOW, version="kept") for number in (1, 2, 3)]
    bulk.insert(rows)
    for row in rows[:2]:
        row.change_no, row.gone_at, row.values, row.version = (
            10 + row.change_no,
            None,
            {"n": row.remote_id},
            "not named",
        )
    bulk.update(rows[:2], ["change_no", "gone_at", "values"])
    found = stored(cursor)
    assert [(row.change_no, row.gone_at, row.version) for row in found.values()] == [
        (11, None, "kept"),
        (12, None, "kept"),
        (3, NOW, "kept"),
    ]
    assert found["ø2"].values == {"n": "ø2"}


@pytest.mark.parametrize("count", [0, 1, 1500])
def test_statements_do_not_grow_with_rows(cursor: Cursor, count: int) -> None:
    rows = [make(cursor, number) for number in range(count)]
    with CaptureQueriesContext(connection) as sent:
        bulk.insert(rows)
        bulk.update(rows, ["values"])
        bulk.upsert(rows, by=["cursor", "remote_id"], fields=["values"])
    assert len(sent) == (4 if count else 0)
    assert len(stored(cursor)) == count


def test_tables_can_be_counted_anew(cursor: Cursor) -> None:
    bulk.insert([make(cursor, 1)])
    bulk.recount(RemoteRecord, Cursor)
    assert set(stored(cursor)) == {"ø1"}
