"""/transaction/query: filters, order, groups and sums, as the documents' "Querying Transactions" has them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from connectors.sandbox.stand_in import Row

GROUPED_BY = ("person", "status", "taxed", "contentID", "asSiteID")
SHAPING = ("order", "order_by", "group_by", "transDate_start", "transDate_end")
MATH: dict[str, Callable[[list[Any]], Any]] = {
    "sum": lambda found: sum(found, Decimal(0)),
    "avg": lambda found: sum(found, Decimal(0)) / len(found) if found else None,
    "min": lambda found: min(found, default=None),
    "max": lambda found: max(found, default=None),
}


class BadQueryError(ValueError):
    """Parameters that contradict the documents."""


def query(rows: Iterable[Row], given: Mapping[str, str]) -> Any:
    """What the Vault answers. Raises BadQueryError."""
    if "aggregate_by" in given:
        return _aggregated(list(rows), given)
    found = _ordered([row for row in rows if _fits(row, given)], given)
    if "group_by" not in given:
        return found
    by = _grouped_by(given["group_by"])
    groups: dict[str, list[Row]] = {}
    for row in found:
        groups.setdefault(_text(row.get(by)), []).append(row)
    return groups


def _aggregated(rows: list[Row], given: Mapping[str, str]) -> list[Row]:
    by = _grouped_by(given["aggregate_by"])
    wanted = {name.removeprefix("aggregate_"): of for name, of in given.items() if name.startswith("aggregate_")}
    del wanted["by"]
    if not wanted or not set(wanted) <= set(MATH):
        raise BadQueryError("aggregate_by requires aggregate_sum, aggregate_avg, aggregate_min or aggregate_max.")
    if {name for name in given if not name.startswith("aggregate_")} - {"order", "order_by"}:
        raise BadQueryError("Aggregation will not work when combined with filtering.")
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(_text(row.get(by)), []).append(row)
    totals: list[Row] = []
    for group in groups.values():
        total: Row = {"_id": group[0].get(by), "_count": len(group)}
        for method, of in wanted.items():
            total[f"{of}_{method}"] = MATH[method]([row[of] for row in group if row.get(of) is not None])
        totals.append(total)
    return _ordered(totals, given)


def _grouped_by(name: str) -> str:
    if name not in GROUPED_BY:
        raise BadQueryError(f"Records can't be grouped by {name}.")
    return name


def _ordered(rows: list[Row], given: Mapping[str, str]) -> list[Row]:
    if "order_by" not in given:
        if "order" in given:
            raise BadQueryError("order must be used with order_by.")
        return rows
    by, is_descending = given["order_by"], given.get("order", "ASC") == "DESC"
    there = [row for row in rows if row.get(by) is not None]
    # Where those without the field go is not said; the database behind it counts them as the smallest.
    missing = [row for row in rows if row.get(by) is None]
    there.sort(key=lambda row: row[by], reverse=is_descending)
    return [*there, *missing] if is_descending else [*missing, *there]


def _fits(row: Row, given: Mapping[str, str]) -> bool:
    start, end = given.get("transDate_start"), given.get("transDate_end")
    day = _day(row.get("transDate"))
    # "Ranges are only inclusive of the start date."
    if (start and day < start) or (end and day >= end):
        return False
    return all(_text(_at(row, name)) == text for name, text in given.items() if name not in SHAPING)


def _day(text: Any) -> str:
    try:
        return datetime.fromisoformat(text).astimezone(UTC).date().isoformat()
    except (TypeError, ValueError):
        return ""


def _at(row: Any, path: str) -> Any:
    for name in path.split("."):
        row = row.get(name) if isinstance(row, dict) else None
    return row


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else "" if value is None else str(value)
