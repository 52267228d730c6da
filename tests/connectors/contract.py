"""What every connector is held to. A system's test subclasses ConnectorContract and gives it a `bench`.

class TestMemory(ConnectorContract):
    @pytest.fixture
    def bench(self) -> Iterator[Bench]: ...
"""

from __future__ import annotations

import gc
import json
import logging
import traceback
import tracemalloc
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any, ClassVar

import pytest

from connectors.base import Connector
from connectors.records import (
    MISSING,
    ConnectorError,
    Gone,
    NeedsAttention,
    ObjectType,
    Outcome,
    Page,
    Record,
    Rejected,
    Stale,
    Temporary,
    Unknown,
    Values,
    Write,
)

STRANGE_TEXTS = {
    "accents": "Zoë Ångström",
    "other scripts": "山田 花子 עברית",
    "emoji": "👩‍🎓",
    "quotes": 'O\'Brien "Bo" \\ & <b> % ; --',
    "lines": "one\ntwo\ttabbed",
    "formula": "=1+1",
    "outer spaces": "  spaced  ",
    "empty": "",
    "null": None,
    "NUL": "a\0b",
    "lone surrogate": "a\ud800b",
}


class Bench(ABC):
    """A stand-in with a connector to it, and ways to act behind the connector's back.

    fields       two or more writable text fields of `object_type`; every record made by `person` fills them
    key_field    a field that identifies a record from our side and can be sent with a create, or ""
    secrets      texts that must be seen nowhere
    guards_stale whether an update that names an old version is refused
    impossible   names of STRANGE_TEXTS that the system itself can never come to hold
    possible_faults which of FAULTS can happen there at all
    page_size    how many records `connector` gets in a page; `fill` must make several pages of them cheaply
    """

    connector: Connector
    object_type: str
    fields: tuple[str, ...]
    key_field: str = ""
    secrets: tuple[str, ...] = ()
    guards_stale: bool = False
    impossible: frozenset[str] = frozenset()
    page_size: int = 10

    FAULTS: ClassVar[frozenset[str]] = frozenset({"unauthorized", "too_many", "server_error", "cut_off", "html"})
    """What `fault` takes: 401; 429 with Retry-After: 7200; 500; a cut-off body; HTML with status 200."""
    possible_faults: frozenset[str] = FAULTS

    @abstractmethod
    def reopen(self) -> Connector:
        """Another connector of the same connection, as the next process would make it."""

    @abstractmethod
    def person(self, number: int) -> Values:
        """Values that the system accepts for a create, different for each number, without the key field."""

    @abstractmethod
    def fill(self, count: int) -> list[str]:
        """Make that many more records there; their ids."""

    @abstractmethod
    def alter(self, id: str, values: Values) -> None:
        """Change a record there, as a person at the system would; its version and times move."""

    @abstractmethod
    def values(self, id: str) -> Values:
        """What the system holds in `fields` (and the key field) of a record."""

    @abstractmethod
    def ids(self) -> set[str]:
        """Every record there."""

    @abstractmethod
    def fault(self, name: str) -> AbstractContextManager[object]:
        """While it is entered, every answer is wrong in the way named (one of FAULTS)."""


