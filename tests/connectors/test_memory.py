from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.test import override_settings

from connectors.models import Connection
from connectors.records import (
    ConnectorError,
    Field,
    NeedsAttention,
    ObjectType,
    Record,
    Rejected,
    Temporary,
    Unknown,
    Values,
    Write,
)
from connectors.systems.memory import MemoryConnector, Store, stores
from tests.connectors.contract import Bench, ConnectorContract

FIELDS = (
    Field("first_name"),
    Field("email"),
    Field("crm_id"),
    Field("code", length=3),
    Field("id", writable=False),
)


def people(**traits: Any) -> ObjectType:
    return ObjectType("person", "People", **{"fields": FIELDS, "findable": None, **traits})


class MemoryBench(Bench):
    object_type = "person"
    fields = ("first_name", "email")
    key_field = "crm_id"
    guards_stale = True

    def __init__(self, store: Store) -> None:
        self.store = store
        self.connector = self.reopen()

    def reopen(self) -> MemoryConnector:
        return MemoryConnector({"store": "bench"})

    def person(self, number: int) -> Values:
        return {"first_name": f"Ada {number}", "email": f"ada{number}@example.org"}

    def fill(self, count: int) -> list[str]:
        return [self.store.put("person", self.person(number)) for number in range(count)]

    def alter(self, id: str, values: Values) -> None:
        self.store.alter("person", id, values)

    def values(self, id: str) -> Values:
        return self.store.values("person", id)

    def ids(self) -> set[str]:
        return set(self.store.live("person"))

    @contextmanager
    def fault(self, name: str) -> Iterator[None]:
        for call in ("check", "poll", "read", "write"):
            self.store.fail(wrong(name, call), call, times=None, raised=True)
        yield
        self.store.failures.clear()


def wrong(fault: str, call: str) -> ConnectorError:
    """What a connector over HTTP makes of such an answer."""
    if fault == "unauthorized":
        return NeedsAttention("The key is no longer valid. Enter a new one.")
    if fault == "too_many":
        return Temporary("Too many calls were made.", retry_after=7200)
    if call == "write":
        return Unknown("The answer was lost.")
    return Temporary("The answer was not what was promised.")


class TestMemoryContract(ConnectorContract):
    @pytest.fixture(params=[{}, {"whole_lists": True}, {"create_by_key": True}], ids=["changes", "lists", "keyed"])
    def bench(self, request: pytest.FixtureRequest, opened: Callable[[Store], MemoryConnector]) -> Bench:
        store = Store(people(**request.param))
        opened(store)
        return MemoryBench(store)


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> Callable[[Store], MemoryConnector]:
    def open_it(store: Store) -> MemoryConnector:
        monkeypatch.setitem(stores, "bench", store)
        return MemoryConnector({"store": "bench"})

    return open_it


@pytest.fixture
def store() -> Store:
    return Store(people())


@pytest.fixture
def connector(store: Store, opened: Callable[[Store], MemoryConnector]) -> MemoryConnector:
    return opened(store)


def polled(connector: MemoryConnector, cursor: Any = None) -> list[Record]:
    return [record for page in connector.poll("person", cursor, ["email"]) for record in page.records]


def test_is_refused_where_the_installation_does_not_allow_it(store: Store, connector: MemoryConnector) -> None:
    with override_settings(ALLOW_MEMORY_SYSTEM=False), pytest.raises(NeedsAttention, match="tests only"):
        MemoryConnector({"store": "bench"})


def test_needs_a_store_of_that_name() -> None:
    with pytest.raises(NeedsAttention, match="nowhere"):
        MemoryConnector({"store": "nowhere"})


def test_a_connection_opens_it_by_its_name(store: Store, connector: MemoryConnector) -> None:
    opened = Connection(system="memory", settings={"store": "bench"}).open()
    assert isinstance(opened, MemoryConnector)
    assert opened.store is store


def test_describes_only_what_was_asked_for(connector: MemoryConnector) -> None:
    assert [kind.name for kind in connector.describe(["person"])] == ["person"]
    assert connector.describe(["gift"]) == ()


def test_its_store_says_how_many_writes_one_call_takes(opened: Callable[[Store], MemoryConnector]) -> None:
    connector = opened(Store(people(), batch_size=2))
    assert connector.batch_size == 2
    with pytest.raises(NeedsAttention):
        list(connector.write("person", [Write(None, {})] * 3))


def test_a_record_is_not_shared_with_who_gave_it(store: Store, connector: MemoryConnector) -> None:
    given = {"email": ["a"]}
    store.put("person", given)
    given["email"].append("b")
    polled(connector)[0].values["email"].append("c")
    assert polled(connector)[0].values["email"] == ["a"]


