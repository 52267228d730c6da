"""The services that the Connector calls. What they decide stands in `keeping`."""

from __future__ import annotations

from typing import Any, Protocol

from django.http import HttpRequest
from ninja import Router, Status

from connectors.models import AccessToken
from connectors.receiving.inbox import Saved, there
from connectors.receiving.views import offers
from connectors.systems.intouch_receiver import InTouchReceiver
from connectors.systems.intouch_receiver.keeping import (
    MEMBER,
    PROSPECT,
    SOURCE,
    STAFF,
    keep_person,
    keep_source,
    text,
    warnings,
)
from connectors.systems.intouch_receiver.schemas import (
    Kept,
    LeadSources,
    PersonCreated,
    PersonFields,
    PersonKept,
    PersonSaved,
    Refused,
    SourceCreated,
    SourceFields,
    Staff,
)
from connectors.systems.intouch_receiver.services import OWNERS, SERVICES

router = Router(tags=[InTouchReceiver.label])
service = offers(router, InTouchReceiver, SERVICES)

REFUSED = {400: Refused, 401: Refused, 403: Refused, 413: Refused, 422: Refused, 429: Refused}
MISSING = {404: Refused}
PERSON = {200: PersonKept, 201: PersonKept, **REFUSED}
CHANGED = {200: PersonKept, **MISSING, **REFUSED}
SAVED = {200: PersonKept, 201: PersonKept, **MISSING, **REFUSED}
Answer = Status[dict[str, Any]]


class Call(Protocol):
    """A request whose token was accepted."""

    auth: AccessToken


@service("save_prospect", SAVED)
def save_prospect(request: HttpRequest, place: str, person: PersonSaved) -> Answer:
    return _save(request, PROSPECT, person)


@service("create_prospect", PERSON)
def create_prospect(request: HttpRequest, place: str, person: PersonCreated) -> Answer:
    return _keep(request, PROSPECT, person)


@service("update_prospect", CHANGED)
def update_prospect(request: HttpRequest, place: str, id: str, person: PersonFields) -> Answer:
    return _keep(request, PROSPECT, person, id)


@service("save_member", SAVED)
def save_member(request: HttpRequest, place: str, person: PersonSaved) -> Answer:
    return _save(request, MEMBER, person)


@service("create_member", PERSON)
def create_member(request: HttpRequest, place: str, person: PersonCreated) -> Answer:
    return _keep(request, MEMBER, person)


@service("update_member", CHANGED)
def update_member(request: HttpRequest, place: str, id: str, person: PersonFields) -> Answer:
    return _keep(request, MEMBER, person, id)


@service("list_staff", {200: Staff, **REFUSED})
def list_staff(request: HttpRequest, place: str) -> dict[str, Any]:
    rows = there(_caller(request).connection_id, STAFF, place).order_by("pk")
    staff = [{"id": str(row.pk), "name": text(row, "name"), "email": text(row, "email")} for row in rows]
    return {"staff": [one for one in staff if one["email"]]}


@service("list_lead_sources", {200: LeadSources, **REFUSED})
def list_lead_sources(request: HttpRequest, place: str) -> dict[str, Any]:
    rows = there(_caller(request).connection_id, SOURCE, place).order_by("pk")
    return {
        "lead_sources": [{"id": str(row.pk), "external_id": row.sender_id, "name": text(row, "name")} for row in rows]
    }


@service("create_lead_source", {200: Kept, 201: Kept, **REFUSED})
def create_lead_source(request: HttpRequest, place: str, source: SourceCreated) -> Answer:
    caller = _caller(request)
    return _kept(keep_source(caller.connection_id, caller.place, source.model_dump(exclude_unset=True)))


@service("update_lead_source", {200: Kept, **MISSING, **REFUSED})
def update_lead_source(request: HttpRequest, place: str, id: str, source: SourceFields) -> Answer:
    caller = _caller(request)
    return _kept(keep_source(caller.connection_id, caller.place, source.model_dump(exclude_unset=True), id=id))


def _save(request: HttpRequest, stage: str, person: PersonSaved) -> Answer:
    return _keep(request, stage, person, person.id)


def _keep(request: HttpRequest, stage: str, person: PersonFields, id: str | None = None) -> Answer:
    caller = _caller(request)
    values = person.model_dump(exclude_unset=True, exclude={"id"})
    saved = keep_person(caller.connection_id, caller.place, stage, values, id=id)
    remarks = dict(warnings(caller.connection_id, caller.place, values))
    if not InTouchReceiver.has(caller.connection.settings, OWNERS):
        remarks.pop("staff_owner_email", None)
    return _kept(saved, list(remarks.items()))


def _kept(saved: Saved, remarks: list[tuple[str, str]] | None = None) -> Answer:
    row = saved.row
    assert row is not None  # noqa: S101 - what failed was raised
    answer = {
        "id": str(row.pk),
        "external_id": row.sender_id,
        "stage": row.stage,
        "created": saved.is_new,
        "warnings": [{"field": name, "message": why} for name, why in remarks or ()],
    }
    return Status(201 if saved.is_new else 200, answer)


def _caller(request: HttpRequest) -> AccessToken:
    call: Call = request  # type: ignore[assignment]
    return call.auth
