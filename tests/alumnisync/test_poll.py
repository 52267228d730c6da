import json
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from hypothesis import given, settings
from hypothesis import strategies as st

from alumnisync.engine.poll import ListLimits, Polled, accept_list, judge_list, wanted_fields
from connectors.models import Connection, Cursor, RemoteRecord, SeenField
from connectors.records import Page, Record, Temporary
from connectors.systems.memory import MemoryConnector, Store, stores
from mappings.rules import MatchRule, PairRules, Rules, Side, SideRules
from tests.alumnisync.polls import PEOPLE, Scripted, land, list_of, new_cursor, numbers, row, run

pytestmark = pytest.mark.django_db


@pytest.fixture
def cursor() -> Cursor:
    return new_cursor()


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Store:
    store = Store(replace(PEOPLE, whole_lists=True), page_size=3)
    monkeypatch.setitem(stores, "there", store)
    return store


def run_store(cursor: Cursor, wanted: Sequence[str] = ("email",), **options: Any) -> Polled:
    return run(MemoryConnector({"store": "there"}), cursor, wanted, **options)


def test_the_cursor_moves_with_each_page(cursor: Cursor) -> None:
    positions = []

    def beat() -> None:
        positions.append(Cursor.objects.get().position)

    pages = Page((), {"at": 1}), Page((), None), Page((), {"at": 2})
    run(Scripted(*pages), cursor, beat=beat)
    assert positions == [{"at": 1}, {"at": 1}, {"at": 2}]


def test_the_next_poll_goes_on_where_the_last_one_was(cursor: Cursor) -> None:
    with pytest.raises(Temporary):
        run(Scripted(Page((Record("1", {}),), "one"), Temporary("Busy.")), cursor)
    connector = Scripted(Page(()))
    run(connector, cursor)
    assert connector.asked == [("one", ("email",), "")]


def test_a_poll_that_failed_has_not_ended(cursor: Cursor) -> None:
    with pytest.raises(Temporary):
        run(Scripted(Page((), "one"), Temporary("Busy.")), cursor)
    cursor.refresh_from_db()
    assert (cursor.poll_started_at, cursor.polled_at) == (None, None)


def test_when_a_poll_began_and_ended_is_kept(cursor: Cursor) -> None:
    landed: list[datetime] = []
    polled = run(
        Scripted(Page((Record("1", {}),), complete=True)),
        cursor,
        beat=lambda: landed.append(row(cursor, "1").landed_at),
    )
    now = polled.cursor
    assert now.poll_started_at is not None
    assert now.polled_at is not None
    assert now.poll_started_at < landed[0] < now.polled_at
    assert now.poll_was_whole
    assert not land(cursor).cursor.poll_was_whole


def test_more_fields_are_read_from_nothing(cursor: Cursor) -> None:
    run(Scripted(Page((Record("7", {"email": "a"}),), "one")), cursor, ["email"])
    connector = Scripted(Page((Record("7", {"email": "a", "phone": "1"}), Record("8", {})), "two"))
    assert run(connector, cursor, ["phone"]).changed == 2
    assert connector.asked == [(None, ("email", "phone"), "")]
    assert row(cursor, "7").values == {"email": "a", "phone": "1"}


def test_fewer_fields_go_on_and_forget_none(cursor: Cursor) -> None:
    run(Scripted(Page((Record("7", {"email": "a", "phone": "1"}),), "one")), cursor, ["email", "phone"])
    connector = Scripted(Page((Record("7", {"email": "a", "phone": "2"}),), "two"))
    run(connector, cursor, ["email"])
    assert connector.asked == [("one", ("email", "phone"), "")]
    assert row(cursor, "7").values["phone"] == "2"


def test_another_filter_is_read_from_nothing(cursor: Cursor) -> None:
    run(Scripted(Page((), "one")), cursor)
    connector = Scripted(Page((), "two"))
    run(connector, cursor, narrow="Alumnus = true")
    run(connector, cursor, narrow="Alumnus = true")
    assert connector.asked == [(None, ("email",), "Alumnus = true"), ("two", ("email",), "Alumnus = true")]


