"""What the Vault documents of its two kinds of record (http://docs.alumnispaces.com)."""

from __future__ import annotations

from collections.abc import Set

from connectors.records import Field, ObjectType

PERSON, TRANSACTION = "person", "transaction"
GROUPED_BY = frozenset({"person", "status", "taxed", "contentID", "asSiteID"})
VOLATILE = frozenset({"_updated", "__v"})

_RECORD = (
    Field("_id", "ID", "string", writable=False, unique=True),
    Field("_created", "Created", "date", "datetime", writable=False),
    Field("_updated", "Updated", "date", "datetime", writable=False),
)
_PERSON = (
    Field("name", "Name", "object"),
    Field("name.first", "First name", "string", "text"),
    Field("name.last", "Last name", "string", "text"),
    Field("emails", "E-mails", "list of label and address"),
    Field("phones", "Phones", "list of label and number, digits only"),
    Field("addresses", "Addresses", "list of labelled addresses"),
    Field("organizations", "Organizations", "list"),
    Field("externalIDs", "External IDs", "list of key and value"),
    Field("urls", "Web addresses", "list of label and value"),
    Field("gender", "Gender", "string", "text"),
    Field("birthday", "Birthday", "date", "date"),
    Field("facebook", "Facebook", "object"),
    Field("twitter", "Twitter", "object"),
    Field("linkedin", "LinkedIn", "object"),
    Field("groups", "Groups", "object", writable=False),
    Field("contentIDs", "Content IDs", "list", "list", writable=False),
    Field("asSiteIDs", "Group IDs", "list", "list", writable=False),
)
_TRANSACTION = (
    Field("value", "Value", "number", "money"),
    Field("currency", "Currency", "ISO 4217", "text", length=3),
    Field("transDate", "Transaction date", "date", "datetime"),
    Field("person", "Person", "id of a person", "reference"),
    Field("status", "Status", "string", "choice", options=("pending", "failed", "settled", "refunded")),
    Field("type", "Type", "string", "text"),
    Field("method", "Method", "string", "text"),
    Field("physical", "In person", "boolean", "yes_no"),
    Field("taxed", "Taxed", "boolean", "yes_no"),
    Field("asSiteID", "Group ID", "string", "text"),
    Field("contentID", "Content ID", "string", "text"),
    Field("external", "External", "list of key and value"),
    Field("disbursement", "Disbursement", "object"),
    Field("receipt", "Receipt", "object"),
    Field("source", "Source", "object"),
    Field("note", "Notes", "list", "list"),
    Field("items", "Items", "list of label and price"),
    Field("extra_fields", "Extra fields", "list of label and value"),
)


def described(verbs: Set[str]) -> tuple[ObjectType, ...]:
    """Both kinds of record, as far as a key with these verbs can be used on them."""
    return (
        ObjectType(
            PERSON,
            "People",
            _RECORD + _PERSON,
            fields_known=False,
            can_create="POST" in verbs,
            # No way to change a person is documented.
            can_update=False,
            whole_lists=True,
            field_times=True,
            volatile=VOLATILE,
        ),
        ObjectType(
            TRANSACTION,
            "Transactions",
            _RECORD + _TRANSACTION,
            fields_known=False,
            can_create="POST" in verbs,
            can_update="PUT" in verbs,
            field_times=True,
            volatile=VOLATILE,
            totals=GROUPED_BY,
        ),
    )