def test_polls_bring_only_the_fields_asked_for(store: Store, connector: MemoryConnector) -> None:
    store.put("person", {"email": {"work": "a"}, "first_name": "Ada"})
    (page,) = connector.poll("person", None, ["email[work].address"])
    assert page.records[0].values == {"email": {"work": "a"}}


def test_where_the_clock_stands_nothing_is_missed(opened: Callable[[Store], MemoryConnector]) -> None:
    store = Store(people(), page_size=2)
    connector = opened(store)
    store.clock_stands = True
    ids = [store.put("person", {"email": "old"}) for _ in range(5)]
    cursor = next(connector.poll("person", None, ["email"])).cursor
    store.alter("person", ids[0], {"email": "new"})
    rest = list(connector.poll("person", cursor, ["email"]))
    assert [record.id for page in rest for record in page.records] == ids[2:]
    assert {record.id: record.values["email"] for record in polled(connector, rest[-1].cursor)}[ids[0]] == "new"


def test_a_deletion_is_reported_to_a_poll_for_changes(store: Store, connector: MemoryConnector) -> None:
    kept, lost = store.put("person", {}), store.put("person", {})
    cursor = [page.cursor for page in connector.poll("person", None, [])][-1]
    store.remove("person", lost, merged_into=kept)
    (record,) = [record for record in polled(connector, cursor) if record.id == lost]
    assert (record.deleted, record.merged_into) == (True, kept)


def test_a_first_poll_of_nothing_reports_deletions_next(store: Store, connector: MemoryConnector) -> None:
    (page,) = connector.poll("person", None, [])
    store.remove("person", store.put("person", {}))
    assert [record.deleted for record in polled(connector, page.cursor)] == [True]


def test_a_record_lost_without_a_trace_is_not_reported(store: Store, connector: MemoryConnector) -> None:
    lost = store.put("person", {})
    store.lose("person", lost)
    assert polled(connector) == []


def test_field_times_come_where_the_type_has_them(opened: Callable[[Store], MemoryConnector]) -> None:
    store = Store(people(field_times=True))
    connector = opened(store)
    id = store.put("person", {"email": "a", "first_name": "Ada"})
    store.alter("person", id, {"first_name": "Eve"})
    (record,) = connector.read("person", [id], ["email", "first_name"])
    assert record.created == record.field_times["email"] < record.field_times["first_name"] == record.modified


def test_pages_can_come_twice(store: Store, connector: MemoryConnector) -> None:
    store.put("person", {})
    store.repeat_pages = True
    assert len(polled(connector)) == 2


def test_a_list_that_is_cut_short_is_not_whole(opened: Callable[[Store], MemoryConnector]) -> None:
    store = Store(people(whole_lists=True), page_size=1)
    connector = opened(store)
    for _ in range(3):
        store.put("person", {})
    store.short_lists = 2
    pages = list(connector.poll("person", None, []))
    assert [page.complete for page in pages] == [False, False]
    store.short_lists = None
    assert len(list(connector.poll("person", pages[-1].cursor, []))) == 1


def test_a_server_that_rewrites_what_it_stores(store: Store, connector: MemoryConnector) -> None:
    store.normalise = lambda values: {name: value.upper() for name, value in values.items()}
    (outcome,) = connector.write("person", [Write(None, {"email": "a@x.org"})])
    assert outcome.record is not None
    assert outcome.record.values == {"email": "A@X.ORG"}


def test_an_answer_may_lack_the_record(store: Store, connector: MemoryConnector) -> None:
    store.answer_with_record = False
    (outcome,) = connector.write("person", [Write(None, {"email": "a@x.org"})])
    assert outcome.record is None
    assert store.values("person", outcome.id) == {"email": "a@x.org"}


def test_stale_reads_show_what_was_before(store: Store, connector: MemoryConnector) -> None:
    id = store.put("person", {"email": "old@x.org"})
    store.alter("person", id, {"email": "new@x.org"})
    store.stale_reads = True
    (read,) = connector.read("person", [id], ["email"])
    assert read.values["email"] == "old@x.org"
    assert [record.id for record in connector.find("person", "email", ["old@x.org"])] == [id]


def test_read_only_refuses_every_write(store: Store, connector: MemoryConnector) -> None:
    store.read_only = True
    with pytest.raises(NeedsAttention):
        list(connector.write("person", [Write(None, {"email": "a"})]))
    assert store.live("person") == {}