def test_a_poll_that_asked_for_less_lands_nothing_more(cursor: Cursor) -> None:
    def widen() -> None:
        Cursor.objects.update(fields=["email", "phone"], position=None)

    pages = Page((Record("1", {}),), "one"), Page((Record("2", {}),), "two")
    with pytest.raises(Temporary, match="more fields"):
        run(Scripted(*pages), cursor, beat=widen)
    cursor.refresh_from_db()
    assert (cursor.position, set(numbers(cursor))) == (None, {"1"})


@pytest.mark.parametrize("stop", [1, 2, 3, 4])
def test_stopping_after_any_page_misses_nothing(cursor: Cursor, store: Store, stop: int) -> None:
    ids = [store.put("person", {"email": str(n)}) for n in range(10)]
    beats = iter(range(1, 10))

    def beat() -> None:
        if next(beats) == stop:
            raise Temporary("Killed.")

    with pytest.raises(Temporary):
        run_store(cursor, beat=beat)
    store.alter("person", ids[0], {"email": "altered"})
    run_store(cursor)
    run_store(cursor)
    assert {landed.remote_id: landed.values for landed in RemoteRecord.objects.all()} == {
        id: {"email": store.values("person", id)["email"]} for id in ids
    }


def test_a_cursor_survives_json(cursor: Cursor, store: Store) -> None:
    store.put("person", {"email": "a"})
    position = run_store(cursor).cursor.position
    assert json.loads(json.dumps(position)) == position


def test_repeated_pages_change_nothing(cursor: Cursor, store: Store) -> None:
    for n in range(7):
        store.put("person", {"email": str(n)})
    store.repeat_pages = True
    polled = run_store(cursor)
    assert (polled.read, polled.changed, polled.cursor.list_count) == (14, 7, 7)


STEPS = st.lists(
    st.tuples(st.sampled_from(["put", "alter", "remove", "lose", "die", "repeat", "poll"]), st.integers(0, 9)),
    max_size=25,
)


@settings(max_examples=40)
@given(STEPS, st.booleans())
def test_whatever_happens_the_rows_end_as_the_system_is(steps: list[tuple[str, int]], whole: bool) -> None:
    with transaction.atomic():
        store = stores["law"] = Store(replace(PEOPLE, whole_lists=whole), page_size=2)
        there = Connection.objects.create(name="Law", system="memory", settings={"store": "law"})
        cursor = Cursor.objects.create(connection=there, object_type="person")
        # An emptied system waits for a person; that is a test of its own.
        store.put("person", {"email": "stays"}, "stays")
        for step, number in steps:
            act(store, cursor, step, f"p{number}", loses=whole)
        store.failures.clear()
        for _ in range(4):
            run(MemoryConnector({"store": "law"}), cursor, limits=ListLimits(floor=100))
        live = RemoteRecord.objects.filter(cursor=cursor, gone_at=None, missed=0)
        assert {row.remote_id: row.values for row in live} == {
            id: row.values for id, row in store.live("person").items()
        }
        transaction.set_rollback(True)
    del stores["law"]


def act(store: Store, cursor: Cursor, step: str, id: str, *, loses: bool) -> None:
    """One thing that may happen to a system, or to who polls it."""
    if step == "put" and id not in store.rows["person"]:
        store.put("person", {"email": step}, id)
    elif step == "alter" and id in store.live("person"):
        store.alter("person", id, {"email": f"altered at {store.tick}"})
    elif step == "remove" and id in store.live("person"):
        store.remove("person", id)
    elif step == "lose" and loses and id in store.live("person"):
        store.lose("person", id)
    elif step == "repeat":
        store.repeat_pages = not store.repeat_pages
    elif step == "die":
        store.fail(Temporary("Cut off."), "poll", every=int(id[1:]) + 1)
    elif step == "poll":
        with suppress(Temporary):
            run(MemoryConnector({"store": "law"}), cursor, limits=ListLimits(floor=100))


