"""Poll: read what changed at one side, store it with the cursor, and find out what is no longer there."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from alumnisync.engine.feeds import FeedLanding
from alumnisync.engine.landing import Landing, is_storable, renumber
from connectors import bulk
from connectors.base import Connector
from connectors.models import Cursor, RemoteRecord, SeenField
from connectors.records import ObjectType
from mappings.rules import Rules, Side
from mappings.transforms import fields_read

LISTS_UNTIL_GONE = 2
CHUNK = 500


@dataclass(frozen=True, slots=True)
class ListLimits:
    """How much shorter than the last accepted list a list may be: the larger of a count and a share."""

    floor: int = 25
    share: float = 0.10


@dataclass(slots=True)
class Polled:
    """What polling one side brought.

    read          records (of a feed, rows) that came, repeated ones too
    changed       those that were new, different, or seen again after they had been missed or gone
    complete      the list was whole, so that absence may mean something
    verdict       why the last whole list is not believed, for people; "" if it is
    went_missing  records that a believed list lacked for the first time
    gone          records that became gone: reported deleted, or lacked by a second list
    shorter       how many records fewer than the last believed list it held, where it was whole
    left_out      records of people who were erased: nothing of them is stored
    erased_rows   of a feed, the change ids of such
    new_fields    field that no earlier poll saw and nobody asked for → how many records have it filled
    """

    cursor: Cursor
    read: int
    changed: int
    complete: bool
    verdict: str
    went_missing: int
    gone: int
    left_out: int = 0
    new_fields: Mapping[str, int] = field(default_factory=dict)
    shorter: int | None = None
    erased_rows: Sequence[str] = ()


def poll(
    connector: Connector,
    cursor: Cursor,
    wanted: Sequence[str],
    *,
    narrow: str = "",
    described: ObjectType,
    limits: ListLimits,
    beat: Callable[[], None],
    hold: Callable[[], None] = lambda: None,
) -> Polled:
    """Land everything that changed since the cursor, page by page; `beat` is called after each page.

    hold: first in each transaction; what it raises keeps the page from being stored

    It may stop at any page, by an error of the connector or a killed process, and goes on from there.
    """
    started = timezone.now()
    begin(cursor, wanted, narrow, hold)
    landing = FeedLanding(cursor, described) if described.feed else Landing(cursor, described.volatile)
    landing.hold = hold
    complete = False
    for page in connector.poll(cursor.object_type, cursor.position, tuple(cursor.fields), narrow=narrow):
        landing.land(page)
        complete = page.complete
        beat()
    return finish(landing, started, complete=complete, label=described.label, limits=limits)


def accept_list(cursor: Cursor) -> None:
    """A person lets the last list through: the next ones are compared with it."""
    cursor.refresh_from_db()
    cursor.accepted_count, cursor.list_verdict = cursor.list_count, ""
    cursor.save(update_fields=["accepted_count", "list_verdict"])


def wanted_fields(rules: Iterable[tuple[Rules, Side]], keep: Sequence[str]) -> tuple[str, ...]:
    """Paths of every field that these sides of syncs ask for, and those to keep besides, sorted."""
    return tuple(sorted({*keep, *(path for each, side in rules for path in fields_of(each, side))}))


def fields_of(rules: Rules, side: Side) -> Iterator[str]:
    """Every path that one side of a sync asks for, some twice."""
    here = rules.sides[side]
    for pair in rules.pairs:
        yield pair.paths[side]
        if side in pair.keep_old:
            yield pair.keep_old[side]
        if side in pair.currency_field:
            yield pair.currency_field[side]
        yield from fields_read(pair.reads.get(side, ""))
    for rule in rules.match:
        yield from rule.paths[side]
    if here.key_field:
        yield here.key_field
    # What switching a record off sets is read, so that undoing it can put back what was there.
    yield from here.deactivate
    yield from fields_read(here.scope)
    yield from fields_read(here.disabled)


def judge_list(count: int, accepted: int | None, limits: ListLimits, label: str) -> str:
    """Why a list of `count` records is not believed, or ""; the last believed one held `accepted`."""
    if not accepted:
        return ""
    allowed = max(limits.floor, limits.share * accepted)
    if count and accepted - count <= allowed:
        return ""
    came = f"held {count:,} records" if count else "came back empty"
    return (
        f"The list of {label} {came}; the last one that was let through held {accepted:,}. "
        "Nobody is taken as gone. Look at the system, then let this list through or wait for a whole one."
    )


def begin(cursor: Cursor, wanted: Sequence[str], narrow: str, hold: Callable[[], None] = lambda: None) -> None:
    """Bring the cursor up to date; with more fields or another filter it starts from nothing."""
    with transaction.atomic():
        hold()
        now = Cursor.objects.select_for_update().get(pk=cursor.pk)
        if not set(wanted) <= set(now.fields) or narrow != now.narrow:
            now.position, now.narrow = None, narrow
            now.fields = sorted({*now.fields, *wanted})
            now.save(update_fields=["position", "narrow", "fields"])
    cursor.refresh_from_db()


def finish(landing: Landing, started: datetime, *, complete: bool, label: str, limits: ListLimits) -> Polled:
    """Judge the list, if it was whole, count who was missing from it, and note that the poll ended."""
    cursor, count = landing.cursor, len(landing.seen)
    before = expected(cursor, count)
    verdict = judge_list(count, before, limits, label) if complete else ""
    absent = find_absent(landing) if complete and not verdict else []
    with transaction.atomic():
        landing.hold()
        cursor.refresh_from_db(from_queryset=Cursor.objects.select_for_update())
        # Two lists read at the same time say no more than one.
        is_first = cursor.polled_at is None or cursor.polled_at < started
        went_missing, gone = mark_absent(cursor, absent if is_first else [], started)
        new_fields = note_fields(landing, started)
        ended = {"poll_started_at": started, "polled_at": timezone.now(), "poll_was_whole": complete}
        if complete:
            accepted = cursor.accepted_count if verdict else count
            ended |= {"list_count": count, "list_verdict": verdict, "accepted_count": accepted}
        Cursor.objects.filter(pk=cursor.pk).update(**ended)
    cursor.refresh_from_db()
    gone += landing.gone
    shorter = max((before or 0) - count, 0) if complete else None
    counted = (went_missing, gone, landing.left_out, new_fields, shorter, landing.erased_rows)
    return Polled(cursor, landing.read, landing.changed, complete, cursor.list_verdict, *counted)


def fewer(cursor: Cursor) -> int:
    """How many records the last complete list lacked against the last believed one."""
    return max((cursor.accepted_count or 0) - (cursor.list_count or 0), 0)


def expected(cursor: Cursor, count: int) -> int | None:
    """What a list's length is compared with: the first one's with nothing, unless it is empty."""
    if cursor.accepted_count is None and not count:
        return RemoteRecord.objects.filter(cursor=cursor, gone_at=None).count()
    return cursor.accepted_count


def find_absent(landing: Landing) -> list[int]:
    """Keys of the rows that the list lacked."""
    rows = RemoteRecord.objects.filter(cursor=landing.cursor, gone_at=None).order_by()
    pairs = rows.values_list("pk", "remote_id").iterator(chunk_size=CHUNK)
    return [pk for pk, remote_id in pairs if remote_id not in landing.seen]


def mark_absent(cursor: Cursor, absent: Sequence[int], started: datetime) -> tuple[int, int]:
    """Count one more list without these rows; how many were missing for the first time, and became gone."""
    went_missing = gone = 0
    # A row that landed while the list was read, by a write of ours, need not be in it.
    for start in range(0, len(absent), CHUNK):
        rows = RemoteRecord.objects.filter(pk__in=absent[start : start + CHUNK], landed_at__lt=started)
        again = list(rows.filter(gone_at=None, missed__gte=LISTS_UNTIL_GONE - 1).only("pk").order_by("pk"))
        went_missing += rows.filter(gone_at=None, missed__lt=LISTS_UNTIL_GONE - 1).update(missed=F("missed") + 1)
        gone += len(again)
        mark_gone(cursor, again)
    return went_missing, gone


def mark_gone(cursor: Cursor, rows: list[RemoteRecord]) -> None:
    """Number these rows as changes: they are no longer found."""
    if not rows:
        return
    now = timezone.now()
    for row, number in zip(rows, renumber(cursor.pk, len(rows)), strict=True):
        row.change_no, row.missed, row.gone_at = number, LISTS_UNTIL_GONE, now
    bulk.update(rows, ["change_no", "missed", "gone_at"])


def note_fields(landing: Landing, started: datetime) -> dict[str, int]:
    """Add up which fields there were and how often they were filled; those that are new, with how often."""
    cursor, names = landing.cursor, [name for name in landing.names if is_storable(name)]
    if not names:
        return {}
    known = {each.name: each for each in SeenField.objects.filter(cursor=cursor)}
    fields = [known.get(name, SeenField(cursor=cursor, name=name, first_seen_at=started)) for name in names]
    for each in fields:
        each.seen += landing.names[each.name]
        each.filled += landing.filled[each.name]
    bulk.upsert(fields, by=["cursor", "name"], fields=["seen", "filled"])
    # At a first poll everything is new, and what a run asks for is no surprise.
    unknown = set(names) - known.keys() - landing.roots if cursor.polled_at else set()
    return {name: landing.filled[name] for name in sorted(unknown)}
