"""Alumni Spaces: the people and transactions of the Alumni.Fund Vault.

http://docs.alumnispaces.com (github.com/alumnispaces/API-Docs). People come as one list without pages and can't be
changed. No error's shape is documented, so their words are repeated whatever they look like.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from functools import cached_property, partial
from itertools import takewhile
from typing import Any
from urllib.parse import parse_qsl, quote

from django import forms

from connectors.answers import Answer, decode_exactly
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
    Total,
    Unknown,
    Values,
    Write,
)
from connectors.systems.alumni_spaces.answers import moment, person_body, record_of, transaction_body
from connectors.systems.alumni_spaces.fields import GROUPED_BY, PERSON, TRANSACTION, described
from connectors.systems.alumni_spaces.lists import batches, pauses, rows

ENVIRONMENTS = {"vault.alumnispaces.com": "production", "vault-dev.alumnispaces.com": "test"}
OVERLAP = timedelta(minutes=10)
"""How far behind the last end a poll goes back: what was stored late bears an earlier time."""
PAGES_AT_ONCE = 2
"""Pages for somebody who only looks: nobody waits for a whole list then."""
STAMPS = ("_updated", "_created")
TRIES = 3
"""How often a list is begun that breaks off; what came of it before may come again."""


class AlumniSpacesSettings(ConnectorSettings):
    """How to get in, and what the key may do."""

    base_url = AddressField(
        label="Address of the Vault",
        help_text="https://vault.alumnispaces.com, or https://vault-dev.alumnispaces.com for trying things out.",
    )
    username = forms.CharField(label="User name", help_text="Alumni Spaces gives it to you, with the password.")
    password = SecretField(label="Password")
    api_key = SecretField(label="API key", help_text="Letters and digits, from Alumni Spaces; sent with every request.")
    verbs = forms.ChoiceField(
        label="What the key may do",
        required=False,
        initial="GET",
        choices=[
            ("GET", "Only read (GET)"),
            ("GET, POST", "Read, and add people and transactions (GET, POST)"),
            ("GET, POST, PUT", "Read, add, and change transactions (GET, POST, PUT)"),
        ],
        help_text="Most keys may only read. Ask Alumni Spaces which of GET, POST and PUT yours may use.",
    )


class VerbRefusedError(NeedsAttention):
    """403 or 405: the key is good, but not for this."""


class AlumniSpaces(Connector):
    name = "alumni_spaces"
    label = "Alumni Spaces Vault"
    about = (
        "Who gave or bought something through Alumni.Fund, and each transaction. People are read and can be added, not "
        "changed."
    )
    ask_for = (
        "User name and password for the vaultAPI, and an API key.",
        "Which of GET, POST and PUT the key may use.",
        "Access to the test address as well (vault-dev.alumnispaces.com).",
    )
    Settings = AlumniSpacesSettings
    page_records = 500

    @cached_property
    def _http(self) -> Http:
        given = self.settings
        sign_in = f"{given['username']}:{given['password']}"
        return Http(
            given["base_url"],
            label=self.label,
            timeout=given["timeout"],
            requests_per_second=given["requests_per_second"],
            concurrency=self.concurrency,
            headers={
                "Authorization": f"Basic {b64encode(sign_in.encode()).decode()}",
                "x-alumnispaces-key": given["api_key"],
            },
            secrets=[given["api_key"], given["password"], sign_in],
            explain=_refused_verb,
            decoder=decode_exactly,
        )

    @property
    def verbs(self) -> frozenset[str]:
        """What the key may use, as the settings say."""
        return frozenset(verb.strip() for verb in (self.settings.get("verbs") or "GET").split(","))

    def check(self) -> Identity:
        """Asks for sums by status: small, and changes nothing. No other verb than GET can be tried without effect."""
        try:
            count = sum(total.count for total in self.totals(TRANSACTION, "status", "value").values())
        except (Gone, Rejected):
            raise NeedsAttention(
                f"There is no Vault at {self._http.host}. Check the address in the connection's settings."
            ) from None
        user, host = self.settings["username"], self._http.host
        may = "only read" if self.verbs == {"GET"} else f"use {', '.join(sorted(self.verbs))}"
        # Nothing says whose institution it is; the address and who signs in there are all that is known.
        return Identity(
            f"{self._http.base_url.split('://')[1]} {user}",
            host,
            ENVIRONMENTS.get(host, ""),
            user,
            (f"The key may {may}, by this connection's settings.", f"{count:,} transactions."),
        )

    def describe(self, object_types: Sequence[str] = ()) -> tuple[ObjectType, ...]:
        return described(self.verbs)

    def poll(self, object_type: str, cursor: Any, fields: Sequence[str], *, narrow: str = "") -> Iterator[Page]:
        """All people, whatever the cursor; transactions that were added or changed since.

        narrow: of transactions, the Vault's own filters: status=settled&asSiteID=bigstate_19
        """
        is_people = object_type == PERSON
        for left in reversed(range(TRIES)):
            try:
                yield from self._people(fields) if is_people else self._transactions(cursor, fields, narrow)
                return
            except Temporary:
                if not left:
                    raise

    def read(self, object_type: str, ids: Sequence[str], fields: Sequence[str]) -> Iterator[Record]:
        # One by one: no way to ask for several is documented.
        for id in ids:
            try:
                row = self._http.get(f"{object_type}/{quote(id, safe='')}").data
            except Gone:
                continue
            yield self._same(row, id, fields)

    def write(self, object_type: str, writes: Sequence[Write]) -> Iterator[Outcome]:
        for write in writes:
            try:
                refuse_unsayable(write.values)
                yield self._create(object_type, write) if write.id is None else self._update(object_type, write)
            except NeedsAttention:
                raise
            except ConnectorError as error:
                yield Outcome(write.id or "", error=error)

    def totals(self, object_type: str, by: str, of: str) -> Mapping[str, Total]:
        if object_type != TRANSACTION or by not in GROUPED_BY:
            return super().totals(object_type, by, of)
        answer = self._http.get("transaction/query", {"aggregate_by": by, "aggregate_sum": of})
        try:
            return {_text(row["_id"]): Total(int(row["_count"]), _sum(row[f"{of}_sum"])) for row in answer.data}
        except (InvalidOperation, KeyError, TypeError, ValueError):
            raise NeedsAttention(
                "Alumni Spaces answered with something that isn't a list of sums. Check the connection's address."
            ) from None

    def close(self) -> None:
        if "_http" in vars(self):
            self._http.close()

    def _people(self, fields: Sequence[str]) -> Iterator[Page]:
        """The whole list. Its first pages come as soon as they are here; the rest is on disk before we go on."""
        is_whole, read = True, 0
        with self._http.download("person/") as body:
            for number, batch in enumerate(batches(rows(body), body, self.page_records), start=1):
                records = tuple(record_of(row, fields, f"?{read + at}") for at, row in enumerate(batch))
                read += len(records)
                # Who can't be read is not missing: as long as there is one, nobody is.
                is_whole = is_whole and not any(record.problem for record in records)
                yield Page(records)
                if number == PAGES_AT_ONCE:
                    yield from (Page(()) for _ in pauses(body))
        if is_whole:
            yield Page((), complete=True)

    def _transactions(self, cursor: Any, fields: Sequence[str], narrow: str) -> Iterator[Page]:
        """The newest first, until one is older than the last poll's newest.

        "Almost every record will have an _updated value": those that have none are found by when they were created.
        """
        before = moment(cursor)
        newest, since = before, before - OVERLAP if before else None
        for order in STAMPS if since else STAMPS[:1]:
            query = {**dict(parse_qsl(narrow)), "order_by": order, "order": "DESC"}
            with self._http.download("transaction/query", query) as body:
                listed = takewhile(partial(_is_since, names=(order,), since=since), rows(body))
                recent = filter(partial(_is_since, names=STAMPS, since=since), listed)
                for number, batch in enumerate(batches(recent, body, self.page_records)):
                    records = tuple(record_of(row, fields, f"?{order}.{number}.{at}") for at, row in enumerate(batch))
                    newest = _newest(newest, records)
                    yield Page(records)
        if newest:
            yield Page((), cursor=newest.isoformat())

    def _same(self, row: Any, id: str, fields: Sequence[str]) -> Record:
        record = record_of(row, fields, id)
        if record.id != id or record.problem:
            raise Temporary("Alumni Spaces answered with another record than the one asked for. Try again later.")
        return record

    def _create(self, object_type: str, write: Write) -> Outcome:
        is_person = object_type == PERSON
        body = person_body(write.values, write.key) if is_person else transaction_body(_keyed_values(write))
        answer = self._send("POST", object_type, body)
        id = answer.data.get("_id") if isinstance(answer.data, dict) else None
        if not isinstance(id, str) or not id:
            raise Unknown("Alumni Spaces added a record without saying which.")
        return Outcome(id)

    def _update(self, object_type: str, write: Write) -> Outcome:
        if object_type == PERSON:
            raise Rejected("Alumni Spaces has no way to change a person. Have it changed there by hand.")
        id = str(write.id)
        body = transaction_body({**write.values, "_id": id})
        answer = self._send("PUT", object_type, body, repeatable=True, may_be_empty=True)
        # "When successfully updated, the full, updated Transaction record is returned."
        record = record_of(answer.data, list(write.values), id)
        is_whole = record.id == id and not record.problem and write.values.keys() <= record.values.keys()
        return Outcome(id, record if is_whole else None)

    def _send(self, method: str, path: str, body: bytes, **options: Any) -> Answer:
        if method not in self.verbs:
            raise NeedsAttention(
                f"By this connection's settings the key may not use {method}. If it may, say so there "
                "(“What the key may do”); otherwise set the sync to send nothing to Alumni Spaces."
            )
        try:
            return self._http.send(method, path, json=body, **options)
        except VerbRefusedError as error:
            raise NeedsAttention(
                f"The key may not use {method}: ask Alumni Spaces to allow it, or choose less under “What the key "
                f"may do” in the connection's settings. {error.message}"
            ) from None


def _refused_verb(answer: Answer) -> ConnectorError | None:
    if answer.status not in (403, 405):
        return None
    said = f" It says: “{answer.words}”." if answer.words else ""
    return VerbRefusedError(f"Alumni Spaces doesn't let this key do that ({answer.status}).{said}")


def _is_since(row: Any, names: Sequence[str], since: datetime | None) -> bool:
    """Whether the newest of these times of a row isn't before; a row without any says nothing about that."""
    given = [row.get(name) for name in names] if since and isinstance(row, dict) else []
    times = [time for time in map(moment, given) if time]
    return since is None or not times or max(times) >= since


def _newest(before: datetime | None, records: Sequence[Record]) -> datetime | None:
    times = [time for record in records for time in (record.modified, record.created) if time]
    return max([*times, *([before] if before else [])], default=None)


def _keyed_values(write: Write) -> Values:
    return {**write.values, **dict([write.key] if write.key else [])}


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else "" if value is None else str(value)


def _sum(value: Any) -> Decimal:
    return Decimal(str(0 if value is None else value))