@pytest.mark.django_db(transaction=True)
def test_pages_are_taken_one_by_one_and_outside_transactions() -> None:
    landed = []

    class Watched(Scripted):
        def poll(self, *args: Any, **kwargs: Any) -> Iterator[Page]:
            for number in range(4):
                assert not connection.in_atomic_block
                landed.append(RemoteRecord.objects.count())
                yield Page((Record(str(number), {}),))
            assert not connection.in_atomic_block

    def beat() -> None:
        assert not connection.in_atomic_block

    run(Watched(), new_cursor(), beat=beat)
    assert landed == [0, 1, 2, 3]


# Lists, missing and gone


def test_gone_takes_two_lists_without_it(cursor: Cursor) -> None:
    list_of(cursor, "abc")
    first = list_of(cursor, "ab")
    assert (first.went_missing, first.gone, row(cursor, "c").missed, row(cursor, "c").gone_at) == (
        1,
        0,
        1,
        None,
    )
    assert row(cursor, "c").change_no == 3
    second = list_of(cursor, "ab")
    assert (second.went_missing, second.gone, row(cursor, "c").missed) == (0, 1, 2)
    assert row(cursor, "c").gone_at is not None
    assert row(cursor, "c").change_no == 4
    third = list_of(cursor, "ab")
    assert (third.went_missing, third.gone, row(cursor, "c").change_no) == (0, 0, 4)


def test_several_gone_at_once_have_numbers_of_their_own(cursor: Cursor) -> None:
    list_of(cursor, "abcd")
    list_of(cursor, "ab")
    assert list_of(cursor, "ab").gone == 2
    assert numbers(cursor) == {"a": 1, "b": 2, "c": 5, "d": 6}


def test_seen_in_between_starts_counting_again(cursor: Cursor) -> None:
    for ids in ("abc", "ab", "abc", "ab"):
        polled = list_of(cursor, list(ids))
    assert (polled.gone, row(cursor, "c").missed) == (0, 1)


def test_a_list_that_is_not_whole_counts_for_nothing(cursor: Cursor, store: Store) -> None:
    ids = [store.put("person", {"email": str(n)}) for n in range(9)]
    run_store(cursor)
    store.lose("person", ids[0])
    store.short_lists = 1
    for _ in range(3):
        polled = run_store(cursor)
        assert (polled.complete, polled.went_missing, polled.gone) == (False, 0, 0)
    assert polled.cursor.list_count == 9


def test_only_the_last_page_says_that_a_list_is_whole(cursor: Cursor) -> None:
    pages = Page((Record("a", {}),), complete=True), Page((Record("b", {}),))
    assert not run(Scripted(*pages), cursor).complete


def test_gone_from_a_store_of_whole_lists(cursor: Cursor, store: Store) -> None:
    ids = [store.put("person", {"email": str(n)}) for n in range(7)]
    run_store(cursor)
    store.lose("person", ids[3])
    assert run_store(cursor).went_missing == 1
    assert run_store(cursor).gone == 1
    assert row(cursor, ids[3]).gone_at is not None


def test_a_record_landed_while_the_list_was_read_is_not_missed(cursor: Cursor) -> None:
    def create_there() -> None:
        now = timezone.now()
        RemoteRecord.objects.create(cursor=cursor, remote_id="new", fingerprint=b"", change_no=0, landed_at=now)

    pages = Page((Record("a", {"email": "a"}),), complete=True)
    assert run(Scripted(pages), cursor, beat=create_there).went_missing == 0
    assert row(cursor, "new").missed == 0


