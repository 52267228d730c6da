"""A stand-in for 360Alumni's users, from https://www.360alumni.com/api/integration-considerations,
…/creating-and-updating-users and …/getting-started-with-the-api.

What is not published there is an option: the shape of lists, whether ids are text or numbers, which content
type is taken, whether PUT blanks what it leaves out. Times carry no zone, as in the vendor's own sample.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from itertools import islice, pairwise
from typing import Any, Literal
from urllib.parse import parse_qsl
from zoneinfo import ZoneInfo

from connectors.sandbox.people import PLATFORM_IDS, Person, Shares, people, written_phone
from connectors.sandbox.stand_in import Answer, FormField, Request, Row, StandIn

API_KEY = "sandbox-360-key"
BLANK: Row = {
    "first_name": "",
    "last_name": "",
    "maiden_name": None,
    "nickname": None,
    "email": None,
    "phone": None,
    "preferred_phone": None,
    "class_year": None,
    "birthdate": None,
    "enabled": 1,
    "groups": ["user"],
    "record_id": None,
    "company": None,
    "job_title": None,
    "status": None,
    "no_email": False,
    "deceased": False,
    "addresses": [],
}
REQUIRED = ("first_name", "last_name", "enabled")
READ_ONLY = ("user_id", "created_at", "updated_at")
FORM = (
    FormField("first_name", "First name", is_name=True, is_column=True, is_required=True),
    FormField("last_name", "Last name", is_name=True, is_column=True, is_required=True),
    FormField("maiden_name", "Maiden name"),
    FormField("nickname", "Nickname"),
    FormField("email", "E-mail", is_column=True),
    FormField("phone", "Phone", is_column=True),
    FormField("class_year", "Class year", is_column=True),
    FormField("birthdate", "Birth date"),
    FormField("company", "Company"),
    FormField("job_title", "Job title"),
    FormField("no_email", "Wants no e-mail", is_mark=True),
    FormField("deceased", "Deceased", is_mark=True),
)
USER = re.compile(r"/api/users/([^/]+)/?")


class Alumni360(StandIn):
    """Users in pages, by id, created and updated one by one.

    envelope      "" for a bare list, else the list's name in an object that also has `total` and `page`
    ids           "text" or "number"
    accepts       which content type writes come in: "json", "form" or "both"
    put_blanks    a PUT blanks the fields it leaves out
    overlap       who is here only, or not at all: see `people`
    """

    system = "alumni360"
    label = "360Alumni"
    people_type = "user"

    def __init__(
        self,
        *,
        people: int = 20,
        seed: int = 1,
        envelope: str = "",
        ids: Literal["text", "number"] = "text",
        accepts: Literal["json", "form", "both"] = "json",
        put_blanks: bool = False,
        page_size: int = 100,
        key_header: str = "X-API-KEY",
        time_zone: str = "UTC",
        overlap: Shares | None = None,
    ) -> None:
        super().__init__(people=people, seed=seed)
        self.envelope, self.id_type, self.accepts = envelope, ids, accepts
        self.put_blanks, self.page_size, self.key_header = put_blanks, page_size, key_header
        self.zone = ZoneInfo(time_zone)
        self.records["user"] = {}
        self._fill(overlap)

    @property
    def settings(self) -> dict[str, Any]:
        return {
            "base_url": f"{self.url}/api",
            "api_key": API_KEY,
            "key_header": self.key_header,
            "time_zone": self.zone.key,
        }

    def answer(self, request: Request) -> Answer:
        if request.headers.get(self.key_header.lower()) != API_KEY:
            return self.refuse()
        if request.path.rstrip("/") == "/api/users":
            handle = {"GET": self._list, "POST": self._post}.get(request.method)
            return handle(request) if handle else _problem(405, "Method Not Allowed")
        user = USER.fullmatch(request.path)
        if user is None or user[1] not in self.records["user"]:
            return _problem(404, "Not Found")
        return self._one(request, self.records["user"][user[1]])

    def refuse(self) -> Answer:
        return _problem(401, "Invalid API key")

    def form_fields(self) -> tuple[FormField, ...]:
        return FORM

    def create(self, object_type: str, values: Row) -> str:
        with self.lock:
            self._last_id += 1
            now = self._now()
            user = {
                "user_id": self._rendered_id(self._last_id),
                **BLANK,
                **values,
                "created_at": now,
                "updated_at": now,
            }
            self.records[object_type][str(self._last_id)] = user
            return str(self._last_id)

    def change(self, object_type: str, record_id: str, /, **values: Any) -> None:
        with self.lock:
            self.records[object_type][record_id].update(values, updated_at=self._now())

    def remove(self, object_type: str, record_id: str) -> None:
        with self.lock:
            del self.records[object_type][record_id]

    def _list(self, request: Request) -> Answer:
        page = request.query.get("page", "1")
        if not page.isdecimal() or int(page) < 1:
            return _problem(400, "Bad Request", {"page": "This value should be 1 or more."})
        self.counts["reads"] += 1
        users = self.records["user"]
        first = (int(page) - 1) * self.page_size
        # A page past the end is an empty list: nothing published says otherwise.
        found = list(islice(users.values(), first, first + self.page_size))
        return Answer(200, {self.envelope: found, "total": len(users), "page": int(page)} if self.envelope else found)

    def _post(self, request: Request) -> Answer:
        values = self._read(request)
        if isinstance(values, Answer):
            return values
        missing = [name for name in REQUIRED if values.get(name) in (None, "")]
        if missing:
            return _problem(400, "Bad Request", dict.fromkeys(missing, "This value is required."))
        self.counts["creates"] += 1
        self.creates_of[f"{values['first_name']} {values['last_name']} <{values.get('email')}>"] += 1
        return Answer(201, self.records["user"][self.create("user", values)])

    def _one(self, request: Request, user: Row) -> Answer:
        if request.method == "GET":
            self.counts["reads"] += 1
            return Answer(200, user)
        if request.method != "PUT":
            return _problem(405, "Method Not Allowed")
        values = self._read(request)
        if isinstance(values, Answer):
            return values
        # What is left out of a PUT is not published: it stays, or is blanked.
        after = {**user, **(BLANK if self.put_blanks else {}), **values}
        emptied = [name for name in REQUIRED if after.get(name) in (None, "")]
        if emptied:
            return _problem(400, "Bad Request", dict.fromkeys(emptied, "This value is required."))
        self.counts["unchanged" if after == user else "updates"] += 1
        self.change("user", str(user["user_id"]), **after)
        return Answer(200, user)

    def _read(self, request: Request) -> Row | Answer:
        """The fields that were sent, or why they aren't taken."""
        sent = request.headers.get("content-type", "").split(";")[0].strip()
        kind = {"application/json": "json", "application/x-www-form-urlencoded": "form"}.get(sent)
        if kind is None or self.accepts not in (kind, "both"):
            return _problem(400, "Bad Request")
        try:
            values = request.json() if kind == "json" else parse_form(request.body.decode())
        except ValueError:
            return _problem(400, "Bad Request")
        if not isinstance(values, dict):
            return _problem(400, "Bad Request")
        # A record that was read may be sent back whole: what the system sets itself is passed over.
        values = {name: value for name, value in values.items() if name not in READ_ONLY}
        errors = problems(values)
        return _problem(400, "Bad Request", errors) if errors else _typed(values)

    def _now(self) -> str:
        return self.clock().astimezone(self.zone).strftime("%Y-%m-%d %H:%M:%S")

    def _rendered_id(self, number: int) -> str | int:
        return number if self.id_type == "number" else str(number)

    def _fill(self, overlap: Shares | None) -> None:
        for person in people(self.people, self.seed, overlap):
            self._last_id = int(person["platform_id"]) - 1
            if person["where"] != "crm":
                self.create("user", user_of(person))
        self._last_id = PLATFORM_IDS + self.people


