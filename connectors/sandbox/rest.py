"""A stand-in for the web services that nobody has heard of yet: one list of people, in each usual manner.

RFC 9110 (If-Match, Location), RFC 8288 (Link), RFC 6749 (client credentials), RFC 6750 and 7617 (bearer, Basic);
paging, envelopes, changed-since and tombstones as public interfaces commonly document them.
"""

from __future__ import annotations

import hmac
from base64 import b64encode
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl

from connectors.sandbox.people import Person, Shares, people, written_phone
from connectors.sandbox.rest_manners import AUTH, OBJECT, PAGING, SINCE, Turn, next_of
from connectors.sandbox.stand_in import Answer, FormField, Request, Row, StandIn

USERNAME, SECRET, CLIENT = "sandbox-user", "sandbox/rest+key", "sandbox-client"
ROOT = "/v1"
BLANK: Row = {
    "first_name": "",
    "last_name": "",
    "nickname": None,
    "email": None,
    "phone": None,
    "class_year": None,
    "birthdate": None,
    "city": None,
    "status": None,
}
FORM = (
    FormField("first_name", "First name", is_name=True, is_column=True, is_required=True),
    FormField("last_name", "Last name", is_name=True, is_column=True, is_required=True),
    FormField("nickname", "Nickname"),
    FormField("email", "E-mail", is_column=True),
    FormField("phone", "Phone", is_column=True),
    FormField("class_year", "Class year", is_column=True),
)


