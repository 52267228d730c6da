"""One record at a time: /sobjects/{object}, …/{id} and …/{field}/{value}."""

from __future__ import annotations

from datetime import datetime
from email.utils import parsedate_to_datetime

from connectors.sandbox.salesforce.calls import NOT_FOUND, Call, RefusedError, refusal
from connectors.sandbox.salesforce.writes import UnreadableBodyError, WriteError
from connectors.sandbox.stand_in import Answer, Row


def _row(call: Call, object_type: str, record_id: str) -> Row:
    rows = call.rows(object_type)
    row = rows.get(record_id)
    if row is None:
        raise RefusedError(NOT_FOUND)
    if row.get("IsDeleted"):
        raise WriteError("ENTITY_IS_DELETED", "entity is deleted")
    return row


def read(call: Call, object_type: str, record_id: str) -> Answer:
    row = _row(call, object_type, record_id)
    _check_moment(call, row)
    call.office.counts["reads"] += 1
    kind = call.rows(object_type).kind
    asked = call.request.query.get("fields")
    names = asked.split(",") if asked else [field.name for field in kind.fields.values()]
    return Answer(200, call.office.queries.renderer(kind, names, call.root)(row))


def _check_moment(call: Call, row: Row) -> None:
    # https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/intro_rest_conditional_requests.htm
    changed = datetime.fromisoformat(row["LastModifiedDate"])
    since = call.request.headers.get("if-modified-since")
    until = call.request.headers.get("if-unmodified-since")
    try:
        if since and call.request.method == "GET" and changed <= parsedate_to_datetime(since):
            raise RefusedError(Answer(304))
        if until and changed > parsedate_to_datetime(until):
            message = "The record has been modified since the time that was given."
            raise RefusedError(refusal(412, "PRECONDITION_FAILED", message))
    except (TypeError, ValueError):
        raise RefusedError(refusal(400, "INVALID_HEADER", "The time in the header can't be read.")) from None


def create(call: Call, object_type: str) -> Answer:
    writes = call.office.writes
    name = call.rows(object_type).kind.name
    record_id, _ = writes.carry_out(writes.plan_create(name, _body(call)))
    return Answer(201, {"id": record_id, "success": True, "errors": []})


def update(call: Call, object_type: str, record_id: str) -> Answer:
    row = _row(call, object_type, record_id)
    _check_moment(call, row)
    writes = call.office.writes
    writes.carry_out(writes.plan_update(call.rows(object_type).kind.name, row["Id"], _body(call)))
    return Answer(204)


def delete(call: Call, object_type: str, record_id: str) -> Answer:
    row = _row(call, object_type, record_id)
    writes = call.office.writes
    writes.carry_out(writes.plan_delete(call.rows(object_type).kind.name, row["Id"]))
    return Answer(204)


def upsert(call: Call, object_type: str, key: str, value: str) -> Answer:
    writes = call.office.writes
    name = call.rows(object_type).kind.name
    record_id, created = writes.carry_out(writes.plan_upsert(name, key, value, _body(call)))
    return Answer(201 if created else 200, {"id": record_id, "success": True, "errors": [], "created": created})


def read_by_key(call: Call, object_type: str, key: str, value: str) -> Answer:
    rows = call.rows(object_type)
    field = rows.kind.find(key)
    if field is None or not field.id_lookup or field.name == "Id":
        return NOT_FOUND
    found = rows.holding(field.name, value)
    if len(found) > 1:
        return Answer(300, [f"{call.root}/sobjects/{rows.kind.name}/{row['Id']}" for row in found])
    return read(call, object_type, found[0]["Id"]) if found else NOT_FOUND


def _body(call: Call) -> Row:
    body = call.request.json()
    if not isinstance(body, dict):
        raise UnreadableBodyError("The body must be an object.")
    return {name: value for name, value in body.items() if name != "attributes"}
