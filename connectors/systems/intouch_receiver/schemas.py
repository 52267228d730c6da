"""What the services take and answer; refused in words, field by field, without the value."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from typing import Annotated, Any

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from connectors.receiving.inbox import OURS
from connectors.systems.intouch_receiver.services import MEMBER, SOURCE

NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,99}")
PRINTABLE = re.compile(r"[^\x00-\x1f\x7f]*")
ID_LENGTH = 255


def _blank_or(test: Callable[[str], None]) -> AfterValidator:
    def judge(value: str) -> str:
        if value.strip():
            test(value.strip())
        return value

    return AfterValidator(judge)


def _email(value: str) -> None:
    try:
        validate_email(value)
    except ValidationError:
        raise ValueError("This is not an e-mail address.") from None


def _date(value: str) -> None:
    try:
        date.fromisoformat(value)
    except ValueError:
        raise ValueError("This is not a date. Write it like 1984-05-08.") from None


def _id(value: str) -> str:
    if not PRINTABLE.fullmatch(value) or not value.strip():
        raise ValueError("This must be an id: not blank, without line breaks.")
    return value.strip()


def _as_text(value: Any) -> Any:
    # Ids are numbers to many a program, and text to us.
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


Text = Annotated[str, Field(max_length=255)]
Email = Annotated[str, Field(max_length=254), _blank_or(_email)]
Phone = Annotated[str, Field(max_length=50)]
Day = Annotated[str, Field(max_length=30), _blank_or(_date)]
Id = Annotated[str, BeforeValidator(_as_text), Field(max_length=ID_LENGTH), AfterValidator(_id)]


class Address(BaseModel):
    street: Text | None = None
    city: Text | None = None
    state: Text | None = None
    postal_code: Text | None = None
    country: Text | None = None


class PersonFields(BaseModel):
    """A prospect or member. Further fields are taken as they are; a field set to null becomes blank."""

    model_config = ConfigDict(extra="allow", json_schema_extra={"example": MEMBER})

    external_id: Id | None = Field(None, description="The sender's id of the person; it stays the same for ever.")
    first_name: Text | None = None
    last_name: Text | None = None
    email: Email | None = None
    mobile_phone: Phone | None = None
    home_phone: Phone | None = None
    work_phone: Phone | None = None
    birth_date: Day | None = Field(None, description="Like 1984-05-08.")
    address: Address | None = None
    staff_owner_email: Email | None = Field(None, description="Of a member of staff; an unknown one is only warned of.")
    lead_source_id: Id | None = Field(None, description="The `id` of a lead source; an unknown one is only warned of.")

    @model_validator(mode="after")
    def names_are_usable(self) -> PersonFields:
        for name in self.model_extra or {}:
            if name in OURS:
                raise ValueError(f"The field {name} is the receiver's own and can't be set here.")
            if not NAME.fullmatch(name):
                raise ValueError(
                    "A field's name must begin with a letter, have letters, digits and _ only, and be at most 100 long."
                )
        return self


class PersonCreated(PersonFields):
    external_id: Id = Field(description="The sender's id of the person; it stays the same for ever.")

    @model_validator(mode="after")
    def somebody_is_named(self) -> PersonCreated:
        if not any((value or "").strip() for value in (self.first_name, self.last_name, self.email)):
            raise ValueError("Nobody is named: send first_name, last_name or email.")
        return self


class PersonSaved(PersonFields):
    id: Id | None = Field(None, description="Our id, where it is known; else `external_id` finds the person.")

    @model_validator(mode="after")
    def can_be_told_apart(self) -> PersonSaved:
        if self.id is None and self.external_id is None:
            raise ValueError("Send external_id, or the id that was answered before.")
        return self


class SourceCreated(BaseModel):
    """A lead source."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": SOURCE})

    external_id: Id
    name: Annotated[str, Field(max_length=255, min_length=1)]


class SourceFields(BaseModel):
    """What changes of a lead source."""

    model_config = ConfigDict(extra="forbid")

    external_id: Id | None = None
    name: Annotated[str, Field(max_length=255, min_length=1)] | None = None


class Remark(BaseModel):
    """field: its name, with dots into nested ones; "" where it concerns the whole call."""

    field: str
    message: str


class Refused(BaseModel):
    errors: list[Remark]


class Kept(BaseModel):
    """What became of a save. id: the receiver's; created: it is new; warnings: it was saved, but something lacks."""

    id: str
    external_id: str
    created: bool
    warnings: list[Remark] = []


class PersonKept(Kept):
    stage: str = Field(description="prospect or member")


class StaffMember(BaseModel):
    id: str
    name: str
    email: str


class Staff(BaseModel):
    staff: list[StaffMember]


class LeadSource(BaseModel):
    id: str
    external_id: str
    name: str


class LeadSources(BaseModel):
    lead_sources: list[LeadSource]
