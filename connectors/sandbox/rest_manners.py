"""The manners of web services: how they page, let somebody in, and write times of change."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from connectors.sandbox.stand_in import Row

OBJECT: Mapping[str, Any] = {
    "id": "id",
    "find": {"param": "{field}"},
    "version": {"field": "revision", "header": "If-Match", "quoted": True},
}
"""What is said of the people whatever the manners are."""


@dataclass(frozen=True)
class Paging:
    """A way of paging; described: its settings in a connection besides the page's size."""

    name: str
    described: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Turn:
    """One request for a list. url: where it came to, without what follows the question mark."""

    rows: list[Row]
    size: int
    query: Mapping[str, str]
    url: str


PAGING = {
    way.name: way
    for way in (
        Paging("none"),
        Paging("page", {"param": "page", "first": 1}),
        Paging("offset", {"param": "skip"}),
        Paging("cursor", {"param": "after", "field": "meta.next"}),
        Paging("next_url", {"field": "links.next"}),
        Paging("link_header"),
        Paging("next_header", {"name": "Next-Page"}),
    )
}


def next_of(paging: Paging, turn: Turn) -> tuple[list[Row], dict[str, Any], dict[str, str]]:
    """The rows of a page, and what is said of the next one: in the body, and in headers."""
    start = _start(paging, turn)
    shown, end = turn.rows[start : start + turn.size], start + turn.size
    has_more = end < len(turn.rows)
    # Services hand the whole query back, the key in it too.
    address = f"{turn.url}?{urlencode({**turn.query, 'from': end})}"
    if paging.name == "cursor":
        return shown, {"meta": {"next": f"m{end}" if has_more else None}}, {}
    if paging.name == "next_url":
        return shown, {"links": {"next": address if has_more else None}}, {}
    if paging.name == "link_header" and has_more:
        return shown, {}, {"Link": f'<{turn.url}>; rel="first", <{address}>; rel="next"'}
    return shown, {}, {"Next-Page": address} if paging.name == "next_header" and has_more else {}


def _start(paging: Paging, turn: Turn) -> int:
    query = turn.query
    if paging.name == "page":
        return (int(query.get("page", "1")) - 1) * turn.size
    if paging.name == "cursor":
        return int(query.get("after", "m0").removeprefix("m"))
    return int(query.get("skip" if paging.name == "offset" else "from", "0"))


AUTH: Mapping[str, Callable[[str, str, str, str], dict[str, str]]] = {
    "none": lambda user, secret, client, tokens: {},
    "basic": lambda user, secret, client, tokens: {"username": user, "password": secret},
    "bearer": lambda user, secret, client, tokens: {"token": secret},
    "header": lambda user, secret, client, tokens: {"name": "X-API-Key", "value": secret},
    "query": lambda user, secret, client, tokens: {"name": "api_key", "value": secret},
    "oauth2": lambda user, secret, client, tokens: {
        "token_url": tokens,
        "client_id": client,
        "client_secret": secret,
    },
}
"""A way of signing in → what a connection says of it."""

SINCE: Mapping[str, Callable[[datetime, int], Any]] = {
    "iso": lambda now, mark: now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    "date": lambda now, mark: now.astimezone(UTC).strftime("%Y-%m-%d"),
    "epoch": lambda now, mark: int(now.timestamp()),
    "epoch_ms": lambda now, mark: int(now.timestamp() * 1000),
    "raw": lambda now, mark: mark,
}
"""How a time of change is written; raw: a number that only ever grows."""
