"""What passes between a system and us: records, pages, fields, writes, outcomes, and the errors.

Pure: no Django, no HTTP. Values are what JSON can say (str, int, float, bool, None, list, dict).

The errors are named by what the caller does about them:

ConnectorError
├─ Temporary        wait and try again; after the last try the record is set aside
├─ Unknown          the answer to a write that can't be repeated was lost: find out before trying again
├─ NeedsAttention   nobody can go on here until a person has done something
├─ Rejected         the system refuses this record, or some of its fields
│  └─ Duplicate     it takes this create for somebody it has already
├─ Stale            the record moved since it was read: plan again
└─ Gone             the record is no longer there
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import Enum
from typing import Any, Final, Literal


class _Missing(Enum):
    MISSING = "missing"

    def __repr__(self) -> str:
        return "MISSING"

    def __bool__(self) -> bool:
        return False


MISSING: Final = _Missing.MISSING
"""A record says nothing about a field: unknown, which is not the same as blank (None or "")."""

Missing = Literal[_Missing.MISSING]
Values = dict[str, Any]
"""A record's fields by name; nested objects and lists as they are in the system's JSON."""


@dataclass(frozen=True, slots=True)
class Record:
    """One thing in a system at one moment.

    id           the system's key for it, always text and always written the same way
    values       the fields asked for; a field that is absent here is unknown
    version      what a compare-and-set write may name (ETag, time stamp); "" where there is none
    created, modified   the system's own clock; None where it does not say
    field_times  field name → when that field itself was last changed, where the system says so
    deleted      the system reports it as deleted; values may then be empty
    merged_into  id of the record it was merged into, or ""
    change_id    feeds only: the id of the row that brought it
    problem      why this record alone could not be decoded, for people; such a record is set aside, and its
                 values are what could be read all the same: by them it is found to be somebody's partner
    """

    id: str
    values: Values = field(default_factory=dict, repr=False)
    version: str = ""
    created: datetime | None = None
    modified: datetime | None = None
    field_times: Mapping[str, datetime] = field(default_factory=dict, repr=False)
    deleted: bool = False
    merged_into: str = ""
    change_id: str = ""
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Page:
    """Some records, and where to go on after them; none, where a long answer is still on its way.

    cursor     JSON; handed to the next `poll` once these records are stored. None: go on as before
    complete   set on the last page of a list that was whole: every page came, the total did not move
               and the list was read from its beginning. Only then may absence mean anything.
    """

    records: tuple[Record, ...]
    cursor: Any = None
    complete: bool = False


@dataclass(frozen=True, slots=True)
class Field:
    """A field of an object type as the system describes it.

    type     the system's own word for it ("picklist", "string")
    kind     the kind of `mappings.kinds` that usually fits, or ""
    length   how many characters it takes; None where unlimited or unknown
    options  the choices of a drop-down, empty where it is none
    """

    name: str
    label: str = ""
    type: str = ""
    kind: str = ""
    length: int | None = None
    required: bool = False
    options: tuple[str, ...] = ()
    readable: bool = True
    writable: bool = True
    unique: bool = False


@dataclass(frozen=True, slots=True)
class ObjectType:
    """A kind of record in a system, its fields, and what can be done with it.

    fields_known   False where the system publishes no list of fields: `fields` are those seen so far,
                   and a name that is not among them is not an error
    whole_lists    `poll` always brings every record, so that one missing from it may be gone
    findable       fields that `find` can look up by; None: any field
    batch_read     how many ids one `read` call takes
    create_by_key  creating a key that is already there updates that record, so a create may be repeated
    field_times    records say when each field was changed ("newest" can be offered)
    volatile       fields that move by themselves (version, time stamps): never part of a fingerprint
    feed           `poll` brings rows of changes, not records: each has a `change_id`, as `id` the person it
                   speaks of ("" where it doesn't say), and only the fields it mentions. A row is brought again
                   until it is acknowledged; change ids are numbers that rise with time
    repeats        of a feed: rows may come again after they were acknowledged, and need not be once more
    totals         fields by which the system itself counts and sums its records (`Connector.totals`)
    """

    name: str
    label: str
    fields: tuple[Field, ...] = ()
    fields_known: bool = True
    can_create: bool = True
    can_update: bool = True
    whole_lists: bool = False
    findable: frozenset[str] | None = frozenset()
    batch_read: int = 1
    create_by_key: bool = False
    field_times: bool = False
    volatile: frozenset[str] = frozenset()
    feed: bool = False
    repeats: bool = False
    totals: frozenset[str] = frozenset()

    def field(self, name: str) -> Field | None:
        """The field called `name`, or None."""
        return next((field for field in self.fields if field.name == name), None)

    def can_find(self, name: str) -> bool:
        """Whether records can be looked up by this field."""
        return self.findable is None or name in self.findable


@dataclass(frozen=True, slots=True)
class Identity:
    """Who we are at a system: remembered, so that another organisation behind the same address is refused.

    organisation   stable id of the organisation or site
    label          its name for people
    environment    "production", "test", or "" where the system does not say
    user           whom we act as, or ""
    notes          further lines for people: what this user may not see, calls left, packages
    warnings       sentences about what will stop working unless a person does something: a key that is about to expire
    """

    organisation: str
    label: str = ""
    environment: str = ""
    user: str = ""
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Write:
    """One create (`id` is None) or update.

    values    top-level field → its whole new value; only these fields may be touched
    key       (field, value) that identifies the record from our side, sent with a create
    version   what the record's version was when it was read; "" where the system has none
    """

    id: str | None
    values: Values = field(repr=False)
    key: tuple[str, str] | None = None
    version: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one Write.

    id      the record's id; "" only where it failed
    record  the record as the system's answer shows it now, where it does
    error   why it was not written; None: written
    """

    id: str = ""
    record: Record | None = None
    error: ConnectorError | None = None


@dataclass(frozen=True, slots=True)
class Total:
    """How many records there are and what a number in them adds up to; an amount is never a float."""

    count: int
    sum: Decimal


class ConnectorError(Exception):
    """Something a system said or did. The text is for people: what happened, to what, what to do next.

    It never holds a secret, nor the values of a record.
    """

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class Temporary(ConnectorError):
    """Network trouble, 5xx, 429, a locked row, a body that isn't what was promised: worth another try.

    retry_after: seconds the system asked us to wait, or None.
    """

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Unknown(ConnectorError):
    """A write was sent and its answer was lost; it may or may not have happened."""


class NeedsAttention(ConnectorError):
    """401, 403, an expired key, wrong settings, another organisation than before: a person must act."""


class Rejected(ConnectorError):
    """The system refuses this record (400, 422). fields: field → the system's words, where it named any."""

    def __init__(self, message: str, fields: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.fields = dict(fields or {})


class Duplicate(Rejected):
    """The system takes this create for records it has already: a person decides. others: their ids, where it says."""

    def __init__(self, message: str, others: Iterable[str] = ()) -> None:
        super().__init__(message)
        self.others = tuple(others)


class Stale(ConnectorError):
    """The record has changed since it was read (409, 412)."""


class Gone(ConnectorError):
    """The record is no longer there (404 on read or update)."""
