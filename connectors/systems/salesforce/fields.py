"""How Salesforce describes its objects, in our words. Pure.

https://developer.salesforce.com/docs/platform/api-rest/guide/resources-sobject-describe.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from connectors.records import Field, ObjectType, Values

BATCH = 200
"""Records in one call of /composite/sobjects."""
VOLATILE = frozenset(
    {
        "SystemModstamp",
        "LastModifiedDate",
        "LastModifiedById",
        "LastActivityDate",
        "LastReferencedDate",
        "LastViewedDate",
        "LastCURequestDate",
        "LastCUUpdateDate",
    }
)
KINDS = {
    "boolean": "yes_no",
    "currency": "money",
    "date": "date",
    "datetime": "datetime",
    "double": "number",
    "email": "email",
    "int": "number",
    "long": "number",
    "percent": "number",
    "phone": "phone",
    "picklist": "choice",
    "url": "url",
}
NUMBERS = frozenset(type for type, kind in KINDS.items() if kind in ("number", "money"))
TEXTS = frozenset({"string", "textarea", "combobox", "encryptedstring", "id", "reference"})
PLACES = {"country": "country", "countrycode": "country", "state": "state", "statecode": "state"}
_NUMBER = re.compile(r"-?\d{1,18}(\.\d{1,18})?", re.ASCII)


def object_type_of(described: Mapping[str, Any]) -> ObjectType:
    """An object with its fields, from the answer to its describe call."""
    return ObjectType(
        described["name"],
        described.get("labelPlural") or described.get("label") or described["name"],
        fields=tuple(_field(field) for field in described["fields"]),
        can_create=bool(described.get("createable")),
        can_update=bool(described.get("updateable")),
        # Long texts and encrypted fields may not stand in a condition.
        findable=frozenset(field["name"] for field in described["fields"] if field.get("filterable")),
        batch_read=BATCH,
        create_by_key=True,
        volatile=VOLATILE,
    )


def outline_of(listed: Mapping[str, Any]) -> ObjectType:
    """An object from the list of all: its fields are not asked for before somebody chooses it."""
    return ObjectType(
        listed["name"],
        listed.get("labelPlural") or listed.get("label") or listed["name"],
        fields_known=False,
        can_create=bool(listed.get("createable")),
        can_update=bool(listed.get("updateable")),
        findable=None,
        batch_read=BATCH,
        create_by_key=True,
        volatile=VOLATILE,
    )


def may_be_number(value: Any) -> bool:
    """Whether a value is a text that a field for numbers would not take: it wants 25.10, not "25.10"."""
    return isinstance(value, str) and _NUMBER.fullmatch(value) is not None


def with_numbers(values: Values, known: ObjectType) -> Values:
    """The values to be written, with JSON numbers in the fields for numbers."""
    return {name: _number(value) if _is_number(known.field(name)) else value for name, value in values.items()}


def _is_number(field: Field | None) -> bool:
    return field is not None and field.type in NUMBERS


def _number(value: Any) -> Any:
    if not may_be_number(value):
        return value
    number = float(value) if "." in value else int(value)
    # What would be rounded stays a text, which is refused: better than another amount.
    return number if Decimal(repr(number)) == Decimal(value) else value


def _field(described: Mapping[str, Any]) -> Field:
    type = str(described.get("type", ""))
    is_createable = bool(described.get("createable"))
    return Field(
        described["name"],
        described.get("label") or described["name"],
        type,
        _kind(described["name"], type),
        # 0 where a type has no length.
        length=described.get("length") or None,
        # A yes/no field is never null and has a default, so it is not asked of anybody.
        required=is_createable and not described.get("nillable") and not described.get("defaultedOnCreate"),
        # Closed options are listed too, for records that still hold them.
        options=tuple(option["value"] for option in described.get("picklistValues") or () if option.get("active")),
        writable=is_createable or bool(described.get("updateable")),
        unique=bool(described.get("unique") or described.get("idLookup")),
    )


def _kind(name: str, type: str) -> str:
    """MailingState, OtherCountryCode and their like are places, whether picklists or text."""
    place = next((kind for word, kind in PLACES.items() if name.lower().endswith(word)), "")
    if place and type in ("picklist", "string"):
        return place
    return KINDS.get(type, "text" if type in TEXTS else "")
