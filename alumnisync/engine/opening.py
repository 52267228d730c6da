"""Opening a run: both systems signed in and described, their records claimed, the rules compiled."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from django.utils import timezone

from alumnisync.describing import Misfit, describe, fitted, lengths, problems, warnings
from alumnisync.engine.admission import Busy
from alumnisync.engine.context import Context, End
from alumnisync.engine.lease import Lease, is_dead
from alumnisync.engine.plan import Planner
from alumnisync.engine.references import unlinkable
from alumnisync.engine.units import SIDES
from alumnisync.models import SyncRun
from connectors.checking import verify
from connectors.described import recall, remember
from connectors.erased import refuse_lost_key
from connectors.models import Cursor
from connectors.records import ObjectType
from mappings.models import MappingVersion, SyncSide
from mappings.rules import Side
from mappings.versions import rules_of

WAIT_SECONDS = 1.0


def open_run(run: SyncRun, lease: Lease, say: Callable[[str], None]) -> Context:
    """Everything the steps need. Raises Misfit, and what the systems raise when they don't let us in."""
    rows = {Side(row.side): row for row in run.version.sides.select_related("connection")}
    ends: dict[Side, End] = {}
    refuse_lost_key()
    try:
        for side in SIDES:
            ends[side] = _open_end(side, rows[side], say)
        rules = rules_of(run.version)
        described = {side: end.described for side, end in ends.items()}
        connections = {side: end.connection.pk for side, end in ends.items()}
        if found := [*problems(rules, described), *unlinkable(rules, connections)]:
            raise Misfit("\n".join(found))
        for sentence in warnings(rules, described):
            say(sentence)
        claim([end.cursor for end in ends.values()], lease, say)
    except BaseException:
        for end in ends.values():
            end.connector.close()
        raise
    rules = fitted(rules_of(run.version, lengths(rules, described)), described)
    # From now on somebody may have seen what these rules do: they are not edited any more.
    MappingVersion.objects.filter(pk=run.version_id, shown_at=None).update(shown_at=timezone.now())
    planner = Planner(rules, approved_with_preview=run.version.approved_at is None)
    return Context(run, rules, planner, ends, lease, say)


def _open_end(side: Side, row: SyncSide, say: Callable[[str], None]) -> End:
    connector = row.connection.open()
    try:
        for sentence in verify(row.connection, connector).warnings:
            say(f"{row.connection.name}: {sentence}")
        described = describe(row.connection, connector, row.object_type)
        former = recall(row.connection, row.object_type)
        if former != described:
            remember(row.connection, [described])
    except BaseException:
        connector.close()
        raise
    cursor, _ = Cursor.objects.get_or_create(connection=row.connection, object_type=row.object_type)
    appeared = _names(described) - _names(former) if former and described.fields_known else frozenset[str]()
    return End(side, row.connection, connector, cursor, described, row.connection.name, appeared)


def _names(described: ObjectType) -> frozenset[str]:
    return frozenset(field.name for field in described.fields)


def read_anew(version: MappingVersion) -> None:
    """Have the next run of these rules read whole lists, whatever their systems say has changed.

    Raises Busy while a run works with the records. What a feed brings is read on from where it is.
    """
    for row in version.sides.select_related("connection"):
        described = recall(row.connection, row.object_type)
        cursors = Cursor.objects.filter(connection=row.connection, object_type=row.object_type)
        if described is None or described.feed:
            continue
        if cursors.exclude(lease_owner="").exists():
            raise Busy(f"A run works with the records of {row.connection.name}. Wait until it has ended.")
        cursors.update(position=None)


def claim(cursors: list[Cursor], lease: Lease, say: Callable[[str], None]) -> None:
    """Wait until no other sync works with these records, then keep them for this run.

    Otherwise a page read before another sync wrote would land afterwards, and its old values be sent back.
    """
    # In one order everywhere, so that two runs never wait for each other.
    for cursor in sorted(cursors, key=lambda cursor: cursor.pk):
        is_told = False
        while (holder := _claim(cursor, lease)) is not None:
            if not is_told:
                say(f"Waiting for run {holder.pk} of {holder.sync}, which works with the same records.")
                is_told = True
            time.sleep(WAIT_SECONDS)
            lease.beat()


def _claim(cursor: Cursor, lease: Lease) -> SyncRun | None:
    """Take the cursor; the run that holds it, where one that is alive does."""
    held_by = Cursor.objects.values_list("lease_owner", flat=True).get(pk=cursor.pk)
    holder = SyncRun.objects.filter(lease_owner=held_by, state=SyncRun.State.RUNNING).first() if held_by else None
    if holder is not None and held_by != lease.owner and not is_dead(holder):
        return holder
    with lease.held():
        is_ours = Cursor.objects.filter(pk=cursor.pk, lease_owner=held_by).update(lease_owner=lease.owner)
    if is_ours:
        return None
    return _claim(cursor, lease)


def release(lease: Lease) -> None:
    """Let other syncs work with the records again; who lost the lease has nothing to let go."""
    if SyncRun.objects.filter(pk=lease.run.pk, lease_owner=lease.owner).exists():
        Cursor.objects.filter(lease_owner=lease.owner).update(lease_owner="")


def match_reader(planner: Planner) -> Callable[[Side, str], Callable[[Any], str | None]]:
    """How a match field is read: as its field pair reads it where one pair maps both, else as text."""
    translators = {}
    for rule in planner.rules.match:
        for both in zip(rule.paths[Side.LEFT], rule.paths[Side.RIGHT], strict=True):
            for translator in planner.translators.values():
                if (translator.pair.paths[Side.LEFT], translator.pair.paths[Side.RIGHT]) == both:
                    translators.update(dict.fromkeys(zip(SIDES, both, strict=True), translator))

    def reader(side: Side, path: str) -> Callable[[Any], str | None]:
        translator = translators.get((side, path))

        def read(raw: Any) -> str | None:
            value = raw if translator is None else translator.read_raw(side, raw).value
            return None if value is None else str(value)

        return read

    return reader
