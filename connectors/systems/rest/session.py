"""Signed-in calls to one web service, whichever way it lets us in."""

from __future__ import annotations

import threading
from base64 import b64encode
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit

from connectors.answers import Answer, meaning
from connectors.http import Http
from connectors.records import ConnectorError, Gone, NeedsAttention, Rejected, Stale
from connectors.systems.rest.answers import refused_fields


class Session:
    """Calls below a connection's address. `place` is what people call the system: its host."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._token = ""

    @cached_property
    def place(self) -> str:
        return self._http.host

    def get(self, path: str, params: Mapping[str, str] | None = None) -> Answer:
        """The answer at a path below the connection's address, or at one that `link` gave."""
        return self.send("GET", path, params=params)

    def send(self, method: str, path: str, *, params: Mapping[str, str] | None = None, **options: Any) -> Answer:
        """A signed-in call; where a token has ended, it is renewed once."""
        call = self._call(method, path, {**(params or {}), **self._in_address}, options)
        if self._settings["auth_type"] != "oauth2":
            return call("")
        token = self._signed_in("")
        try:
            return call(token)
        except _ExpiredError:
            token = self._signed_in(token)
        return call(token)

    def link(self, path: str, target: str) -> str:
        """A link found in the answer of `path`, as a path for `get`. Raises NeedsAttention where it leads away."""
        try:
            found = urlsplit(urljoin(self._address(path), target.strip()))
            host = found.hostname
        except ValueError:
            host = None
        # Behind a proxy a service often names itself by another scheme or port: we stay with those we were given.
        if host is None or host.lower() != self.place.lower():
            raise NeedsAttention(
                f"{self.place} sends us on to another place for its next page ({host or 'an address that is none'}). "
                "That is not followed: our key is not for others. Ask its administrator."
            )
        query = [pair for pair in parse_qsl(found.query, keep_blank_values=True) if pair[0] not in self._in_address]
        return f"//{found.path.lstrip('/')}" + (f"?{urlencode(query)}" if query else "")

    def close(self) -> None:
        """Give the connections back."""
        for name in ("_http", "_token_http"):
            if name in vars(self):
                vars(self)[name].close()

    def _call(
        self, method: str, path: str, params: Mapping[str, str], options: dict[str, Any]
    ) -> Callable[[str], Answer]:
        headers, target = options.pop("headers", {}), self._address(path).removeprefix(self._http.base_url)

        def call(token: str) -> Answer:
            signed = {**headers, **({"Authorization": f"Bearer {token}"} if token else {})}
            return self._http.send(method, target, params=params, headers=signed, **options)

        return call

    def _address(self, path: str) -> str:
        """Where a path leads; one from `link` begins with // and counts from the host."""
        if path.startswith("//"):
            return f"{self._http.base_url}/{path.lstrip('/')}"
        return f"{self._settings['base_url'].rstrip('/')}/{path.lstrip('/')}"

    @property
    def _in_address(self) -> dict[str, str]:
        given = self._settings
        return {given["auth_name"]: given["auth_value"]} if given["auth_type"] == "query" else {}

    @cached_property
    def _http(self) -> Http:
        # From the host on, since links to next pages are.
        origin = "/".join(str(self._settings["base_url"]).split("/")[:3])
        return self._opened(origin, headers=_headers(self._settings), explain=self._explain)

    @cached_property
    def _token_http(self) -> Http:
        return self._opened("/".join(str(self._settings["auth_token_url"]).split("/")[:3]))

    def _opened(self, origin: str, **options: Any) -> Http:
        given = self._settings
        http = Http(
            origin,
            label="",
            timeout=given["timeout"],
            requests_per_second=given["requests_per_second"],
            concurrency=int(given["concurrency"]),
            secrets=_secrets(given),
            **options,
        )
        http.label = http.host
        return http

    def _explain(self, answer: Answer) -> ConnectorError | None:
        if answer.status == 401 and self._settings["auth_type"] == "oauth2":
            return _ExpiredError(meaning(answer, self.place).message)
        return refused_fields(answer, self.place)

    def _signed_in(self, expired: str) -> str:
        """A token other than the expired one; threads that find it expired together renew it once."""
        with self._lock:
            if self._token == expired:
                self._token = self._sign_in()
                # It is one as long as it lives, and turns up in the words of refusals.
                self._http.keep_secret(self._token)
            return self._token

    def _sign_in(self) -> str:
        """RFC 6749, 4.4 and 2.3.1: the client's secret in the body, as most take it, or else in the header."""
        given = self._settings
        form = {"grant_type": "client_credentials", **({"scope": given["auth_scope"]} if given["auth_scope"] else {})}
        known = {"client_id": given["auth_client_id"], "client_secret": given["auth_client_secret"]}
        try:
            data = self._ask_for_token({**form, **known})
        except (NeedsAttention, Rejected):
            basic = _basic(*known.values())
            try:
                data = self._ask_for_token(form, {"Authorization": f"Basic {basic}"})
            except (Gone, Rejected, Stale, NeedsAttention) as error:
                raise NeedsAttention(
                    f"{self._token_http.host} gives us no token. {error.message} Check the sign-in's address, "
                    "client id and client secret."
                ) from None
        token = data.get("access_token") if isinstance(data, dict) else None
        if not token:
            raise NeedsAttention(
                f"{self._token_http.host} answered our sign-in without a token. Check the sign-in's address."
            )
        return str(token)

    def _ask_for_token(self, form: Mapping[str, str], headers: Mapping[str, str] | None = None) -> Any:
        path = str(self._settings["auth_token_url"]).removeprefix(self._token_http.base_url)
        return self._token_http.send("POST", path, form=form, headers=headers, repeatable=True).data


class _ExpiredError(NeedsAttention):
    """The token is no longer, or not yet, good."""


def _headers(given: Mapping[str, Any]) -> dict[str, str]:
    if given["auth_type"] == "basic":
        return {"Authorization": f"Basic {_basic(given['auth_username'], given['auth_password'])}"}
    if given["auth_type"] == "bearer":
        return {"Authorization": f"Bearer {given['auth_token']}"}
    return {given["auth_name"]: given["auth_value"]} if given["auth_type"] == "header" else {}


def _secrets(given: Mapping[str, Any]) -> list[str]:
    names = {
        "basic": ("auth_password",),
        "bearer": ("auth_token",),
        "header": ("auth_value",),
        "query": ("auth_value",),
        "oauth2": ("auth_client_secret",),
    }
    secrets = [str(given[name]) for name in names.get(given["auth_type"], ())]
    pairs = {"basic": ("auth_username", "auth_password"), "oauth2": ("auth_client_id", "auth_client_secret")}
    if pair := pairs.get(given["auth_type"]):
        secrets.append(f"{given[pair[0]]}:{given[pair[1]]}")
    return secrets


def _basic(username: str, password: str) -> str:
    return b64encode(f"{username}:{password}".encode()).decode()
