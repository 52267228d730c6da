"""Runs of the machines' syncs: plain ones, ones that are disturbed, ones that die half-way."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.db.models import QuerySet
from hypothesis import strategies as st

from alumnisync.engine import points
from alumnisync.engine.units import UNDONE, Base
from alumnisync.models import ChangeRecord, FieldChange, Link, SyncRun
from alumnisync.review import approve
from mappings.rules import PairRules, Side, Word
from mappings.translate import Translator, raw_equal, same
from mappings.versions import rules_of
from tests.alumnisync.machine.core import COMMON, Happening, Machine
from tests.alumnisync.machine.histories import FIGURES, tell
from tests.alumnisync.machine.kill import Death, bury
from tests.factories import World

INJECTED = "The machine breaks this."
EXPECTED = (INJECTED, "may not write", "stood still")
IN_THE_MIDDLE = (points.PAGE_LANDED, points.MATCHED, points.GUARDED, points.BASES_MOVED, points.SENDING, points.SETTLED)
Bases = dict[int, dict[str, Any]]


class Running(Machine):
    """Each run is looked at: nothing is written that no rule allows."""

    def happen(self, data: st.DataObject, most: int, things: list[Happening]) -> None:
        """A few of these things, then a run."""
        FIGURES["steps"] += 1
        self.is_sound = False
        for _ in range(data.draw(st.integers(1, most))):
            data.draw(st.sampled_from(things))(data)
        runs = [self.run_now, self.run_now, self.run_now, self.run_disturbed, self.run_disturbed, self.run_killed]
        data.draw(st.sampled_from(runs))(data)
        self.is_sound = True

    def run_now(self, data: st.DataObject) -> None:
        world = self.any_world(data)
        preview = data.draw(st.sampled_from([False, False, False, True]))
        self.carry_out(world, lambda: world.run(preview=preview))

    def run_disturbed(self, data: st.DataObject) -> None:
        """People edit, or our clock jumps, in the middle of a run."""
        world, point = self.any_world(data), data.draw(st.sampled_from(IN_THE_MIDDLE))
        disturb = data.draw(st.sampled_from([self.an_edit, self.an_edit, self.an_edit, self.a_jump]))(data)

        def watch(reached: str) -> None:
            if reached == point:
                points.watchers.clear()
                disturb()

        points.watchers.append(watch)
        self.carry_out(world, world.run)
        points.watchers.clear()

    def an_edit(self, data: st.DataObject) -> Callable[[], None]:
        who, field = self.someone(data), data.draw(st.sampled_from(COMMON))
        value = self.value(data, field)

        def edit() -> None:
            if who is not None and who[1] in self.systems[who[0]].live("person"):
                FIGURES["edits while a run was under way"] += 1
                self.alter(*who, field, value)

        return edit

    def a_jump(self, data: st.DataObject) -> Callable[[], None]:
        minutes = data.draw(st.sampled_from([-60, -1, 3, 30]))

        def jump() -> None:
            FIGURES["clock jumps"] += 1
            self.clock.jump(timedelta(minutes=minutes))

        return jump

    def run_killed(self, data: st.DataObject) -> None:
        world = self.any_world(data)
        point, time = data.draw(st.sampled_from(points.ALL)), data.draw(st.integers(1, 2))
        self.carry_out(world, world.run, Death(point, time))

    def approve_last(self, world: World, run: SyncRun, death: Death | None = None) -> None:
        """Let a run through, which is then carried out at once."""
        approve(run, by="pat")
        # What is approved, the next run carries out; so it does where that one died.
        self.carry_out(world, world.run, death)

    def carry_out(self, world: World, run: Callable[[], dict[str, Any]], death: Death | None = None) -> dict[str, Any]:
        """Run, perhaps only half-way, and look at what was done; what the run told, {} where it died."""
        before: Bases = {link.pk: link.bases for link in Link.objects.filter(sync=world.sync)}
        done_before = set(self.done(world).values_list("pk", flat=True))
        done: dict[str, Any] = {}
        FIGURES["runs"] += 1
        if death is None:
            done = run()
        else:
            with death:
                done = run()
            if death.came:
                FIGURES[f"killed when {death.point}"] += 1
                bury(world.sync)
        tell(f"run: { {key: value for key, value in done.items() if value} }")
        if done.get("state") == "failed":
            assert any(words in done["reason"] for words in EXPECTED), done["reason"]
        for store in self.systems.values():
            assert not store.wrongs, store.wrongs
        self.check_writes(self.done(world).exclude(pk__in=done_before), before)
        return done

    # --- nothing is written that no rule allows ----------------------------------------------------------

    def done(self, world: World) -> QuerySet[ChangeRecord]:
        """The updates that were carried out."""
        done = ChangeRecord.objects.filter(run__sync=world.sync, state=ChangeRecord.State.DONE)
        return done.filter(kind=ChangeRecord.Kind.UPDATE)

    def check_writes(self, changes: QuerySet[ChangeRecord], before: Bases) -> None:
        """Every field that was written had a rule, or a person, to say so. before: the bases it was written from."""
        rows = FieldChange.objects.filter(change__in=changes).exclude(pair="")
        for row in rows.select_related("change__run__version"):
            pairs = {pair.key: pair for pair in rules_of(row.change.run.version).pairs}
            base = before.get(row.change.link_id or 0, {}).get(row.pair, {})
            settled = ChangeRecord.objects.filter(run=row.change.run, link=row.change.link, kind="settle", state="done")
            for line in settled:
                base = line.settles.get(row.pair, base)
            why = _why_not(row, pairs[row.pair], Base.load(base))
            assert not why, f"{row.change.side} {row.path} {row.before!r} → {row.after!r} ({row.rule}): {why}"


def _why_not(row: FieldChange, pair: PairRules, base: Base) -> str:
    """Why a write was not allowed; "" where it was."""
    side = Side(row.change.side)
    if row.rule == UNDONE:
        return _why_not_undone(row, pair, side)
    if pair.words[side] is Word.OFF:
        return "this direction is off"
    if row.rule == "decided" or pair.kind in ("consent", "deceased"):
        return ""
    if pair.words[side] is Word.REVIEW and row.rule != "filled a blank":
        return "nobody was asked"
    if base.held and _moved(row, pair, base, side) and pair.conflict.value != side.other.value:
        return "it was changed there as well, and nobody decided"
    return ""


def _why_not_undone(row: FieldChange, pair: PairRules, side: Side) -> str:
    """A person approved it, whatever the direction; but none of these is ever lifted."""
    translator = Translator(pair, {})
    was, now = (translator.read_raw(side, raw).value for raw in (row.before, row.after))
    loud = {"consent": "restricted", "deceased": True}.get(pair.kind)
    return "an undo lifted it" if loud is not None and was == loud != now else ""


def _moved(row: FieldChange, pair: PairRules, base: Base, side: Side) -> bool:
    """Whether what was written over was itself a change."""
    translator = Translator(pair, {})
    known = [values[side] for values in (base.held, base.refused) if side in values] or [""]
    now = translator.read_raw(side, row.before)
    if now.is_missing:
        # Of what the record did not show nobody knows that it changed.
        return False
    return not any(raw_equal(row.before, raw) or same(now, translator.read_raw(side, raw)) for raw in known)
