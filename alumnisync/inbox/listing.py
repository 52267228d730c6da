"""A list of the inbox: what waits, its patterns, and a page of it. A fixed number of statements, whatever the size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.core.paginator import Page, Paginator
from django.db.models import Case, Count, Prefetch, Q, QuerySet, When

from alumnisync.deciding import mark_of
from alumnisync.engine.tries import CREATE_UNIT
from alumnisync.inbox.lines import Row, row_of
from alumnisync.inbox.people import PersonRow, person_row
from alumnisync.inbox.wanted import OPEN, STATES, Wanted, states_of
from alumnisync.inbox.wording import Wording, wordings
from alumnisync.models import Match, Member
from alumnisync.wording import counted
from connectors.models import RemoteRecord
from mappings.rules import Side

PER_PAGE = 50
NOUNS: Mapping[str, tuple[str, str]] = {
    "conflict": ("field that both changed", "fields that both changed"),
    "review": ("change to review", "changes to review"),
    "match": ("possible match", "possible matches"),
}


@dataclass(frozen=True)
class Pattern:
    """What is alike: one sync, one field (or rule of matching)."""

    sync: str
    label: str
    count: str
    query: str
    is_urgent: bool
    is_chosen: bool


@dataclass(frozen=True)
class Listing:
    """A page of a list. word: the words of all its rows, where they are the same; else None."""

    wanted: Wanted
    patterns: Sequence[Pattern]
    rows: Sequence[Row | PersonRow]
    page: Page[Any]
    headline: str
    states: Sequence[tuple[str, str, bool]]
    word: Wording | None
    total: int

    @property
    def can_be_decided(self) -> bool:
        """Whether several of these may be decided at once."""
        return self.wanted.state in ("open", "decided") and bool(self.rows)

    @property
    def is_mixed(self) -> bool:
        """Whether the rows call their sides differently."""
        return self.word is None

    @property
    def left(self) -> str:
        return self.word.side(Side.LEFT) if self.word else "One side"

    @property
    def right(self) -> str:
        return self.word.side(Side.RIGHT) if self.word else "Other side"

    @property
    def total_words(self) -> str:
        return f"{self.total:,}"

    @property
    def kind(self) -> str:
        """conflict, review or match."""
        return self.wanted.model._meta.model_name or ""

    @property
    def is_narrowed(self) -> bool:
        return bool(self.wanted.sync or self.wanted.of or self.wanted.record or self.wanted.chosen)


def listing(wanted: Wanted, page_number: str) -> Listing:
    """A page of what is wanted."""
    grouped = wanted.patterns()
    words = wordings(group["sync"] for group in grouped)
    found = wanted.rows().aggregate(total=Count("pk"), people=Count(_who(wanted), distinct=True))
    rows = _loaded(wanted, wanted.in_order(words))
    paginator = Paginator(rows, PER_PAGE)
    # Counted already, with the people.
    paginator.__dict__["count"] = found["total"]
    page = paginator.get_page(page_number)
    return Listing(
        wanted,
        _patterns(wanted, grouped, words),
        [_row(row, words) for row in page.object_list],
        page,
        _headline(wanted, found["total"], found["people"]),
        [(STATES[state], wanted.query(state=state), state == wanted.state) for state in states_of(wanted.model)],
        one_word(wanted, words),
        found["total"],
    )


def next_open(wanted: Wanted, row: Any, words: Mapping[int, Wording]) -> int | None:
    """The next question of a list that waits; after the last one the first."""
    word = words.get(row.sync_id if isinstance(row, Match) else row.link.sync_id)
    of = row.rule if isinstance(row, Match) else row.unit
    place = 0 if word and of in word.urgent else 1
    waiting = replace(wanted, state=OPEN).in_order(words).exclude(pk=row.pk)
    turn = Case(When(Q(place=place, pk__gt=row.pk) | Q(place__gt=place), then=0), default=1)
    found: int | None = waiting.order_by(turn, "place", "pk").values_list("pk", flat=True).first()
    return found


def _row(row: Any, words: Mapping[int, Wording]) -> Row | PersonRow:
    if isinstance(row, Match):
        return person_row(row, words[row.sync_id], mark_of(row))
    return row_of(row, words[row.link.sync_id], mark_of(row))


def _loaded(wanted: Wanted, rows: QuerySet[Any]) -> QuerySet[Any]:
    if wanted.model is Match:
        candidates = Prefetch("candidates", RemoteRecord.objects.defer("field_times"))
        return rows.select_related("sync", "record").prefetch_related(candidates)
    members = Member.objects.select_related("record").defer("record__field_times")
    return rows.select_related("link__sync").prefetch_related(Prefetch("link__members", members))


def _patterns(wanted: Wanted, grouped: Sequence[Mapping[str, Any]], words: Mapping[int, Wording]) -> list[Pattern]:
    found = [_pattern(wanted, group, words[group["sync"]]) for group in grouped if group["sync"] in words]
    return sorted(found, key=lambda one: not one.is_urgent)


def _pattern(wanted: Wanted, group: Mapping[str, Any], word: Wording) -> Pattern:
    of = group["of"]
    is_chosen = (wanted.sync, wanted.of) == (group["sync"], of)
    label = f"Same {word.rule(of)}" if wanted.model is Match else word.unit(of)
    if wanted.model is Match and of.startswith("key:"):
        label = "By the other system's id"
    query = wanted.query(sync=0, of="") if is_chosen else wanted.query(sync=group["sync"], of=of)
    return Pattern(
        word.version.sync.name, label, f"{group['count']:,}", query, of in word.urgent and of != CREATE_UNIT, is_chosen
    )


def _headline(wanted: Wanted, total: int, people: int) -> str:
    nouns = NOUNS[wanted.model._meta.model_name or ""]
    return f"{counted(total, *nouns)} · {counted(people, 'person', 'people')}"


def _who(wanted: Wanted) -> str:
    return "record" if wanted.model is Match else "link"


def one_word(wanted: Wanted, words: Mapping[int, Wording]) -> Wording | None:
    """The words that hold for every row: of the chosen sync, or where all call their sides alike."""
    if wanted.sync in words:
        return words[wanted.sync]
    called = {(word.side("left"), word.side("right")) for word in words.values()}
    return next(iter(words.values())) if len(called) == 1 else None
