"""What every connector of a feed is held to. A system's test subclasses FeedContract and gives it a `bench`.

A feed brings rows of changes, which come again until they are acknowledged; nothing is created or updated there.
"""

from __future__ import annotations

import gc
import json
import logging
import traceback
import tracemalloc
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any, ClassVar

import pytest

from connectors.base import Connector
from connectors.records import (
    ConnectorError,
    NeedsAttention,
    ObjectType,
    Page,
    Record,
    Temporary,
    Values,
    Write,
)
from tests.connectors.contract import STRANGE_TEXTS, Bench, last_cursor, loose


class FeedBench(ABC):
    """A stand-in with a connector to it, and ways to act behind the connector's back.

    field      a text field that rows may speak of
    secrets    texts that must be seen nowhere
    impossible names of STRANGE_TEXTS that the system itself can never come to hold
    page_size  `add` of twelve times so many rows must make more than ten pages
    """

    connector: Connector
    object_type: str
    field: str
    secrets: tuple[str, ...] = ()
    impossible: frozenset[str] = frozenset()
    page_size: int = 10

    FAULTS: ClassVar[frozenset[str]] = Bench.FAULTS

    @abstractmethod
    def reopen(self) -> Connector:
        """Another connector of the same connection, as the next process would make it."""

    @abstractmethod
    def add(self, count: int, said: Values | None = None, person: str = "1001") -> list[str]:
        """Make that many more rows that say this of a person ("": nobody known), days apart; their change ids."""

    @abstractmethod
    def handled(self) -> Counter[str]:
        """Change id → how often the system was told that it is handled."""

    @abstractmethod
    def fault(self, name: str) -> AbstractContextManager[object]:
        """While it is entered, every answer is wrong in the way named (one of FAULTS)."""


