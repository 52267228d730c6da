"""Records in memory: their ids, time stamps, and the indexes that keep a query from reading all of them."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from connectors.sandbox.people import EMPLOYERS, Shares, as_the_crm_has, people
from connectors.sandbox.salesforce.conditions import required
from connectors.sandbox.salesforce.schema import SObject, contact_of
from connectors.sandbox.salesforce.soql import Condition, datetime_text

Row = dict[str, Any]
ORGANIZATION_ID = "00D5e000000SbxA"
SEEDED_AT = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)
LOADED_PER_SECOND = 200
STAMP = "SystemModstamp"
_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_CHECKS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"


def full_id(text: str) -> str:
    """The 18-letter form of an id: three letters say which of the fifteen are capitals. "" if it is none."""
    if len(text) not in (15, 18) or not (text.isascii() and text.isalnum()):
        return ""
    short = text[:15]
    groups = (short[start : start + 5] for start in (0, 5, 10))
    whole = short + "".join(
        _CHECKS[sum(letter.isupper() << place for place, letter in enumerate(group))] for group in groups
    )
    # In its longer form an id is the same whatever became of its capitals on the way.
    return whole if len(text) == 15 or text == whole else ""


def numbered_id(prefix: str, number: int) -> str:
    """The id of the `number`th record whose ids begin with `prefix`."""
    digits = ""
    while number:
        number, last = divmod(number, 62)
        digits = _DIGITS[last] + digits
    return full_id(prefix + "5e" + digits.rjust(10, "0"))


class Rows:
    """The records of one object; deleted ones stay, marked."""

    def __init__(self, kind: SObject, records: dict[str, Row], now: Callable[[], datetime]) -> None:
        self.kind = kind
        self.records = records
        self.now = now
        self._number = 0
        self._blank = {field.name: field.blank for field in kind.fields.values()}
        # Without these every page of a poll would read and sort everybody.
        self._by_stamp: list[tuple[str, str]] = []
        self._by_value: dict[str, dict[str, set[str]]] = {
            field.name: {} for field in kind.fields.values() if field.id_lookup and field.name != "Id"
        }

    def create(self, values: Row) -> str:
        self._number += 1
        record_id = numbered_id(self.kind.prefix, self._number)
        stamp = self._stamp()
        stamps = {"CreatedDate": stamp, "LastModifiedDate": stamp, STAMP: stamp}
        row = {**self._blank, **values, "Id": record_id, **stamps}
        self.records[record_id] = _named(row, self.kind)
        self._index(row, insort)
        return record_id

    def skip(self) -> None:
        """Leave a number out, so that the ids that follow are what they would be with it."""
        self._number += 1

    def change(self, record_id: str, values: Row) -> None:
        row = self.records[record_id]
        # Out under the old values, in under the new ones.
        self._index(row, _take_out)
        stamp = self._stamp()
        row.update(values, LastModifiedDate=stamp, SystemModstamp=stamp)
        _named(row, self.kind)
        self._index(row, insort)

    def remove(self, record_id: str) -> None:
        self.change(record_id, {"IsDeleted": True})

    def get(self, record_id: str) -> Row | None:
        """The record, in whichever form its id is written, deleted or not."""
        return self.records.get(full_id(record_id))

    def alive(self, record_id: str) -> Row | None:
        row = self.get(record_id)
        return None if row is None or row.get("IsDeleted") else row

    def holding(self, field: str, value: str) -> list[Row]:
        """The records, but for deleted ones, with this value in a field that can be looked up by."""
        found = sorted(self._by_value[field].get(value.casefold(), ()))
        return [self.records[record_id] for record_id in found if not self.records[record_id]["IsDeleted"]]

    def candidates(self, where: Condition | None) -> tuple[Iterable[Row], bool]:
        """Rows among which are all that `where` wants, and whether they come by SystemModstamp, then Id."""
        comparisons = required(where)
        for comparison in comparisons:
            values = [literal.value for literal in comparison.values]
            if comparison.operator in ("=", "IN") and None not in values:
                ids = self._having(comparison.field.lower(), values)
                if ids is not None:
                    return [self.records[record_id] for record_id in sorted(ids)], False
        # Only where no key narrows further: an answer of few rows beats one that is in order.
        for comparison in comparisons:
            if comparison.field.lower() == STAMP.lower() and comparison.operator in (">", ">="):
                return self._since(str(comparison.values[0].value)), True
        return self.records.values(), False

    def fill(self, count: int, seed: int, shares: Shares | None, linked: bool, account_ids: list[str]) -> None:
        """Load the invented people who are in the CRM, some hundreds a second, as a data loader does."""
        employers = dict(zip(EMPLOYERS, account_ids, strict=True))
        # Many rows share a second, as after an import: a cursor by time has to cope with that.
        now, self.now = self.now, lambda: SEEDED_AT + timedelta(seconds=self._number // LOADED_PER_SECOND)
        for person in people(count, seed, shares):
            if person["where"] == "platform":
                self.skip()
                continue
            values = contact_of(as_the_crm_has(person), employers.get(person["company"]))
            self.create(values | ({"Alumni_Id__c": person["platform_id"]} if linked else {}))
        self.now = now

    def _having(self, field: str, values: list[str]) -> set[str] | None:
        if field == "id":
            return {full_id(value) for value in values} & self.records.keys()
        for name, ids_by_value in self._by_value.items():
            if name.lower() == field:
                return set().union(*(ids_by_value.get(value.casefold(), ()) for value in values))
        return None

    def _since(self, stamp: str) -> Iterator[Row]:
        start = bisect_left(self._by_stamp, (stamp, ""))
        return (self.records[record_id] for _, record_id in self._by_stamp[start:])

    def _index(self, row: Row, place: Callable[[list[tuple[str, str]], tuple[str, str]], None]) -> None:
        place(self._by_stamp, (row[STAMP], row["Id"]))
        for field, ids_by_value in self._by_value.items():
            if row[field]:
                ids = ids_by_value.setdefault(row[field].casefold(), set())
                (ids.add if place is insort else ids.discard)(row["Id"])

    def _stamp(self) -> str:
        return datetime_text(self.now().replace(microsecond=0))


def _take_out(ordered: list[tuple[str, str]], entry: tuple[str, str]) -> None:
    del ordered[bisect_left(ordered, entry)]


def _named(row: Row, kind: SObject) -> Row:
    if "LastName" in row and "name" in kind.fields:
        row["Name"] = " ".join(filter(None, (row.get("FirstName"), row["LastName"])))
    return row