def test_lists_that_were_read_at_the_same_time_count_once(cursor: Cursor) -> None:
    list_of(cursor, "abc")
    pages = Page((Record("a", {"email": "a"}), Record("b", {"email": "b"})), complete=True)
    polled = run(Scripted(pages), cursor, beat=lambda: list_of(cursor, "ab") and None)
    assert (polled.gone, row(cursor, "c").missed) == (0, 1)


def test_a_reported_deletion_does_not_count_as_listed(cursor: Cursor) -> None:
    records = Record("a", {}), Record("b", {}), Record("b", deleted=True)
    polled = run(Scripted(Page(records[:2]), Page(records[2:], complete=True)), cursor)
    assert (polled.cursor.list_count, polled.gone, polled.went_missing) == (1, 1, 0)


def test_a_much_shorter_list_is_not_believed(cursor: Cursor) -> None:
    list_of(cursor, "abcdef")
    for _ in range(3):
        polled = list_of(cursor, "abc")
        assert "held 3 records" in polled.verdict
        assert "6" in polled.verdict
        assert (polled.went_missing, polled.gone) == (0, 0)
    assert polled.cursor.list_verdict == polled.verdict
    assert (polled.cursor.list_count, polled.cursor.accepted_count) == (3, 6)
    assert not RemoteRecord.objects.exclude(missed=0).exists()


def test_an_unbelieved_list_does_not_end_a_row_of_lists(cursor: Cursor) -> None:
    for ids, gone in (("abcdef", 0), ("abcde", 0), ("", 0), ("abcde", 1)):
        assert list_of(cursor, list(ids)).gone == gone


def test_the_next_whole_list_clears_the_verdict(cursor: Cursor) -> None:
    list_of(cursor, "abcdef")
    list_of(cursor, "abc")
    assert list_of(cursor, "abcdef").verdict == ""


def test_the_verdict_stands_while_no_list_comes(cursor: Cursor) -> None:
    list_of(cursor, "abcdef")
    verdict = list_of(cursor, "abc").verdict
    assert land(cursor, Record("a", {"email": "b"})).verdict == verdict != ""


def test_a_person_can_let_a_list_through(cursor: Cursor) -> None:
    list_of(cursor, "abcdef")
    accept_list(list_of(cursor, "abc").cursor)
    cursor.refresh_from_db()
    assert (cursor.accepted_count, cursor.list_verdict) == (3, "")
    assert list_of(cursor, "abc").went_missing == 3
    assert list_of(cursor, "abc").gone == 3


def test_an_empty_list_is_let_through_by_a_person_only(cursor: Cursor) -> None:
    list_of(cursor, "ab")
    polled = list_of(cursor, "")
    assert "came back empty" in polled.verdict
    accept_list(polled.cursor)
    assert (list_of(cursor, "").verdict, list_of(cursor, "").gone) == ("", 2)


def test_a_first_list_that_is_empty_while_records_are_known_is_not_believed(cursor: Cursor) -> None:
    land(cursor, Record("a", {}))
    assert list_of(cursor, "").verdict


def test_a_system_without_records_is_believed(cursor: Cursor) -> None:
    for _ in range(2):
        assert list_of(cursor, "").verdict == ""


@pytest.mark.parametrize(
    ("accepted", "count", "is_believed"),
    [
        (None, 0, True), (0, 0, True), (1000, 900, True), (1000, 899, False), (100, 75, True),
        (100, 74, False), (20, 1, True), (20, 0, False), (100, 5000, True),
    ],
)  # fmt: skip
def test_how_short_a_list_may_be(accepted: int | None, count: int, is_believed: bool) -> None:
    assert (judge_list(count, accepted, ListLimits(), "People") == "") is is_believed


@given(st.integers(1, 10**6), st.integers(0, 10**6))
def test_a_longer_list_is_never_believed_less(accepted: int, count: int) -> None:
    if judge_list(count, accepted, ListLimits(), "People") == "":
        assert judge_list(count + 1, accepted, ListLimits(), "People") == ""