@pytest.mark.parametrize(
    ("values", "refused"),
    [
        ({"shoe": "9"}, {"shoe"}),
        ({"id": "7"}, {"id"}),
        ({"code": "long"}, {"code"}),
        ({"code": "abc"}, set()),
    ],
)
def test_fields_that_cannot_be_written_are_named(connector: MemoryConnector, values: Values, refused: set[str]) -> None:
    (outcome,) = connector.write("person", [Write(None, values)])
    assert isinstance(outcome.error, Rejected) == bool(refused)
    if isinstance(outcome.error, Rejected):
        assert set(outcome.error.fields) == refused


def test_creates_can_be_forbidden(opened: Callable[[Store], MemoryConnector]) -> None:
    (outcome,) = opened(Store(people(can_create=False))).write("person", [Write(None, {"email": "a"})])
    assert isinstance(outcome.error, Rejected)


def test_a_failure_before_the_effect(store: Store, connector: MemoryConnector) -> None:
    store.fail(Temporary("Busy."))
    first, second = connector.write("person", [Write(None, {"email": "a"}), Write(None, {"email": "b"})])
    assert isinstance(first.error, Temporary)
    assert store.values("person", second.id) == {"email": "b"}
    assert store.effects == {"created": 1}


def test_a_failure_after_the_effect_loses_the_answer(store: Store, connector: MemoryConnector) -> None:
    store.fail(Unknown("Lost."), after=True, raised=True)
    with pytest.raises(Unknown):
        list(connector.write("person", [Write(None, {"email": "a"}), Write(None, {"email": "b"})]))
    assert [row.values for row in store.live("person").values()] == [{"email": "a"}]


def test_every_nth_call_fails_until_it_is_taken_out(store: Store, connector: MemoryConnector) -> None:
    failure = store.fail(Temporary("Busy."), every=2, times=None)
    outcomes = [*connector.write("person", [Write(None, {})] * 5)]
    assert [bool(outcome.error) for outcome in outcomes] == [False, True, False, True, False]
    store.failures.remove(failure)
    assert not any(outcome.error for outcome in connector.write("person", [Write(None, {})] * 5))


def test_a_poll_can_die_at_a_page(opened: Callable[[Store], MemoryConnector]) -> None:
    store = Store(people(), page_size=1)
    connector = opened(store)
    for _ in range(3):
        store.put("person", {})
    store.fail(Temporary("Busy."), "poll", every=2)
    pages = connector.poll("person", None, [])
    assert len(next(pages).records) == 1
    with pytest.raises(Temporary):
        next(pages)


def test_calls_and_effects_are_counted(store: Store, connector: MemoryConnector) -> None:
    connector.check()
    (created,) = connector.write("person", [Write(None, {"email": "a"})])
    list(connector.write("person", [Write(created.id, {"email": "b"})]))
    assert [call[0] for call in store.calls] == ["check", "write", "write"]
    assert store.calls[-1] == ("write", "person", (created.id,))
    assert store.effects == {"created": 1, "updated": 1}


# --- a feed ----------------------------------------------------------------------------------------------


@pytest.fixture
def feed(opened: Callable[[Store], MemoryConnector]) -> MemoryConnector:
    return opened(Store(people(feed=True), page_size=2))


def test_the_rows_of_a_feed_come_until_they_are_acknowledged(feed: MemoryConnector) -> None:
    first, second = (feed.store.tell("person", who, {"email": who, "code": "a"}) for who in ("ada", ""))
    for _ in range(2):
        assert [(row.id, row.change_id, row.values) for row in polled(feed)] == [
            ("ada", first, {"email": "ada"}),
            ("", second, {"email": ""}),
        ]
    feed.acknowledge("person", [first])
    assert [row.change_id for row in polled(feed)] == [second]


def test_a_row_that_is_acknowledged_twice_is_handled_once(feed: MemoryConnector) -> None:
    row = feed.store.tell("person", "ada", {}, 41)
    assert (row, feed.store.tell("person", "ada", {})) == ("41", "42")
    feed.acknowledge("person", [row])
    feed.acknowledge("person", [row, "no such row"])
    assert feed.store.processed == {"41": 1}


@pytest.mark.parametrize("after", [False, True])
def test_acknowledging_can_fail_before_or_after_it_is_done(feed: MemoryConnector, after: bool) -> None:
    row = feed.store.tell("person", "ada", {})
    feed.store.fail(Temporary("Busy."), "acknowledge", after=after)
    with pytest.raises(Temporary):
        feed.acknowledge("person", [row])
    assert feed.store.processed == ({row: 1} if after else {})
