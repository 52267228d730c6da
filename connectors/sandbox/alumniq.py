"""A stand-in for AlumnIQ's change feeds, from https://help.alumniq.com/data-sync/api, …/recipes/profile-work,
…/recipes/profile-name, …/dir and …/dir/public-resources/pub-updates.

Somebody who edits a profile on its pages writes a row to the feed of what they changed. The names in a row are
invented but for changeId, xid, stateiso and countryiso: no others are published. What the documents leave open is an
option: whether dates bring rows that were processed before, the letters of the names, the shape of a new key.
"""

from __future__ import annotations

import gzip
from collections import Counter
from datetime import date, datetime, timedelta
from typing import Any, Literal
from zoneinfo import ZoneInfo

import orjson

from connectors.sandbox.people import Person, Shares, people
from connectors.sandbox.stand_in import Answer, FormField, Request, Row, StandIn

API_KEY = "sandbox-iq-key-1"
EMAIL = "data-team@example.edu"
BASE = "/api/v1/index.cfm"
FEEDS: dict[str, tuple[str, ...]] = {
    "identity-change": ("firstname", "lastname", "nickname", "pronouns", "gender"),
    "address-change/home": ("street1", "city", "state", "stateiso", "zip", "country", "countryiso", "homephone"),
    "address-change/work": ("employer", "title", "workemail", "workphone"),
}
"""Feed → the fields of a profile that it speaks of."""
FILTERS = ("changedOnDate", "changedSinceDate", "xid")
FORM = (
    FormField("firstname", "First name", is_name=True, is_column=True, is_required=True),
    FormField("lastname", "Last name", is_name=True, is_column=True, is_required=True),
    FormField("nickname", "Nickname"),
    FormField("pronouns", "Pronouns"),
    FormField("street1", "Home street"),
    FormField("city", "Home city"),
    FormField("stateiso", "Home state, two letters"),
    FormField("zip", "Home ZIP"),
    FormField("countryiso", "Home country, two letters"),
    FormField("homephone", "Home phone"),
    FormField("employer", "Employer", is_column=True),
    FormField("title", "Title", is_column=True),
    FormField("workemail", "Work e-mail"),
    FormField("workphone", "Work phone"),
)
UNMATCHED_EVERY = 10
"""One of so many people is not matched to the institution's records, and has no xid."""