STAND_IN = Alumni360


def user_of(person: Person) -> Row:
    """An invented person as a user."""
    address = {
        "label": "Home",
        **{name: person[name] for name in ("street", "city", "state", "postal", "country")},
    }
    return {
        "first_name": person["first"],
        "last_name": person["last"],
        "maiden_name": person["former"] or None,
        "nickname": person["nick"] or None,
        "email": person["email"],
        "phone": written_phone(person["phone"], "dashed") or None,
        "preferred_phone": person["preferred_phone"],
        "class_year": person["class_year"],
        "birthdate": person["birthdate"],
        "company": person["company"] or None,
        "job_title": person["title"] or None,
        "status": person["status"],
        "no_email": person["no_email"],
        "deceased": person["deceased"],
        "addresses": [address],
    }


def parse_form(body: str) -> Row:
    """Form parameters with brackets: groups[]=user, addresses[0][city]=Columbia."""
    values: Row = {}
    for name, value in parse_qsl(body, keep_blank_values=True, strict_parsing=bool(body), errors="strict"):
        _put(values, [name.split("[")[0], *re.findall(r"\[([^\]]*)\]", name)], value)
    return {name: _listed(value) for name, value in values.items()}


def _put(place: Row, steps: list[str], value: str) -> None:
    for step, following in pairwise(steps):
        inner = place.setdefault(step or str(len(place)), {})
        if not isinstance(inner, dict):
            raise ValueError(f"{step} is a value and a list of {following}.")
        place = inner
    place[steps[-1] or str(len(place))] = value


def problems(values: Row) -> dict[str, str]:
    """What is wrong with the fields, by field; empty where nothing is."""
    unknown = {name: "This field is not known." for name in values if name not in BLANK}
    wrong = {
        name: words
        for name, (is_good, words) in _CHECKS.items()
        if values.get(name) not in (None, "") and not is_good(values[name])
    }
    return unknown | wrong


def _is_date(value: object) -> bool:
    try:
        return bool(date.fromisoformat(str(value)))
    except ValueError:
        return False


_CHECKS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "enabled": (lambda value: value in (0, 1, "0", "1"), "This value should be 0 or 1."),
    "email": (
        lambda value: bool(re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", str(value))),
        "This value is not a valid email address.",
    ),
    "birthdate": (_is_date, "This value should be a date, YYYY-MM-DD."),
    "class_year": (
        lambda value: bool(re.fullmatch(r"\d{4}", str(value))),
        "This value should be one 4-digit year.",
    ),
    "preferred_phone": (
        lambda value: value in ("mobile", "work", "home"),
        "This value should be mobile, work or home.",
    ),
    "groups": (
        lambda value: isinstance(value, list) and all(group in ("admin", "user") for group in value),
        "This value should be a list of admin, user.",
    ),
    "addresses": (lambda value: isinstance(value, list), "This value should be a list."),
}


def _typed(values: Row) -> Row:
    """Form parameters are all text: numbers and yes/no as the records have them."""
    numbers: Row = {"enabled": int(values["enabled"])} if values.get("enabled") not in (None, "") else {}
    marks: Row = {name: values[name] in (True, "1", "true") for name in ("no_email", "deceased") if name in values}
    return {**values, **numbers, **marks}


def _listed(value: Any) -> Any:
    return [_listed(item) for item in value.values()] if _is_numbered(value) else value


def _is_numbered(value: Any) -> bool:
    return isinstance(value, dict) and all(str(key).isdecimal() for key in value)


def _problem(status: int, message: str, errors: dict[str, str] | None = None) -> Answer:
    return Answer(status, {"code": status, "message": message} | ({"errors": errors} if errors else {}))