class WebService(StandIn):
    """People under /v1/people.

    paging, auth   one of the manners that `rest_manners` names
    since          how times of change are written, or "" for a service that can't be asked for changes
    records_at     "" for a bare list, else where it lies in the answer
    wrap           "" for bare bodies, else the name around a record, sent and answered
    says           what a create answers: the "record", a "location", or "nothing"
    total          whether a list says how long it is
    """

    system = "rest"
    label = "a web service"
    people_type = "person"

    def __init__(
        self,
        *,
        people: int = 20,
        seed: int = 1,
        paging: str = "page",
        auth: str = "basic",
        since: str = "",
        records_at: str = "data",
        wrap: str = "data",
        says: str = "record",
        total: bool = True,
        page_size: int = 100,
        overlap: Shares | None = None,
    ) -> None:
        super().__init__(people=people, seed=seed)
        self.paging, self.auth, self.since, self.says = PAGING[paging], auth, since, says
        self.records_at, self.wrap, self.has_total, self.page_size = records_at, wrap, total, page_size
        self.records["person"] = {}
        self.tombstones: dict[str, Row] = {}
        self.tokens: list[str] = []
        self._last_id = self._last_mark = 0
        for person in people_of(people, seed, overlap):
            self.create("person", person)

    @property
    def settings(self) -> dict[str, Any]:
        given = AUTH[self.auth](USERNAME, SECRET, CLIENT, f"{self.url}/oauth/token")
        return {
            "base_url": f"{self.url}{ROOT}",
            **{f"auth_{name}": value for name, value in {"type": self.auth, **given}.items()},
            "objects": {"person": self.described()},
        }

    def described(self) -> dict[str, Any]:
        """What somebody would say of the list of people, from the service's documents."""
        size = {} if self.paging.name == "none" else {"size_param": "limit", "size": self.page_size}
        wrapped = {"wrap": self.wrap} if self.wrap else {}
        told = {
            **OBJECT,
            "list": {"path": "/people", **({"records": self.records_at} if self.records_at else {})},
            "paging": {"type": self.paging.name, **self.paging.described, **size},
            "read": {"path": "/people/{id}", **({"record": self.wrap} if self.wrap else {})},
            "create": {"method": "POST", "path": "/people", **wrapped},
            "update": {"method": "PATCH", "path": "/people/{id}", **wrapped},
        }
        if self.since:
            told["changed_since"] = {"param": "since", "field": "updated", "format": self.since}
            told["deleted"] = {"field": "deleted", "value": True}
        return told

    def expire_tokens(self) -> None:
        """Every token given out so far is no longer good."""
        self.tokens.clear()

    def answer(self, request: Request) -> Answer:
        if request.path == "/oauth/token" and request.method == "POST":
            return self._token(request)
        if not self._is_known(request):
            return self.refuse()
        if request.path == f"{ROOT}/people":
            handle: Callable[[Request], Answer] | None = {"GET": self._list, "POST": self._post}.get(request.method)
            return handle(request) if handle else _problem(405, "Method not allowed")
        id = request.path.removeprefix(f"{ROOT}/people/")
        row = self.records["person"].get(id)
        return self._one(request, id, row) if row is not None else _problem(404, "There is no such person")

    def refuse(self) -> Answer:
        return _problem(401, "Unknown key")

    def form_fields(self) -> tuple[FormField, ...]:
        return FORM

    def create(self, object_type: str, values: Row) -> str:
        with self.lock:
            self._last_id += 1
            id = str(self._last_id)
            self.records[object_type][id] = {"id": self._last_id, **BLANK, **values, **self._stamps()}
            return id

    def change(self, object_type: str, record_id: str, /, **values: Any) -> None:
        with self.lock:
            self.records[object_type][record_id].update(values, **self._stamps())

    def remove(self, object_type: str, record_id: str) -> None:
        with self.lock:
            del self.records[object_type][record_id]
            self.tombstones[record_id] = {"id": int(record_id), "deleted": True, **self._stamps()}

    def _stamps(self) -> Row:
        self._last_mark += 1
        written = SINCE[self.since or "iso"](self.clock(), self._last_mark)
        return {"updated": written, "revision": self._last_mark}

    def _list(self, request: Request) -> Answer:
        self.counts["reads"] += 1
        query = dict(request.query)
        rows = self._wanted(query)
        size = int(query.get("limit", self.page_size)) if self.paging.name != "none" else len(rows)
        turn = Turn(rows, size, query, f"{self.url}{request.path}")
        shown, more, headers = next_of(self.paging, turn)
        if self.has_total:
            headers["X-Total-Count"] = str(len(rows))
        body: Any = shown
        for name in reversed(self.records_at.split(".") if self.records_at else ()):
            body = {name: body}
        if isinstance(body, dict):
            body |= more
        return Answer(200, body, headers)

    def _wanted(self, query: Mapping[str, str]) -> list[Row]:
        rows = list(self.records["person"].values())
        for name in set(query) & {"id", *BLANK}:
            rows = [row for row in rows if str(row[name]) == query[name]]
        if self.since and "since" in query:
            rows += self.tombstones.values()
            rows = [row for row in rows if not self._is_older(row["updated"], query["since"])]
        return rows

    def _is_older(self, stamp: Any, since: str) -> bool:
        # As such services are: marks are told apart, times of one second are not.
        return bool(stamp <= int(since)) if self.since == "raw" else bool(stamp < type(stamp)(since))

    def _post(self, request: Request) -> Answer:
        values = self._read(request)
        if isinstance(values, Answer):
            return values
        self.counts["creates"] += 1
        self.creates_of[f"{values.get('first_name')} {values.get('last_name')} <{values.get('email')}>"] += 1
        id = self.create("person", values)
        where = {"Location": f"{self.url}{ROOT}/people/{id}"} if self.says == "location" else {}
        return Answer(201, self._wrapped(self.records["person"][id]) if self.says == "record" else {}, where)

    def _one(self, request: Request, id: str, row: Row) -> Answer:
        if request.method == "GET":
            self.counts["reads"] += 1
            return Answer(200, self._wrapped(row))
        if request.method not in ("PATCH", "PUT"):
            return _problem(405, "Method not allowed")
        wanted = request.headers.get("if-match")
        if wanted is not None and wanted != f'"{row["revision"]}"':
            return _problem(412, "It has another revision by now")
        values = self._read(request)
        if isinstance(values, Answer):
            return values
        after = {**row, **(BLANK if request.method == "PUT" else {}), **values}
        self.counts["unchanged" if after == row else "updates"] += 1
        self.change("person", id, **after)
        return Answer(200, self._wrapped(row))

    def _read(self, request: Request) -> Row | Answer:
        """The fields that were sent, or why they aren't taken."""
        try:
            values = request.json()[self.wrap] if self.wrap else request.json()
        except (KeyError, TypeError, ValueError):
            return _problem(400, "The body can't be read")
        values = {name: value for name, value in values.items() if name not in ("id", "updated", "revision")}
        errors = {name: ["This field is not known."] for name in values if name not in BLANK}
        if values.get("email") and "@" not in str(values["email"]):
            errors["email"] = ["This is no e-mail address."]
        return Answer(422, {"errors": errors}) if errors else values

    def _wrapped(self, row: Row) -> Any:
        return {self.wrap: row} if self.wrap else row

    def _token(self, request: Request) -> Answer:
        form = dict(parse_qsl(request.body.decode()))
        if (form.get("client_id"), form.get("client_secret")) != (CLIENT, SECRET):
            return Answer(401, {"error": "invalid_client"})
        self.tokens.append(f"sandbox-token-{len(self.log)}")
        return Answer(200, {"access_token": self.tokens[-1], "token_type": "Bearer", "expires_in": 3600})

    def _is_known(self, request: Request) -> bool:
        sent = request.headers.get("authorization", "")
        if self.auth == "oauth2":
            return sent.removeprefix("Bearer ") in self.tokens
        wanted, given = {
            "none": ("", ""),
            "basic": (f"Basic {b64encode(f'{USERNAME}:{SECRET}'.encode()).decode()}", sent),
            "bearer": (f"Bearer {SECRET}", sent),
            "header": (SECRET, request.headers.get("x-api-key", "")),
            "query": (SECRET, request.query.get("api_key", "")),
        }[self.auth]
        return hmac.compare_digest(wanted.encode(), given.encode())


STAND_IN = WebService


def people_of(count: int, seed: int, overlap: Shares | None) -> list[Row]:
    """Invented people as this service has them."""
    return [_person(one) for one in people(count, seed, overlap) if one["where"] != "crm"]


def _person(person: Person) -> Row:
    return {
        "first_name": person["first"],
        "last_name": person["last"],
        "nickname": person["nick"] or None,
        "email": person["email"],
        "phone": written_phone(person["phone"], "dotted") or None,
        "class_year": person["class_year"],
        "birthdate": person["birthdate"],
        "city": person["city"],
        "status": person["status"],
    }


def _problem(status: int, message: str) -> Answer:
    return Answer(status, {"message": message})
