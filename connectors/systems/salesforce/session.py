"""Signed-in calls to one Salesforce organisation.

https://developer.salesforce.com/docs/platform/api-rest/guide/ (query, headers_api_usage)
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Mapping
from functools import cached_property
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from connectors.answers import Answer
from connectors.http import Http
from connectors.records import Gone, NeedsAttention, Rejected, Stale, Temporary, Values
from connectors.systems.salesforce.errors import ExpiredError, refusal_of

# "api-usage=10018/100000", beside which "per-app-api-usage=17/250(appName=…)" may stand.
_USAGE = re.compile(r"(?<![\w-])api-usage=(\d+)/(\d+)")


class Session:
    """Signs in by client credentials when needed; the token lives in memory only.

    limits   "10,018 of 100,000 calls used", as the last answer said; "" before one did
    """

    def __init__(self, settings: Mapping[str, Any], label: str) -> None:
        self._settings, self._label = settings, label
        self._lock = threading.Lock()
        self._token = ""
        self.limits = ""

    @cached_property
    def root(self) -> str:
        """The path of everything of the version asked for."""
        version = re.fullmatch(r"v?(\d+)(\.0)?", str(self._settings["api_version"]).strip())
        if version is None:
            raise NeedsAttention("The setting api_version must look like v61.0.")
        return f"/services/data/v{version[1]}.0"

    @cached_property
    def http(self) -> Http:
        given = self._settings
        return Http(
            given["base_url"],
            label=self._label,
            timeout=given["timeout"],
            requests_per_second=given["requests_per_second"],
            concurrency=int(given["concurrency"]),
            secrets=[given["client_secret"]],
            explain=self._explain,
        )

    def get(self, path: str, params: Mapping[str, str] | None = None) -> Any:
        """The JSON at a path of the version."""
        return self.call("GET", f"{self.root}/{path}", params=params)

    def call(self, method: str, path: str, **options: Any) -> Any:
        """The JSON of a signed-in call; signs in once more where the session has ended meanwhile."""
        token = self._signed_in("")
        try:
            return self._send(token, method, path, **options)
        except ExpiredError:
            token = self._signed_in(token)
        return self._send(token, method, path, **options)

    def query(self, soql: str, *, with_deleted: bool = False, discreet: bool = False) -> Iterator[tuple[Values, ...]]:
        """The rows of a query, at most 2,000 a batch. Raises NeedsAttention where it is refused.

        discreet: people's data stands in the query, so it travels in a body and not in an address
        """
        path, params = f"{self.root}/{'queryAll' if with_deleted else 'query'}", {"q": soql}
        while path:
            answer = self._wrapped(path, params) if discreet and params else self._asked(path, params)
            if not isinstance(answer, dict) or not isinstance(answer.get("records"), list):
                raise Temporary("Salesforce answered a query with something that isn't a list of records.")
            yield tuple(row for row in answer["records"] if isinstance(row, dict))
            # It says by a locator where the rest is, and needs no parameters: …/resources-query-more-results.html
            path, params = answer.get("nextRecordsUrl") or "", {}

    def close(self) -> None:
        """Give the connections back."""
        if "http" in vars(self):
            self.http.close()

    def _wrapped(self, path: str, params: Mapping[str, str]) -> Any:
        """A GET inside the body of a POST: .../resources-composite-batch.html"""
        inner = {"method": "GET", "url": f"{path.removeprefix('/services/data/')}?{urlencode(params)}"}
        answer = self.call("POST", f"{self.root}/composite/batch", json={"batchRequests": [inner]}, repeatable=True)
        try:
            (result,) = answer["results"]
            status, data = int(result["statusCode"]), result["result"]
        except (KeyError, TypeError, ValueError):
            raise Temporary("Salesforce answered a batch of queries with something else.") from None
        if status == HTTPStatus.OK:
            return data
        refused = refusal_of(Answer(status, {}, data)) or Temporary("Salesforce could not answer a query now.")
        raise NeedsAttention(refused.message) if isinstance(refused, Rejected) else refused

    def _asked(self, path: str, params: Mapping[str, str]) -> Any:
        try:
            return self.call("GET", path, params=params)
        except Rejected as error:
            raise NeedsAttention(f"{error.message} Check the fields and the filter of the sync.") from None
        except Gone as error:
            # Queries live at every organisation: what isn't there is the version, or all of Salesforce.
            raise NeedsAttention(f"{error.message} Check base_url and api_version of the connection.") from None

    def _send(self, token: str, method: str, path: str, **options: Any) -> Any:
        headers = {"Authorization": f"Bearer {token}"}
        answer = self.http.send(method, path, headers=headers, **options)
        self._note(answer)
        return answer.data

    def _signed_in(self, expired: str) -> str:
        """A token other than the expired one; threads that find it expired together renew it once."""
        with self._lock:
            if self._token == expired:
                self._token = self._sign_in()
            return self._token

    def _sign_in(self) -> str:
        form = {
            # The way in by user name and password ends in Summer '27: …/platform/api/guide/api-eol-soap.html
            "grant_type": "client_credentials",
            "client_id": self._settings["client_id"],
            "client_secret": self._settings["client_secret"],
        }
        try:
            data = self.http.send("POST", "/services/oauth2/token", form=form, repeatable=True).data
        except (Gone, Rejected, Stale) as error:
            raise NeedsAttention(f"{error.message} Check the connection's address.") from None
        token = data.get("access_token") if isinstance(data, dict) else None
        if not token:
            raise NeedsAttention("Salesforce let us in without giving a token. Check the connection's address.")
        # It is one as long as it lives, and turns up in the words of refusals.
        self.http.keep_secret(str(token))
        return str(token)

    def _explain(self, answer: Answer) -> Any:
        self._note(answer)
        return refusal_of(answer)

    def _note(self, answer: Answer) -> None:
        usage = _USAGE.search(answer.headers.get("Sforce-Limit-Info", ""))
        if usage:
            self.limits = f"{int(usage[1]):,} of {int(usage[2]):,} calls used"
