"""Any system with a web interface that speaks JSON, described by settings and not by code."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from functools import cached_property
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlsplit
from zoneinfo import ZoneInfo

from connectors.answers import Answer
from connectors.base import Connector
from connectors.http import refuse_unsayable
from connectors.records import (
    ConnectorError,
    Duplicate,
    Gone,
    Identity,
    NeedsAttention,
    ObjectType,
    Outcome,
    Page,
    Record,
    Rejected,
    Stale,
    Unknown,
    Values,
    Write,
)
from connectors.systems.rest.answers import NOTHING, at, id_at, one_record, text_at
from connectors.systems.rest.description import Description, read_objects
from connectors.systems.rest.fields import described, is_deleted
from connectors.systems.rest.finding import found_by
from connectors.systems.rest.paging import ListPage, walk
from connectors.systems.rest.session import Session
from connectors.systems.rest.settings import RestSettings
from connectors.systems.rest.since import Since

PAGE_ROWS = 1000
"""Records handed on at once where a list comes in one answer."""


class Rest(Connector):
    """One web service, as one of its users."""

    name = "rest"
    label = "Web service (REST)"
    about = "Any system with a web interface (REST, JSON) that is not listed here: you describe it, nobody writes code."
    ask_for = (
        "The documents of the interface (API), and its address; that of a test system to try things on.",
        "A key, token or user of its own for this, with the right to read, create and change the records.",
        "How to ask for what changed since a time, and how deleted records show.",
        "How many calls are allowed.",
    )
    Settings = RestSettings

    def __init__(self, settings: Mapping[str, Any]) -> None:
        super().__init__(settings)
        self._session = Session(self.settings)

    def check(self) -> Identity:
        about = next(iter(self._objects.values()))
        next(walk(self._session, about, {}))
        # No call that every service has says whose it is; the address is the system.
        address = str(self.settings["base_url"]).split("://")[1].rstrip("/")
        user = self.settings["auth_username"] or self.settings["auth_client_id"]
        return Identity(address, self._session.place, user=user or "")

    def describe(self, object_types: Sequence[str] = ()) -> tuple[ObjectType, ...]:
        """What was described; fields that were not are learned from the first page."""
        wanted = [about for name, about in self._objects.items() if not object_types or name in object_types]
        return tuple(described(about, self._first_rows(about)) for about in wanted)

    def poll(self, object_type: str, cursor: Any, fields: Sequence[str], *, narrow: str = "") -> Iterator[Page]:
        """The list, or what changed in it; the cursor moves with the last page, for the order is not known.

        narrow: further parameters, as in an address: status=active&campus=north
        """
        about = self._known(object_type)
        since = Since(about.changed_since_format, self._zone)
        last = cursor["since"] if cursor else None
        params = dict(parse_qsl(narrow, keep_blank_values=True))
        if last is not None:
            params[about.changed_since_param] = since.asked(last)
        held: Page | None = None
        count, is_sound = 0, True
        for page in walk(self._session, about, params):
            for records in self._records(about, page, count):
                is_sound = is_sound and not any(record.problem for record in records)
                if held:
                    yield held
                held = Page(records)
            count += len(page.rows)
            for row in page.rows if about.changed_since_field else ():
                found = at(row, about.changed_since_field)
                last = last if found is NOTHING else since.later(last, found)
        yield from self._last(about, held, last, page, is_sound=is_sound)

    def read(self, object_type: str, ids: Sequence[str], fields: Sequence[str]) -> Iterator[Record]:
        about = self._known(object_type)
        if not about.read_path:
            raise NeedsAttention(f"How one of {about.label} is read is not described in the connection's settings.")
        for id in ids:
            if (row := self._row(about, id)) and not is_deleted(about, row):
                yield self._record(about, row, id)

    def find(self, object_type: str, field: str, values: Sequence[str]) -> Iterator[Record]:
        about = self._known(object_type)
        if "{field}" not in about.find_param and field != about.find_param:
            raise NeedsAttention(f"{self._session.place} can't look up {about.label} by {field}.")
        for row in found_by(self._session, about, field, values):
            if id_at(row, about.id) and not is_deleted(about, row):
                yield self._record(about, row, "")

    def write(self, object_type: str, writes: Sequence[Write]) -> Iterator[Outcome]:
        about = self._known(object_type)
        for write in writes:
            try:
                refuse_unsayable(write.values)
                yield self._create(about, write) if write.id is None else self._update(about, write.id, write)
            except NeedsAttention:
                raise
            except ConnectorError as error:
                yield Outcome(write.id or "", error=error)

    def close(self) -> None:
        self._session.close()

    @cached_property
    def _objects(self) -> dict[str, Description]:
        found, mistakes = read_objects(self.settings["objects"] or {})
        if mistakes or not found:
            raise NeedsAttention("What is there to read is not described rightly. Open the connection's settings.")
        return found

    @cached_property
    def _zone(self) -> ZoneInfo:
        return ZoneInfo(self.settings["time_zone"])

    def _known(self, object_type: str) -> Description:
        if object_type not in self._objects:
            raise NeedsAttention(f"No {object_type} is described in the connection's settings.")
        return self._objects[object_type]

    def _first_rows(self, about: Description) -> tuple[Any, ...]:
        return () if about.fields_ else next(walk(self._session, about, {})).rows

    def _last(
        self, about: Description, held: Page | None, last: Any, page: ListPage, *, is_sound: bool
    ) -> Iterator[Page]:
        """The last page, with what the whole list is worth."""
        if about.changed_since_param:
            # Whoever was skipped while the list moved may be older than the newest: then it is read again.
            cursor = {"since": last} if last is not None and page.is_steady else None
            if held:
                yield Page(held.records, cursor)
            return
        is_complete = page.is_whole and is_sound
        if held or is_complete:
            yield Page(held.records if held else (), complete=is_complete)

    def _records(self, about: Description, page: ListPage, count: int) -> Iterator[tuple[Record, ...]]:
        for start in range(0, len(page.rows), PAGE_ROWS):
            rows = page.rows[start : start + PAGE_ROWS]
            yield tuple(self._record(about, row, f"?{count + start + place}") for place, row in enumerate(rows))

    def _record(self, about: Description, row: Any, place: str) -> Record:
        """A row as a record; `place` names one that can't be read."""
        id = id_at(row, about.id)
        if not id or not isinstance(row, dict):
            problem = f"{self._session.place} sent something without an id under “{about.id}”."
            return Record(place, row if isinstance(row, dict) else {}, problem=problem)
        return Record(
            id,
            row,
            version=text_at(row, about.version_field),
            modified=self._modified(about, row),
            deleted=is_deleted(about, row),
        )

    def _modified(self, about: Description, row: Values) -> datetime | None:
        if not about.changed_since_field:
            return None
        return Since(about.changed_since_format, self._zone).moment(at(row, about.changed_since_field))

    def _row(self, about: Description, id: str) -> Values:
        """A record as it is now; {} where it is not there."""
        try:
            answer = self._session.get(_path(about.read_path, id))
        except Gone:
            return {}
        row = one_record(answer.data, (about.read_record, ""), about.id)
        if row and id_at(row, about.id) != id:
            raise NeedsAttention(
                f"{self._session.place} answered with another record than it was asked for at {about.read_path}. "
                "Correct the path of one record, or the field that holds the id."
            )
        return row

    def _create(self, about: Description, write: Write) -> Outcome:
        if not about.create_path:
            raise NeedsAttention(f"How {about.label} are created is not described in the connection's settings.")
        values = {**write.values, **dict([write.key] if write.key else [])}
        body = _wrapped(values, about.create_wrap)
        try:
            answer = self._session.send(about.create_method, about.create_path, json=body, may_be_empty=True)
        except Stale:
            raise Duplicate(f"{self._session.place} takes this for a record that it has already (409).") from None
        except Gone as error:
            raise NeedsAttention(f"{error.message} Correct the path where {about.label} are created.") from None
        row = self._answered(about, answer, about.create_wrap)
        id = id_at(row, about.id) or _id_in_location(answer)
        if not id:
            raise Unknown(f"{self._session.place} created one of {about.label} without saying which.")
        return Outcome(id, self._record(about, row, id) if row else None)

    def _update(self, about: Description, id: str, write: Write) -> Outcome:
        if not about.update_path:
            raise NeedsAttention(f"How {about.label} are changed is not described in the connection's settings.")
        values, version = dict(write.values), write.version
        if about.update_method == "PUT":
            # It replaces the record: what we don't mean to change goes along as it is.
            before = self._row(about, id)
            if not before:
                raise Gone(f"{self._session.place} no longer has this one of {about.label}.")
            values, version = {**before, **values}, version or text_at(before, about.version_field)
        answer = self._session.send(
            about.update_method,
            _path(about.update_path, id),
            json=_wrapped(values, about.update_wrap),
            headers=_guard(about, version),
            # Setting the same values twice is setting them once.
            repeatable=True,
            may_be_empty=True,
        )
        row = self._answered(about, answer, about.update_wrap)
        return Outcome(id, self._record(about, row, id) if id_at(row, about.id) == id else None)

    def _answered(self, about: Description, answer: Answer, wrap: str) -> Values:
        return one_record(answer.data, (about.read_record, wrap, about.list_records, ""), about.id)


def _path(template: str, id: str) -> str:
    # Dots alone would climb out of the path, however they are written.
    if not id.strip("."):
        raise Rejected("Its id can't be part of an address.")
    return template.replace("{id}", quote(id, safe=""))


def _guard(about: Description, version: str) -> dict[str, str]:
    if not (about.version_field and about.version_header and version):
        return {}
    return {about.version_header: f'"{version}"' if about.version_quoted else version}


def _wrapped(values: Values, wrap: str) -> Any:
    body: Any = values
    for name in reversed(wrap.split(".") if wrap else ()):
        body = {name: body}
    return body


def _id_in_location(answer: Answer) -> str:
    """The id that a Location header ends in (RFC 9110, 10.2.2)."""
    path = urlsplit(answer.headers.get("Location", "")).path
    return unquote(path.rstrip("/").rpartition("/")[2])
