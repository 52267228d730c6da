"""The InTouch Connector, a hub that sends: it calls the services we offer, and a poll reads what it sent.

It reads nothing from us but staff and lead sources, so only those are written here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from django import forms
from django.db.models import QuerySet

from connectors.base import Connector, ConnectorSettings, NamesField
from connectors.models import AccessToken, ReceivedRecord
from connectors.receiving import inbox
from connectors.receiving.inbox import Entry
from connectors.records import (
    Field,
    Identity,
    NeedsAttention,
    ObjectType,
    Outcome,
    Page,
    Record,
    Rejected,
    Values,
    Write,
)
from connectors.systems.intouch_receiver.keeping import MEMBER, PERSON, PROSPECT, SOURCE, STAFF
from connectors.systems.intouch_receiver.services import SERVICES

OWN = (
    Field("id", "Id here", type="text", writable=False, unique=True),
    Field("external_id", "Id at the sender", type="text", length=255, unique=True),
    Field("place", "Club", type="text", writable=False),
)
PEOPLE = (
    Field("stage", "Prospect or member", type="text", options=(PROSPECT, MEMBER)),
    Field("first_name", "First name", type="text", kind="text", length=255),
    Field("last_name", "Last name", type="text", kind="text", length=255),
    Field("email", "E-mail", type="text", kind="email", length=254),
    Field("mobile_phone", "Mobile phone", type="text", kind="phone", length=50),
    Field("home_phone", "Home phone", type="text", kind="phone", length=50),
    Field("work_phone", "Work phone", type="text", kind="phone", length=50),
    Field("birth_date", "Birth date", type="date", kind="date"),
    Field("address", "Address", type="object"),
    Field("staff_owner_email", "Staff owner's e-mail", type="text", kind="email"),
    Field("lead_source_id", "Lead source's id", type="text"),
)
STAFF_FIELDS = (
    Field("name", "Name", type="text", kind="text", length=255, required=True),
    Field("email", "E-mail", type="text", kind="email", length=254, required=True),
)
SOURCE_FIELDS = (Field("name", "Name", type="text", kind="text", length=255, required=True),)
NEWEST = 200
"""Records whose fields are looked at for names that no document lists."""
READ_ONLY = "The Connector sends prospects and members and never reads them: they can't be changed from here."
UNKNOWN_FIELD = "There is no such field here that can be written."


class InTouchSettings(ConnectorSettings):
    client_id = forms.CharField(
        label="Client id",
        max_length=100,
        help_text="The number or name of this client. You choose it, or InTouch does.",
    )
    club_ids = NamesField(
        label="Club ids",
        help_text="One for each club, with commas between them. Each club calls with a token of its own.",
    )
    staff_owners = forms.BooleanField(
        label="Prospects have a staff owner",
        required=False,
        initial=True,
        help_text="Untick where this client does without: then nobody is warned about owners who are not known.",
    )
    lead_sources = forms.BooleanField(
        label="Prospects have a lead source",
        required=False,
        initial=True,
        help_text="Untick where this client does without.",
    )

    def clean_club_ids(self) -> list[str]:
        ids: list[str] = self.cleaned_data["club_ids"]
        if any("/" in id or len(id) > 100 for id in ids):
            raise forms.ValidationError("A club id is a part of an address: at most 100 characters, and no slash.")
        return list(dict.fromkeys(ids))


class InTouchReceiver(Connector):
    """What one client's Connector has sent here."""

    name = "intouch_receiver"
    label = "InTouch Connector"
    about = "A hub of clubs that sends its prospects and members here. Nothing has to be opened over there."
    ask_for = (
        "the id of the client and of each of its clubs",
        "whether its prospects have staff owners and lead sources",
        "which fields it will send besides names, e-mail, phones, birth date and address",
    )
    Settings = InTouchSettings
    batch_size = 100
    page_size = 200
    services = SERVICES
    place_word = "Club"
    staff_type = STAFF

    @classmethod
    def places(cls, settings: Mapping[str, Any]) -> tuple[str, ...]:
        return tuple(settings.get("club_ids") or ())

    @classmethod
    def has(cls, settings: Mapping[str, Any], option: str) -> bool:
        """Whether the client uses staff owners, or lead sources."""
        return bool(settings.get(option, True))

    def check(self) -> Identity:
        clubs = self.places(self.settings)
        with_token = set(
            AccessToken.objects.filter(connection_id=self._connection(), place__in=clubs).values_list(
                "place", flat=True
            )
        )
        lacking = [club for club in clubs if club not in with_token]
        client = str(self.settings["client_id"])
        notes = [f"Clubs: {', '.join(clubs)}."]
        if lacking:
            notes.append(f"No token was made yet for {', '.join(lacking)}: see “Turn-up”.")
        return Identity(organisation=client, label=f"Client {client}", notes=tuple(notes))

    def describe(self, object_types: Sequence[str] = ()) -> tuple[ObjectType, ...]:
        known = self._connection()
        kinds = (
            _people(PROSPECT, "Prospects, and who became a member", known),
            _people(MEMBER, "Members", known),
            _written(STAFF, "Staff", STAFF_FIELDS),
            _written(SOURCE, "Lead sources", SOURCE_FIELDS),
        )
        return tuple(kind for kind in kinds if not object_types or kind.name in object_types)

    def poll(self, object_type: str, cursor: Any, fields: Sequence[str], *, narrow: str = "") -> Iterator[Page]:
        """A cursor is {"after": the number of the last change that was read}."""
        after = cursor["after"] if cursor else 0
        for rows, last in inbox.changed(self._rows(object_type), after, self.page_size):
            yield Page(tuple(inbox.record_of(row) for row in rows), {"after": last})

    def read(self, object_type: str, ids: Sequence[str], fields: Sequence[str]) -> Iterator[Record]:
        yield from self._records(object_type, pk__in=inbox.keys(ids))

    def find(self, object_type: str, field: str, values: Sequence[str]) -> Iterator[Record]:
        if field != "external_id":
            yield from super().find(object_type, field, values)
        yield from self._records(object_type, sender_id__in=[value for value in values if value])

    def write(self, object_type: str, writes: Sequence[Write]) -> Iterator[Outcome]:
        if object_type not in (STAFF, SOURCE):
            raise NeedsAttention(READ_ONLY)
        refused = {place: error for place, write in enumerate(writes) if (error := _refusal(object_type, write))}
        entries = [_entry(write) for place, write in enumerate(writes) if place not in refused]
        with inbox.giving_back():
            saved = iter(inbox.save(self._connection(), object_type, entries))
            outcomes = [
                Outcome(write.id or "", error=refused[place]) if place in refused else _outcome(write, next(saved))
                for place, write in enumerate(writes)
            ]
        yield from outcomes

    def _records(self, object_type: str, **wanted: Any) -> list[Record]:
        with inbox.giving_back():
            rows = self._rows(object_type).filter(removed_at=None, **wanted)
            return [inbox.record_of(row) for row in rows]

    def _rows(self, object_type: str) -> QuerySet[ReceivedRecord]:
        rows = ReceivedRecord.objects.filter(connection_id=self._connection())
        if object_type == PROSPECT:
            # Who became a member is still the person of before: a sync of prospects has to see it.
            return rows.filter(object_type=PERSON)
        if object_type == MEMBER:
            return rows.filter(object_type=PERSON, stage=MEMBER)
        return rows.filter(object_type=object_type)

    def _connection(self) -> int:
        if self.connection_id is None:
            raise NeedsAttention("Store this connection first: what the Connector sends is kept by it.")
        return self.connection_id


