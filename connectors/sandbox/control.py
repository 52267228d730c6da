"""Steering a stand-in from another process: JSON under /_sandbox/, from this machine only, without a key.

GET  counts                                       → {"requests", "creates", …, "creates_of": {who: times}}
GET  log                                          → [{"method", "path", "status"}, …]
GET  records?object_type=…[&id=…]                 → {id: record} or the record
POST create {"object_type", "values"}             → {"id"}
POST change {"object_type", "id", "values"}       → {}
POST remove {"object_type", "id"}                 → {}
POST faults {"next": {"kind", …}} or {"every": {"n", "kinds", …}} or {"clear": true}   → {}
POST latency {"seconds"}                          → {}
POST glitch {"kind", "object_type"[, "field", "share", "value"]} → {"records"}      POST mend {} → {"records"}
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from connectors.sandbox.glitches import mend, play
from connectors.sandbox.stand_in import Answer, Request, StandIn

CONTROL = "/_sandbox/"


def control(stand_in: StandIn, request: Request) -> Answer:
    """Carry out a control request; what it can't make sense of is answered with 400 and why."""
    verb = _VERBS.get((request.method, request.path.removeprefix(CONTROL).strip("/")))
    if verb is None:
        return Answer(404, {"message": "There is no such control."})
    try:
        given = request.json() if request.body else dict(request.query)
        with stand_in.lock:
            return Answer(200, verb(stand_in, given))
    except (KeyError, TypeError, ValueError) as error:
        return Answer(400, {"message": str(error)})


def _counts(there: StandIn, given: Any) -> Any:
    return {**there.counts, "creates_of": dict(there.creates_of)}


def _log(there: StandIn, given: Any) -> Any:
    return [line._asdict() for line in there.log]


def _records(there: StandIn, given: Any) -> Any:
    records = there.records[given["object_type"]]
    return records[given["id"]] if "id" in given else records


def _create(there: StandIn, given: Any) -> Any:
    return {"id": there.create(given["object_type"], given["values"])}


def _change(there: StandIn, given: Any) -> Any:
    there.change(given["object_type"], given["id"], **given["values"])
    return {}


def _remove(there: StandIn, given: Any) -> Any:
    there.remove(given["object_type"], given["id"])
    return {}


def _faults(there: StandIn, given: Any) -> Any:
    if given.get("clear"):
        there.faults.clear()
    if "next" in given:
        there.faults.next(**given["next"])
    if "every" in given:
        there.faults.every(**given["every"])
    return {}


def _latency(there: StandIn, given: Any) -> Any:
    there.latency = float(given["seconds"])
    return {}


def _glitch(there: StandIn, given: Any) -> Any:
    return {"records": play(there, **given)}


def _mend(there: StandIn, given: Any) -> Any:
    return {"records": mend(there)}


_VERBS: dict[tuple[str, str], Callable[[StandIn, Any], Any]] = {
    ("GET", "counts"): _counts,
    ("GET", "log"): _log,
    ("GET", "records"): _records,
    ("POST", "create"): _create,
    ("POST", "change"): _change,
    ("POST", "remove"): _remove,
    ("POST", "faults"): _faults,
    ("POST", "latency"): _latency,
    ("POST", "glitch"): _glitch,
    ("POST", "mend"): _mend,
}
