"""What a run read, changed, holds and leaves undone, as figures and sentences for people."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.db.models import Count

from alumnisync.changes import Kind, State, changes_shown, reasons
from alumnisync.engine.guard import WHOLE, Hold
from alumnisync.models import FieldChange, SyncRun
from alumnisync.naming import Names, names_by_version
from alumnisync.narrowing import can_be_narrowed
from alumnisync.wording import Said, counted, number, run_said
from mappings.models import MappingVersion, Sync
from mappings.rules import Side

KINDS: Mapping[str, str] = {
    SyncRun.Kind.RUN: "run",
    SyncRun.Kind.PREVIEW: "preview",
    SyncRun.Kind.UNDO: "undo",
}
WRITTEN: Mapping[str, str] = {Kind.CREATE: "created", Kind.UPDATE: "updated", Kind.STAMP: "stamped"}
"""Kind of change → what a run's counts call it."""
OPEN = (State.PLANNED, State.HELD)
NOT_SENT = (State.SET_ASIDE, State.SENDING, State.DROPPED)
UNDER_WAY = (SyncRun.State.QUEUED, SyncRun.State.RUNNING)

Groups = Mapping[tuple[str, str, str], int]
"""(kind, side, state) of changes → how many."""


@dataclass(frozen=True)
class SideFigures:
    """What a run did, or would do, in one system."""

    system: str
    read: int = 0
    changed: int = 0
    created: int = 0
    updated: int = 0
    stamped: int = 0
    held: int = 0
    refused: int = 0


@dataclass(frozen=True)
class Orders:
    """What approving writes to one system.

    ids_back  ids of new records of the other one, written once they exist
    kept      values that were removed in the other one (`other`) and stay here; nothing is written for them
    """

    system: str
    created: int = 0
    updated: int = 0
    stamped: int = 0
    ids_back: int = 0
    kept: int = 0
    other: str = ""

    @property
    def sentence(self) -> str:
        parts = [
            (self.created, f"{counted(self.created, 'record')} created"),
            (self.updated, f"{counted(self.updated, 'record')} changed"),
            (self.stamped, f"{counted(self.stamped, 'id')} written"),
            (self.ids_back, f"up to {counted(self.ids_back, 'id')} of new records written"),
        ]
        said = [words for count, words in parts if count]
        stays = "value that was removed in {} stays" if self.kept == 1 else "values that were removed in {} stay"
        kept = f" {number(self.kept)} {stays.format(self.other)}." if self.kept else ""
        return f"In {self.system}: {', '.join(said) or 'nothing is written'}.{kept}"


@dataclass(frozen=True)
class FieldFigures:
    """How many people a field concerns, on its way to one system."""

    unit: str
    label: str
    system: str
    done: int = 0
    planned: int = 0
    held: int = 0
    refused: int = 0


@dataclass(frozen=True)
class Bar:
    """A figure of a picture. percent: how long it is drawn, of the longest."""

    name: str
    label: str
    count: int
    percent: float

    @property
    def said(self) -> str:
        return number(self.count)


@dataclass(frozen=True)
class Held:
    """Something that is on hold: why, and what that means for the rest.

    key       what it is chosen by, where the rest can be let through without it
    what      the field, or what else it is about, in words
    bars      what is planned, what is usual and the limit, as a picture
    """

    reason: str
    consequence: str
    key: str = ""
    what: str = ""
    bars: tuple[Bar, ...] = ()


@dataclass(frozen=True)
class Report:
    """A run, for people."""

    run: SyncRun
    names: Names
    sides: tuple[SideFigures, ...]
    orders: tuple[Orders, ...]
    fields: tuple[FieldFigures, ...]
    holds: tuple[Held, ...]
    refused: list[dict[str, Any]] = field(default_factory=list)

    @property
    def new_fields(self) -> list[str]:
        """Fields that records had for the first time, a sentence each."""
        found = self.run.counts.get("new_fields", {})
        sides = [(self.names.side(side), found.get(side, {})) for side in Side]
        return [
            f"New field in {name}: {field}; {_how_many_have(count)}."
            for name, fields in sides
            for field, count in fields.items()
        ]

    @property
    def waits(self) -> bool:
        return waits_for_ok(self.run)

    @property
    def effects(self) -> list[str]:
        """What approving does besides writing, a sentence each."""
        run, name, number_ = self.run, self.run.sync.name, self.run.version.number
        is_draft = run.version.state == MappingVersion.State.DRAFT
        return [
            *(
                [f"It also switches version {number_} of {name} on: from then on its rules are in force."]
                if is_draft
                else []
            ),
            *(
                [f"It also switches {name} on: from then on it runs by its schedule."]
                if _is(run, Sync.State.DRAFT)
                else []
            ),
            *(
                [f"{name} is paused: it is sent once somebody switches it on again."]
                if _is(run, Sync.State.PAUSED)
                else []
            ),
        ]


