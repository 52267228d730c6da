"""A list page by page, whichever way the next one is asked for: never endless, never called whole wrongly."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from requests.utils import parse_header_links

from connectors.answers import Answer
from connectors.records import Gone, NeedsAttention, Rejected
from connectors.systems.rest.answers import at, id_at, text_at, total_of
from connectors.systems.rest.description import Description
from connectors.systems.rest.session import Session

MOST_EMPTY = 50
"""Pages without a record, one after the other, that are waited through for the next record."""
COUNTED = ("page", "offset")
"""Ways of paging by which a record is skipped when one before it goes away."""


@dataclass(frozen=True, slots=True)
class ListPage:
    """Some rows as they came. is_steady: up to here, nothing showed that the list moved while it was read."""

    rows: tuple[Any, ...] = field(repr=False)
    is_last: bool
    is_steady: bool
    is_whole: bool


@dataclass(frozen=True, slots=True)
class _Turn:
    """How a page is asked for. mark: what tells this request from the others, where the system gives it."""

    path: str
    params: Mapping[str, str]
    number: int = 0
    mark: str = ""


def walk(session: Session, about: Description, params: Mapping[str, str]) -> Iterator[ListPage]:
    """The pages of a list, with these parameters besides its own."""
    turn: _Turn | None = _first(about, params)
    watch = _Watch(session.place, about)
    while turn is not None:
        answer = _asked(session, about, turn)
        if answer is None:
            yield watch.ended()
            return
        rows = rows_of(answer.data, about, session.place)
        watch.see(turn, rows, total_of(answer, about.list_records, len(rows)))
        turn = _next(session, about, turn, answer, rows, watch.count)
        yield watch.page(rows, is_last=turn is None)


def rows_of(data: Any, about: Description, place: str) -> tuple[Any, ...]:
    """The rows of an answer. Raises NeedsAttention where there is no list."""
    found = at(data, about.list_records)
    if isinstance(found, list):
        return tuple(found)
    where = f"under “{about.list_records}”" if about.list_records else "by itself"
    names = ", ".join(list(data)[:10]) if isinstance(data, dict) else ""
    raise NeedsAttention(
        f"The answer of {place} to {about.list_path} is no list {where}. "
        + (f"It has: {names}. " if names else "")
        + "Correct where the records are in the answer."
    )


def _first(about: Description, params: Mapping[str, str]) -> _Turn:
    size = {about.paging_size_param: str(about.paging_size)} if about.paging_size_param else {}
    start = {"page": about.paging_first, "offset": 0}.get(about.paging_type)
    counted = {} if start is None else {about.paging_param: str(start)}
    return _Turn(about.list_path, {**about.list_params, **size, **params, **counted}, start or 0)


def _asked(session: Session, about: Description, turn: _Turn) -> Answer | None:
    """The answer, or None where it says that there is no such page."""
    is_first = turn.number == (about.paging_first if about.paging_type == "page" else 0) and not turn.mark
    try:
        return session.get(turn.path, turn.params)
    except (Gone, Rejected) as error:
        # Behind the last page some say that there is none.
        if isinstance(error, Gone) and about.paging_type in COUNTED and not is_first:
            return None
        raise NeedsAttention(f"The list at {about.list_path} can't be read. {error.message}") from None


def _next(
    session: Session, about: Description, turn: _Turn, answer: Answer, rows: tuple[Any, ...], count: int
) -> _Turn | None:
    if about.paging_type in COUNTED:
        number = turn.number + 1 if about.paging_type == "page" else count
        return _Turn(turn.path, {**turn.params, about.paging_param: str(number)}, number) if rows else None
    if about.paging_type == "cursor":
        mark = text_at(answer.data, about.paging_field)
        return _Turn(turn.path, {**turn.params, about.paging_param: mark}, mark=mark) if mark else None
    target = _link(about, answer)
    if not target:
        return None
    path = session.link(turn.path, target)
    return _Turn(path, {}, mark=path)


def _link(about: Description, answer: Answer) -> str:
    if about.paging_type == "next_url":
        return text_at(answer.data, about.paging_field)
    if about.paging_type == "next_header":
        return str(answer.headers.get(about.paging_name, "")).strip()
    if about.paging_type != "link_header":
        return ""
    links = parse_header_links(answer.headers.get("Link", ""))
    return next((link["url"] for link in links if "next" in link.get("rel", "").lower().split()), "")


class _Watch:
    """What the pages so far say about the list. Of their ids it keeps one number a page."""

    def __init__(self, place: str, about: Description) -> None:
        self._place, self._about = place, about
        self.count = 0
        self._total: int | None = None
        self._ids: frozenset[str] = frozenset()
        self._lengths: tuple[int, int] = (0, 0)
        self._seen: set[int] = set()
        self._empty = 0
        self._is_steady, self._has_total_moved = True, False

    def see(self, turn: _Turn, rows: tuple[Any, ...], total: int | None) -> None:
        """Take note of a page. Raises NeedsAttention where the list goes in circles."""
        ids = frozenset(id_at(row, self._about.id) for row in rows)
        key = hash(turn.mark) if turn.mark else hash(ids)
        is_again = key in self._seen and (bool(turn.mark) or bool(ids))
        self._empty = 0 if rows else self._empty + 1
        if is_again or (ids == self._ids and len(ids) > 1) or self._empty > MOST_EMPTY:
            raise NeedsAttention(
                f"{self._place} answered with a page of {self._about.list_path} that it had sent before. "
                "Correct how its next page is asked for."
            )
        self._has_total_moved |= None not in (total, self._total) and total != self._total
        self._is_steady = self._is_steady and not ids & self._ids
        self._seen.add(key)
        self._lengths = (self._lengths[0] or len(rows), len(rows) or self._lengths[1])
        self.count += len(rows)
        self._ids, self._total = ids, self._total if total is None else total

    def page(self, rows: tuple[Any, ...], *, is_last: bool) -> ListPage:
        return ListPage(rows, is_last, self._steady(), is_last and self._whole())

    def ended(self) -> ListPage:
        """The last page, where the system says instead that there is none."""
        # After a page as full as the first, it may as well be a page that was lost.
        is_sure = self._total is not None or self._lengths[1] < self._lengths[0]
        return ListPage((), is_last=True, is_steady=self._steady(), is_whole=is_sure and self._whole())

    def _steady(self) -> bool:
        # Where the next page follows a record and not a count, whoever moves comes twice, and nobody is skipped.
        is_counted = self._about.paging_type in COUNTED
        return not is_counted or (self._is_steady and not self._has_total_moved)

    def _whole(self) -> bool:
        return self._is_steady and not self._has_total_moved and self._total in (None, self.count)
