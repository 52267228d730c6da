"""What each address under /services/data/vXX.X answers."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import orjson

from connectors.sandbox.salesforce import collections, replication, single
from connectors.sandbox.salesforce.calls import NOT_FOUND, Call, Office, RefusedError, refusal
from connectors.sandbox.salesforce.queries import no_such_field
from connectors.sandbox.salesforce.rows import full_id
from connectors.sandbox.salesforce.schema import described, summary
from connectors.sandbox.salesforce.soql import SoqlError
from connectors.sandbox.salesforce.writes import UnreadableBodyError, WriteError, duplicates_found
from connectors.sandbox.stand_in import Answer, Request

OLDEST, NEWEST = 46, 68
VERSIONS = [
    {"label": f"Release {number}", "url": f"/services/data/v{number}.0", "version": f"{number}.0"}
    for number in range(OLDEST, NEWEST + 1)
]
LONGEST_ADDRESS = 16_384
LONGEST_BATCH = 25
ROOT = re.compile(r"(/services/data/v(\d+)\.0)(/.*)?", re.DOTALL)
RESOURCES = ("sobjects", "query", "queryAll", "composite")


def call(office: Office, request: Request) -> Answer:
    """Answer a request of somebody who is signed in."""
    if sum(len(name) + len(value) + 2 for name, value in request.query.items()) > LONGEST_ADDRESS:
        return Answer(414, None, raw=b"URI Too Long")
    root = ROOT.fullmatch(request.path)
    if root is None or not OLDEST <= int(root[2]) <= NEWEST:
        return NOT_FOUND
    path = (root[3] or "").rstrip("/")
    found = [(route, match) for route in _ROUTES if (match := route[1].fullmatch(path))]
    for (method, _, handle), match in found:
        if method == request.method:
            return _handle(handle, Call(request, office, root[1]), match.groups())
    if found:
        message = f"HTTP Method '{request.method}' not allowed."
        return refusal(405, "METHOD_NOT_ALLOWED", message)
    return NOT_FOUND


def without_values(path: str) -> str:
    """The path, but for the value of an external id."""
    return re.sub(r"(/sobjects/\w+/(?!describe|updated|deleted)\w+/).+", r"\1…", path, flags=re.DOTALL)


def _handle(handle: Callable[..., Answer], call: Call, parts: tuple[str, ...]) -> Answer:
    try:
        return handle(call, *parts)
    except RefusedError as refused:
        return refused.answer
    except SoqlError as error:
        return refusal(400, error.code, error.message)
    except collections.CallError as error:
        return refusal(400, error.code, error.message)
    except WriteError as error:
        return _refused_write(error, call)
    except (UnreadableBodyError, ValueError) as error:
        return refusal(400, "JSON_PARSER_ERROR", str(error))


def _refused_write(error: WriteError, call: Call) -> Answer:
    if error.code == "DUPLICATE_EXTERNAL_ID":
        return Answer(300, [f"{call.root}/sobjects/Contact/{record_id}" for record_id in error.ids])
    # By its own address a missing record is 404; in a collection it has a code of its own.
    if error.code == "INVALID_CROSS_REFERENCE_KEY" and not error.fields:
        return NOT_FOUND
    if found := duplicates_found(error):
        return Answer(400, [{"errorCode": error.code, "message": error.message, **found}])
    return refusal(404 if error.code == "ENTITY_IS_DELETED" else 400, error.code, error.message, error.fields)


def _resources(call: Call) -> Answer:
    return Answer(200, {name: f"{call.root}/{name}" for name in RESOURCES})


def _objects(call: Call) -> Answer:
    kinds = [summary(rows.kind) | {"urls": _urls(call, name)} for name, rows in call.office.rows.items()]
    return Answer(200, {"encoding": "UTF-8", "maxBatchSize": 200, "sobjects": kinds})


def _describe(call: Call, object_type: str) -> Answer:
    kind = call.rows(object_type).kind
    return Answer(200, described(kind) | {"urls": _urls(call, kind.name)})


def _urls(call: Call, name: str) -> dict[str, str]:
    address = f"{call.root}/sobjects/{name}"
    return {"sobject": address, "describe": f"{address}/describe", "rowTemplate": f"{address}/{{ID}}"}


def _query(call: Call, *, with_deleted: bool = False) -> Answer:
    call.office.counts["reads"] += 1
    options = call.request.headers.get("sforce-query-options", "")
    text = call.request.query.get("q", "")
    return Answer(200, call.office.queries.run(text, call.root, with_deleted=with_deleted, options=options))


def _query_all(call: Call) -> Answer:
    return _query(call, with_deleted=True)


def _more(call: Call, place: str) -> Answer:
    call.office.counts["reads"] += 1
    return Answer(200, call.office.queries.batch(place, call.root))


def _retrieve(call: Call, object_type: str) -> Answer:
    if call.request.method == "GET":
        ids = call.request.query.get("ids", "").split(",")
        names = call.request.query.get("fields", "").split(",")
    else:
        body = call.request.json()
        if not isinstance(body, dict) or not {"ids", "fields"} <= body.keys():
            raise UnreadableBodyError("The body must be an object with ids and fields.")
        ids, names = body["ids"], body["fields"]
    call.office.counts["reads"] += 1
    rows = call.rows(object_type)
    for name in names:
        if rows.kind.find(name) is None:
            raise no_such_field(name, rows.kind)
    render = call.office.queries.renderer(rows.kind, dict.fromkeys(["Id", *names]), call.root)
    # One for each id, in order: null for what is not there.
    found = (rows.alive(record_id) for record_id in ids)
    return Answer(200, [row and render(row) for row in found])


def _collect(call: Call, *key: str) -> Answer:
    writes, method = call.office.writes, call.request.method
    if method == "DELETE":
        ids = [full_id(record_id) or record_id for record_id in call.request.query.get("ids", "").split(",")]
        return Answer(200, collections.delete(writes, ids, call.request.query.get("allOrNone") == "true"))
    body = call.request.json()
    if key:
        return Answer(200, collections.upsert(writes, call.rows(key[0]).kind.name, key[1], body))
    return Answer(200, (collections.insert if method == "POST" else collections.update)(writes, body))


def _batch(call: Call) -> Answer:
    """Each of the requests in the body, answered by itself."""
    body = call.request.json()
    inner = body.get("batchRequests") if isinstance(body, dict) else None
    if not isinstance(inner, list) or len(inner) > LONGEST_BATCH:
        raise UnreadableBodyError(f"batchRequests must be a list of at most {LONGEST_BATCH} requests.")
    answers = [_inner(call, one) for one in inner]
    results = [{"statusCode": answer.status, "result": answer.body} for answer in answers]
    return Answer(200, {"hasErrors": any(answer.status >= 400 for answer in answers), "results": results})


def _inner(outer: Call, wanted: Any) -> Answer:
    address = urlsplit(f"/services/data/{wanted['url']}")
    content = orjson.dumps(wanted["richInput"]) if "richInput" in wanted else b""
    request = Request(
        wanted["method"], unquote(address.path), dict(parse_qsl(address.query)), outer.request.headers, content
    )
    return call(outer.office, request)


_ROUTES: list[tuple[str, re.Pattern[str], Callable[..., Answer]]] = [
    (method, re.compile(path, re.DOTALL), handle)
    for method, path, handle in (
        ("GET", r"", _resources),
        ("GET", r"/sobjects", _objects),
        ("GET", r"/query", _query),
        ("GET", r"/queryAll", _query_all),
        ("GET", r"/query/([^/]+)", _more),
        ("GET", r"/sobjects/(\w+)/describe", _describe),
        ("GET", r"/sobjects/(\w+)/updated", replication.updated),
        ("GET", r"/sobjects/(\w+)/deleted", replication.deleted),
        ("POST", r"/sobjects/(\w+)", single.create),
        ("GET", r"/sobjects/(\w+)/(\w+)", single.read),
        ("PATCH", r"/sobjects/(\w+)/(\w+)", single.update),
        ("DELETE", r"/sobjects/(\w+)/(\w+)", single.delete),
        ("GET", r"/sobjects/(\w+)/(\w+)/(.+)", single.read_by_key),
        ("PATCH", r"/sobjects/(\w+)/(\w+)/(.+)", single.upsert),
        ("POST", r"/composite/batch", _batch),
        ("POST", r"/composite/sobjects", _collect),
        ("PATCH", r"/composite/sobjects", _collect),
        ("DELETE", r"/composite/sobjects", _collect),
        ("GET", r"/composite/sobjects/(\w+)", _retrieve),
        ("POST", r"/composite/sobjects/(\w+)", _retrieve),
        ("PATCH", r"/composite/sobjects/(\w+)/(\w+)", _collect),
    )
]
