"""A stand-in for a Salesforce organisation: its contacts and accounts over REST, written from
https://developer.salesforce.com/docs/platform/api-rest/guide/ and answering in its words.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs

from connectors.sandbox.people import EMPLOYERS, Shares
from connectors.sandbox.salesforce import rest
from connectors.sandbox.salesforce.calls import Office, refusal
from connectors.sandbox.salesforce.queries import LARGEST_BATCH, Queries
from connectors.sandbox.salesforce.rows import ORGANIZATION_ID, Rows, full_id
from connectors.sandbox.salesforce.schema import schema
from connectors.sandbox.salesforce.writes import Writes
from connectors.sandbox.stand_in import Answer, FormField, Request, Row, StandIn

CLIENT_ID = "sandbox-client"
CLIENT_SECRET = "sandbox-secret"  # noqa: S105 - opens nothing but this stand-in
USER_ID = full_id("0055e000001SbxA")
API_VERSION = "60.0"
# What a person's page lets somebody type: the rest is chosen or worked out.
TYPED = ("string", "phone", "email", "date", "boolean")
NAMES = ("FirstName", "LastName")
COLUMNS = (*NAMES, "Phone", "Email", "Class_Year__c")


class Salesforce(StandIn):
    """Contacts, accounts and the organisation itself.

    token_seconds   how long a token is good, by `clock`
    daily_limit     calls after which everything is REQUEST_LIMIT_EXCEEDED
    query_batch     records in a batch of a query's result, at most
    hidden, read_only   contact fields that the user may not see, or not write
    linked          contacts carry the platform's id of the same person in Alumni_Id__c
    overlap         who is here only, or not at all, or differs: see `people`
    """

    system = "salesforce"
    label = "Salesforce"
    people_type = "Contact"

    def __init__(
        self,
        *,
        people: int = 20,
        seed: int = 1,
        token_seconds: float = 7200,
        daily_limit: int = 100_000,
        query_batch: int = LARGEST_BATCH,
        hidden: Iterable[str] = (),
        read_only: Iterable[str] = (),
        linked: bool = False,
        is_sandbox: bool = True,
        overlap: Shares | None = None,
    ) -> None:
        super().__init__(people=people, seed=seed)
        self.token_seconds, self.daily_limit, self.calls = token_seconds, daily_limit, 0
        self._tokens: dict[str, datetime] = {}
        self._token_number = 0
        self.rows: dict[str, Rows] = {}
        for name, kind in schema(hidden, read_only).items():
            self.records[name] = {}
            self.rows[name] = Rows(kind, self.records[name], lambda: self.clock())
        self.queries = Queries(self.rows, query_batch)
        self.writes = Writes(self.rows, self.counts, self.creates_of)
        self.records["Organization"][full_id(ORGANIZATION_ID)] = _organization(is_sandbox)
        accounts = [self.rows["Account"].create({"Name": name}) for name in EMPLOYERS]
        self.rows["Contact"].fill(people, seed, overlap, linked, accounts)

    @property
    def settings(self) -> dict[str, Any]:
        return {
            "base_url": self.url,
            "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET,
            "api_version": API_VERSION,
        }

    def answer(self, request: Request) -> Answer:
        if request.path == "/services/oauth2/token":
            return self._sign_in(request)
        # The list of versions is public.
        if request.path.rstrip("/") == "/services/data" and request.method == "GET":
            return Answer(200, rest.VERSIONS)
        if not self._is_signed_in(request):
            return self.refuse()
        if request.path == "/services/oauth2/userinfo":
            return Answer(200, self._user())
        answer = self._call(request)
        return Answer(answer.status, answer.body, {**answer.headers, **self._usage()})

    def refuse(self) -> Answer:
        return refusal(401, "INVALID_SESSION_ID", "Session expired or invalid")

    def form_fields(self) -> tuple[FormField, ...]:
        return tuple(
            FormField(
                field.name,
                field.label,
                is_name=field.name in NAMES,
                is_column=field.name in COLUMNS,
                is_mark=field.type == "boolean",
                is_required=field.required,
            )
            for field in self.rows[self.people_type].kind.fields.values()
            if field.writable and field.type in TYPED and not field.unique
        )

    def record_id(self, text: str) -> str:
        return full_id(text)

    def create(self, object_type: str, values: Row) -> str:
        with self.lock:
            return self.rows[object_type].create(values)

    def change(self, object_type: str, record_id: str, /, **values: Any) -> None:
        with self.lock:
            self.rows[object_type].change(full_id(record_id), values)

    def remove(self, object_type: str, record_id: str) -> None:
        with self.lock:
            self.rows[object_type].remove(full_id(record_id))

    def merge(self, object_type: str, winner: str, loser: str) -> None:
        """Merge two records as somebody working there would: the loser is deleted and names the winner."""
        with self.lock:
            # The winner moves too: it took over what the loser had.
            changed = {"IsDeleted": True, "MasterRecordId": full_id(winner)}
            self.rows[object_type].change(full_id(loser), changed)
            self.rows[object_type].change(full_id(winner), {})

    def expire_tokens(self) -> None:
        """Every token given out so far is no longer good."""
        with self.lock:
            self._tokens.clear()

    def loggable(self, path: str) -> str:
        return rest.without_values(path)

    def _sign_in(self, request: Request) -> Answer:
        # https://help.salesforce.com/s/articleView?id=sf.remoteaccess_oauth_client_credentials_flow.htm
        given = {name: values[-1] for name, values in parse_qs(request.body.decode(errors="replace")).items()}
        if request.method != "POST" or given.get("grant_type") != "client_credentials":
            return _oauth_error("unsupported_grant_type", "grant type not supported")
        client_id, client_secret = _basic(request) or (given.get("client_id"), given.get("client_secret"))
        if client_id != CLIENT_ID:
            return _oauth_error("invalid_client_id", "client identifier invalid")
        if client_secret != CLIENT_SECRET:
            return _oauth_error("invalid_client", "invalid client credentials")
        self._token_number += 1
        token = f"{ORGANIZATION_ID}!sandbox-token-{self._token_number}"
        self._tokens[token] = self.clock() + timedelta(seconds=self.token_seconds)
        return Answer(
            200,
            {
                "access_token": token,
                "scope": "api",
                "instance_url": self.url,
                "id": f"{self.url}/id/{full_id(ORGANIZATION_ID)}/{USER_ID}",
                "token_type": "Bearer",
                "issued_at": str(int(self.clock().timestamp() * 1000)),
            },
        )

    def _is_signed_in(self, request: Request) -> bool:
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        return kind == "Bearer" and token in self._tokens and self.clock() < self._tokens[token]

    def _user(self) -> Row:
        return {
            "sub": f"{self.url}/id/{full_id(ORGANIZATION_ID)}/{USER_ID}",
            "user_id": USER_ID,
            "organization_id": full_id(ORGANIZATION_ID),
            "preferred_username": "sync@example.edu",
            "name": "Sync User",
            "email": "sync@example.edu",
            "active": True,
        }

    def _call(self, request: Request) -> Answer:
        if self.calls >= self.daily_limit:
            return refusal(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.")
        # A refused call does not count, a failed one does.
        self.calls += 1
        return rest.call(Office(self.queries, self.writes, self.rows, self.counts, self.clock), request)

    def _usage(self) -> dict[str, str]:
        return {"Sforce-Limit-Info": f"api-usage={self.calls}/{self.daily_limit}"}


STAND_IN = Salesforce


def _organization(is_sandbox: bool) -> Row:
    return {
        "Id": full_id(ORGANIZATION_ID),
        "Name": "Awesome University",
        "OrganizationType": "Enterprise Edition",
        "IsSandbox": is_sandbox,
        "InstanceName": "CS42",
    }


def _basic(request: Request) -> tuple[str, str] | None:
    kind, _, encoded = request.headers.get("authorization", "").partition(" ")
    if kind != "Basic":
        return None
    client_id, _, client_secret = base64.b64decode(encoded).decode(errors="replace").partition(":")
    return client_id, client_secret


def _oauth_error(error: str, description: str) -> Answer:
    return Answer(400, {"error": error, "error_description": description})
