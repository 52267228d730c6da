"""A stand-in for the Alumni.Fund Vault, from http://docs.alumnispaces.com (github.com/alumnispaces/API-Docs).

What is not written there is an option: what a verb that the key may not use is answered with, where a list's
people come from. Nobody is de-duplicated: "Tyrion Lannister might have 5 different Person records to match the
5 transactions he's conducted".
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import orjson

from connectors.sandbox.alumni_spaces.queries import BadQueryError, query
from connectors.sandbox.alumni_spaces.rows import KEPT, parts_of_list, person_of, put, stamped, transaction_of
from connectors.sandbox.people import Shares, people
from connectors.sandbox.stand_in import Answer, FormField, Request, Row, StandIn

USERNAME, PASSWORD = "sandbox-vault", "sandbox-vault-password"
API_KEY = "sandboxvaultkey0123456789"
ID_PREFIX = "5653b26dd75eafac"
FORM = (
    FormField("name.first", "First name", is_name=True, is_column=True, is_required=True),
    FormField("name.last", "Last name", is_name=True, is_column=True, is_required=True),
    FormField("emails.personal", "Personal e-mail", is_column=True),
    FormField("phones.mobile", "Mobile", is_column=True),
    FormField("birthday", "Birthday"),
)


class AlumniSpaces(StandIn):
    """People and transactions.

    verbs      what the key may use
    refusal    the status that another verb is answered with
    gifts      how many transactions each person made, with a Person record for each
    overlap    who is here only, or not at all: see `people`
    generated  people are invented while the list is sent and kept nowhere, so that there may be a million
    """

    system = "alumni_spaces"
    label = "Alumni Spaces Vault"
    people_type = "person"

    def __init__(
        self,
        *,
        people: int = 20,
        seed: int = 1,
        verbs: str = "GET, POST, PUT",
        refusal: int = 403,
        gifts: int = 1,
        generated: bool = False,
        overlap: Shares | None = None,
    ) -> None:
        super().__init__(people=people, seed=seed)
        self.verbs, self.refusal, self.gifts, self.generated = verbs, refusal, gifts, generated
        self.records |= {"person": {}, "transaction": {}}
        self._last_id = 0
        if not generated:
            self._fill(overlap)

    @property
    def settings(self) -> dict[str, Any]:
        return {
            "base_url": self.url,
            "username": USERNAME,
            "password": PASSWORD,
            "api_key": API_KEY,
            "verbs": self.verbs,
        }

    def answer(self, request: Request) -> Answer:
        basic = b64encode(f"{USERNAME}:{PASSWORD}".encode()).decode()
        # "Any request that does not contain both authentication methods will be rejected."
        if request.headers.get("authorization") != f"Basic {basic}":
            return self.refuse()
        if request.headers.get("x-alumnispaces-key") != API_KEY:
            return self.refuse()
        if request.method not in self.verbs.split(", "):
            return _words(self.refusal, "Not permitted")
        kind, _, id = request.path.strip("/").partition("/")
        if kind not in self.records:
            return _words(404, "Not found")
        if request.method == "GET":
            return self._get(request, kind, id)
        if id:
            return _words(404, "Not found")
        return self._post(request, kind) if request.method == "POST" else self._put(request, kind)

    def refuse(self) -> Answer:
        return _words(401, "Unauthorized")

    def form_fields(self) -> tuple[FormField, ...]:
        return FORM

    def form_row(self, record: Row) -> Row:
        labelled = {
            f"{name}.{item['label']}": item.get("address") or item.get("number")
            for name in ("emails", "phones")
            for item in record.get(name) or []
            if isinstance(item, dict) and "label" in item
        }
        name = record.get("name") or {}
        return {**record, **labelled, **{f"name.{key}": value for key, value in name.items()}}

    def create(self, object_type: str, values: Row) -> str:
        with self.lock:
            self._last_id += 1
            id, now = f"{ID_PREFIX}{self._last_id:08}", self._now()
            record = stamped({}, values, now)
            self.records[object_type][id] = {"_id": id, "_created": now, **record, "__v": 0}
            return id

    def change(self, object_type: str, record_id: str, /, **values: Any) -> None:
        with self.lock:
            record, now = self.records[object_type][record_id], self._now()
            for path, value in values.items():
                record.update(stamped(record, put(record, path, value), now))
            record["_updated"] = now

    def remove(self, object_type: str, record_id: str) -> None:
        with self.lock:
            del self.records[object_type][record_id]

    def _get(self, request: Request, kind: str, id: str) -> Answer:
        self.counts["reads"] += 1
        if kind == "transaction" and id == "query":
            return self._query(dict(request.query))
        if not id:
            return self._list(kind)
        found = self.records[kind].get(id)
        return Answer(200, found) if found is not None else _words(404, "Not found")

    def _list(self, kind: str) -> Answer:
        """All of them in one answer: there are no pages."""
        if kind == "person" and self.generated:
            return Answer(parts=parts_of_list(_invented(self.people, self.seed)))
        return Answer(200, list(self.records[kind].values()))

    def _query(self, given: dict[str, str]) -> Answer:
        try:
            return Answer(200, query(self.records["transaction"].values(), given))
        except BadQueryError as error:
            return _words(400, str(error))

    def _post(self, request: Request, kind: str) -> Answer:
        values = _read(request)
        if values is None:
            return _words(400, "Bad request")
        self.counts["creates"] += 1
        self.creates_of[_who(kind, values)] += 1
        return Answer(200, {"_id": self.create(kind, {n: v for n, v in values.items() if n not in KEPT})})

    def _put(self, request: Request, kind: str) -> Answer:
        # An update is documented of transactions only.
        values = _read(request) if kind == "transaction" else None
        if values is None:
            return _words(404 if kind == "person" else 400, "Not found")
        id = str(values.get("_id"))
        if id not in self.records[kind]:
            return _words(404, "Not found")
        before = dict(self.records[kind][id])
        self.change(kind, id, **{name: value for name, value in values.items() if name not in KEPT})
        after = self.records[kind][id]
        is_same = all(before.get(name) == after.get(name) for name in values)
        self.counts["unchanged" if is_same else "updates"] += 1
        return Answer(200, after)

    def _now(self) -> str:
        return self.clock().strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"

    def _fill(self, overlap: Shares | None) -> None:
        number = 0
        for person in people(self.people, self.seed, overlap):
            for _ in range(self.gifts if person["where"] != "crm" else 0):
                number += 1
                id = self.create("person", person_of(person))
                self.create("transaction", transaction_of(person, id, number))


STAND_IN = AlumniSpaces


def _invented(count: int, seed: int) -> Iterator[bytes]:
    """People as the list has them; only their number differs after the first thousand, which is quicker."""
    patterns = [person_of(person) for person in people(min(count, 1000), seed)]
    for number in range(1, count + 1):
        record = stamped({}, patterns[number % len(patterns)], "2017-08-10T22:05:35.253Z")
        head = {"_id": f"{ID_PREFIX}{number:08}", "_created": "2017-08-10T22:05:25.561Z"}
        yield orjson.dumps({**head, **record, "groups": {f"mizzou_{number}": "New York"}})


def _read(request: Request) -> Row | None:
    try:
        values = json.loads(request.body, parse_float=Decimal)
    except ValueError:
        return None
    return values if isinstance(values, dict) and values else None


def _who(kind: str, values: Row) -> str:
    name = values.get("name")
    if kind == "person" and isinstance(name, dict):
        return f"{name.get('first')} {name.get('last')}"
    return f"{kind} {values.get('value')}"


def _words(status: int, text: str) -> Answer:
    # No shape of an error is published.
    return Answer(status, raw=text.encode(), headers={"Content-Type": "text/plain; charset=utf-8"})
