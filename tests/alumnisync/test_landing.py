import logging
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st

from alumnisync.engine.landing import fingerprint_of, renumber
from connectors.models import Cursor, RemoteRecord
from connectors.packing import fingerprint
from connectors.records import ObjectType, Page, Record
from tests.alumnisync.polls import Scripted, everything, land, new_cursor, numbers, row, run

pytestmark = pytest.mark.django_db


@pytest.fixture
def cursor() -> Cursor:
    return new_cursor()


def test_a_new_record_lands_with_what_was_asked_for(cursor: Cursor) -> None:
    day = datetime(2026, 5, 1, tzinfo=UTC)
    record = Record(
        "7",
        {"email": "ada@x.org", "shoe": 39, "address": {"city": "Rolla", "zip": "65401"}},
        version="v1",
        created=day,
        modified=day,
        field_times={"email": day, "shoe": day},
    )
    polled = land(cursor, record, wanted=["email", "address.city", "phone"])
    landed = row(cursor, "7")
    assert landed.values == {"email": "ada@x.org", "address": {"city": "Rolla", "zip": "65401"}}
    assert (landed.version, landed.created_there, landed.modified_there) == ("v1", day, day)
    assert list(landed.field_times) == ["email"]
    assert (landed.change_no, landed.missed, landed.gone_at, landed.problem) == (1, 0, None, "")
    assert (polled.read, polled.changed, polled.gone, polled.complete) == (1, 1, 0, False)


def test_a_known_record_costs_no_write(cursor: Cursor) -> None:
    land(cursor, Record("7", {"email": "a", "shoe": 39}))
    before = everything(cursor)
    polled = land(cursor, Record("7", {"email": "a", "shoe": 40}, version="v2"))
    assert everything(cursor) == before
    assert (polled.read, polled.changed) == (1, 0)


@pytest.mark.parametrize("values", [{"email": "b"}, {"email": None}, {}], ids=["other", "blank", "absent"])
def test_a_record_that_differs_lands_with_the_next_number(cursor: Cursor, values: dict[str, Any]) -> None:
    land(cursor, Record("7", {"email": "a"}), Record("8", {"email": "a"}))
    assert land(cursor, Record("7", values)).changed == 1
    assert row(cursor, "7").values == values
    assert numbers(cursor) == {"7": 3, "8": 2}


def test_fields_that_move_by_themselves_are_no_change(cursor: Cursor) -> None:
    described = ObjectType("person", "People", volatile=frozenset({"stamp"}))
    for stamp in (1, 2):
        polled = land(
            cursor,
            Record("7", {"email": "a", "stamp": stamp}),
            wanted=["email", "stamp"],
            described=described,
        )
    assert polled.changed == 0
    assert row(cursor, "7").values == {"email": "a", "stamp": 1}


def test_numbers_follow_the_order_of_a_page(cursor: Cursor) -> None:
    land(cursor, *(Record(id, {}) for id in "cab"))
    assert numbers(cursor) == {"c": 1, "a": 2, "b": 3}
    cursor.refresh_from_db()
    assert cursor.change_no == 3


def test_of_a_record_twice_in_a_page_the_last_wins(cursor: Cursor) -> None:
    polled = land(cursor, Record("7", {"email": "old"}), Record("7", {"email": "new"}))
    assert row(cursor, "7").values == {"email": "new"}
    assert (polled.read, polled.changed) == (2, 1)


def test_records_of_another_cursor_are_left_alone(cursor: Cursor) -> None:
    other = Cursor.objects.create(connection=cursor.connection, object_type="gift")
    land(other, Record("7", {"email": "gift"}))
    land(cursor, Record("7", {"email": "person"}))
    assert row(other, "7").values == {"email": "gift"}
    assert numbers(other) == numbers(cursor) == {"7": 1}


# Deleted, merged, seen again


