"""When the dust has settled: all is explained, nothing is lost, nothing is created twice, and nothing more is done."""

from __future__ import annotations

from typing import Any

from django.db.models import Count

from alumnisync.models import ChangeRecord, Conflict, FieldChange, Link, Match, Question, Review
from mappings.rules import Side
from mappings.translate import raw_equal
from tests.alumnisync.machine.differences import UNKNOWN, Difference, Explained
from tests.alumnisync.machine.histories import FIGURES, tell
from tests.alumnisync.machine.running import Running
from tests.alumnisync.reported import check_report
from tests.factories import World

RUNS_TO_REST = 8


class Aftermath(Running):
    """What must be true at the end of every history."""

    def settle_dust(self) -> None:
        for store in self.systems.values():
            store.failures.clear()
            store.repeat_pages = store.read_only = store.stale_reads = store.clock_stands = False
            store.short_lists = None
        self.come_to_rest()
        for store in self.systems.values():
            FIGURES.update(dict(store.effects))
        self.check_nothing_more()
        for world in self.worlds:
            self.check_differences(world)
            self.check_created_once(world)
        self.check_nothing_lost()

    def come_to_rest(self) -> None:
        states = [self.snapshot()]
        for _ in range(RUNS_TO_REST):
            is_held = [self.run_and_let_through(world) for world in self.worlds]
            states = [*([] if any(is_held) else states), self.snapshot()]
            if len(states) > 1 and states[-1] == states[-2]:
                return
        raise AssertionError(f"it does not come to rest: {states[-2:]}")

    def run_and_let_through(self, world: World) -> bool:
        """Whether it was held: letting a plan through looks at nothing new, and only a run can say that all rests."""
        done = self.carry_out(world, world.run)
        if done["state"] != "held":
            return False
        self.carry_out(world, lambda: world.approve(done["run"]))
        return True

    def check_nothing_more(self) -> None:
        calls, asked = self.calls(), self.questions()
        for world in self.worlds:
            done = self.carry_out(world, world.run)
            assert done["state"] in ("done", "partial", "held"), done
        assert self.calls() == calls
        assert self.questions() == asked

    def calls(self) -> int:
        """How many calls that change anything the systems had."""
        made = [call for store in self.systems.values() for call in store.calls]
        return sum(method in ("write", "acknowledge") for method, _, _ in made)

    def check_differences(self, world: World) -> None:
        explained = Explained(world.sync, lambda side, id: self.held(world, side, id), self.stores(world))
        found = [each for link in Link.objects.filter(sync=world.sync, state="active") for each in explained.of(link)]
        for each in found:
            tell(f"{each.why}: {each.link} {each.pair} {each.held}")
            if each.why == UNKNOWN:
                tell(self.story(each))
        assert not [each for each in found if each.why == UNKNOWN]
        check_report(world.sync, found)

    def story(self, difference: Difference) -> str:
        """Everything stored about a difference, for whoever looks for the bug."""
        link = Link.objects.get(pk=difference.link)
        lines = [f"  bases {link.bases.get(difference.pair)}"]
        for change in ChangeRecord.objects.filter(link=link).order_by("pk"):
            rows = [row for row in change.fields.all() if difference.pair in (row.pair, row.unit)]
            settles = change.settles.get(difference.pair)
            if rows or settles:
                told = [(row.before, row.after, row.source, row.rule) for row in rows]
                lines.append(f"  run {change.run_id} {change.kind} {change.side} {change.state} {told} {settles}")
        for model in (Conflict, Review):
            for one in model.objects.filter(link=link, unit=difference.pair):
                lines.append(f"  {model.__name__} run {one.run_id} {one.state} {one.choice} {one.shown} {one.reason}")
        return "\n".join(lines)

    def check_created_once(self, world: World) -> None:
        done = ChangeRecord.objects.filter(run__sync=world.sync, kind=ChangeRecord.Kind.CREATE, state="done")
        twice = done.exclude(link=None).values("link", "side").annotate(count=Count("pk")).filter(count__gt=1)
        assert not list(twice)

    def check_nothing_lost(self) -> None:
        for (system, id, field), typed in self.typed.items():
            store = self.systems[system]
            live = store.live("person").get(id)
            stored = store.normalise({field: typed.value})[field]
            if live is None or raw_equal(live.values[field], stored):
                continue
            over = [one for one in store.written[typed.written :] if (one.id, one.field) == (id, field)]
            is_seen = any(raw_equal(one.before, stored) for one in over)
            assert is_seen, f"{system} {id} {field} {stored!r} was not written over by us"
            assert self.was_told(system, id, field, stored), f"{system} {id} {field} {stored!r} is in no history"

    def was_told(self, system: str, id: str, field: str, value: Any) -> bool:
        store = self.systems[system]
        cursors = [world.cursor(side) for world, side, one in self.sides() if one is store]
        rows = FieldChange.objects.filter(
            change__record__cursor__in=cursors, change__record__remote_id=id, path=field, change__state="done"
        )
        return any(raw_equal(row.before, value) or store.same(field, row.before, value) for row in rows)

    def snapshot(self) -> Any:
        linked = [world.linked() for world in self.worlds]
        return sum(world.writes() for world in self.worlds), self.questions(), linked, self.waiting()

    def waiting(self) -> Any:
        lines = FieldChange.objects.filter(change__state="set_aside")
        return sorted(lines.values_list("change__link", "unit", "path"), key=str)

    def questions(self) -> Any:
        found = [model.objects.filter(state=Question.State.OPEN) for model in (Conflict, Review)]
        matches = Match.objects.filter(state=Match.State.OPEN)
        return [sorted(rows.values_list("pk", flat=True)) for rows in (*found, matches)]

    def stores(self, world: World) -> dict[Side, Any]:
        return {side: self.store(world, side) for side in Side}
