"""Creating, changing and deleting: what a record must be like, and what is said when it isn't.

https://developer.salesforce.com/docs/atlas.en-us.api.meta/api/sforce_api_calls_concepts_core_data_objects.htm
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from connectors.sandbox.salesforce.rows import Rows, full_id
from connectors.sandbox.salesforce.schema import TEXT_TYPES, SField, SObject
from connectors.sandbox.stand_in import Row

EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s.]+")


class WriteError(Exception):
    """Why a record is not written. ids: the records that are meant, where there are several."""

    def __init__(self, code: str, message: str, fields: tuple[str, ...] = (), ids: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.code, self.message, self.fields, self.ids = code, message, fields, ids


def duplicates_found(error: WriteError) -> Row:
    """What an error says besides its code where a duplicate rule refused a record; the name is spelled so there."""
    if error.code != "DUPLICATES_DETECTED":
        return {}
    records = [
        {"additionalInformation": [], "fieldDiffs": [], "matchConfidence": 100.0, "record": {"Id": record_id}}
        for record_id in error.ids
    ]
    result = {"matchEngine": "ExactMatchEngine", "matchRecords": records, "size": len(records), "success": True}
    return {"duplicateResut": {"allowSave": False, "errorMessage": error.message, "matchResults": [result]}}


class UnreadableBodyError(Exception):
    """A value is not even of the field's type: the whole request is refused, as JSON that can't be read."""


@dataclass(frozen=True, slots=True)
class Planned:
    """A write that passed all checks. id: None for a create; values: None for a delete."""

    rows: Rows
    id: str | None
    values: Row | None


class Writes:
    """Checks first, effects after, so that a call can ask for all or none."""

    def __init__(self, rows: Mapping[str, Rows], counts: Counter[str], creates_of: Counter[str]) -> None:
        self.rows = rows
        self.counts = counts
        self.creates_of = creates_of
        self.blocks_duplicates = False
        """A duplicate rule is active: a person whose e-mail somebody has already is not created."""

    def plan_create(self, object_type: str, values: Row) -> Planned:
        rows = self.rows[object_type]
        checked = self._checked(rows, values)
        missing = [
            field.name for field in rows.kind.fields.values() if field.required and checked.get(field.name) is None
        ]
        if missing:
            raise WriteError(
                "REQUIRED_FIELD_MISSING",
                f"Required fields are missing: [{', '.join(missing)}]",
                tuple(missing),
            )
        self._refuse_duplicate(rows, checked)
        return Planned(rows, None, checked)

    def plan_update(self, object_type: str, record_id: str, values: Row) -> Planned:
        rows = self.rows[object_type]
        row = _living(rows, record_id)
        checked = self._checked(rows, values, row["Id"])
        emptied = [name for name, value in checked.items() if value is None and _field(rows.kind, name).required]
        if emptied:
            raise WriteError(
                "REQUIRED_FIELD_MISSING",
                f"Required fields are missing: [{', '.join(emptied)}]",
                tuple(emptied),
            )
        return Planned(rows, row["Id"], checked)

    def plan_upsert(self, object_type: str, key: str, value: str, values: Row) -> Planned:
        """By an external id, or another field that records can be looked up by."""
        rows = self.rows[object_type]
        field = rows.kind.find(key)
        if field is None or not field.id_lookup or field.name == "Id":
            raise WriteError("INVALID_FIELD", f"Provided external ID field does not exist or is not accessible: {key}")
        if not value:
            raise WriteError("MISSING_ARGUMENT", f"{field.name} not specified")
        ids = tuple(row["Id"] for row in rows.holding(field.name, value))
        if len(ids) > 1:
            message = f"More than one record found for external id field: [{', '.join(ids)}]"
            raise WriteError("DUPLICATE_EXTERNAL_ID", message, (field.name,), ids)
        if ids:
            return self.plan_update(object_type, ids[0], values)
        return self.plan_create(object_type, {**values, field.name: value})

    def plan_delete(self, object_type: str, record_id: str) -> Planned:
        rows = self.rows[object_type]
        return Planned(rows, _living(rows, record_id)["Id"], None)

    def carry_out(self, planned: Planned) -> tuple[str, bool]:
        """The record's id, and whether it was made just now."""
        if planned.values is None:
            self.counts["deletes"] += 1
            planned.rows.remove(planned.id or "")
        elif planned.id is None:
            self.counts["creates"] += 1
            values = planned.values
            last = values.get("LastName", values.get("Name"))
            self.creates_of[f"{values.get('FirstName')} {last} <{values.get('Email')}>"] += 1
            return planned.rows.create(values), True
        else:
            row = planned.rows.records[planned.id]
            # Counted apart, but the stamps move all the same: there a save is a save.
            changes = any(row[name] != value for name, value in planned.values.items())
            self.counts["updates" if changes else "unchanged"] += 1
            planned.rows.change(planned.id, planned.values)
        return planned.id or "", False

    def _checked(self, rows: Rows, values: Row, record_id: str = "") -> Row:
        checked = {}
        for name, value in values.items():
            field = _field(rows.kind, name)
            if not field.writable:
                message = (
                    f"Unable to create/update fields: {field.name}. Please check the security settings of "
                    "this field and verify that it is read/write for your profile or permission set."
                )
                raise WriteError("INVALID_FIELD_FOR_INSERT_UPDATE", message, (field.name,))
            checked[field.name] = _checked_value(field, value)
            if field.unique and checked[field.name] is not None:
                _check_unique(rows, field, checked[field.name], record_id)
            if field.refers_to and checked[field.name] is not None:
                checked[field.name] = self._checked_reference(field, checked[field.name])
        return checked

    def _refuse_duplicate(self, rows: Rows, checked: Row) -> None:
        email = checked.get("Email")
        found = rows.holding("Email", email) if self.blocks_duplicates and email else []
        if found:
            ids = tuple(row["Id"] for row in found)
            raise WriteError("DUPLICATES_DETECTED", "Use one of these records?", (), ids)

    def _checked_reference(self, field: SField, value: str) -> str:
        if not full_id(value):
            raise WriteError("MALFORMED_ID", f"{field.label}: id value of incorrect type: {value}", (field.name,))
        if self.rows[field.refers_to].alive(value) is None:
            raise WriteError("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", (field.name,))
        return full_id(value)


