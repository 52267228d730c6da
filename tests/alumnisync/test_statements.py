"""SQL statements grow with pages and chunks, never with the people in them."""

import math
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

import pytest
from django.db import connection

from alumnisync.engine import diary, push, run
from alumnisync.engine.lease import Lease
from alumnisync.review import settle_match
from connectors.models import Cursor
from connectors.records import Page, Record
from tests.alumnisync import polls
from tests.alumnisync.feed_scene import FeedWorld
from tests.factories import World

pytestmark = pytest.mark.django_db

FEW, MANY = 20, 200
"""Both fit into one page, one chunk and one batch."""
STEPS = (
    (run, "poll"),
    (run, "give_rows"),
    (run, "match"),
    (run, "draft"),
    (run, "move_bases"),
    (push, "settle"),
    (run, "acknowledge"),
)
NO_GUARDS = {name: {"floor": 1000} for name in ("changed", "same_value", "created")}

Counts = dict[str, list[int]]


@contextmanager
def statements() -> Iterator[list[str]]:
    """What is sent to the database meanwhile."""
    sent: list[str] = []

    def note(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        sent.append(sql)
        return execute(sql, params, many, context)

    # Both ask the database when their time has come, which on a busy machine is sooner.
    never = mock.patch.object(Lease, "beat"), mock.patch.object(diary, "EVERY", math.inf)
    with never[0], never[1], connection.execute_wrapper(note):
        yield sent


@pytest.fixture
def counts(monkeypatch: pytest.MonkeyPatch) -> Counts:
    """Step → the statements of each time it was called, until it is cleared."""
    found: Counts = defaultdict(list)
    # Both ask the database when their time has come, which on a busy machine is in another step.
    monkeypatch.setattr(Lease, "beat", lambda lease: None)
    monkeypatch.setattr(diary, "EVERY", math.inf)

    def counted(name: str, step: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **options: Any) -> Any:
            with statements() as sent:
                answer = step(*args, **options)
            found[name].append(len(sent))
            return answer

        return call

    for module, name in STEPS:
        monkeypatch.setattr(module, name, counted(name, getattr(module, name)))
    return found


def walk(people: int, counts: Counts) -> dict[str, Counts]:
    """What each kind of run costs a sync of so many people: new ones, the same ones, changed ones."""
    world = World(guards=NO_GUARDS)
    for store in (world.left, world.right):
        store.page_size = store.batch_size = 2 * MANY
    pairs = [world.pair_up(phone="573 555 0199") for _ in range(people)]
    cost = {}

    def take(kind: str) -> None:
        cost[kind] = dict(counts)
        counts.clear()

    assert world.go()["state"] == "done"
    take("new")
    # What was just written is looked at once more.
    assert world.run()["state"] == "done"
    take("written")
    assert world.run()["changed"] == {"left": 0, "right": 0}
    take("unchanged")
    for number, (left, right) in enumerate(pairs):
        world.left.alter("person", left, {"last": f"King{number}"})
        world.right.alter("person", right, {"phone": f"573 555 0{100 + number % 99}"})
    assert world.run()["updated"] == {"left": people, "right": people}
    take("changed")
    return cost


def test_a_run_of_many_people_takes_as_many_statements_as_one_of_few(counts: Counts) -> None:
    few = walk(FEW, counts)
    assert walk(MANY, counts) == few
    # Else nothing was counted.
    assert {name for _, name in STEPS} == {*few["new"]}
    assert len(few["changed"]["settle"]) == 2


def feed_cost(people: int, rows: int, counts: Counts) -> Counts:
    """What a run costs that brings so many rows of each of so many people, and as many that name nobody."""
    world = FeedWorld()
    for store in (world.left, world.right):
        store.page_size = store.batch_size = 4 * MANY
    for number in range(people):
        world.contact(f"x{number}", email=f"{number}@example.org")
        for row in range(rows):
            world.told(f"x{number}", last=f"Name{row}")
        world.told("", email=f"{number}@example.org", first="Ada")
    counts.clear()
    assert world.run()["matches"] == people
    for match in world.matches():
        settle_match(match, "link", by="pat")
    assert world.run()["matches"] == 0
    cost = dict(counts)
    counts.clear()
    return cost


def test_rows_of_a_feed_take_as_many_statements_however_many_a_person_has(counts: Counts) -> None:
    few = feed_cost(FEW, 1, counts)
    assert feed_cost(FEW, 9, counts) == few
    assert feed_cost(MANY // 2, 1, counts) == few
    assert all(few["acknowledge"] + few["give_rows"])


def list_of(pages: int, size: int, email: str = "") -> list[Page]:
    return [
        Page(
            tuple(Record(f"{number}-{row}", {"email": email or f"{number}-{row}@example.org"}) for row in range(size)),
        )
        for number in range(pages)
    ]


def poll_cost(cursor: Cursor, pages: list[Page]) -> int:
    with statements() as sent:
        polls.run(polls.Scripted(*pages), cursor)
    return len(sent)


@pytest.mark.parametrize("email", ["", "moved@example.org"], ids=["unchanged", "all changed"])
@pytest.mark.parametrize("size", [FEW, MANY])
def test_each_further_page_costs_the_same(size: int, email: str) -> None:
    cursor = polls.new_cursor()
    polls.run(polls.Scripted(*list_of(6, size)), cursor)
    # Each time another value, so that each poll finds everybody changed, or nobody.
    two, four, six = (poll_cost(cursor, list_of(pages, size, email and f"{pages}{email}")) for pages in (2, 4, 6))
    assert four - two == six - four


@pytest.mark.parametrize("known", [True, False], ids=["known", "new"])
def test_a_page_of_many_records_costs_what_one_of_few_costs(known: bool) -> None:
    there, costs = polls.new_cursor().connection, set()
    for size in (FEW, MANY):
        cursor = Cursor.objects.create(connection=there, object_type=f"people {size}")
        if known:
            polls.run(polls.Scripted(*list_of(1, size)), cursor)
        costs.add(poll_cost(cursor, list_of(1, size)))
    assert len(costs) == 1


def test_a_poll_that_finds_nothing_new_rewrites_no_row() -> None:
    cursor = polls.new_cursor()
    polls.run(polls.Scripted(*list_of(3, FEW)), cursor)
    before = polls.everything(cursor)
    with statements() as sent:
        polls.run(polls.Scripted(*list_of(3, FEW)), cursor)
    assert polls.everything(cursor) == before
    assert not [sql for sql in sent if "connectors_remoterecord" in sql and not sql.startswith("SELECT")]
