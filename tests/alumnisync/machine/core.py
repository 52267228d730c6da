"""What every machine has: systems, the people in them, a clock, and what people typed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from django.db import transaction
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine

from alumnisync.engine import points
from connectors.records import Values
from mappings.rules import Side
from mappings.translate import Translator
from mappings.versions import rules_of
from tests.alumnisync.machine.clock import Clock
from tests.alumnisync.machine.histories import FIGURES
from tests.alumnisync.machine.watched import Watched
from tests.factories import World

Happening = Callable[[st.DataObject], None]

VALUES: dict[str, list[Any]] = {
    "first": ["Ada", " Ada ", "Mary", "Grace"],
    "last": ["Byron", "King", "Byron ", "Lovelace"],
    "email": ["rays@example.org", "RAYS@example.org ", "own{}@example.org", "new{}@example.org"],
    "phone": ["573 555 0100", "(573) 555-0100", "573 555 0111", "+15735550111", "ask at the desk"],
    "city": ["Rolla", "Columbia"],
    "zip": ["65401", "65201"],
    "level": ["student", "friend", "donor"],
    "no_mail": [True, False],
    "dead": [True, False],
}
ON_THE_RIGHT = {"student": "S", "friend": "F", "donor": "D"}
BLANKS = {"no_mail": False, "dead": False}
COMMON = ("first", "last", "email", "phone", "city", "zip")
KEYS = ("crm_id", "left_id", "old_email")


class Typed(NamedTuple):
    """A value that a person put somewhere, and how much had been written there by then."""

    value: Any
    written: int


class Machine(RuleBasedStateMachine):
    """worlds: the syncs; systems: name → system, a system that two syncs share once.

    is_sound: every step so far came to its end, so that the dust may settle.
    """

    def __init__(self) -> None:
        super().__init__()
        self.outer = transaction.atomic()
        self.outer.__enter__()
        self.clock = Clock()
        self.clock.start()
        self.worlds: list[World] = []
        self.systems: dict[str, Watched] = {}
        self.typed: dict[tuple[str, str, str], Typed] = {}
        self.numbers = 0
        self.is_sound = False

    def teardown(self) -> None:
        try:
            if self.is_sound:
                self.settle_dust()
                FIGURES["histories"] += 1
        finally:
            points.watchers.clear()
            self.clock.stop()
            transaction.set_rollback(True)
            self.outer.__exit__(None, None, None)

    def settle_dust(self) -> None:
        """Let everything come to rest, and look at what must be true then."""
        raise NotImplementedError

    # --- the systems -------------------------------------------------------------------------------------

    def sides(self) -> Iterator[tuple[World, Side, Watched]]:
        for world in self.worlds:
            for side in Side:
                yield world, side, self.store(world, side)

    def store(self, world: World, side: Side) -> Watched:
        store = getattr(world, side.value)
        assert isinstance(store, Watched)
        return store

    def read_by_the_rules(self) -> None:
        """Let the systems know what is equal by kind."""
        for world, side, store in self.sides():
            version = world.sync.active_version()
            assert version is not None
            for pair in rules_of(version).pairs:
                store.readers[pair.paths[side]] = (Translator(pair, {}), side)

    def held(self, world: World, side: Side, id: str) -> Values | None:
        """What a record says; None where it is no longer there."""
        row = self.store(world, side).live("person").get(id)
        return row.values if row else None

    # --- the people --------------------------------------------------------------------------------------

    def person(self, data: st.DataObject) -> Values:
        """Somebody new, whose e-mail may be somebody else's too."""
        self.numbers += 1
        values = {field: self.value(data, field) for field in COMMON}
        email = data.draw(st.sampled_from(["own{}@example.org", "own{}@example.org", "rays@example.org"]))
        level = data.draw(st.sampled_from(["", "student"]))
        return {**values, "email": email.format(self.numbers), "level": level, "no_mail": False, "dead": False}

    def put(self, system: str, values: Values) -> str:
        """Add a record; its id."""
        spelled = {field: self.spelled(system, value) for field, value in values.items()}
        id = self.systems[system].put("person", {**dict.fromkeys(KEYS, ""), "status": "", **spelled})
        for field in VALUES:
            self.note_typed(system, id, field, spelled[field])
        return id

    def alter(self, system: str, id: str, field: str, value: Any) -> None:
        value = self.spelled(system, value)
        self.systems[system].alter("person", id, {field: value})
        self.note_typed(system, id, field, value)

    def note_typed(self, system: str, id: str, field: str, value: Any) -> None:
        self.typed[system, id, field] = Typed(value, len(self.systems[system].written))

    def spelled(self, system: str, value: Any) -> Any:
        """A drop-down's option as this system calls it."""
        is_right = any(side is Side.RIGHT and store is self.systems[system] for _, side, store in self.sides())
        return ON_THE_RIGHT.get(value, value) if is_right else value

    def value(self, data: st.DataObject, field: str) -> Any:
        value = data.draw(st.sampled_from([*VALUES[field], BLANKS.get(field, "")]))
        return value.format(self.numbers) if isinstance(value, str) else value

    def someone(self, data: st.DataObject) -> tuple[str, str] | None:
        there = [(name, id) for name, store in self.systems.items() for id in sorted(store.live("person"))]
        return data.draw(st.sampled_from(there)) if there else None

    def any_world(self, data: st.DataObject) -> World:
        return data.draw(st.sampled_from(self.worlds)) if len(self.worlds) > 1 else self.worlds[0]

    def name_of(self, store: Watched) -> str:
        return next(name for name, one in self.systems.items() if one is store)
