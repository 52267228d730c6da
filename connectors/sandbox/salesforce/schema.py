"""The objects and fields of the stand-in's organisation, and how they describe themselves.

https://developer.salesforce.com/docs/platform/api-rest/guide/resources-sobject-describe.html
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from connectors.sandbox.people import Person, written_phone

TEXT_TYPES = ("string", "textarea", "phone", "email", "url", "picklist")


@dataclass(frozen=True, slots=True)
class SField:
    """A field. length: characters, 0 where it has none; options: of a picklist that takes no others."""

    name: str
    label: str
    type: str = "string"
    length: int = 0
    options: tuple[str, ...] = ()
    required: bool = False
    writable: bool = True
    unique: bool = False
    id_lookup: bool = False
    relation: str = ""
    refers_to: str = ""

    @property
    def is_custom(self) -> bool:
        return self.name.endswith("__c")

    @property
    def blank(self) -> Any:
        """What a record has where nothing was given."""
        return False if self.type == "boolean" else None


@dataclass(frozen=True, slots=True)
class SObject:
    """A kind of record. prefix: how its ids begin."""

    name: str
    label: str
    prefix: str
    fields: Mapping[str, SField]
    writable: bool = True

    def find(self, name: str) -> SField | None:
        """The field, whatever the case it is written in."""
        return self.fields.get(name.lower())


def schema(hidden: Iterable[str] = (), read_only: Iterable[str] = ()) -> dict[str, SObject]:
    """The objects by name, without what the user may not see, and marked what they may not write."""
    hidden, read_only = frozenset(hidden), frozenset(read_only)
    return {
        name: SObject(name, label, prefix, _visible(fields, hidden, read_only), name != "Organization")
        for name, (label, prefix, fields) in _OBJECTS.items()
    }


def _visible(fields: Iterable[SField], hidden: frozenset[str], read_only: frozenset[str]) -> dict[str, SField]:
    return {
        field.name.lower(): replace(field, writable=field.writable and field.name not in read_only)
        for field in fields
        if field.name not in hidden
    }


def _system(name: str, label: str, field_type: str, length: int = 0) -> SField:
    return SField(name, label, field_type, length, writable=False)


_SYSTEM = (
    SField("Id", "Record ID", "id", 18, writable=False, id_lookup=True),
    _system("IsDeleted", "Deleted", "boolean"),
)
_STAMPS = (
    _system("CreatedDate", "Created Date", "datetime"),
    _system("LastModifiedDate", "Last Modified Date", "datetime"),
    _system("SystemModstamp", "System Modstamp", "datetime"),
)
_CONTACT = (
    *_SYSTEM,
    _system("MasterRecordId", "Master Record ID", "reference", 18),
    SField("AccountId", "Account ID", "reference", 18, relation="Account", refers_to="Account"),
    SField("LastName", "Last Name", length=80, required=True),
    SField("FirstName", "First Name", length=40),
    SField("Salutation", "Salutation", "picklist", 40, ("Mr.", "Ms.", "Mrs.", "Dr.", "Prof.", "Mx.")),
    _system("Name", "Full Name", "string", 121),
    SField("MailingStreet", "Mailing Street", "textarea", 255),
    SField("MailingCity", "Mailing City", length=40),
    SField("MailingState", "Mailing State/Province", length=80),
    SField("MailingPostalCode", "Mailing Zip/Postal Code", length=20),
    SField("MailingCountry", "Mailing Country", length=80),
    SField("Phone", "Business Phone", "phone", 40),
    SField("MobilePhone", "Mobile Phone", "phone", 40),
    SField("HomePhone", "Home Phone", "phone", 40),
    SField("Email", "Email", "email", 80, id_lookup=True),
    SField("Title", "Title", length=128),
    SField("Birthdate", "Birthdate", "date"),
    SField("Description", "Contact Description", "textarea", 32000),
    SField("HasOptedOutOfEmail", "Email Opt Out", "boolean"),
    SField("DoNotCall", "Do Not Call", "boolean"),
    *_STAMPS,
    SField("Alumni_Id__c", "Alumni ID", length=64, unique=True, id_lookup=True),
    SField("Alumnus__c", "Alumnus", "boolean"),
    SField("Class_Year__c", "Class Year", length=10),
    SField("Former_Name__c", "Former Name", length=80),
    SField("Nickname__c", "Nickname", length=40),
    SField("Previous_Email__c", "Previous Email", "email", 80),
    SField("Status__c", "Status", "picklist", 255, ("Active", "Lost alum", "Friend")),
    SField("Deceased__c", "Deceased", "boolean"),
    SField("Gifts_Total__c", "Total of Gifts", "double"),
)
_ACCOUNT = (
    *_SYSTEM,
    SField("Name", "Account Name", length=255, required=True),
    SField("Phone", "Account Phone", "phone", 40),
    SField("Website", "Website", "url", 255),
    *_STAMPS,
)
_ORGANIZATION = (
    SField("Id", "Organization ID", "id", 18, writable=False),
    _system("Name", "Name", "string", 80),
    _system("OrganizationType", "Edition", "picklist", 40),
    _system("IsSandbox", "Is Sandbox", "boolean"),
    _system("InstanceName", "Instance Name", "string", 5),
)
_OBJECTS = {
    "Account": ("Account", "001", _ACCOUNT),
    "Contact": ("Contact", "003", _CONTACT),
    "Organization": ("Organization", "00D", _ORGANIZATION),
}


def described(kind: SObject) -> dict[str, Any]:
    """The answer to …/sobjects/{name}/describe."""
    fields = [_described_field(field) for field in kind.fields.values()]
    return summary(kind) | {"fields": fields, "recordTypeInfos": [], "childRelationships": []}


def summary(kind: SObject) -> dict[str, Any]:
    """An object's line in …/sobjects/."""
    return {
        "name": kind.name,
        "label": kind.label,
        "labelPlural": f"{kind.label}s",
        "keyPrefix": kind.prefix,
        "custom": kind.name.endswith("__c"),
        "queryable": True,
        "retrieveable": True,
        "createable": kind.writable,
        "updateable": kind.writable,
        "deletable": kind.writable,
        "undeletable": kind.writable,
        "mergeable": kind.writable,
        "replicateable": kind.writable,
        "searchable": kind.writable,
        "deprecatedAndHidden": False,
    }