class AlumnIQ(StandIn):
    """Three feeds. Their rows are `records` under the feed's path, by change id; people are profiles.

    marked           change id → how often it was marked as processed
    limit            how many rows changedSinceDate brings at most
    repeats          the two dates bring rows as well that were processed before
    letters          "upper" writes the names of a row in capitals, as its server does unless told otherwise
    new_key          how the answer to an exchange shows the key: "object" or "text"
    days_remaining   how many days the key is good for
    has_changes      everybody changed something before we came
    """

    system = "alumniq"
    label = "AlumnIQ"
    people_type = "profile"

    def __init__(
        self,
        *,
        people: int = 20,
        seed: int = 1,
        limit: int = 500,
        repeats: bool = False,
        letters: Literal["mixed", "upper"] = "mixed",
        new_key: Literal["object", "text"] = "object",
        days_remaining: int = 200,
        time_zone: str = "America/New_York",
        has_changes: bool = True,
        overlap: Shares | None = None,
    ) -> None:
        super().__init__(people=people, seed=seed)
        self.limit, self.repeats, self.letters, self.new_key = limit, repeats, letters, new_key
        self.days_remaining, self.zone = days_remaining, ZoneInfo(time_zone)
        self.keys = [API_KEY]
        self.marked: Counter[str] = Counter()
        self._changed_at: dict[str, datetime] = {}
        self._last_id = 0
        self.records.update({"profile": {}, **{feed: {} for feed in FEEDS}})
        self._fill(overlap, has_changes=has_changes)

    @property
    def settings(self) -> dict[str, Any]:
        return {
            "base_url": f"{self.url}{BASE}",
            "api_key": self.keys[-1],
            "key_email": EMAIL,
            "time_zone": self.zone.key,
        }

    def answer(self, request: Request) -> Answer:
        if self.days_remaining < 0 or self._key(request) not in self.keys:
            return self.refuse()
        path = request.path.removeprefix(f"{BASE}/")
        if (request.method, path) == ("GET", "exchange"):
            return self._exchange(request)
        handle = {"GET": self._get, "PUT": self._put}.get(request.method)
        feed = path.removeprefix("sync/")
        if not request.path.startswith(f"{BASE}/sync/") or feed not in FEEDS:
            return self._say({"message": "Not Found"}, 404)
        return handle(feed, request) if handle else self._say({"message": "Method Not Allowed"}, 405)

    def refuse(self) -> Answer:
        return self._say({"message": "Invalid API key"}, 401)

    def form_fields(self) -> tuple[FormField, ...]:
        return FORM

    def create(self, object_type: str, values: Row) -> str:
        """A profile, or a row of a feed as it is given; it may name its `changeId` and `changedOn`, its time."""
        with self.lock:
            values = dict(values)
            if object_type == "profile":
                record_id = str(values.get("profileid") or f"p{len(self.records['profile']) + 1}")
                self.records["profile"][record_id] = {"xid": "", **values, "profileid": record_id}
                return record_id
            moment = values.pop("changedOn", None) or self.clock()
            if isinstance(moment, str):
                moment = datetime.fromisoformat(moment)
            record_id = str(values.pop("changeId", self._last_id + 1))
            self._last_id = max(self._last_id, int(record_id))
            self.records[object_type][record_id] = {"changeId": int(record_id), "xid": "", **values}
            self._changed_at[record_id] = moment
            return record_id

    def change(self, object_type: str, record_id: str, /, **values: Any) -> None:
        """Of a profile: also writes what is different to the feeds that speak of it."""
        with self.lock:
            row = self.records[object_type][record_id]
            moved = {name: value for name, value in values.items() if row.get(name) != value}
            row.update(moved)
            if object_type == "profile":
                row["updated"] = self.clock().isoformat()
                self._write_rows(row, moved)

    def remove(self, object_type: str, record_id: str) -> None:
        with self.lock:
            del self.records[object_type][record_id]

    def open_rows(self, feed: str) -> list[str]:
        """The change ids that nobody has marked as processed."""
        with self.lock:
            return [change_id for change_id in self.records[feed] if not self.marked[change_id]]

    def _get(self, feed: str, request: Request) -> Answer:
        given = [name for name in FILTERS if name in request.query]
        if len(given) > 1:
            return self._say({"message": f"{' and '.join(given)} are mutually exclusive"}, 400)
        try:
            rows = self._selected(feed, given[0] if given else "", request.query)
        except ValueError:
            return self._say({"message": f"{given[0]} must be a date, YYYY-MM-DD"}, 400)
        self.counts["reads"] += 1
        if request.query.get("markAsProcessed", "").lower() in ("true", "1", "yes"):
            self._mark([str(row["changeId"]) for row in rows])
        return self._say([self._spelt(row) for row in rows])

    def _selected(self, feed: str, filter: str, query: Any) -> list[Row]:
        rows = [self.records[feed][change_id] for change_id in self.open_rows(feed)]
        if filter == "xid":
            mine = [row for row in rows if row["xid"] == query["xid"]]
            return sorted(mine, key=lambda row: self._changed_at[str(row["changeId"])], reverse=True)
        if not filter:
            return rows
        day = date.fromisoformat(query[filter])
        known = list(self.records[feed].values()) if self.repeats else rows
        if filter == "changedOnDate":
            return [row for row in known if self._day_of(row) == day]
        return [row for row in known if self._day_of(row) >= day][: self.limit]

    def _put(self, feed: str, request: Request) -> Answer:
        listed = str(_body(request).get("changeIdList") or "")
        if not listed:
            return self._say({"message": "changeIdList is required"}, 400)
        known = [each.strip() for each in listed.split(",") if each.strip() in self.records[feed]]
        self.counts["updates"] += 1
        self._mark(known)
        return self._say({"success": True})

    def _exchange(self, request: Request) -> Answer:
        if request.query.get("emailaddress") != EMAIL:
            return self._say({"message": "No such key for this address"}, 400)
        self.keys = [f"sandbox-iq-key-{int(self.keys[-1].rpartition('-')[2]) + 1}"]
        self.days_remaining = 365
        self.counts["creates"] += 1
        return self._say({"apikey": self.keys[-1]} if self.new_key == "object" else self.keys[-1])

    def _mark(self, change_ids: list[str]) -> None:
        for change_id in change_ids:
            self.marked[change_id] += 1

    def _key(self, request: Request) -> str:
        return str((request.query if request.method == "GET" else _body(request)).get("apikey") or "")

    def _say(self, body: Any, status: int = 200) -> Answer:
        headers = {"Content-Encoding": "gzip"}
        if status != 401:
            headers["x-api-key-days-remaining"] = str(self.days_remaining)
        return Answer(status, headers=headers, raw=gzip.compress(orjson.dumps(body), 1))

    def _spelt(self, row: Row) -> Row:
        return {name.upper(): value for name, value in row.items()} if self.letters == "upper" else row

    def _day_of(self, row: Row) -> date:
        return self._changed_at[str(row["changeId"])].astimezone(self.zone).date()

    def _write_rows(self, profile: Row, moved: Row) -> None:
        for feed, names in FEEDS.items():
            if said := {name: moved[name] for name in names if name in moved}:
                self.create(feed, {"xid": profile["xid"], **said})

    def _fill(self, overlap: Shares | None, *, has_changes: bool) -> None:
        for person in people(self.people, self.seed, overlap):
            if person["where"] == "crm":
                continue
            profile = profile_of(person)
            self.create("profile", profile)
            days = timedelta(days=person["number"] % 3)
            for feed, names in FEEDS.items() if has_changes else ():
                said = {name: profile[name] for name in names if profile.get(name)}
                self.create(feed, {"xid": profile["xid"], **said, "changedOn": self.clock() - days})


STAND_IN = AlumnIQ


def profile_of(person: Person) -> Row:
    """An invented person as a profile, by the promises of the documents: ISO codes, phones in E.164."""
    phone = f"+1{person['phone']}" if person["phone"] else None
    return {
        "profileid": person["platform_id"],
        "xid": "" if person["number"] % UNMATCHED_EVERY == 0 else person["platform_id"],
        "firstname": person["first"],
        "lastname": person["last"],
        "nickname": person["nick"] or None,
        "pronouns": None,
        "street1": person["street"],
        "city": person["city"],
        "state": person["state"],
        "stateiso": person["state"],
        "zip": person["postal"],
        "country": "United States",
        "countryiso": person["country"],
        "homephone": phone,
        "employer": person["company"] or None,
        "title": person["title"] or None,
        "workemail": f"{person['number']}@work.example.org" if person["company"] else None,
        "workphone": phone if person["company"] else None,
        "updated": "",
    }


def _body(request: Request) -> Row:
    try:
        said = request.json()
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}
