"""Every kind of row that can hold something about a person: how theirs are found, told and cleared.

A test goes through all models of the three apps: a field that can hold text is named here, or there as one that
holds nothing of anybody.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Model, Q, QuerySet

from alumnisync.engine.feeds import UNNAMED
from alumnisync.models import (
    Absence,
    ChangeRecord,
    Conflict,
    FieldChange,
    Link,
    Match,
    MatchKey,
    Member,
    Question,
    Review,
)
from alumnisync.privacy import telling
from alumnisync.privacy.person import Person
from connectors.models import FeedRow, ReceivedRecord, RemoteRecord, ServiceNote
from connectors.receiving.inbox import keys
from connectors.records import MISSING

Rows = QuerySet[Any]


@dataclass(frozen=True)
class Holding:
    """A kind of row that is about somebody.

    name    what it is called on screens and in exports
    of      the rows about a person
    where   look-up of the name of the system or sync they belong to
    holds   the fields that can say something of the person
    tell    a row for an export; None: its rows are told with others, or say nothing that can be read
    blanks  what its fields are set to; None: the row is removed
    """

    model: type[Model]
    name: str
    of: Callable[[Person], Rows]
    where: str
    holds: tuple[str, ...]
    tell: Callable[[Any], Mapping[str, Any]] | None = None
    blanks: Mapping[str, Any] | None = field(default=None)


def _records(person: Person) -> Rows:
    return RemoteRecord.objects.filter(pk__in=person.keys).select_related("cursor__connection")


def _feed_rows(person: Person) -> Rows:
    rows = Q(pk__in=())
    for cursor, ids in person.ids.items():
        alone = [id.removeprefix(UNNAMED) for id in ids if id.startswith(UNNAMED)]
        rows |= Q(cursor=cursor) & (Q(remote_id__in=ids) | Q(change_id__in=alone))
    return FeedRow.objects.filter(rows).select_related("cursor__connection")


def _received(person: Person) -> Rows:
    rows = Q(pk__in=())
    for record in person.records:
        rows |= Q(connection=record.cursor.connection_id, pk__in=keys([record.remote_id]))
    return ReceivedRecord.objects.filter(rows).select_related("connection")


def _notes(person: Person) -> Rows:
    sent = _received(person).exclude(sender_id="").values_list("connection", "sender_id")
    said = {(record.cursor.connection_id, record.remote_id) for record in person.records}
    rows = Q(pk__in=())
    for connection, id in sorted(said.union(sent)):
        rows |= Q(connection=connection, record=id)
    return ServiceNote.objects.filter(rows).select_related("connection")


def _links(person: Person) -> Rows:
    return Link.objects.filter(pk__in=person.links).select_related("sync")


def _members(person: Person) -> Rows:
    return Member.objects.filter(record__in=person.keys)


def _match_keys(person: Person) -> Rows:
    return MatchKey.objects.filter(record__in=person.keys)


def _changes(person: Person) -> Rows:
    theirs = Q(record__in=person.keys) | Q(source__in=person.keys) | Q(link__in=person.links)
    return ChangeRecord.objects.filter(theirs).select_related("run__sync").prefetch_related("fields")


def _fields(person: Person) -> Rows:
    return FieldChange.objects.filter(change__in=_changes(person).values("pk"))


def _questions(model: type[Question]) -> Callable[[Person], Rows]:
    return lambda person: model._default_manager.filter(link__in=person.links).select_related("link__sync")


def _absences(person: Person) -> Rows:
    theirs = Q(link__in=person.links) | Q(record__in=person.keys)
    return Absence.objects.filter(theirs).select_related("link__sync")


def _matches(person: Person) -> Rows:
    return Match.objects.filter(record__in=person.keys).select_related("sync", "record")


def _matches_of_others(person: Person) -> Rows:
    shown = Match.candidates.through.objects.filter(remoterecord__in=person.keys).values("match")
    theirs = Q(pk__in=shown) | Q(chosen__in=person.keys)
    return Match.objects.filter(theirs).exclude(record__in=person.keys).select_related("sync", "record")


THERE, HERE = "cursor__connection__name", "connection__name"
ASKED = ("shown", "reason", "value", "comment")

HOLDINGS: tuple[Holding, ...] = (
    Holding(
        RemoteRecord,
        "Records, as last read",
        _records,
        THERE,
        ("remote_id", "values", "fingerprint", "version", "field_times", "problem", "merged_into"),
        telling.record,
    ),
    Holding(
        FeedRow,
        "Rows of a feed",
        _feed_rows,
        THERE,
        ("change_id", "remote_id", "values", "field_times"),
        telling.feed_row,
    ),
    Holding(
        ReceivedRecord,
        "Records that were sent to us",
        _received,
        HERE,
        ("sender_id", "stage", "values"),
        telling.received,
    ),
    Holding(ServiceNote, "Notes on calls", _notes, HERE, ("record", "why"), telling.note),
    Holding(Link, "Links, with what was last agreed", _links, "sync__name", ("bases",), telling.link),
    Holding(Member, "Linked records", _members, "sync__name", ()),
    Holding(MatchKey, "Match keys (digests, not readable)", _match_keys, "sync__name", ("digest",)),
    Holding(
        FieldChange,
        "Values before and after changes",
        _fields,
        "change__run__sync__name",
        ("before", "after", "source"),
        blanks={"before": MISSING, "after": MISSING, "source": MISSING},
    ),
    Holding(
        ChangeRecord,
        "Changes, made and planned",
        _changes,
        "run__sync__name",
        ("reason", "settles"),
        telling.change,
        {"link": None, "record": None, "source": None, "settles": {}},
    ),
    Holding(Conflict, "Both changed", _questions(Conflict), "link__sync__name", ASKED, telling.question),
    Holding(Review, "To review", _questions(Review), "link__sync__name", ASKED, telling.question),
    Holding(Absence, "No longer found", _absences, "link__sync__name", ("comment",), telling.absence),
    Holding(Match, "Possible matches", _matches, "sync__name", ("reason", "comment"), telling.match),
    Holding(
        Match,
        "Possible matches of somebody else",
        _matches_of_others,
        "sync__name",
        ("reason", "comment"),
        telling.match,
        {"chosen": None, "comment": ""},
    ),
)


def holding_of(model: type[Model]) -> Iterable[Holding]:
    """What a kind of row holds; nothing where it is about nobody."""
    return [one for one in HOLDINGS if one.model is model]