def test_a_reported_deletion_is_gone_once_and_keeps_its_values(cursor: Cursor) -> None:
    land(cursor, Record("7", {"email": "a"}, version="v1"))
    assert land(cursor, Record("7", deleted=True)).gone == 1
    landed = row(cursor, "7")
    assert (landed.values, landed.version, landed.change_no) == ({"email": "a"}, "v1", 2)
    assert landed.gone_at is not None
    again = land(cursor, Record("7", deleted=True))
    assert (again.gone, again.changed) == (0, 0)
    assert row(cursor, "7").gone_at == landed.gone_at


def test_a_deleted_record_that_was_never_seen_lands_as_gone(cursor: Cursor) -> None:
    assert land(cursor, Record("7", deleted=True)).gone == 1
    assert (row(cursor, "7").values, bytes(row(cursor, "7").fingerprint)) == ({}, b"")


def test_a_merged_record_says_into_which(cursor: Cursor) -> None:
    land(cursor, Record("7", {"email": "a"}))
    land(cursor, Record("7", deleted=True, merged_into="8"))
    assert row(cursor, "7").merged_into == "8"
    assert land(cursor, Record("7", deleted=True, merged_into="8")).gone == 0
    assert row(cursor, "7").change_no == 2


def test_a_merge_that_is_told_later_lands(cursor: Cursor) -> None:
    land(cursor, Record("7", deleted=True))
    polled = land(cursor, Record("7", deleted=True, merged_into="8"))
    assert (polled.gone, row(cursor, "7").change_no) == (0, 2)


@pytest.mark.parametrize(
    "state",
    [{"missed": 1}, {"missed": 2, "gone_at": datetime(2026, 5, 1, tzinfo=UTC)}],
    ids=["missed", "gone"],
)
def test_who_is_seen_again_lands_as_changed(cursor: Cursor, state: dict[str, Any]) -> None:
    land(cursor, Record("7", {"email": "a"}))
    RemoteRecord.objects.update(**state)
    assert land(cursor, Record("7", {"email": "a"})).changed == 1
    landed = row(cursor, "7")
    assert (landed.missed, landed.gone_at, landed.change_no) == (0, None, 2)


# Records that can't be taken in


@pytest.mark.parametrize(
    "record",
    [
        Record("bad", {"email": "a\ud800b"}),
        Record("bad", {"email": {"\ud800": 1}}),
        Record("bad", {"email": 2**70}),
        Record("bad", {"email": "a", "stamp": "\ud800"}),
        Record("bad", problem="Line 3 is not JSON.\0"),
        Record("bad", problem="Line 3 holds \ud800."),
        Record("bad", {"email": "b"}, version="v" * 256),
        Record("bad", {"email": "b"}, version="\0"),
        Record("bad", deleted=True, merged_into="\ud800"),
        Record("bad", {"email": "b"}, created=datetime(2026, 5, 1)),  # noqa: DTZ001
        Record("bad", {"email": "b"}, modified=datetime.max.replace(tzinfo=timezone(-timedelta(hours=1)))),
        Record("bad", ["not", "a", "dict"]),  # type: ignore[arg-type]
    ],
    ids=lambda record: None,
)
def test_a_record_that_cannot_be_taken_in_is_set_aside_alone(cursor: Cursor, record: Record) -> None:
    options: dict[str, Any] = {
        "wanted": ["email", "stamp"],
        "described": ObjectType("person", "People", volatile=frozenset({"stamp"})),
    }
    land(cursor, Record("bad", {"email": "former"}, version="v1"), **options)
    neighbours = Record("before", {"email": "x"}), Record("after", {"email": "x"})
    polled = land(cursor, neighbours[0], record, neighbours[1], **options)
    bad = row(cursor, "bad")
    assert bad.problem.endswith((".", "\N{REPLACEMENT CHARACTER}"))
    assert (bad.values, bad.version, bad.gone_at) == ({"email": "former"}, "v1", None)
    assert row(cursor, "before").values == row(cursor, "after").values == {"email": "x"}
    assert polled.changed == 3