class ConnectorContract:
    """DESIGN: every connector passes this against its stand-in."""

    @pytest.fixture
    def bench(self) -> Iterator[Bench]:
        raise NotImplementedError("A subclass gives the bench.")

    def test_says_who_it_is(self, bench: Bench) -> None:
        identity = bench.connector.check()
        assert identity.organisation
        assert identity.organisation == bench.reopen().check().organisation

    def test_field_names_are_unique(self, bench: Bench) -> None:
        names = [field.name for field in described(bench).fields]
        assert len(names) == len(set(names))
        assert set(bench.fields) <= set(names)

    def test_describes_the_object_type_once(self, bench: Bench) -> None:
        names = [kind.name for kind in bench.connector.describe()]
        assert names.count(bench.object_type) == 1

    def test_a_created_record_can_be_read(self, bench: Bench) -> None:
        values = bench.person(1)
        outcome = create(bench, values)
        assert outcome.error is None
        assert chosen(read_one(bench, outcome.id), bench.fields) == {name: values[name] for name in bench.fields}

    def test_a_created_record_can_be_found(self, bench: Bench) -> None:
        name = bench.key_field or next((name for name in bench.fields if described(bench).can_find(name)), "")
        if not name:
            assert described(bench).findable == frozenset()
            with pytest.raises(NeedsAttention):
                list(bench.connector.find(bench.object_type, bench.fields[0], ["x"]))
            return
        values = bench.person(1)
        outcome = create(bench, values, key="key-1")
        wanted = "key-1" if bench.key_field else values[name]
        found = list(bench.connector.find(bench.object_type, name, ["nobody's", wanted]))
        assert [record.id for record in found] == [outcome.id]
        assert found[0].values[name] == wanted

    def test_a_create_carries_its_key(self, bench: Bench) -> None:
        if not bench.key_field:
            pytest.skip("no key field here")
        outcome = create(bench, bench.person(1), key="key-1")
        assert bench.values(outcome.id)[bench.key_field] == "key-1"

    def test_a_create_by_key_may_be_repeated(self, bench: Bench) -> None:
        if not described(bench).create_by_key:
            pytest.skip("creates are not keyed here")
        first = create(bench, bench.person(1), key="key-1")
        assert create(bench, bench.person(1), key="key-1").id == first.id

    def test_an_unknown_record_is_left_out(self, bench: Bench) -> None:
        known, removed = bench.fill(2)
        unknown = alike(removed, bench.ids())
        records = list(bench.connector.read(bench.object_type, [known, unknown], bench.fields))
        assert [record.id for record in records] == [known]

    def test_an_update_of_an_unknown_record_says_gone(self, bench: Bench) -> None:
        needs_updates(bench)
        (known,) = bench.fill(1)
        unknown = alike(known, bench.ids())
        assert isinstance(update(bench, unknown, {bench.fields[0]: "New"}).error, Gone)

    def test_poll_from_nothing_gives_everything(self, bench: Bench) -> None:
        bench.fill(2 * bench.page_size + 1)
        pages = poll(bench, None)
        assert ids_of(pages) == bench.ids()
        assert len(pages) > 1
        assert not any(page.complete for page in pages[:-1])
        assert pages[-1].complete == described(bench).whole_lists

    def test_poll_brings_the_values(self, bench: Bench) -> None:
        (id,) = bench.fill(1)
        assert chosen(polled(bench, id), bench.fields) == chosen(Record(id, bench.values(id)), bench.fields)

    def test_goes_on_where_it_stopped(self, bench: Bench) -> None:
        ids = bench.fill(2 * bench.page_size + 1)
        cursor = last_cursor(poll(bench, None))
        bench.alter(ids[0], {bench.fields[0]: "Altered"})
        pages = poll(bench, cursor)
        assert find_in(pages, ids[0]).values[bench.fields[0]] == "Altered"
        if described(bench).whole_lists:
            assert ids_of(pages) == bench.ids()

    def test_an_idle_poll_ends(self, bench: Bench) -> None:
        bench.fill(bench.page_size)
        cursor = last_cursor(poll(bench, None))
        for _ in range(3):
            cursor = last_cursor(poll(bench, cursor), cursor)
        assert ids_of(poll(bench, cursor)) <= bench.ids()

    def test_stopping_after_any_page_misses_nothing(self, bench: Bench) -> None:
        ids = bench.fill(3 * bench.page_size)
        for stop in range(1, len(poll(bench, None)) + 1):
            seen, cursor = poll_some(bench, stop)
            bench.alter(ids[stop], {bench.fields[0]: f"Altered {stop}"})
            rest = poll(bench, cursor, bench.reopen())
            assert ids_of(seen) | ids_of(rest) == bench.ids()
            assert find_in(rest, ids[stop]).values[bench.fields[0]] == f"Altered {stop}"

    def test_a_cursor_survives_json(self, bench: Bench) -> None:
        bench.fill(2 * bench.page_size)
        for page in poll(bench, None):
            assert json.loads(json.dumps(page.cursor)) == page.cursor

    def test_a_page_full_of_one_moment_neither_loops_nor_skips(self, bench: Bench) -> None:
        ids = bench.fill(3 * bench.page_size)
        cursor = None
        for _ in range(4):
            pages = poll(bench, cursor)
            cursor = last_cursor(pages, cursor)
        for id in ids:
            bench.alter(id, {bench.fields[0]: "At once"})
        assert set(ids) <= ids_of(poll(bench, cursor))

    def test_an_update_touches_only_what_it_was_given(self, bench: Bench) -> None:
        needs_updates(bench)
        id, bystander = bench.fill(2)
        before, bystanders = bench.values(id), bench.values(bystander)
        assert update(bench, id, {bench.fields[0]: "Changed"}).error is None
        assert bench.values(id) == {**before, bench.fields[0]: "Changed"}
        assert bench.values(bystander) == bystanders

    def test_outcomes_come_in_the_order_of_the_writes(self, bench: Bench) -> None:
        needs_updates(bench)
        ids = bench.fill(3)
        writes = [Write(id, {bench.fields[0]: f"N{n}"}) for n, id in enumerate(reversed(ids))]
        assert [outcome.id for outcome in send(bench, writes)] == list(reversed(ids))

    def test_a_stale_update_changes_nothing(self, bench: Bench) -> None:
        if not bench.guards_stale:
            pytest.skip("this system can't guard an update by version")
        (id,) = bench.fill(1)
        version = read_one(bench, id).version
        bench.alter(id, {bench.fields[0]: "Theirs"})
        outcome = update(bench, id, {bench.fields[0]: "Ours"}, version)
        assert isinstance(outcome.error, Stale)
        assert bench.values(id)[bench.fields[0]] == "Theirs"

    @pytest.mark.parametrize("what", STRANGE_TEXTS)
    def test_strange_texts_come_back_as_sent_or_are_refused_alone(self, bench: Bench, what: str) -> None:
        text, field = STRANGE_TEXTS[what], bench.fields[0]
        ids: list[str | None] = [*bench.fill(2)] if described(bench).can_update else [None, None]
        others = [{} if id else bench.person(number) for number, id in enumerate(ids)]
        writes = [Write(ids[0], {**others[0], field: text}), Write(ids[1], {**others[1], field: "Plain"})]
        strange, plain = send(bench, writes)
        assert plain.error is None
        assert bench.values(plain.id)[field] == "Plain"
        if strange.error is None:
            assert loose(read_one(bench, strange.id).values[field]) == loose(text)
        else:
            assert isinstance(strange.error, Rejected)

    @pytest.mark.parametrize("what", STRANGE_TEXTS)
    def test_strange_texts_there_hold_up_no_other_record(self, bench: Bench, what: str) -> None:
        if what in bench.impossible:
            pytest.skip("the system can't come to hold this")
        id, neighbour = bench.fill(2)
        bench.alter(id, {bench.fields[0]: STRANGE_TEXTS[what]})
        pages = poll(bench, None)
        strange = find_in(pages, id)
        assert strange.problem or loose(strange.values[bench.fields[0]]) == loose(STRANGE_TEXTS[what])
        assert find_in(pages, neighbour).values[bench.fields[0]] == bench.values(neighbour)[bench.fields[0]]

    @pytest.mark.parametrize(
        ("fault", "error"),
        [
            ("unauthorized", NeedsAttention),
            ("too_many", Temporary),
            ("server_error", Temporary),
            ("cut_off", Temporary),
            ("html", Temporary),
        ],
    )
    @pytest.mark.parametrize("act", ["poll", "read", "check"])
    def test_a_wrong_answer_to_a_question(
        self, bench: Bench, fault: str, error: type[ConnectorError], act: str
    ) -> None:
        skip_impossible(bench, fault)
        (id,) = bench.fill(1)
        with bench.fault(fault), pytest.raises(error) as caught:
            ACTS[act](bench, id)
        if isinstance(caught.value, Temporary) and fault == "too_many":
            assert caught.value.retry_after
        assert_readable(bench, caught.value)

    @pytest.mark.parametrize("fault", sorted(Bench.FAULTS))
    def test_a_wrong_answer_to_an_update(self, bench: Bench, fault: str) -> None:
        skip_impossible(bench, fault)
        needs_updates(bench)
        (id,) = bench.fill(1)
        error = error_of_write(bench, fault, Write(id, {bench.fields[0]: "New"}))
        expected = (NeedsAttention,) if fault == "unauthorized" else (Temporary, Unknown)
        assert isinstance(error, expected)

    @pytest.mark.parametrize("fault", sorted(Bench.FAULTS))
    def test_a_wrong_answer_to_a_create_without_key(self, bench: Bench, fault: str) -> None:
        skip_impossible(bench, fault)
        error = error_of_write(bench, fault, Write(None, bench.person(1)))
        expected = {"unauthorized": NeedsAttention, "too_many": Temporary}.get(fault, Unknown)
        assert isinstance(error, expected)

    @pytest.mark.parametrize("fault", sorted(Bench.FAULTS))
    def test_no_secret_is_seen(self, bench: Bench, fault: str, caplog: pytest.LogCaptureFixture) -> None:
        skip_impossible(bench, fault)
        caplog.set_level(logging.DEBUG)
        (id,) = bench.fill(1)
        seen = [repr(bench.connector), str(vars(bench.connector).keys())]
        with bench.fault(fault):
            for act in (*ACTS.values(), change_it):
                try:
                    act(bench, id)
                except ConnectorError as error:
                    seen += [repr(error), "".join(traceback.format_exception(error))]
        list(bench.connector.read(bench.object_type, [id], bench.fields))
        assert_no_secret(bench, "\n".join([*seen, caplog.text, *(str(vars(line)) for line in caplog.records)]))

    @pytest.mark.long
    def test_memory_does_not_grow_with_pages(self, bench: Bench) -> None:
        bench.fill(12 * bench.page_size)
        sizes: list[int] = []
        tracemalloc.start()
        try:
            for number, page in enumerate(bench.connector.poll(bench.object_type, None, bench.fields)):
                assert page.records or page.complete or page.cursor is not None
                if number in (3, 10):
                    gc.collect()
                    sizes.append(tracemalloc.get_traced_memory()[0])
                    assert sum(type(thing) is Page for thing in gc.get_objects()) <= 3
        finally:
            tracemalloc.stop()
        early, late = sizes
        assert late - early < early / 2 + 100_000


