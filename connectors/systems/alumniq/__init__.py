"""AlumnIQ: feeds of what people changed in their profiles, read by day and acknowledged once handled.

https://help.alumniq.com/data-sync/api, …/recipes/profile-work, …/recipes/profile-name and
…/dir/public-resources/pub-updates. The names in a row are not published but for a few: fields are learned from
what arrives. Not said either is whether the dates bring rows that were acknowledged before: both is fine here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

from connectors.answers import Answer
from connectors.base import Connector
from connectors.http import Http
from connectors.records import (
    Gone,
    Identity,
    NeedsAttention,
    ObjectType,
    Outcome,
    Page,
    Record,
    Rejected,
    Unknown,
    Values,
    Write,
)
from connectors.systems.alumniq.answers import (
    days_left,
    environment_of,
    fields_of,
    new_key_of,
    overlay,
    refused_key,
    rows_of,
    to_record,
)
from connectors.systems.alumniq.settings import ON_READ, AlumniqSettings

FEEDS = {
    "identity-change": "Changes of name, pronouns and gender",
    "address-change/home": "Changes of home address",
    "address-change/work": "Changes of work",
}
ROWS_A_PAGE = 500
IDS_A_CALL = 200
"""How many rows one call acknowledges: a few thousand characters, which every server takes."""
OVERLAP = timedelta(days=7)
"""How far back each poll begins: nothing says when a change shows in its feed, so one of days ago may come late."""
ZONE_SLACK = timedelta(days=1)
FIRST_PERIOD = timedelta(days=30)
RENEW_DAYS = 30


class Alumniq(Connector):
    """The change feeds of one AlumnIQ site. There is no way to write a person there."""

    name = "alumniq"
    label = "AlumnIQ"
    about = "An alumni platform. What people change in their profiles is read: names, home addresses, work."
    ask_for = (
        "An API key: AlumnIQ's admin, Security > API Keys.",
        "The e-mail address of whoever is responsible for that key.",
        "The address of your site, and that of the test system, whose name begins with qa-.",
        "Whether another program reads the same feeds: what one of them marks as processed, the other never sees.",
    )
    renewal = "Renew the key"
    Settings = AlumniqSettings
    most_since: ClassVar[int] = 500
    """An answer to changedSinceDate holds no more rows; one with so many may be cut (…/recipes/profile-work)."""

    @property
    def may_look(self) -> bool:
        return not self._is_used_up

    @cached_property
    def _http(self) -> Http:
        given = self.settings
        return Http(
            given["base_url"],
            label=self.label,
            timeout=given["timeout"],
            requests_per_second=given["requests_per_second"],
            concurrency=self.concurrency,
            secrets=[given["api_key"]],
            explain=refused_key,
        )

    @property
    def _is_used_up(self) -> bool:
        """Whether reading marks rows as processed."""
        return bool(self.settings.get("acknowledge") == ON_READ)

    def now(self) -> datetime:
        """The present moment."""
        return datetime.now(UTC)

    def today(self) -> date:
        """The date on campus."""
        return self.now().astimezone(ZoneInfo(self.settings["time_zone"])).date()

    def check(self) -> Identity:
        answer = self._ask("identity-change", {"changedOnDate": self.today().isoformat()})
        rows_of(answer.data)
        days = days_left(answer.headers)
        host = self._http.host
        return Identity(
            host,
            host,
            environment_of(host),
            notes=() if days is None else (f"The API key is good for {_days(days)} more.",),
            warnings=() if days is None or days > RENEW_DAYS else (self._renewal_due(days),),
        )

    def describe(self, object_types: Sequence[str] = ()) -> tuple[ObjectType, ...]:
        """The feeds; their fields are those published, and those of the last month's rows."""
        return tuple(self._described(name) for name in FEEDS if not object_types or name in object_types)

    def poll(self, object_type: str, cursor: Any, fields: Sequence[str], *, narrow: str = "") -> Iterator[Page]:
        """The rows of the days since the cursor; `narrow` is unknown to the system.

        The cursor is a day: a week before the last poll that came to its end. Rows stay until they are
        acknowledged, and those read before are known by their change ids, so that coming again costs little, while
        a row that shows late under an earlier date is not missed. The start date stands beside the day: whoever
        sets another has everything since read again.
        """
        first, today = self._first_day(cursor), self.today()
        rows = self._rows(object_type, "changedSinceDate", first)
        may_be_cut = len(rows) >= self.most_since
        yield from _pages(rows, None if may_be_cut else self._position(first, today))
        if not may_be_cut:
            return
        brought = {record.change_id for record in rows}
        for number in range((today - first).days + 1):
            day = first + timedelta(days=number)
            more = [row for row in self._rows(object_type, "changedOnDate", day) if row.change_id not in brought]
            yield from _pages(more, self._position(first, min(day + timedelta(days=1), today)))

    def read(self, object_type: str, ids: Sequence[str], fields: Sequence[str]) -> Iterator[Record]:
        """What the unhandled rows of each of these people say together, the newest of a field counting.

        There are no records to read, so whoever has no such row is left out. Nothing is marked as processed.
        """
        for id in filter(None, ids):
            rows = rows_of(self._ask(object_type, {"xid": id}).data)
            records = [to_record(row, f"?{number}") for number, row in enumerate(rows)]
            if found := overlay(id, records):
                yield found

    def write(self, object_type: str, writes: Sequence[Write]) -> Iterator[Outcome]:
        raise NeedsAttention(
            "AlumnIQ takes no changes to people through its interface, so nothing can be sent to it. "
            "Set the direction towards AlumnIQ to off."
        )

    def acknowledge(self, object_type: str, change_ids: Sequence[str]) -> None:
        if self._is_used_up:
            return
        for start in range(0, len(change_ids), IDS_A_CALL):
            listed = ",".join(change_ids[start : start + IDS_A_CALL])
            self._call(
                "PUT",
                object_type,
                # With PUT the key goes into the body (https://help.alumniq.com/data-sync/api).
                json={"apikey": self.settings["api_key"], "changeIdList": listed},
                repeatable=True,
                may_be_empty=True,
            )

    def renew(self) -> Mapping[str, str]:
        """A new key for the present one, which must not have expired yet."""
        if not self.settings.get("key_email"):
            raise NeedsAttention(
                "AlumnIQ wants to know whose key it is. Enter the e-mail address of the key in the connection's "
                "settings, then renew it."
            )
        answer = self._http.get(
            "exchange",
            {"emailaddress": self.settings["key_email"], "apikey": self.settings["api_key"]},
            # What a second exchange of the same key does is not said.
            repeatable=False,
        )
        key = new_key_of(answer.data)
        if not key:
            raise NeedsAttention(
                "AlumnIQ answered, but not with a new key. Make one in its admin under Security > API Keys, and enter "
                "it in the connection's settings."
            )
        return {"api_key": key}

    def close(self) -> None:
        if "_http" in vars(self):
            self._http.close()

    def _described(self, name: str) -> ObjectType:
        since = self.today() - FIRST_PERIOD
        rows: list[Values] = rows_of(self._ask(name, {"changedSinceDate": since.isoformat()}).data)
        return ObjectType(
            name,
            FEEDS[name],
            fields=fields_of(name, rows),
            fields_known=False,
            can_create=False,
            can_update=False,
            feed=True,
            # Only of the filter by xid it is said that it brings nothing processed (…/recipes/profile-work).
            repeats=True,
        )

    def _first_day(self, cursor: Any) -> date:
        start = _text(self.settings.get("start_date"))
        if cursor and cursor["start"] == start:
            return date.fromisoformat(cursor["since"])
        # A day early: the campus's zone may be set wrong, and whether “since” holds the day itself is not said.
        return (date.fromisoformat(start) if start else self.today() - FIRST_PERIOD) - ZONE_SLACK

    def _position(self, first: date, reached: date) -> dict[str, str]:
        """Where the next poll begins, once everything before the day `reached` is stored."""
        since = max(first, min(reached, self.today() - OVERLAP))
        return {"since": since.isoformat(), "start": _text(self.settings.get("start_date"))}

    def _rows(self, feed: str, filter: str, day: date) -> list[Record]:
        """The rows of a feed by one filter: the documents allow no two of them."""
        params = {filter: day.isoformat(), **({"markAsProcessed": "true"} if self._is_used_up else {})}
        try:
            rows = rows_of(self._ask(feed, params, repeatable=not self._is_used_up).data)
        except Unknown:
            raise Unknown(
                f"AlumnIQ's answer was lost on its way, and it may have marked the {FEEDS[feed].lower()} "
                f"{'of' if filter == 'changedOnDate' else 'since'} {day} as processed: then they do not come again. "
                "Compare with its report of those days (System > Reports), and think of acknowledging what is handled."
            ) from None
        return [to_record(row, f"?{day}.{number}") for number, row in enumerate(rows)]

    def _ask(self, feed: str, params: Mapping[str, str], **options: Any) -> Answer:
        return self._call("GET", feed, params={**params, "apikey": self.settings["api_key"]}, **options)

    def _call(self, method: str, feed: str, **options: Any) -> Answer:
        try:
            return self._http.send(method, f"sync/{feed}", **options)
        except (Gone, Rejected) as error:
            raise NeedsAttention(
                f"There is no feed “{feed}” for us at {self._http.host}. {error.message} Check the address in the "
                "connection's settings, which ends in /api/v1/index.cfm, and whether the key may use this feed."
            ) from None

    def _renewal_due(self, days: int) -> str:
        return (
            f"The API key of AlumnIQ is good for {_days(days)} more; then nothing can be read. “{self.renewal}” on the "
            "connection's page gets a new one, or make one in AlumnIQ's admin under Security > API Keys."
        )


def _pages(records: list[Record], cursor: Any) -> Iterator[Page]:
    """The records in pages, the last of them with the cursor; an empty page where there are none."""
    for start in range(0, max(1, len(records)), ROWS_A_PAGE):
        is_last = start + ROWS_A_PAGE >= len(records)
        yield Page(tuple(records[start : start + ROWS_A_PAGE]), cursor if is_last else None)


def _days(days: int) -> str:
    return "one day" if days == 1 else f"{days} days"


def _text(day: date | str | None) -> str:
    return str(day or "")