def report(run: SyncRun) -> Report:
    """All about a run but its single changes: six statements. The run has its version and sync at hand."""
    names = names_by_version([run.version])[run.version_id]
    groups = {row[:3]: row[3] for row in _counted(run)}
    return Report(
        run,
        names,
        tuple(_side(run, names, groups, side) for side in Side),
        tuple(_orders(run, names, groups, side) for side in Side),
        tuple(_fields(run, names)),
        holds_of(run, names),
        reasons(run.changes.filter(state__in=NOT_SENT)),
    )


def said_of(run: SyncRun) -> Said:
    """The state of a run in words."""
    if run.state == SyncRun.State.QUEUED and run.approved_at:
        return Said("approved, waiting to be sent")
    return run_said(run)


def waits_for_ok(run: SyncRun) -> bool:
    """Whether a person must still approve or reject it; the same as `waiting.HELD` says to the database."""
    is_shown = run.kind == SyncRun.Kind.PREVIEW and run.state == SyncRun.State.DONE and run.approved_at is None
    return run.state == SyncRun.State.HELD or is_shown


def switches_on(run: SyncRun) -> bool:
    """Whether approving puts rules in force that are not yet, or switches a sync on."""
    return run.version.state == MappingVersion.State.DRAFT or _is(run, Sync.State.DRAFT)


def kind_said(run: SyncRun) -> str:
    """What it is: a run, a preview, or a preview that was approved and sent."""
    was_sent = run.kind == SyncRun.Kind.PREVIEW and run.approved_at is not None
    return "approved preview" if was_sent else KINDS[run.kind]


def holds_of(run: SyncRun, names: Names) -> tuple[Held, ...]:
    """What the safety limits stopped, a sentence each."""
    nothing_went = any(hold.get("guard") in WHOLE for hold in run.holds)
    if run.kind == SyncRun.Kind.PREVIEW or nothing_went:
        consequence = "Nothing was sent."
    else:
        consequence = "Nothing of this was sent; the rest was."
    return tuple(_held(Hold.load(item), _reason(item, names), consequence, names) for item in run.holds)


def _held(item: Hold, reason: str, consequence: str, names: Names) -> Held:
    is_pair = "|" in item.unit
    named = names.field(item.direction, item.field) if is_pair else names.unit(item.unit) if item.unit else ""
    what = "new records" if item.guard == "created" else named
    key = item.key if can_be_narrowed(item) else ""
    where = f"{what} in {names.side(item.direction)}" if what and item.direction else what
    return Held(reason, consequence, key, where, bars_of(item))


PLANNED: Mapping[str, str] = {"gone": "no longer found", "list": "missing from the list"}
"""Guard → what its figure counts, where that is nothing planned."""


def bars_of(item: Hold) -> tuple[Bar, ...]:
    """A hold's figures as a picture: this run, what is usual, the limit."""
    if not item.count or item.guard in ("version", "undo"):
        return ()
    found = [("now", PLANNED.get(item.guard, "this run"), item.count)]
    if item.usual is not None:
        found.append(("usual", "usual", item.usual))
    found.append(("limit", "limit", item.limit))
    longest = max(count for _, _, count in found)
    return tuple(Bar(name, label, count, round(100 * count / longest, 1)) for name, label, count in found)


def totals(run: SyncRun) -> dict[str, str]:
    """What a run read, found changed and wrote, over both systems; "" where it did not get so far."""
    names = {"read": ("read",), "changed": ("changed",), "written": tuple(WRITTEN.values())}
    return {
        name: number(sum(sum(run.counts[one].values()) for one in parts)) if set(parts) <= set(run.counts) else ""
        for name, parts in names.items()
    }