class FeedContract:
    """DESIGN: every connector of a feed passes this against its stand-in."""

    @pytest.fixture
    def bench(self) -> Iterator[FeedBench]:
        raise NotImplementedError("A subclass gives the bench.")

    def test_says_who_it_is(self, bench: FeedBench) -> None:
        identity = bench.connector.check()
        assert identity.organisation
        assert identity.organisation == bench.reopen().check().organisation

    def test_describes_a_feed_that_takes_nothing(self, bench: FeedBench) -> None:
        bench.add(1, {bench.field: "x"})
        found = described(bench)
        names = [field.name for field in found.fields]
        assert len(names) == len(set(names))
        assert bench.field in names
        assert found.feed
        assert [found.can_create, found.can_update, found.whole_lists] == [False, False, False]
        assert not any(field.writable for field in found.fields)
        with pytest.raises(NeedsAttention):
            list(bench.connector.write(bench.object_type, [Write("1001", {bench.field: "New"})]))
        with pytest.raises(NeedsAttention):
            list(bench.connector.find(bench.object_type, bench.field, ["x"]))

    def test_a_poll_brings_every_row_with_its_number_and_person(self, bench: FeedBench) -> None:
        known = bench.add(2 * bench.page_size, {bench.field: "x"})
        nobody = bench.add(1, person="")
        rows = rows_of(poll(bench, None))
        assert sorted(row.change_id for row in rows) == sorted(known + nobody)
        assert all(row.change_id == str(int(row.change_id)) for row in rows)
        assert {row.id for row in rows if row.change_id in known} == {"1001"}
        assert {row.id for row in rows if row.change_id in nobody} == {""}

    def test_a_row_says_only_what_it_mentions(self, bench: FeedBench) -> None:
        bench.add(1, {bench.field: "x"})
        bench.add(1)
        said, silent = sorted(rows_of(poll(bench, None)), key=lambda row: int(row.change_id))
        assert said.values[bench.field] == "x"
        assert bench.field not in silent.values

    def test_rows_come_until_they_are_acknowledged(self, bench: FeedBench) -> None:
        ids = bench.add(3)
        for _ in range(3):
            assert set(ids) <= numbers(poll(bench, None, bench.reopen()))
        bench.connector.acknowledge(bench.object_type, ids)
        assert bench.handled() == dict.fromkeys(ids, 1)

    def test_looking_at_it_acknowledges_nothing(self, bench: FeedBench) -> None:
        bench.add(3 * bench.page_size)
        bench.connector.check()
        bench.connector.describe()
        list(bench.connector.read(bench.object_type, ["1001", "", "nobody's"], [bench.field]))
        poll(bench, None)
        assert not bench.handled()

    def test_saying_twice_that_rows_are_handled_is_harmless(self, bench: FeedBench) -> None:
        ids = bench.add(2)
        for _ in range(2):
            bench.connector.acknowledge(bench.object_type, ids[:1])
        bench.connector.acknowledge(bench.object_type, [])
        assert set(bench.handled()) == set(ids[:1])
        assert ids[1] in numbers(poll(bench, None))

    def test_many_are_acknowledged_each_once(self, bench: FeedBench) -> None:
        ids = bench.add(450)
        bench.connector.acknowledge(bench.object_type, ids)
        assert bench.handled() == dict.fromkeys(ids, 1)

    def test_what_is_new_comes_with_the_next_poll(self, bench: FeedBench) -> None:
        bench.add(2 * bench.page_size)
        cursor = last_cursor(poll(bench, None))
        (new,) = bench.add(1, {bench.field: "New"})
        pages = poll(bench, cursor, bench.reopen())
        assert new in numbers(pages)

    def test_stopping_after_any_page_misses_nothing(self, bench: FeedBench) -> None:
        ids = set(bench.add(3 * bench.page_size))
        for stop in range(1, len(poll(bench, None)) + 1):
            pages: list[Page] = []
            for page in bench.connector.poll(bench.object_type, None, [bench.field]):
                pages.append(page)
                if len(pages) == stop:
                    break
            ids |= set(bench.add(1))
            rest = poll(bench, last_cursor(pages), bench.reopen())
            assert numbers(pages) | numbers(rest) == ids

    def test_a_cursor_survives_json(self, bench: FeedBench) -> None:
        bench.add(2 * bench.page_size)
        pages = poll(bench, None)
        assert pages[-1].cursor is not None
        for page in pages:
            assert json.loads(json.dumps(page.cursor)) == page.cursor

    def test_an_empty_feed_ends(self, bench: FeedBench) -> None:
        pages = poll(bench, None)
        assert not rows_of(pages)
        assert not rows_of(poll(bench, last_cursor(pages)))

    @pytest.mark.parametrize("what", STRANGE_TEXTS)
    def test_strange_texts_hold_up_no_other_row(self, bench: FeedBench, what: str) -> None:
        if what in bench.impossible:
            pytest.skip("the system can't come to hold this")
        (strange,) = bench.add(1, {bench.field: STRANGE_TEXTS[what]})
        (neighbour,) = bench.add(1, {bench.field: "Plain"})
        rows = {row.change_id: row for row in rows_of(poll(bench, None))}
        assert loose(rows[strange].values[bench.field]) == loose(STRANGE_TEXTS[what])
        assert rows[neighbour].values[bench.field] == "Plain"

    @pytest.mark.parametrize("fault", sorted(FeedBench.FAULTS))
    @pytest.mark.parametrize("act", ["acknowledge", "check", "poll", "read"])
    def test_a_wrong_answer(self, bench: FeedBench, fault: str, act: str) -> None:
        (id,) = bench.add(1)
        error = NeedsAttention if fault == "unauthorized" else Temporary
        with bench.fault(fault), pytest.raises(error) as caught:
            ACTS[act](bench, id)
        if isinstance(caught.value, Temporary) and fault == "too_many":
            assert caught.value.retry_after
        assert caught.value.message.endswith((".", "”", ")"))
        assert_no_secret(bench, caught.value.message)

    @pytest.mark.parametrize("fault", sorted(FeedBench.FAULTS))
    def test_no_secret_is_seen(self, bench: FeedBench, fault: str, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.DEBUG)
        (id,) = bench.add(1)
        seen = [repr(bench.connector), str(vars(bench.connector).keys())]
        with bench.fault(fault):
            for act in ACTS.values():
                try:
                    act(bench, id)
                except ConnectorError as error:
                    seen += [repr(error), "".join(traceback.format_exception(error))]
        seen += [repr(poll(bench, None)), repr(bench.connector.check()), repr(bench.connector.describe())]
        assert_no_secret(bench, "\n".join([*seen, caplog.text, *(str(vars(line)) for line in caplog.records)]))

    def test_memory_does_not_grow_with_pages(self, bench: FeedBench) -> None:
        bench.add(12 * bench.page_size)
        sizes: list[int] = []
        tracemalloc.start()
        try:
            for number, _ in enumerate(bench.connector.poll(bench.object_type, None, [bench.field])):
                if number in (3, 10):
                    gc.collect()
                    sizes.append(tracemalloc.get_traced_memory()[0])
                    assert sum(type(thing) is Page for thing in gc.get_objects()) <= 3
        finally:
            tracemalloc.stop()
        early, late = sizes
        assert late - early < early / 2 + 100_000


def described(bench: FeedBench) -> ObjectType:
    return next(kind for kind in bench.connector.describe() if kind.name == bench.object_type)


def poll(bench: FeedBench, cursor: Any, connector: Connector | None = None) -> list[Page]:
    return list((connector or bench.connector).poll(bench.object_type, cursor, [bench.field]))


def rows_of(pages: list[Page]) -> list[Record]:
    return [record for page in pages for record in page.records]


def numbers(pages: list[Page]) -> set[str]:
    return {row.change_id for row in rows_of(pages)}


def assert_no_secret(bench: FeedBench, text: str) -> None:
    assert not [number for number, secret in enumerate(bench.secrets) if secret in text]


ACTS: dict[str, Callable[[FeedBench, str], object]] = {
    "acknowledge": lambda bench, id: bench.connector.acknowledge(bench.object_type, [id]),
    "check": lambda bench, id: bench.connector.check(),
    "poll": lambda bench, id: poll(bench, None),
    "read": lambda bench, id: list(bench.connector.read(bench.object_type, ["1001"], [bench.field])),
}
