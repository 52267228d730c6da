"""Salesforce: every sObject that the signed-in user may see, over its REST interface.

https://developer.salesforce.com/docs/platform/api-rest/guide/

Deletions and merges are seen as long as the recycle bin keeps them, 15 days: poll more often than that.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

from django import forms

from connectors.base import AddressField, Connector, ConnectorSettings, SecretField
from connectors.records import (
    ConnectorError,
    Gone,
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
from connectors.systems.salesforce.fields import BATCH, may_be_number, object_type_of, outline_of, with_numbers
from connectors.systems.salesforce.session import Session
from connectors.systems.salesforce.soql import (
    long_id,
    moment,
    moment_literal,
    one_of,
    select,
    selected,
    top_level,
)
from connectors.systems.salesforce.writes import write_all

USUAL = ("Contact", "Account", "Lead")
STAMPS = ("Id", "SystemModstamp", "CreatedDate")
OVERLAP = timedelta(minutes=10)
"""A change gets its SystemModstamp when it begins and is seen when it is finished: so look back.

Ten minutes is the longest that a call there may last (…/salesforce-app-limits-platform-api.html). What comes
twice costs nothing, since its fingerprint is known.
"""


class SalesforceSettings(ConnectorSettings):
    """An external client app with the client credentials flow."""

    base_url = AddressField(
        label="Address",
        help_text="The organisation's own address, as Setup → My Domain shows it: https://example.my.salesforce.com. "
        "That of a sandbox has the sandbox's name in it.",
    )
    client_id = forms.CharField(
        label="Client id",
        help_text="The consumer key of the external client app. Your Salesforce administrator has it.",
    )
    client_secret = SecretField(
        label="Client secret", help_text="The consumer secret of the same app. Have it handed over safely, not by mail."
    )
    api_version = forms.CharField(
        label="API version",
        required=False,
        initial="v61.0",
        help_text="Leave it unless your Salesforce administrator asks for another one.",
    )


class Salesforce(Connector):
    """One organisation, as one user of it."""

    name = "salesforce"
    label = "Salesforce"
    about = (
        "A CRM, with or without the packages for nonprofits and education. Contacts and other objects are kept in step."
    )
    ask_for = (
        "An external client app with the scope “api” and the client credentials flow switched on.",
        "A user that the app runs as, with a permission set of its own: it sees and changes only what that user may.",
        "That user's right to read, create and edit contacts, and to see each field that is to be kept in step.",
        "A text field on Contact for the other system's id, marked as external id and unique.",
        "The same in a sandbox, to try things on.",
    )
    Settings = SalesforceSettings
    batch_size = BATCH

    def __init__(self, settings: Mapping[str, Any]) -> None:
        super().__init__(settings)
        self._session = Session(settings, self.label)
        self._described: dict[str, ObjectType] = {}

    @property
    def limits(self) -> str:
        """How much of the organisation's calls is used, as the last answer said."""
        return self._session.limits

    @classmethod
    def page_of(cls, settings: Mapping[str, Any], object_type: str, record_id: str) -> str:
        """A record's id behind the organisation's address: it leads on to the record's page, whatever its object."""
        base_url = str(settings.get("base_url", ""))
        is_page = base_url.startswith(("https://", "http://")) and record_id
        return f"{base_url.rstrip('/')}/{quote(record_id, safe='')}" if is_page else ""

    def check(self) -> Identity:
        query = select(["Id", "Name", "IsSandbox", "OrganizationType"], "Organization")
        # The table of the one organisation there is; a user without the right to see it gets no row.
        (organisation,) = next(self._session.query(query), ()) or ({},)
        if "Id" not in organisation:
            raise NeedsAttention("Salesforce doesn't say which organisation this is. Let the user see it.")
        return Identity(
            long_id(organisation["Id"]),
            organisation.get("Name") or "",
            "test" if organisation.get("IsSandbox") else "production",
            self._user(),
            tuple(filter(None, (organisation.get("OrganizationType"), self.limits))),
        )

    def describe(self, object_types: Sequence[str] = ()) -> tuple[ObjectType, ...]:
        """The objects named, with their fields; unnamed: the usual ones so, and all others in outline."""
        if object_types:
            return tuple(filter(None, (self._describe(name) for name in object_types)))
        # Some objects can only be written to, or are events: nothing to poll.
        listed = [one for one in self._session.get("sobjects")["sobjects"] if one.get("queryable")]
        names = [one["name"] for one in listed]
        usual = [found for name in USUAL if name in names and (found := self._describe(name))]
        return (*usual, *(outline_of(one) for one in listed if one["name"] not in USUAL))

    def poll(self, object_type: str, cursor: Any, fields: Sequence[str], *, narrow: str = "") -> Iterator[Page]:
        """Rows by SystemModstamp; after any page, the largest seen is where the next poll begins."""
        known = self._known(object_type)
        since = moment(cursor["since"]) if cursor else None
        has_deleted = known.field("IsDeleted") is not None
        where = [f"SystemModstamp >= {moment_literal(since - OVERLAP)}"] if since else []
        where += _narrowed(narrow, has_deleted)
        marks = [name for name in ("IsDeleted", "MasterRecordId") if known.field(name)]
        # Not LastModifiedDate, which an import may set back, and which doesn't move with changes by the system.
        query = select(self._columns(known, [*fields, *marks]), known.name, where, order="SystemModstamp, Id")
        for rows in self._session.query(query, with_deleted=has_deleted):
            records = tuple(_record(row, fields) for row in rows)
            since = max(filter(None, (since, *(record.modified for record in records))), default=None)
            yield Page(records, {"since": since.isoformat()} if since else None)

    def read(self, object_type: str, ids: Sequence[str], fields: Sequence[str]) -> Iterator[Record]:
        known = self._known(object_type)
        if any("." in field for field in fields):
            # A collection knows the object's own fields only; a query reaches further.
            yield from self._found(known, "Id", ids, fields)
            return
        columns = self._columns(known, fields)
        for start in range(0, len(ids), BATCH):
            wanted = [long_id(id) for id in ids[start : start + BATCH]]
            yield from (_record(row, fields) for row in self._collected(known.name, wanted, columns))

    def find(self, object_type: str, field: str, values: Sequence[str]) -> Iterator[Record]:
        known = self._known(object_type)
        if not known.can_find(field):
            raise NeedsAttention(f"Salesforce can't look up {known.label} by {field}. Choose another field.")
        yield from self._found(known, field, values, [field])

    def write(self, object_type: str, writes: Sequence[Write]) -> Iterator[Outcome]:
        if any(may_be_number(value) for write in writes for value in write.values.values()):
            known = self._known(object_type)
            writes = [replace(write, values=with_numbers(write.values, known)) for write in writes]
        yield from write_all(self._session, object_type, writes)

    def close(self) -> None:
        self._session.close()

    def _user(self) -> str:
        """Whom we act as; an app may be denied its own user's profile."""
        try:
            data = self._session.call("GET", "/services/oauth2/userinfo")
        except ConnectorError:
            return ""
        return str(data.get("preferred_username") or "") if isinstance(data, dict) else ""

    def _describe(self, name: str) -> ObjectType | None:
        if name not in self._described:
            try:
                described = self._session.get(f"sobjects/{quote(name, safe='')}/describe")
            except Gone:
                return None
            self._described[name] = object_type_of(described)
        return self._described[name]

    def _known(self, object_type: str) -> ObjectType:
        """The object and its fields as this instance first saw them."""
        known = self._describe(object_type)
        if known is None:
            raise NeedsAttention(
                f"Salesforce has no {object_type}, or doesn't show it to this user. Correct the sync, or let "
                "the user see it."
            )
        return known

    def _columns(self, known: ObjectType, fields: Sequence[str]) -> list[str]:
        """What to ask for. Raises NeedsAttention for a field that this user doesn't see."""
        columns = selected([*STAMPS, *fields])
        # Checked here, because a query is refused as a whole for one field, in words for programmers.
        hidden = [name for name in columns if "." not in name and not known.field(name)]
        if hidden:
            raise NeedsAttention(
                f"Salesforce shows no field {', '.join(hidden)} of {known.label} to this user. Correct the "
                "field pair, or let the user see the field."
            )
        return columns

    def _found(self, known: ObjectType, field: str, values: Sequence[str], fields: Sequence[str]) -> Iterator[Record]:
        columns, described = self._columns(known, fields), known.field(field)
        for condition in one_of(field, described.type if described else "", values):
            for rows in self._session.query(select(columns, known.name, [condition]), discreet=True):
                yield from (_record(row, fields) for row in rows)

    def _collected(self, name: str, ids: Sequence[str], columns: Sequence[str]) -> Iterator[Values]:
        """Rows by their ids; one that can't be an id spoils the whole call, and halving finds it."""
        path = f"{self._session.root}/composite/sobjects/{name}"
        try:
            # By POST, since 200 ids are too long for an address.
            rows = self._session.call("POST", path, json={"ids": ids, "fields": columns}, repeatable=True)
        except Rejected as error:
            raise NeedsAttention(error.message) from None
        except Gone:
            if len(ids) == 1:
                return
            middle = len(ids) // 2
            yield from self._collected(name, ids[:middle], columns)
            yield from self._collected(name, ids[middle:], columns)
            return
        # Null stands where a record is not there, or not for this user.
        yield from (row for row in rows if isinstance(row, dict))


def _narrowed(narrow: str, has_deleted: bool) -> list[str]:
    if not narrow:
        return []
    # A deletion counts whatever the filter says: what it reads may have been blanked before.
    return [f"(({narrow}) OR IsDeleted = true)" if has_deleted else f"({narrow})"]


def _record(row: Values, fields: Sequence[str]) -> Record:
    wanted = {top_level(field) for field in fields}
    modified: datetime | None = moment(row.get("SystemModstamp"))
    return Record(
        long_id(row["Id"]),
        {name: _bare(row[name]) for name in wanted if name in row},
        version=row.get("SystemModstamp") or "",
        created=moment(row.get("CreatedDate")),
        modified=modified,
        deleted=bool(row.get("IsDeleted")),
        merged_into=long_id(row.get("MasterRecordId") or ""),
    )


def _bare(value: Any) -> Any:
    """A value without Salesforce's notes on it: where a related record is to be found."""
    if isinstance(value, dict):
        return {name: _bare(inner) for name, inner in value.items() if name != "attributes"}
    return value
