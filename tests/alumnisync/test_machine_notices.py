"""A law a time, an engine that breaks it, and what the machines look at notices it: each passes with the real one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from alumnisync.engine import deliver, draft, merge
from alumnisync.engine.feeds import FeedLanding
from alumnisync.engine.orders import Delivery, Fate, Order
from alumnisync.engine.tries import Retry, Tries
from alumnisync.engine.units import Outcome, Unit
from connectors.models import Connection
from connectors.records import Page, Rejected, Unknown, Write
from mappings.rules import Side
from tests.alumnisync.feed_scene import FEED, GENEROUS, ONE_WAY
from tests.alumnisync.machine.watched import Watched
from tests.alumnisync.test_machine import Office
from tests.alumnisync.test_machine_feed import FeedOffice
from tests.factories import PAIRS, World

pytestmark = [pytest.mark.django_db, pytest.mark.long]

HOME = ({"left": "city", "right": "city", "group": "home"}, {"left": "zip", "right": "zip", "group": "home"})
Break = Callable[[pytest.MonkeyPatch], None]


class Scripted(Office):
    """An office whose people do what a test says."""

    def open(self, **options: Any) -> Scripted:
        world = World((*PAIRS, *HOME), store_type=Watched, guards=GENEROUS, **options)
        self.worlds = [world]
        self.systems = {side.value: self.store(world, side) for side in Side}
        self.read_by_the_rules()
        for system in self.systems:
            self.put(system, self.ada())
        world.go()
        return self

    def ada(self) -> dict[str, Any]:
        common = {"first": "Ada", "last": "Byron", "email": "ada@example.org", "phone": "", "city": "", "zip": "65401"}
        return {**common, "level": "", "no_mail": False, "dead": False}

    def edit(self, system: str, field: str, value: str) -> None:  # type: ignore[override]
        [(id, _), *_] = sorted(self.systems[system].live("person").items())
        self.alter(system, id, field, value)

    def run(self) -> None:
        self.carry_out(self.worlds[0], self.worlds[0].run)


@pytest.fixture
def office() -> Iterator[Scripted]:
    office = Scripted()
    yield office
    office.teardown()


def explained(office: Scripted) -> None:
    office.open().edit("right", "last", "King")
    office.settle_dust()


def at_rest(office: Scripted) -> None:
    right = office.open(right={"create": "automatic"}).systems["right"]
    carry_out = right.carry_out

    def refuse_kings(object_type: str, write: Write) -> str:
        if write.values.get("last") == "King":
            raise Rejected("No kings here.")
        return carry_out(object_type, write)

    right.carry_out = refuse_kings  # type: ignore[method-assign]
    office.edit("left", "last", "King")
    office.settle_dust()


def mirrored(office: Scripted) -> None:
    office.open()
    for system, field in (("left", "first"), ("right", "last")):
        office.edit(system, field, "Augusta")
    office.run()
    held = [store.values("person", next(iter(store.live("person")))) for store in office.systems.values()]
    assert [(one["first"], one["last"]) for one in held] == [("Augusta", "Augusta")] * 2


def nothing_is_lost(office: Scripted) -> None:
    office.open()
    office.edit("left", "last", "King")
    office.edit("right", "last", "Lovelace")
    office.settle_dust()


def only_what_differs(office: Scripted) -> None:
    office.open().edit("left", "city", "Rolla")
    office.settle_dust()


def created_once(office: Scripted) -> None:
    office.open(right={"create": "automatic"})
    office.put("left", {**office.ada(), "email": "mary@example.org"})
    office.systems["right"].fail(Unknown("The answer was lost."), after=True, raised=True)
    office.run()
    office.settle_dust()


def acknowledged_when_stored(office: Scripted) -> None:
    feed = FeedOffice()
    try:
        world = World(ONE_WAY, store_type=Watched, left_type=FEED, guards=GENEROUS)
        feed.worlds, feed.rows = [world], {1: ("x1", {"last": "King"})}
        feed.feed, feed.systems = feed.store(world, Side.LEFT), {"crm": feed.store(world, Side.RIGHT)}
        feed.read_by_the_rules()
        feed.feed.tell("person", "x1", {"last": "King"}, 1)
        feed.settle_dust()
    finally:
        feed.teardown()


# --- engines that break a law ----------------------------------------------------------------------------


def forget_the_right(patch: pytest.MonkeyPatch) -> None:
    """Whoever changed on the right alone is not planned again."""
    planned_to = draft.planned_to
    patch.setattr(draft, "planned_to", lambda ctx: {**planned_to(ctx), Side.RIGHT: 10**9})


def never_wait(patch: pytest.MonkeyPatch) -> None:
    """What a system refuses is sent to it at every run."""
    patch.setattr(Tries, "retry", lambda *given: Retry())


def left_is_right(patch: pytest.MonkeyPatch) -> None:
    """Only what changed on the left is a change."""
    has_changed = Unit.has_changed
    patch.setattr(Unit, "has_changed", lambda unit, side: side is Side.LEFT and has_changed(unit, side))


def left_wins(patch: pytest.MonkeyPatch) -> None:
    """Both changed: nobody is asked."""

    def clash(unit: Unit) -> Outcome:
        return merge._send(unit, Side.LEFT, "changed")

    patch.setattr(merge, "_clash", clash)


def write_the_whole_record(patch: pytest.MonkeyPatch) -> None:
    as_write = deliver.Courier._as_write

    def whole(self: deliver.Courier, order: Order, *given: Any) -> Write:
        write = as_write(self, order, *given)
        return Write(write.id, {**order.known, **write.values}, write.key, write.version)

    patch.setattr(deliver.Courier, "_as_write", whole)


def send_again(patch: pytest.MonkeyPatch) -> None:
    """What got no answer is sent once more at once, without looking."""
    send = deliver.Courier._send

    def twice(self: deliver.Courier, *given: Any) -> list[Delivery]:
        deliveries = send(self, *given)
        return send(self, *given) if any(one.fate is Fate.UNKNOWN for one in deliveries) else deliveries

    patch.setattr(deliver.Courier, "_send", twice)


def acknowledge_first(patch: pytest.MonkeyPatch) -> None:
    land = FeedLanding.land

    def told_first(self: FeedLanding, page: Page) -> None:
        connection = Connection.objects.get(pk=self.cursor.connection_id)
        connection.open().acknowledge(self.cursor.object_type, [record.change_id for record in page.records])
        land(self, page)

    patch.setattr(FeedLanding, "land", told_first)


LAWS: list[tuple[Callable[[Scripted], None], Break]] = [
    (explained, forget_the_right),
    (at_rest, never_wait),
    (mirrored, left_is_right),
    (nothing_is_lost, left_wins),
    (only_what_differs, write_the_whole_record),
    (created_once, send_again),
    (acknowledged_when_stored, acknowledge_first),
]


@pytest.mark.parametrize(("law", "broken"), LAWS)
def test_the_engine_keeps_the_law(law: Callable[[Scripted], None], broken: Break, office: Scripted) -> None:
    law(office)


@pytest.mark.parametrize(("law", "broken"), LAWS)
def test_an_engine_that_breaks_it_is_noticed(
    law: Callable[[Scripted], None], broken: Break, office: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken(monkeypatch)
    with pytest.raises(AssertionError):
        law(office)