@pytest.mark.parametrize("id", ["", "i" * 256, "a\0b", "a\ud800b"])
def test_an_id_that_cannot_be_stored_gets_a_stand_in_that_stays(cursor: Cursor, id: str) -> None:
    for expected in (2, 0):
        assert land(cursor, Record(id, {"email": "a"}), Record("7", {"email": "a"})).changed == expected
    (bad,) = RemoteRecord.objects.exclude(remote_id="7")
    assert bad.problem
    assert bad.values == {"email": "a"}


def test_of_a_record_that_never_could_be_stored_the_rest_lands(cursor: Cursor) -> None:
    wanted = ["email", "phones", "address"]
    torn = {"email": "a", "phones": ["1", 2**70], "address": {"city": "\ud800", "zip": "65401"}, "shoe": 39}
    for expected in (1, 0):
        assert land(cursor, Record("7", torn), wanted=wanted).changed == expected
    assert row(cursor, "7").values == {"email": "a", "phones": ["1"], "address": {"zip": "65401"}}
    assert land(cursor, Record("7", {**torn, "email": "b"}), wanted=wanted).changed == 1
    assert (row(cursor, "7").values["email"], row(cursor, "7").problem != "") == ("b", True)
    healed = {"email": "b", "phones": ["1"], "address": {"zip": "65401"}}
    assert land(cursor, Record("7", healed), wanted=wanted).changed == 1
    assert (row(cursor, "7").values, row(cursor, "7").problem) == (healed, "")
    assert land(cursor, Record("7", torn), wanted=wanted).changed == 1
    assert land(cursor, Record("7", {**torn, "email": "c"}), wanted=wanted).changed == 0
    assert row(cursor, "7").values == healed


def test_what_has_no_end_is_left_out(cursor: Cursor) -> None:
    deep: Any = "a"
    for _ in range(5000):
        deep = [deep]
    land(cursor, Record("7", {"email": "a", "phones": deep}), wanted=["email", "phones"])
    assert row(cursor, "7").values["email"] == "a"
    assert row(cursor, "7").problem


def test_the_longest_id_and_version_are_taken(cursor: Cursor) -> None:
    land(cursor, Record("i" * 255, {"email": "a"}, version="v" * 255))
    assert row(cursor, "i" * 255).problem == ""


def test_two_records_without_id_are_two(cursor: Cursor) -> None:
    assert land(cursor, Record("", {"email": "a"}), Record("", {"email": "b"})).changed == 2


def test_a_problem_that_stays_costs_nothing_and_heals(cursor: Cursor) -> None:
    land(cursor, Record("7", {"email": "a"}))
    assert land(cursor, Record("7", problem="Unreadable.")).changed == 1
    assert land(cursor, Record("7", problem="Unreadable.")).changed == 0
    assert land(cursor, Record("7", {"email": "a"})).changed == 1
    assert (row(cursor, "7").problem, row(cursor, "7").change_no) == ("", 3)


def faulty(id: str) -> Record:
    return Record(id, {"email": "secret@x.org"}, created=datetime(2026, 5, 1))  # noqa: DTZ001


def test_a_fault_of_ours_is_logged_with_a_reference_and_no_data(
    cursor: Cursor, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR)
    land(cursor, faulty("7"))
    problem = row(cursor, "7").problem
    reference = problem.partition("reference ")[2][:8]
    assert reference in caplog.text
    assert "secret@x.org" not in caplog.text + problem
    assert land(cursor, faulty("7")).changed == 0


def test_several_faults_in_a_row_stop_the_poll_and_move_no_cursor(cursor: Cursor) -> None:
    pages = Page((Record("1", {}), *map(faulty, "abc")), "one"), Page(tuple(map(faulty, "de")), "two")
    with pytest.raises(ValueError, match="zone"):
        run(Scripted(*pages), cursor)
    cursor.refresh_from_db()
    assert cursor.position == "one"
    assert set(numbers(cursor)) == {"1", "a", "b", "c"}