def _described_field(field: SField) -> dict[str, Any]:
    return {
        "name": field.name,
        "label": field.label,
        "type": field.type,
        "length": field.length,
        "byteLength": field.length * 3,
        "nillable": not field.required and field.type not in ("boolean", "id", "datetime"),
        "defaultedOnCreate": field.type == "boolean" or not field.writable,
        "createable": field.writable,
        "updateable": field.writable,
        "filterable": field.length <= 4000,
        "sortable": field.length <= 4000,
        "calculated": False,
        "custom": field.is_custom,
        "externalId": field.unique,
        "unique": field.unique,
        "caseSensitive": False,
        "idLookup": field.id_lookup,
        "restrictedPicklist": bool(field.options),
        "picklistValues": [_described_option(option) for option in field.options],
        "referenceTo": [field.refers_to] if field.refers_to else [],
        "relationshipName": field.relation or None,
        "inlineHelpText": None,
    }


def _described_option(option: str) -> dict[str, Any]:
    return {"active": True, "defaultValue": False, "label": option, "validFor": None, "value": option}


def contact_of(person: Person, account_id: str | None) -> dict[str, Any]:
    """An invented person as a contact."""
    return {
        "AccountId": account_id,
        "FirstName": person["first"],
        "LastName": person["last"],
        "Former_Name__c": person["former"] or None,
        "Nickname__c": person["nick"] or None,
        "Email": person["email"],
        "Phone": written_phone(person["phone"], person["phone_style"]) or None,
        "MailingStreet": person["street"],
        "MailingCity": person["city"],
        "MailingState": person["state"],
        "MailingPostalCode": person["postal"],
        "MailingCountry": "United States",
        "Birthdate": person["birthdate"],
        "Title": person["title"] or None,
        "Class_Year__c": person["class_year"],
        "Status__c": {"active": "Active", "lost": "Lost alum"}[person["status"]],
        "HasOptedOutOfEmail": person["no_email"],
        "Deceased__c": person["deceased"],
        "Alumnus__c": True,
    }
