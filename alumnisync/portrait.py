"""The page of a linked person: their records, what each field is at and why, and what happened, newest first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.urls import reverse

from alumnisync.drift.comparing import Comparing, NotReady, SeenPerson
from alumnisync.drift.words import OUTSIDE, said, sentence
from alumnisync.forgetting import SHORTEST, kept_since
from alumnisync.history import Entry, History, history_of
from alumnisync.inbox.gone import gone_said
from alumnisync.inbox.wording import Wording, wordings
from alumnisync.models import Conflict, Link, Member, Question, Review
from alumnisync.naming import Names, person
from alumnisync.wording import Said
from connectors.moments import when
from mappings.rules import Side

MOST_SHOWN = 200
"""Entries on the page; all are in the files."""
OLDER_REMOVED = "Older ones of this person were removed, and are not kept any more; what was changed is still told."
WAITS = (Question.State.OPEN, Question.State.DECIDED, Question.State.HELD)


@dataclass(frozen=True)
class Record:
    """A record of the person. address: where it is opened in its system; "" where that is not known.

    gone: why it is no longer found, and since when; "" while it is there
    """

    system: str
    remote_id: str
    address: str
    gone: str
    is_further: bool


@dataclass(frozen=True)
class FieldNow:
    """What a field is at. address: the question about it, where one waits."""

    label: str
    values: tuple[Any, Any] = field(repr=False)
    state: Said
    sentence: str
    address: str = ""


@dataclass(frozen=True)
class Moment:
    """An entry of the history with its time in words."""

    entry: Entry
    at: str


@dataclass(frozen=True)
class Portrait:
    """The page. kept: how long history is kept, in words; elsewhere: the same records in other syncs."""

    name: str
    systems: tuple[str, str]
    records: tuple[Record, ...]
    fields: tuple[FieldNow, ...]
    outside: str
    moments: tuple[Moment, ...]
    is_cut: bool
    kept: str
    elsewhere: tuple[tuple[str, str], ...]


def portrait(link: Link) -> Portrait:
    """A link with its members and their records at hand; some thirty statements, however long its history is."""
    word = wordings([link.sync_id])[link.sync_id]
    names, members = word.names, list(link.members.all())
    fields, outside = _now(link, word)
    told = history_of(link, word)
    newest = told.entries[::-1][:MOST_SHOWN]
    return Portrait(
        person(member.record for member in members),
        (names.side(Side.LEFT), names.side(Side.RIGHT)),
        tuple(_records(members, names)),
        tuple(fields),
        outside,
        tuple(Moment(entry, when(entry.at)) for entry in newest),
        len(told.entries) > MOST_SHOWN,
        _kept(told),
        tuple(_elsewhere(link, members)),
    )


def _now(link: Link, word: Wording) -> tuple[list[FieldNow], str]:
    """What each field is at; else why nothing is compared."""
    if link.state != Link.State.ACTIVE:
        return [], "They are not linked yet: that is only planned."
    try:
        seen = Comparing(link.sync, word).people([link.pk])[0]
    except NotReady as error:
        return [], str(error)
    if seen.outside is not None:
        return [], f"{OUTSIDE[seen.outside].sentence} So nothing is compared, and nothing is sent."
    return list(_fields(seen, word.names, _questions(link))), ""


def _fields(seen: SeenPerson, names: Names, questions: Mapping[str, str]) -> Iterator[FieldNow]:
    for each in seen.fields:
        address = questions.get(each.unit, "") if each.reason.is_difference else ""
        values = (each.held[Side.LEFT], each.held[Side.RIGHT])
        yield FieldNow(names.pair(each.pair), values, said(each.reason), sentence(each), address)


def _questions(link: Link) -> dict[str, str]:
    """Unit → the page of the question about it."""
    found = {}
    for model in (Conflict, Review):
        for pk, unit in model.objects.filter(link=link, state__in=WAITS).values_list("pk", "unit"):
            found[unit] = reverse(f"admin:alumnisync_{model._meta.model_name}_change", args=[pk])
    return found


def _records(members: Sequence[Member], names: Names) -> Iterator[Record]:
    seen: set[str] = set()
    for member in members:
        remote_id = member.record.remote_id
        address = names.address_of(member.side, remote_id)
        yield Record(names.side(member.side), remote_id, address, gone_said(member.record), member.side in seen)
        seen.add(member.side)


def _elsewhere(link: Link, members: Sequence[Member]) -> Iterator[tuple[str, str]]:
    records = [member.record_id for member in members]
    others = Link.objects.filter(members__record__in=records).exclude(pk=link.pk).select_related("sync").distinct()
    for other in others.order_by("pk"):
        yield other.sync.name, reverse("admin:alumnisync_link_change", args=[other.pk])


def _kept(told: History) -> str:
    if kept_since() is None:
        return "History is kept for ever."
    text = f"The values of history are kept for {max(settings.HISTORY_DAYS, SHORTEST):,} days."
    return f"{text} {OLDER_REMOVED}" if told.is_forgotten else text
