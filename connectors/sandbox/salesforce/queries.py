"""Running queries: /query, /queryAll and the batches that follow.

https://developer.salesforce.com/docs/platform/api-rest/guide/resources-query.html
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from itertools import islice
from typing import Any

from connectors.sandbox.salesforce.conditions import Getter, compile_condition, fold
from connectors.sandbox.salesforce.rows import STAMP, Rows
from connectors.sandbox.salesforce.schema import SObject
from connectors.sandbox.salesforce.soql import Query, SoqlError, parse
from connectors.sandbox.stand_in import Row

LARGEST_BATCH, SMALLEST_BATCH = 2000, 200
CURSORS_KEPT = 10
IN_STAMP_ORDER = ((STAMP, False, False), ("Id", False, False))
Render = Callable[[Row], Row]


def object_of(rows: Mapping[str, Rows], name: str) -> Rows:
    """The records of an object, whatever the case its name is written in; raises SoqlError INVALID_TYPE."""
    for found in rows:
        if found.lower() == name.lower():
            return rows[found]
    raise SoqlError("INVALID_TYPE", f"sObject type '{name}' is not supported.")


class Queries:
    """Queries over all objects. A result of several batches is kept as the list of its ids."""

    def __init__(self, rows: Mapping[str, Rows], largest_batch: int = LARGEST_BATCH) -> None:
        self.rows = rows
        self.largest_batch = largest_batch
        self._cursors: dict[str, tuple[Rows, list[str], Render, int]] = {}
        self._number = 0

    def run(self, text: str, root: str, *, with_deleted: bool, options: str = "") -> Row:
        """The first batch. root: the path of the version asked, for addresses; raises SoqlError."""
        query = parse(text)
        rows = object_of(self.rows, query.object_type)
        render = self.renderer(rows.kind, query.fields, root)
        found = self._find(query, rows, with_deleted)
        if not query.fields:
            return {"totalSize": len(found), "done": True, "records": []}
        self._number += 1
        locator = f"01g5e{self._number:010}AAA"
        self._cursors[locator] = (rows, [row["Id"] for row in found], render, self._batch_size(options))
        # As there: only the last few results can be followed.
        for oldest in list(self._cursors)[:-CURSORS_KEPT]:
            del self._cursors[oldest]
        return self.batch(f"{locator}-0", root)

    def batch(self, place: str, root: str) -> Row:
        """The batch that a nextRecordsUrl names; raises SoqlError INVALID_QUERY_LOCATOR."""
        locator, _, start = place.partition("-")
        if locator not in self._cursors or not start.isdecimal():
            raise SoqlError("INVALID_QUERY_LOCATOR", "invalid query locator")
        rows, ids, render, size = self._cursors[locator]
        end = int(start) + size
        records = [render(rows.records[record_id]) for record_id in ids[int(start) : end]]
        answer: Row = {"totalSize": len(ids), "done": end >= len(ids), "records": records}
        if end < len(ids):
            answer["nextRecordsUrl"] = f"{root}/query/{locator}-{end}"
        return answer

    def renderer(self, kind: SObject, fields: Iterable[str], root: str) -> Render:
        """What shows a row as a record with these fields; raises SoqlError for one there isn't."""
        resolved = [self.resolve(kind, field) for field in fields]
        names = [name for name, _, _ in resolved]
        for name in names:
            if names.count(name) > 1:
                raise SoqlError("INVALID_FIELD", f"duplicate field selected: {name}")
        own = [name for name in names if "." not in name]
        related = [(name, get) for name, _, get in resolved if "." in name]

        def render(row: Row) -> Row:
            record: Row = {"attributes": attributes(kind, row["Id"], root)}
            record.update((name, row[name]) for name in own)
            for path, get in related:
                relation, _, name = path.partition(".")
                target = self.rows[relation]
                # A contact without an account has null there, not an object of nulls.
                linked = target.get(row[f"{relation}Id"] or "")
                inner = record.setdefault(
                    relation, linked and {"attributes": attributes(target.kind, linked["Id"], root)}
                )
                if inner is not None:
                    inner[name] = get(row)
            return record

        return render

    def resolve(self, kind: SObject, written: str) -> tuple[str, str, Getter]:
        """A field's name, type and value; `Account.Name` reaches one object further."""
        relation, _, inner = written.rpartition(".")
        if not relation:
            field = kind.find(inner)
            if field is None:
                raise no_such_field(inner, kind)
            name = field.name
            return name, field.type, lambda row: row[name]
        steps = [field for field in kind.fields.values() if field.relation.lower() == relation.lower()]
        if not steps:
            raise SoqlError("INVALID_FIELD", f"Didn't understand relationship '{relation}' in field path.")
        key, target = steps[0].name, self.rows[steps[0].refers_to]
        name, field_type, get = self.resolve(target.kind, inner)

        def reach(row: Mapping[str, Any]) -> Any:
            linked = target.get(row[key] or "")
            return None if linked is None else get(linked)

        return f"{steps[0].relation}.{name}", field_type, reach

    def _find(self, query: Query, rows: Rows, with_deleted: bool) -> list[Row]:
        is_wanted = compile_condition(query.where, lambda name: self.resolve(rows.kind, name))
        order = [(*self.resolve(rows.kind, name), *how) for name, *how in query.order]
        among, in_stamp_order = rows.candidates(query.where)
        found = (row for row in among if (with_deleted or not row.get("IsDeleted")) and is_wanted(row))
        # The index gave them in this order: nothing to sort, and a limit ends the search.
        if in_stamp_order and [(name, *how) for name, _, _, *how in order] == list(IN_STAMP_ORDER):
            return list(islice(found, query.limit))
        return _sorted(found, order)[: query.limit]

    def _batch_size(self, options: str) -> int:
        asked = re.search(r"batchSize\s*=\s*(\d+)", options)
        size = max(int(asked[1]), SMALLEST_BATCH) if asked else LARGEST_BATCH
        return min(size, self.largest_batch)


def attributes(kind: SObject, record_id: str, root: str) -> Row:
    return {"type": kind.name, "url": f"{root}/sobjects/{kind.name}/{record_id}"}


def no_such_field(name: str, kind: SObject) -> SoqlError:
    message = (
        f"No such column '{name}' on entity '{kind.name}'. If you are attempting to use a custom field, "
        "be sure to append the '__c' after the custom field name. Please reference your WSDL or the describe "
        "call for the appropriate names."
    )
    return SoqlError("INVALID_FIELD", message)


def _sorted(rows: Iterable[Row], order: list[tuple[Any, ...]]) -> list[Row]:
    found = list(rows)
    # Sorting is stable: the last field first.
    for _, field_type, get, descending, blanks_last in reversed(order):
        found.sort(key=_sort_key(fold(field_type), get, blanks_first=blanks_last is descending), reverse=descending)
    return found


def _sort_key(folded: Callable[[Any], Any], get: Getter, *, blanks_first: bool) -> Callable[[Row], tuple[bool, Any]]:
    def key(row: Row) -> tuple[bool, Any]:
        value = folded(get(row))
        return ((value is None) is not blanks_first, "" if value is None else value)

    return key