def _people(name: str, label: str, connection_id: int) -> ObjectType:
    fields = (*OWN, *PEOPLE)
    known = {field.name for field in fields}
    learned = [Field(name, type="text") for name in _seen(connection_id) if name not in known]
    read_only = tuple(Field(**{**_traits(field), "writable": False}) for field in (*fields, *learned))
    return ObjectType(
        name,
        label,
        read_only,
        fields_known=False,
        can_create=False,
        can_update=False,
        findable=frozenset({"external_id"}),
        batch_read=200,
    )


def _written(name: str, label: str, fields: tuple[Field, ...]) -> ObjectType:
    return ObjectType(
        name, label, (*OWN, *fields), findable=frozenset({"external_id"}), batch_read=200, create_by_key=True
    )


def _traits(field: Field) -> dict[str, Any]:
    return {name: getattr(field, name) for name in Field.__dataclass_fields__}


def _seen(connection_id: int) -> list[str]:
    """Names of the fields of what came last."""
    rows = ReceivedRecord.objects.filter(connection_id=connection_id, object_type=PERSON).order_by("-number")
    return sorted({name for row in rows[:NEWEST] for name in row.values})


def _refusal(object_type: str, write: Write) -> Rejected | None:
    given = (*OWN, *(STAFF_FIELDS if object_type == STAFF else SOURCE_FIELDS))
    writable = {field.name: field for field in given if field.writable}
    wrong = {name: UNKNOWN_FIELD for name in write.values if name not in writable}
    wrong |= {
        name: why for name, value in write.values.items() if name in writable and (why := _unfit(writable[name], value))
    }
    return Rejected(f"Not stored: {', '.join(wrong)}.", wrong) if wrong else None


def _unfit(field: Field, value: Any) -> str:
    if not isinstance(value, str | None):
        return "This must be text."
    if value and field.length and len(value) > field.length:
        return f"At most {field.length} characters fit."
    # An id stands in a column of its own, where no database takes everything.
    if field.name == "external_id" and value and not value.isprintable():
        return "An id holds neither line breaks nor broken characters."
    return ""


def _entry(write: Write) -> Entry:
    values: Values = {**write.values, **dict([write.key] if write.key else [])}
    sender_id = str(values.pop("external_id", None) or "")
    return Entry(values, write.id, sender_id, version=write.version)


def _outcome(write: Write, saved: inbox.Saved) -> Outcome:
    if saved.row is None:
        return Outcome(write.id or "", error=saved.error)
    return Outcome(str(saved.row.pk), inbox.record_of(saved.row))
