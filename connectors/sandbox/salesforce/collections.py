"""Many records in one call: /composite/sobjects, at most 200, one result each, in the order of the request.

https://developer.salesforce.com/docs/platform/api-rest/guide/resources-composite-sobjects-collections.html
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

from connectors.sandbox.salesforce.rows import full_id
from connectors.sandbox.salesforce.writes import Planned, WriteError, Writes, duplicates_found
from connectors.sandbox.stand_in import Row

LARGEST = 200
Plan = Callable[[], Planned]


class CallError(Exception):
    """Why the whole call is refused (400)."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message


def insert(writes: Writes, body: Any) -> list[Row]:
    """POST /composite/sobjects"""
    records, all_or_none = _records(writes, body)
    return _write(writes, [_inserting(writes, record) for record in records], all_or_none)


def update(writes: Writes, body: Any) -> list[Row]:
    """PATCH /composite/sobjects"""
    records, all_or_none = _records(writes, body)
    repeated = _repeated(full_id(_id(record)) for record in records)
    return _write(writes, [_updating(writes, record, repeated) for record in records], all_or_none)


def upsert(writes: Writes, object_type: str, key: str, body: Any) -> list[Row]:
    """PATCH /composite/sobjects/{object_type}/{key}"""
    records, all_or_none = _records(writes, body)
    if any(_type(record) != object_type for record in records):
        raise CallError("INVALID_INPUT", "All records must be of the type in the address.")
    repeated = _repeated(str(_take(dict(record), key) or "").casefold() for record in records)
    plans = [_upserting(writes, record, key, repeated) for record in records]
    return _write(writes, plans, all_or_none, says_created=True)


def delete(writes: Writes, ids: list[str], all_or_none: bool) -> list[Row]:
    """DELETE /composite/sobjects?ids=…"""
    _check_size(ids)
    by_prefix = {rows.kind.prefix: name for name, rows in writes.rows.items()}
    return _write(writes, [_deleting(writes, by_prefix, record_id) for record_id in ids], all_or_none)


def error_result(error: WriteError) -> Row:
    """The result of a record that was not written."""
    errors: list[Row] = [{"statusCode": error.code, "message": error.message, "fields": list(error.fields)}]
    errors[0] |= duplicates_found(error)
    return {"success": False, "errors": errors}


ROLLED_BACK = WriteError(
    "ALL_OR_NONE_OPERATION_ROLLED_BACK",
    "Record rolled back because not all records were valid and the request was using AllOrNone header",
)


def _write(writes: Writes, plans: list[Plan], all_or_none: bool, *, says_created: bool = False) -> list[Row]:
    # Everything is looked at before the first effect: a body that can't be read is refused as a whole.
    checked = [_attempt(plan) for plan in plans]
    if all_or_none and any(isinstance(result, WriteError) for result in checked):
        return [error_result(found if isinstance(found, WriteError) else ROLLED_BACK) for found in checked]
    return [_result(writes, _attempt(plan), says_created) for plan in plans]


def _attempt(plan: Plan) -> Planned | WriteError:
    try:
        return plan()
    except WriteError as error:
        return error


def _result(writes: Writes, planned: Planned | WriteError, says_created: bool) -> Row:
    if isinstance(planned, WriteError):
        return error_result(planned)
    record_id, created = writes.carry_out(planned)
    return {"id": record_id, "success": True, "errors": []} | ({"created": created} if says_created else {})


def _records(writes: Writes, body: Any) -> tuple[list[Row], bool]:
    records = body.get("records") if isinstance(body, dict) else None
    if not isinstance(records, list) or not all(isinstance(record, dict) for record in records):
        raise CallError("JSON_PARSER_ERROR", "The body must be an object with a list of records.")
    _check_size(records)
    for record in records:
        if _type(record) not in writes.rows:
            raise CallError("INVALID_TYPE", "Every record needs attributes with a type there is.")
    return records, body.get("allOrNone") is True


def _check_size(records: list[Any]) -> None:
    if len(records) > LARGEST:
        message = f"record limit reached. cannot submit more than {LARGEST} records into this call"
        raise CallError("NUMBER_OUTSIDE_VALID_RANGE", message)


def _inserting(writes: Writes, record: Row) -> Plan:
    return lambda: writes.plan_create(_type(record), _values(record))


def _updating(writes: Writes, record: Row, repeated: set[str]) -> Plan:
    def plan() -> Planned:
        values = _values(record)
        record_id = str(_take(values, "id") or "")
        if not record_id:
            raise WriteError("MISSING_ARGUMENT", "Id not specified in an update call")
        # Both are refused: which of the two would win is not said.
        if full_id(record_id) in repeated:
            raise WriteError("DUPLICATE_VALUE", f"duplicate id specified: {record_id}")
        return writes.plan_update(_type(record), record_id, values)

    return plan


def _upserting(writes: Writes, record: Row, key: str, repeated: set[str]) -> Plan:
    def plan() -> Planned:
        values = _values(record)
        if _id(record):
            raise WriteError("INVALID_FIELD", "The Id field should not be specified in the sobject data.", ("Id",))
        value = str(_take(values, key) or "")
        if value.casefold() in repeated:
            raise WriteError("DUPLICATE_VALUE", f"Duplicate external id specified: {value}", (key,))
        return writes.plan_upsert(_type(record), key, value, values)

    return plan


def _deleting(writes: Writes, by_prefix: dict[str, str], record_id: str) -> Plan:
    def plan() -> Planned:
        if record_id[:3] not in by_prefix:
            raise WriteError("MALFORMED_ID", f"bad id {record_id}")
        return writes.plan_delete(by_prefix[record_id[:3]], record_id)

    return plan


def _type(record: Row) -> str:
    attributes = record.get("attributes")
    return str(attributes.get("type")) if isinstance(attributes, dict) else ""


def _id(record: Row) -> str:
    return str(_take(dict(record), "id") or "")


def _values(record: Row) -> Row:
    return {name: value for name, value in record.items() if name != "attributes"}


def _take(values: Row, name: str) -> Any:
    """The value of a field, whatever the case it is written in, out of `values`."""
    return next((values.pop(found) for found in list(values) if found.lower() == name.lower()), None)


def _repeated(names: Any) -> set[str]:
    return {name for name, times in Counter(names).items() if name and times > 1}
