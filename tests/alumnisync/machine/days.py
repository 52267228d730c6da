"""What happens in a history: people edit, systems fail, staff decide, rules change."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from hypothesis import strategies as st

from alumnisync.engine.plan import CREATED_UNIT
from alumnisync.engine.report import summary
from alumnisync.models import ChangeRecord, Conflict
from alumnisync.review import Refusal, approve, decide, reject, settle_match
from alumnisync.undo import Refused, settle_created, undo, units_of
from connectors.records import Gone, NeedsAttention, Rejected, Stale, Temporary, Unknown
from mappings.rules import Side
from tests.alumnisync.machine.aftermath import Aftermath
from tests.alumnisync.machine.core import COMMON, VALUES
from tests.alumnisync.machine.histories import FIGURES, tell
from tests.alumnisync.machine.kill import Death
from tests.alumnisync.machine.running import INJECTED

POINTS_OF_APPROVED = ("let through", "bases moved", "sending", "answered", "settled", "pushed")


class Days(Aftermath):
    """Single things that happen; a machine puts them together."""

    # --- what people do at the systems -------------------------------------------------------------------

    def edit(self, data: st.DataObject) -> None:
        if (who := self.someone(data)) is not None:
            field = data.draw(st.sampled_from([*COMMON, *VALUES]))
            self.alter(*who, field, self.value(data, field))

    def edit_both(self, data: st.DataObject) -> None:
        world = self.any_world(data)
        linked = sorted(one for one in world.linked() if len(one) > 1)
        if linked:
            person = data.draw(st.sampled_from(linked))
            field = data.draw(st.sampled_from([*COMMON, *VALUES]))
            # Left members come first: of several records, one of each side.
            for side, id in ((Side.LEFT, person[0]), (Side.RIGHT, person[-1])):
                if id in self.store(world, side).live("person"):
                    self.alter(self.name_of(self.store(world, side)), id, field, self.value(data, field))

    def arrive(self, data: st.DataObject) -> None:
        self.put(data.draw(st.sampled_from(sorted(self.systems))), self.person(data))

    def leave_for_good(self, data: st.DataObject) -> None:
        if (who := self.someone(data)) is not None:
            store = self.systems[who[0]]
            if store.types["person"].whole_lists:
                store.lose("person", who[1])
            else:
                store.remove("person", who[1])

    def merge_two(self, data: st.DataObject) -> None:
        """One record of a system is merged into another there."""
        store = self.systems[data.draw(st.sampled_from(sorted(self.systems)))]
        there = sorted(store.live("person"))
        if len(there) > 1 and not store.types["person"].whole_lists:
            loser, winner = data.draw(st.lists(st.sampled_from(there), min_size=2, max_size=2, unique=True))
            store.remove("person", loser, merged_into=winner)
            FIGURES["mergers"] += 1

    def move_key(self, data: st.DataObject) -> None:
        """Somebody overwrites the field for the other side's id by hand."""
        world = self.worlds[0]
        if right := sorted(self.store(world, Side.RIGHT).live("person")):
            key = data.draw(st.sampled_from(["", "", *sorted(self.store(world, Side.LEFT).live("person"))]))
            self.store(world, Side.RIGHT).alter("person", data.draw(st.sampled_from(right)), {"left_id": key})

    def cross_scope(self, data: st.DataObject) -> None:
        store = self.store(self.worlds[0], Side.RIGHT)
        if right := sorted(store.live("person")):
            status = data.draw(st.sampled_from(["out", ""]))
            store.alter("person", data.draw(st.sampled_from(right)), {"status": status})

    # --- what goes wrong ---------------------------------------------------------------------------------

    def break_a_write(self, data: st.DataObject) -> None:
        store = self.systems[data.draw(st.sampled_from(sorted(self.systems)))]
        error = data.draw(st.sampled_from(["temporary", "unknown", "rejected", "fields", "stale", "gone", "attention"]))
        field = data.draw(st.sampled_from(COMMON))
        made: dict[str, Exception] = {
            "temporary": Temporary(INJECTED),
            "unknown": Unknown(INJECTED),
            "rejected": Rejected(INJECTED),
            "fields": Rejected(INJECTED, {field: INJECTED}),
            "stale": Stale(INJECTED),
            "gone": Gone(INJECTED),
            "attention": NeedsAttention(INJECTED),
        }
        store.fail(
            made[error],
            raised=error == "attention" or (error in ("temporary", "unknown") and data.draw(st.booleans())),
            after=error == "unknown" and data.draw(st.booleans()),
            every=data.draw(st.integers(1, 2)),
            times=data.draw(st.integers(1, 3)),
        )

    def break_a_read(self, data: st.DataObject) -> None:
        system, call = (
            data.draw(st.sampled_from(sorted(self.systems))),
            data.draw(st.sampled_from(["poll", "read", "find"])),
        )
        self.systems[system].fail(Temporary(INJECTED), call, every=2)

    def turn_odd(self, data: st.DataObject) -> None:
        odd = ["repeat", "short", "read only", "answer", "stale", "stand", "small", "well", "well"]
        what = data.draw(st.sampled_from(odd))
        store = self.systems[data.draw(st.sampled_from(sorted(self.systems)))]
        FIGURES[f"turned: {what}"] += 1
        store.page_size = 2 if what in ("repeat", "short", "small") else 10
        store.repeat_pages = what == "repeat"
        store.short_lists = 1 if what == "short" else None
        store.read_only = what == "read only"
        store.stale_reads = what == "stale"
        store.clock_stands = what == "stand"
        if what == "answer":
            store.answer_with_record = not store.answer_with_record

    def clock_jumps(self, data: st.DataObject) -> None:
        """Ours to and fro, a system's forward."""
        FIGURES["clock jumps"] += 1
        hours = data.draw(st.sampled_from([-24, -1, 1, 30]))
        self.clock.jump(timedelta(hours=hours))
        self.systems[data.draw(st.sampled_from(sorted(self.systems)))].tick += data.draw(st.sampled_from([0, 5000]))

    def days_pass(self, data: st.DataObject) -> None:
        self.clock.jump(timedelta(days=data.draw(st.sampled_from([1, 8]))))

    # --- what staff do -----------------------------------------------------------------------------------

    def decide_conflict(self, data: st.DataObject) -> None:
        choice = data.draw(st.sampled_from(["left", "right", "value", "leave"]))
        if found := self.any_world(data).conflicts():
            conflict = data.draw(st.sampled_from(found))
            own = self.own_value(data, conflict) if choice == "value" else None
            decide(conflict, choice, by="pat", value=own)
            FIGURES["decisions"] += 1

    def own_value(self, data: st.DataObject, conflict: Conflict) -> dict[str, Any]:
        keys = {*conflict.shown["left"], *conflict.shown["right"]}
        return {key: self.value(data, key.partition("|")[0]) for key in sorted(keys)}

    def answer_review(self, data: st.DataObject) -> None:
        yes = data.draw(st.booleans())
        if found := self.any_world(data).reviews():
            review = data.draw(st.sampled_from(found))
            FIGURES["decisions"] += 1
            try:
                if review.unit == CREATED_UNIT:
                    settle_created(review, "leave" if yes else "unlink", by="pat")
                elif yes:
                    approve(review, by="pat")
                else:
                    reject(review, by="pat", why="no")
            except Refusal as refusal:
                tell(str(refusal))

    def settle_a_match(self, data: st.DataObject) -> None:
        choice = data.draw(st.sampled_from(["link", "link", "create", "ignore", "never"]))
        if found := self.any_world(data).matches():
            match = data.draw(st.sampled_from(found))
            FIGURES["decisions"] += 1
            others = [one for one in match.candidates.order_by("pk") if one.cursor_id != match.record.cursor_id]
            try:
                if choice != "link":
                    settle_match(match, choice, by="pat")
                elif others:
                    settle_match(match, choice, by="pat", record=data.draw(st.sampled_from(others)))
            except Refusal as refusal:
                tell(str(refusal))

    def answer_run(self, data: st.DataObject) -> None:
        """Approve or reject the last run, whatever it was; what is approved may die when it is carried out."""
        yes, at_once = data.draw(st.sampled_from([True, True, False])), data.draw(st.booleans())
        point = data.draw(st.sampled_from(["", "", *POINTS_OF_APPROVED]))
        world = self.any_world(data)
        run = world.sync.runs.order_by("-pk").first()
        if run is None:
            return
        try:
            if not yes:
                reject(run, by="pat", why="no")
            elif at_once:
                self.approve_last(world, run, Death(point, 1) if point else None)
            else:
                approve(run, by="pat")
        except Refusal as refusal:
            tell(str(refusal))

    def undo_a_run(self, data: st.DataObject) -> None:
        """Ask what undoing some run would put back, whole or of one field; often it is let through at once."""
        world = self.any_world(data)
        runs = list(world.sync.runs.order_by("pk"))
        if not runs:
            return
        run, field = data.draw(st.sampled_from(runs)), data.draw(st.sampled_from(["", "", *COMMON]))
        at_once, point = data.draw(st.booleans()), data.draw(st.sampled_from(["", "", *POINTS_OF_APPROVED]))
        try:
            units = units_of(run, field) if field else None
            done = self.carry_out(world, lambda: summary(undo(run, by="pat", units=units)))
        except Refused as refused:
            tell(str(refused))
            return
        FIGURES[f"undo: {done['state']}"] += 1
        if at_once and done["state"] == "held":
            self.approve_last(world, world.sync.runs.get(pk=done["run"]), Death(point, 1) if point else None)

    def finish_aside(self, data: st.DataObject) -> None:
        """Whatever was set aside by us is due again."""
        ChangeRecord.objects.filter(state="set_aside", next_try_at__isnull=False).update(next_try_at=self.clock.now())
