"""A second client for the stand-in: plain requests, with the calls that
https://developer.salesforce.com/docs/platform/api-rest/guide/ shows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from typing import Any

import requests

from connectors.sandbox.salesforce import Salesforce
from connectors.sandbox.server import start

NOW = datetime(2026, 5, 1, 7, 25, 37, 900_000, tzinfo=UTC)


class Client:
    """Signed in, and knows the root of the addresses."""

    def __init__(self, there: Salesforce, session: requests.Session) -> None:
        self.there, self.session = there, session
        self.root = f"{there.url}/services/data/v60.0"
        self.sign_in()

    def sign_in(self) -> requests.Response:
        secrets = {name: self.there.settings[name] for name in ("client_id", "client_secret")}
        given = {"grant_type": "client_credentials", **secrets}
        answer = self.session.post(f"{self.there.url}/services/oauth2/token", data=given)
        self.session.headers["Authorization"] = f"{answer.json()['token_type']} {answer.json()['access_token']}"
        return answer

    def call(self, method: str, path: str, **details: Any) -> requests.Response:
        return self.session.request(method, self.root + path, **details)

    def query(self, text: str, path: str = "/query", **details: Any) -> requests.Response:
        return self.call("GET", path, params={"q": text}, **details)

    def ids(self, text: str, path: str = "/query") -> list[str]:
        return [record["Id"] for record in self.query(text, path).json()["records"]]

    def collect(
        self, method: str, records: list[dict[str, Any]], path: str = "/composite/sobjects", **options: Any
    ) -> requests.Response:
        body = [{"attributes": {"type": "Contact"}, **record} for record in records]
        return self.call(method, path, json={"allOrNone": False, **options, "records": body})


OpenWith = Callable[..., tuple[Salesforce, Client]]


@contextmanager
def opening() -> Iterator[OpenWith]:
    """Gives what starts stand-ins, with a client each that is signed in; stops them at the end."""
    with ExitStack() as stack:

        def open_with(**options: Any) -> tuple[Salesforce, Client]:
            there = stack.enter_context(start("salesforce", **options))
            assert isinstance(there, Salesforce)
            there.clock = lambda: NOW
            return there, Client(there, stack.enter_context(requests.Session()))

        yield open_with


def error(answer: requests.Response) -> tuple[int, str]:
    """The status and the code of a refusal, which is a list of one."""
    assert isinstance(answer.json(), list)
    return answer.status_code, answer.json()[0]["errorCode"]


def codes(answer: requests.Response) -> list[str]:
    """Of each record of a collection: its error's code, or "" where it was written."""
    assert answer.status_code == 200
    return ["" if result["success"] else result["errors"][0]["statusCode"] for result in answer.json()]