def skip_impossible(bench: Bench, fault: str) -> None:
    if fault not in bench.possible_faults:
        pytest.skip("this can't happen there")


def needs_updates(bench: Bench) -> None:
    if not described(bench).can_update:
        (id,) = bench.fill(1)
        before = bench.values(id)
        error = update(bench, id, {bench.fields[0]: "New"}).error
        assert isinstance(error, Rejected)
        assert bench.values(id) == before
        pytest.skip("nothing can be updated here")


def described(bench: Bench) -> ObjectType:
    return next(kind for kind in bench.connector.describe() if kind.name == bench.object_type)


def poll(bench: Bench, cursor: Any, connector: Connector | None = None) -> list[Page]:
    return list((connector or bench.connector).poll(bench.object_type, cursor, bench.fields))


def poll_some(bench: Bench, stop: int) -> tuple[list[Page], Any]:
    """The first pages of a poll that dies then, and the cursor that was stored by that time."""
    pages: list[Page] = []
    for page in bench.connector.poll(bench.object_type, None, bench.fields):
        pages.append(page)
        if len(pages) == stop:
            break
    return pages, last_cursor(pages)


def last_cursor(pages: list[Page], before: Any = None) -> Any:
    """What would be stored after these pages: None in a page leaves the cursor as it was."""
    cursors = [page.cursor for page in pages if page.cursor is not None]
    return json.loads(json.dumps(cursors[-1])) if cursors else before