def _living(rows: Rows, record_id: str) -> Row:
    if not full_id(record_id) or not record_id.startswith(rows.kind.prefix):
        raise WriteError("MALFORMED_ID", f"{rows.kind.label} ID: id value of incorrect type: {record_id}", ("Id",))
    row = rows.get(record_id)
    if row is None:
        raise WriteError("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id")
    if row.get("IsDeleted"):
        raise WriteError("ENTITY_IS_DELETED", "entity is deleted")
    return row


def _field(kind: SObject, name: str) -> SField:
    field = kind.find(name)
    if field is None:
        raise WriteError("INVALID_FIELD", f"No such column '{name}' on sobject of type {kind.name}", (name,))
    return field


def _check_unique(rows: Rows, field: SField, value: str, record_id: str) -> None:
    for other in rows.holding(field.name, value):
        if other["Id"] != record_id:
            message = f"duplicate value found: {field.name} duplicates value on record with id: {other['Id'][:15]}"
            raise WriteError("DUPLICATE_VALUE", message)


def _checked_value(field: SField, value: Any) -> Any:
    if value is None or value == "":
        return field.blank
    if field.type not in TEXT_TYPES:
        return _CHECKS[field.type](field, value)
    # Kept without the spaces around it, and a blank as null, as there.
    text = _check_text(field, value)
    _refuse_text(field, text)
    return text or None


def _refuse_text(field: SField, text: str) -> None:
    # The real words hold the value, so that a client shows whether it passes them on.
    if field.length and len(text) > field.length:
        message = f"{field.label}: data value too large: {text} (max length={field.length})"
        raise WriteError("STRING_TOO_LONG", message, (field.name,))
    if field.options and text not in field.options:
        message = f"{field.label}: bad value for restricted picklist field: {text}"
        raise WriteError("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", message, (field.name,))
    if field.type == "email" and text and not EMAIL.fullmatch(text):
        raise WriteError("INVALID_EMAIL_ADDRESS", f"{field.label}: invalid email address: {text}", (field.name,))


def _check_text(field: SField, value: Any) -> str:
    if isinstance(value, bool | list | dict):
        raise _unreadable("string", value)
    return str(value).strip()


def _check_boolean(field: SField, value: Any) -> bool:
    if not isinstance(value, bool):
        raise _unreadable("boolean", value)
    return value


def _check_number(field: SField, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _unreadable("double", value)
    return float(value)


def _check_date(field: SField, value: Any) -> str:
    try:
        # A time that comes for a date loses its hour.
        return (
            datetime.fromisoformat(value).date().isoformat() if "T" in value else date.fromisoformat(value).isoformat()
        )
    except (TypeError, ValueError):
        raise _unreadable("date", value) from None


_CHECKS: dict[str, Callable[[SField, Any], Any]] = {
    "boolean": _check_boolean,
    "double": _check_number,
    "date": _check_date,
    "reference": _check_text,
}


def _unreadable(wanted: str, value: Any) -> UnreadableBodyError:
    found = {str: "VALUE_STRING", bool: "VALUE_TRUE", list: "START_ARRAY", dict: "START_OBJECT"}
    kind = found.get(type(value), "VALUE_NUMBER_INT")
    return UnreadableBodyError(
        f"Cannot deserialize instance of {wanted} from {kind} value {value} at [line:1, column:1]"
    )