def test_faults_between_good_records_do_not_stop_it(cursor: Cursor) -> None:
    records = [record for n in range(6) for record in (faulty(f"bad{n}"), Record(f"good{n}", {}))]
    assert land(cursor, *records).changed == 12


def test_records_that_say_they_are_unreadable_do_not_stop_it(cursor: Cursor) -> None:
    assert land(cursor, *(Record(str(n), problem="Unreadable.") for n in range(9))).changed == 9


@pytest.mark.django_db(transaction=True)
def test_a_page_lands_whole_or_not_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    cursor = new_cursor()
    run(Scripted(Page((Record("1", {}),), "one")), cursor)

    def fail(*args: object, **kwargs: object) -> None:
        raise RuntimeError("killed")

    with monkeypatch.context() as patched:
        patched.setattr("connectors.bulk.upsert", fail)
        with pytest.raises(RuntimeError, match="killed"):
            run(Scripted(Page((Record("2", {}),), "two")), cursor)
    cursor.refresh_from_db()
    assert (cursor.position, cursor.change_no, set(numbers(cursor))) == ("one", 1, {"1"})


@pytest.mark.django_db(transaction=True)
def test_change_numbers_are_taken_inside_a_transaction_only() -> None:
    cursor = new_cursor()
    with pytest.raises(transaction.TransactionManagementError):
        renumber(cursor.pk, 1)
    with transaction.atomic():
        assert list(renumber(cursor.pk, 2)) == [1, 2]
        assert list(renumber(cursor.pk, 1)) == [3]


@pytest.fixture
def many_parameters(monkeypatch: pytest.MonkeyPatch) -> None:
    """Django sends SQLite 999 values a statement, far fewer than it takes; production lifts that."""
    if connection.vendor == "sqlite":
        monkeypatch.setattr(connection.features, "max_query_params", 32_766)


@pytest.mark.usefixtures("many_parameters")
@pytest.mark.parametrize("state", ["new", "same", "different", "deleted", "unreadable"])
def test_statements_do_not_grow_with_records(cursor: Cursor, state: str) -> None:
    flags: Any = {"deleted": {"deleted": True}, "unreadable": {"problem": "Torn."}}.get(state, {})
    land(cursor, Record("first", {}))
    counts = []
    for size in (20, 400):
        if state != "new":
            land(cursor, *(Record(f"{size}-{n}", {"email": "same"}) for n in range(size)))
        email = "same" if state == "same" else "other"
        records = [Record(f"{size}-{n}", {"email": email}, **flags) for n in range(size)]
        with CaptureQueriesContext(connection) as queries:
            land(cursor, *records)
        counts.append(len(queries))
    assert counts[0] == counts[1] <= 20


@pytest.mark.usefixtures("many_parameters")
def test_statements_do_not_grow_with_fields(cursor: Cursor) -> None:
    counts = []
    for size in (2, 500):
        land(cursor, Record("1", {}))
        with CaptureQueriesContext(connection) as queries:
            land(cursor, Record("1", {f"field{n}": n for n in range(size)}))
        counts.append(len(queries))
    assert counts[0] == counts[1]


def test_a_page_of_known_records_only_asks_once_for_them(cursor: Cursor) -> None:
    records = tuple(Record(str(n), {"email": "a"}) for n in range(50))
    land(cursor, *records)
    with CaptureQueriesContext(connection) as queries:
        land(cursor, *records)
    about = [query["sql"] for query in queries if "connectors_remoterecord" in query["sql"]]
    assert [sql.split()[0] for sql in about] == ["SELECT"]


# Fingerprints


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(st.characters(codec="utf-8"), max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=5,
)


@given(st.dictionaries(st.sampled_from("abcd"), JSON), st.frozensets(st.sampled_from("abcd")))
def test_a_fingerprint_leaves_out_just_what_moves_by_itself(values: dict[str, Any], volatile: frozenset[str]) -> None:
    steady = {name: value for name, value in values.items() if name not in volatile}
    assert fingerprint_of(values, volatile) == fingerprint(steady)