def duration(run: SyncRun) -> str:
    """How long it took, in words; "" while it has not ended."""
    if run.started_at is None or run.finished_at is None:
        return ""
    took = run.finished_at - run.started_at
    if took < timedelta(minutes=1):
        return f"{max(took.total_seconds(), 0):.1f} s"
    minutes, seconds = divmod(int(took.total_seconds()), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {seconds} s"


def _is(run: SyncRun, state: Sync.State) -> bool:
    return run.sync.state == state


def _how_many_have(count: int | None) -> str:
    if count is None:
        return "no record was read with it yet"
    return f"{counted(count, 'record has', 'records have')} it"


def _counted(run: SyncRun) -> Iterable[tuple[str, str, str, int]]:
    rows = changes_shown().filter(run=run).order_by()
    return rows.values_list("kind", "side", "state").annotate(count=Count("pk"))


def _sum(groups: Groups, side: Side, kinds: Iterable[str], states: Iterable[str]) -> int:
    return sum(groups.get((kind, side.value, state), 0) for kind in kinds for state in states)


def _side(run: SyncRun, names: Names, groups: Groups, side: Side) -> SideFigures:
    def counts(name: str, kind: str = "") -> int:
        # While it runs only the changes themselves know.
        known = run.counts.get(name, {}).get(side.value)
        return known if known is not None else _sum(groups, side, (kind,), (State.DONE,))

    return SideFigures(
        names.side(side),
        counts("read"),
        counts("changed"),
        **{name: counts(name, kind) for kind, name in WRITTEN.items()},
        held=_sum(groups, side, WRITTEN, (State.HELD,)),
        refused=_sum(groups, side, WRITTEN, (State.SET_ASIDE, State.SENDING)),
    )


def _orders(run: SyncRun, names: Names, groups: Groups, side: Side) -> Orders:
    has_key = any(row.key_field for row in run.version.sides.all() if row.side == side)
    return Orders(
        names.side(side),
        **{name: _sum(groups, side, (kind,), OPEN) for kind, name in WRITTEN.items()},
        ids_back=_sum(groups, side.other, (Kind.CREATE,), OPEN) if has_key else 0,
        # A removal is a line of the side that lost its value.
        kept=_sum(groups, side.other, (Kind.SETTLE,), OPEN),
        other=names.side(side.other),
    )


def _fields(run: SyncRun, names: Names) -> list[FieldFigures]:
    """Field pairs and groups by how many people they concern; new records and ids are counted elsewhere."""
    rows = FieldChange.objects.filter(change__run=run, change__kind__in=(Kind.UPDATE, Kind.SETTLE)).exclude(unit="")
    grouped = rows.order_by().values_list("unit", "change__kind", "change__side", "change__state")
    found: dict[tuple[str, Side], dict[str, int]] = {}
    for unit, kind, side, state, people in grouped.annotate(people=Count("change", distinct=True)):
        # A removal is a line of the side that lost its value; what it is about is the other one.
        to = Side(side).other if kind == Kind.SETTLE else Side(side)
        name = _column(kind, state)
        if name:
            counts = found.setdefault((unit, to), {})
            counts[name] = counts.get(name, 0) + people
    lines = [FieldFigures(unit, names.unit(unit), names.side(to), **counts) for (unit, to), counts in found.items()]
    return sorted(lines, key=lambda line: (-line.done - line.planned - line.held - line.refused, line.label))


def _column(kind: str, state: str) -> str:
    if kind == Kind.SETTLE and state != State.HELD:
        return ""
    columns = {State.DONE: "done", State.PLANNED: "planned", State.HELD: "held", State.SET_ASIDE: "refused"}
    return columns.get(State(state), "")


def _reason(hold: Mapping[str, Any], names: Names) -> str:
    """The sentence of a safety limit, with the field as the system calls it."""
    reason, called = str(hold.get("reason", "")), str(hold.get("field", ""))
    if not called:
        return reason
    side = str(hold.get("direction", ""))
    is_pair = "|" in str(hold.get("unit", ""))
    label = names.field(side, called) if is_pair else names.unit(called)
    return f"{names.side(side)}: {reason.replace(f' {called}', f' {label}', 1)}" if side else reason
