"""360Alumni: users in pages, read and written one by one.

https://www.360alumni.com/api/integration-considerations, …/getting-started-with-the-api and
…/creating-and-updating-users. What is not published there is taken as it comes (ids as text or number, a bare
list or an envelope) or is a setting (the header's name, form or JSON, what a PUT does to fields left out).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from functools import cached_property
from threading import Lock
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

from django import forms

from connectors.answers import Answer
from connectors.base import AddressField, Connector, ConnectorSettings, SecretField
from connectors.http import Http, refuse_unsayable
from connectors.records import (
    ConnectorError,
    Gone,
    Identity,
    NeedsAttention,
    ObjectType,
    Outcome,
    Page,
    Record,
    Rejected,
    Temporary,
    Unknown,
    Values,
    Write,
)
from connectors.systems.alumni360.answers import (
    CREATED_NAMES,
    KEPT,
    MODIFIED_NAMES,
    VOLATILE,
    UserPage,
    environment_of,
    fields_of,
    first_of,
    form_of,
    id_of,
    page_of,
    refused_fields,
    unwrapped,
)

USER = "user"
BLANKS: tuple[Any, ...] = (None, "", [], {})


class Alumni360Settings(ConnectorSettings):
    """How to get in, and what the vendor doesn't publish."""

    base_url = AddressField(
        label="Address",
        help_text="The address of your site's interface, up to and with /api: https://example.360alumni.com/api. "
        "360Alumni's support tells it, and that of a test site.",
    )
    api_key = SecretField(
        label="API key", help_text="Ask 360Alumni's support for one, and whether it may change users or only read them."
    )
    key_header = forms.CharField(
        label="Header of the key",
        required=False,
        initial="X-API-KEY",
        help_text="The name of the header that the key is sent in. It comes with the key.",
    )
    body = forms.ChoiceField(
        label="How changes are sent",
        required=False,
        initial="auto",
        choices=[
            ("auto", "form parameters, and JSON where they are refused"),
            ("form", "form parameters"),
            ("json", "JSON"),
        ],
        help_text="Leave it unless 360Alumni's support says otherwise.",
    )
    put = forms.ChoiceField(
        label="What an update holds",
        required=False,
        initial="auto",
        choices=[
            ("auto", "only what changed, unless the first update shows that the rest is emptied"),
            ("changed", "only what changed"),
            ("whole", "the whole user, read just before"),
        ],
        help_text="360Alumni does not publish what happens to fields that an update leaves out. "
        "Ask its support; until then, leave it.",
    )