def ids_of(pages: list[Page]) -> set[str]:
    return {record.id for page in pages for record in page.records}


def find_in(pages: list[Page], id: str) -> Record:
    return [record for page in pages for record in page.records if record.id == id][-1]


def polled(bench: Bench, id: str) -> Record:
    return find_in(poll(bench, None), id)


def read_one(bench: Bench, id: str) -> Record:
    (record,) = bench.connector.read(bench.object_type, [id], bench.fields)
    return record


def chosen(record: Record, names: tuple[str, ...]) -> Values:
    return {name: record.values.get(name, MISSING) for name in names}


def loose(text: str | None) -> str:
    """Systems trim, and blank is blank: neither is a change of a value."""
    return (text or "").strip()


def alike(id: str, taken: set[str]) -> str:
    """An id of the same form that no record has."""
    digits = len(id) - len(id.rstrip("0123456789"))
    if digits:
        return id[:-digits] + "9" * digits if id[:-digits] + "9" * digits not in taken else id + "9"
    return next(id[:12] + f"{n:03}" + id[15:] for n in range(999, 0, -1) if id[:12] + f"{n:03}" + id[15:] not in taken)


def send(bench: Bench, writes: list[Write]) -> list[Outcome]:
    """The writes in calls of the connector's batch size."""
    size = bench.connector.batch_size
    outcomes: list[Outcome] = []
    for start in range(0, len(writes), size):
        outcomes += bench.connector.write(bench.object_type, writes[start : start + size])
    return outcomes


def create(bench: Bench, values: Values, key: str = "") -> Outcome:
    pair = (bench.key_field, key) if bench.key_field and key else None
    (outcome,) = send(bench, [Write(None, values, key=pair)])
    return outcome


def update(bench: Bench, id: str, values: Values, version: str = "") -> Outcome:
    (outcome,) = send(bench, [Write(id, values, version=version)])
    return outcome


def change_it(bench: Bench, id: str) -> object:
    return update(bench, id, {bench.fields[0]: "New"})


def error_of_write(bench: Bench, fault: str, write: Write) -> ConnectorError | None:
    """The error of one write under a fault, whether raised or in its outcome."""
    with bench.fault(fault):
        try:
            (outcome,) = bench.connector.write(bench.object_type, [write])
        except ConnectorError as error:
            assert_readable(bench, error)
            return error
    return outcome.error


def assert_readable(bench: Bench, error: ConnectorError) -> None:
    """A sentence for people, without a stack trace or a secret."""
    assert error.message.endswith((".", "”", ")"))
    assert "Traceback" not in error.message
    assert_no_secret(bench, error.message)


def assert_no_secret(bench: Bench, text: str) -> None:
    assert not [number for number, secret in enumerate(bench.secrets) if secret in text]


ACTS: dict[str, Callable[[Bench, str], object]] = {
    "check": lambda bench, id: bench.connector.check(),
    "poll": lambda bench, id: poll(bench, None),
    "read": lambda bench, id: read_one(bench, id),
}