def test_statements_for_the_missing_grow_by_chunks(cursor: Cursor) -> None:
    limits = ListLimits(floor=500)
    counts = []
    for size in (10, 100):
        ids = [f"{size}-{n}" for n in range(size)]
        for listed in (["stays", *ids], ["stays"], ["stays"]):
            with CaptureQueriesContext(connection) as queries:
                polled = list_of(cursor, listed, limits=limits)
        assert polled.gone == size
        counts.append(len(queries))
    assert counts[0] == counts[1]


# Which fields there are


def test_seen_fields_are_counted_whoever_asked(cursor: Cursor) -> None:
    land(cursor, Record("1", {"email": "a", "shoe": ""}), Record("2", {"shoe": 0}), Record("3", {"shoe": None}))
    land(cursor, Record("1", {"email": "a", "hat": []}), Record("4", deleted=True))
    counts = {seen.name: (seen.seen, seen.filled) for seen in SeenField.objects.all()}
    assert counts == {"email": (2, 2), "shoe": (3, 1), "hat": (1, 0)}


def test_the_time_a_field_was_first_seen_stays(cursor: Cursor) -> None:
    land(cursor, Record("1", {"email": "a"}))
    first = SeenField.objects.get().first_seen_at
    land(cursor, Record("1", {"email": "a"}))
    assert SeenField.objects.get().first_seen_at == first


def test_a_field_name_that_cannot_be_stored_is_passed_over(cursor: Cursor) -> None:
    names = ["n" * 256, "a\0b", "a\ud800b", ""]
    land(cursor, Record("1", dict.fromkeys([*names, "email"], "x")))
    assert set(SeenField.objects.values_list("name", flat=True)) <= {"email", ""}


# Which fields are wanted


def rules_of(*pairs: PairRules, **left: Any) -> Rules:
    return Rules(
        sides={Side.LEFT: SideRules("user", **left), Side.RIGHT: SideRules("Contact", key_field="Alumni_Id")},
        pairs=pairs,
        match=(MatchRule({Side.LEFT: ("last", "born"), Side.RIGHT: ("LastName", "Birthdate")}),),
    )


def test_wanted_are_pairs_match_rules_keys_scope_and_what_is_kept() -> None:
    pair = PairRules(
        "k", {Side.LEFT: "email", Side.RIGHT: "Email"}, keep_old={Side.RIGHT: "Old_Email"},
        reads={Side.LEFT: "value or record['email2']"},
    )  # fmt: skip
    rules = rules_of(pair, scope="record['alumnus']")
    assert wanted_fields([(rules, Side.LEFT)], []) == ("alumnus", "born", "email", "email2", "last")
    assert wanted_fields([(rules, Side.RIGHT)], ["Notes"]) == (
        "Alumni_Id", "Birthdate", "Email", "LastName", "Notes", "Old_Email",
    )  # fmt: skip


def test_wanted_are_the_fields_of_all_syncs() -> None:
    one = rules_of(PairRules("k", {Side.LEFT: "a", Side.RIGHT: "A"}))
    two = rules_of(PairRules("k", {Side.LEFT: "b", Side.RIGHT: "B"}))
    assert wanted_fields([(one, Side.LEFT), (two, Side.RIGHT)], ["a"]) == (
        "Alumni_Id", "B", "Birthdate", "LastName", "a", "born", "last",
    )  # fmt: skip


def test_nothing_is_wanted_of_no_syncs() -> None:
    assert wanted_fields([], []) == ()


def test_a_field_that_appears_later_is_told_with_how_many_have_it(cursor: Cursor) -> None:
    assert land(cursor, Record("1", {"email": "a", "shoe": "9"})).new_fields == {}
    later = land(cursor, Record("1", {"email": "a", "hat": "L"}), Record("2", {"hat": ""}), Record("3", {"hat": "S"}))
    assert later.new_fields == {"hat": 2}
    assert land(cursor, Record("4", {"hat": "M"})).new_fields == {}