class Alumni360(Connector):
    """Users of one 360Alumni site. There is no filter by change: every poll reads the whole list."""

    name = "alumni360"
    label = "360Alumni"
    about = "An alumni network for your institution. Its users are kept in step: names, contact data, groups."
    ask_for = (
        "A key for the interface (API) that may read users, create them and change them.",
        "The name of the header that the key is sent in.",
        "The address of the interface, and that of a test site to try things on.",
        "Whether an update empties the fields it leaves out, and whether creating or changing a user sends mail.",
    )
    Settings = Alumni360Settings

    def __init__(self, settings: Mapping[str, Any]) -> None:
        super().__init__(settings)
        self._json_only = settings.get("body") == "json"
        self._put = settings.get("put") or "auto"
        self._put_lock = Lock()

    @cached_property
    def _http(self) -> Http:
        given = self.settings
        return Http(
            given["base_url"],
            label=self.label,
            timeout=given["timeout"],
            requests_per_second=given["requests_per_second"],
            concurrency=self.concurrency,
            headers={given["key_header"]: given["api_key"]},
            secrets=[given["api_key"]],
            explain=refused_fields,
        )

    def check(self) -> Identity:
        self._first_page()
        # It has no call that says whose site it is; the address is the site.
        return Identity(self._http.base_url.split("://")[1], self._http.host, environment_of(self._http.host))

    def describe(self, object_types: Sequence[str] = ()) -> tuple[ObjectType, ...]:
        """Users only; their fields are those published and those that the first page shows."""
        return (
            ObjectType(
                USER,
                "Users",
                fields=fields_of(self._first_page().users),
                fields_known=False,
                whole_lists=True,
                volatile=VOLATILE,
            ),
        )

    def poll(self, object_type: str, cursor: Any, fields: Sequence[str], *, narrow: str = "") -> Iterator[Page]:
        """Every user, from the first page on, whatever the cursor; `narrow` is unknown to the system.

        Users may move between pages while the list is read. Where that shows it is not called whole; where
        it doesn't, whoever was skipped comes with the next list, and only two lists in a row make anybody gone.
        """
        before = UserPage(0)
        seen, is_whole = 0, True
        while not before.is_last(seen):
            page = self._page(before.number + 1, before)
            seen += len(page.users)
            is_whole = is_whole and page.follows(before)
            is_end = page.is_last(seen)
            records = tuple(self._record(user, f"?{page.number}.{row}") for row, user in enumerate(page.users))
            # Who can't be read is not missing: as long as there is one, nobody is.
            is_whole = is_whole and not any(record.problem for record in records)
            is_complete = is_end and is_whole and page.total in (None, seen)
            if records or is_complete:
                yield Page(records, complete=is_complete)
            before = page

    def read(self, object_type: str, ids: Sequence[str], fields: Sequence[str]) -> Iterator[Record]:
        # One by one: no way to ask for several is published.
        for id in ids:
            try:
                yield self._record(self._user(id), id)
            except Gone:
                continue

    def write(self, object_type: str, writes: Sequence[Write]) -> Iterator[Outcome]:
        for write in writes:
            try:
                refuse_unsayable(write.values)
                yield self._create(write) if write.id is None else self._update(write.id, write.values)
            except NeedsAttention:
                raise
            except ConnectorError as error:
                yield Outcome(write.id or "", error=error)

    def close(self) -> None:
        if "_http" in vars(self):
            self._http.close()

    def _first_page(self) -> UserPage:
        try:
            return self._page(1, UserPage(0))
        except (Gone, Rejected):
            raise NeedsAttention(
                f"There is no list of users at {self._http.host}. Check the address in the connection's "
                "settings; it ends in /api."
            ) from None

    def _page(self, number: int, before: UserPage) -> UserPage:
        try:
            answer = self._http.get("users/", {"page": str(number)})
        except Gone:
            if number == 1:
                raise
            # Some ways of paging answer 404 behind the last page; whether it was the last is not said.
            return UserPage(number, is_doubtful=True)
        page = page_of(number, answer.data)
        if page.users and page.ids == before.ids:
            raise NeedsAttention(
                f"360Alumni answered page {number} of its users with page {before.number} again. "
                "Ask 360Alumni how its pages are asked for at this address."
            )
        return page

    def _user(self, id: str) -> Values:
        return unwrapped(self._http.get(f"users/{quote(id, safe='')}").data)

    def _create(self, write: Write) -> Outcome:
        values = {**write.values, **dict([write.key] if write.key else [])}
        user = unwrapped(self._send("POST", "users/", values).data)
        id = id_of(user)
        # https://www.360alumni.com/api/creating-and-updating-users: the answer's user_id is the key to keep.
        if not id:
            raise Unknown("360Alumni created a user without saying which.")
        return Outcome(id, self._record(user, id))

    def _update(self, id: str, values: Values) -> Outcome:
        with self._put_lock:
            if self._put == "auto":
                return self._update_and_look(id, values)
        return self._replace(id, {**_writable(self._user(id)), **values} if self._put == "whole" else values)

    def _update_and_look(self, id: str, values: Values) -> Outcome:
        """An update whose other fields are compared with those before: what a PUT emptied is put back at once."""
        before = _writable(self._user(id))
        try:
            outcome = self._replace(id, values)
            after = self._user(id)
        except Temporary:
            # It may have been done and have emptied the rest; nobody would know any more with the next run.
            return self._replace(id, {**before, **values})
        except Rejected as error:
            # Refused for fields that we left out: they count as emptied.
            if not set(error.fields) - set(values):
                raise
            self._put = "whole"
            return self._replace(id, {**before, **values})
        witnesses = {name for name, value in before.items() if name not in values and value not in BLANKS}
        if any(after.get(name) in BLANKS for name in witnesses):
            self._put = "whole"
            return self._replace(id, {**before, **values})
        if witnesses:
            self._put = "changed"
        return outcome

    def _replace(self, id: str, values: Values) -> Outcome:
        answer = self._send("PUT", f"users/{quote(id, safe='')}", values, repeatable=True, may_be_empty=True)
        user = unwrapped(answer.data)
        return Outcome(id, self._record(user, id) if id_of(user) == id else None)

    def _send(self, method: str, path: str, values: Values, **options: Any) -> Answer:
        """As form parameters; as JSON where those can't say it or are refused, as the vendor advises."""
        # Form parameters have no published way to say a list or an object.
        is_nested = any(isinstance(value, list | dict) for value in values.values())
        if not (self._json_only or is_nested):
            try:
                return self._http.send(method, path, form=form_of(values), **options)
            except Rejected:
                if self.settings.get("body") == "form":
                    raise
        answer = self._http.send(method, path, json=values, **options)
        # Where JSON was taken, the next write need not try the form first.
        self._json_only = self.settings.get("body") != "form"
        return answer

    def _record(self, user: Any, place: str) -> Record:
        """A user as a record; `place` names one that can't be read."""
        id = id_of(user)
        if not id:
            said = user if isinstance(user, dict) else {}
            return Record(place, said, problem="360Alumni sent something that isn't a user with a user_id.")
        return Record(
            id,
            {**user, "user_id": id},
            version=str(first_of(user, MODIFIED_NAMES) or ""),
            created=self._moment(first_of(user, CREATED_NAMES)),
            modified=self._moment(first_of(user, MODIFIED_NAMES)),
        )

    def _moment(self, text: Any) -> datetime | None:
        """Its times carry no zone: "2013-12-12 22:59:38" is where the site stands."""
        try:
            moment = datetime.fromisoformat(text)
        except (TypeError, ValueError):
            return None
        return moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(self.settings["time_zone"]))


def _writable(user: Values) -> Values:
    """A user without what the site itself sets."""
    return {name: value for name, value in user.items() if name not in KEPT}
