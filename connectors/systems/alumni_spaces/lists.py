"""Lists that come in one answer, however long: read as a stream, in pages that we make of them."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from typing import Any

import ijson

from connectors.download import Download
from connectors.records import NeedsAttention, Temporary

PAGE_BYTES = 4_000_000
PAGE_SECONDS = 20.0
"""A page is handed on after so long, be it small: whoever stores it shows that it is still at work."""


def rows(body: Download) -> Iterator[Any]:
    """The elements of an array, one by one. Raises Temporary unless the array is whole."""
    if body.begins_with(b"{"):
        raise NeedsAttention(
            "Alumni Spaces answered with something that isn't a list. Check the address in the connection's settings."
        )
    if not body.begins_with(b"["):
        raise Temporary("Alumni Spaces answered with something that isn't JSON. Try again later.")
    try:
        for row in ijson.items(body, "item"):
            body.mark()
            yield row
    except (ijson.JSONError, ValueError, RecursionError):
        raise Temporary("Alumni Spaces sent only a part of a list, or a broken one. Try again later.") from None


def batches(found: Iterable[Any], body: Download, most: int) -> Iterator[list[Any]]:
    """The elements in pages, bounded in number, bytes and seconds."""
    batch: list[Any] = []
    began, start = time.monotonic(), body.position
    for row in found:
        batch.append(row)
        is_long = time.monotonic() - began >= PAGE_SECONDS
        if is_long or len(batch) >= most or body.position - start >= PAGE_BYTES:
            yield batch
            batch = []
            began, start = time.monotonic(), body.position
    if batch:
        yield batch


def pauses(body: Download) -> Iterator[None]:
    """Fetch the rest of the answer to disk; comes up for air now and then."""
    breath = time.monotonic()
    for _ in body.lay_by():
        if time.monotonic() - breath >= PAGE_SECONDS:
            yield
            breath = time.monotonic()
