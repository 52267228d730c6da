"""Which questions a page of the inbox is about: what its address says, as a query, and how they are grouped."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

from django.db.models import Case, Count, Exists, IntegerField, OuterRef, Q, QuerySet, Value, When

from alumnisync.inbox.wording import Wording
from alumnisync.models import Conflict, Match, Member, Question, Review
from alumnisync.wording import whole

Asked = Conflict | Review | Match
AskedModel = type[Conflict] | type[Review] | type[Match]

OPEN, DECIDED, CLOSED, HELD = Question.State.OPEN, Question.State.DECIDED, Question.State.CLOSED, Question.State.HELD
STATES: Mapping[str, str] = {
    OPEN: "Waiting",
    DECIDED: "Decided, not sent yet",
    HELD: "On hold with a run",
    CLOSED: "Closed",
}


MOST_CHOSEN = 50
"""Questions that a search can narrow a list to: more would make too long an address."""


@dataclass(frozen=True)
class Wanted:
    """What a list is narrowed to.

    of      the field (or group); of possible matches, the rule
    record  a record's id
    chosen  these questions only, as a search found them
    """

    model: AskedModel
    state: str = OPEN
    sync: int = 0
    of: str = ""
    record: str = ""
    chosen: tuple[int, ...] = ()

    @classmethod
    def read(cls, model: AskedModel, given: Mapping[str, str]) -> Wanted:
        """From the parts of an address or form; what makes no sense is left out."""
        state = given.get("state", OPEN)
        return cls(
            model,
            state if state in states_of(model) else OPEN,
            whole(given.get("sync", "")),
            given.get("of", "").replace("\0", ""),
            given.get("record", "").replace("\0", "").strip(),
            tuple(filter(None, map(whole, given.get("chosen", "").split(".")[:MOST_CHOSEN]))),
        )

    def parts(self) -> dict[str, str]:
        """What an address or form has to say for `read` to give the same; defaults are left out."""
        said = {
            "state": "" if self.state == OPEN else self.state,
            "sync": str(self.sync or ""),
            "of": self.of,
            "record": self.record,
            "chosen": ".".join(map(str, self.chosen)),
        }
        return {name: text for name, text in said.items() if text}

    def query(self, **changes: Any) -> str:
        """The end of an address, with the “?”, or “”."""
        parts = replace(self, **changes).parts()
        return f"?{urlencode(parts)}" if parts else ""

    def rows(self) -> QuerySet[Any]:
        """Everything that is wanted, in no order."""
        found = self._in_state()
        by_sync, by_of = places_of(self.model)
        if self.sync:
            found = found.filter(**{by_sync: self.sync})
        if self.of:
            found = found.filter(**{by_of: self.of})
        if self.record:
            found = found.filter(self._of_record())
        if self.chosen:
            found = found.filter(pk__in=self.chosen)
        return found

    def patterns(self) -> list[dict[str, Any]]:
        """What there is in this state, grouped: sync, of, count; the biggest group first."""
        by_sync, by_of = places_of(self.model)
        grouped = self._in_state().values(by_sync, by_of).annotate(count=Count("pk")).order_by("-count", by_of)
        return [{"sync": row[by_sync], "of": row[by_of], "count": row["count"]} for row in grouped]

    def in_order(self, words: Mapping[int, Wording]) -> QuerySet[Any]:
        """Everything that is wanted, what is urgent first, then as it was asked."""
        by_sync, by_of = places_of(self.model)
        urgent = [
            When(Q(**{by_sync: sync, f"{by_of}__in": sorted(word.urgent)}), then=Value(0))
            for sync, word in sorted(words.items())
            if word.urgent
        ]
        # A case without a condition is a bare number, by which a database would sort as by a column's place.
        nobody = When(pk__lt=0, then=Value(0))
        order = Case(nobody, *urgent, default=Value(1), output_field=IntegerField())
        found: QuerySet[Any] = self.rows().annotate(place=order).order_by("place", "pk")
        return found

    def _in_state(self) -> QuerySet[Any]:
        found: QuerySet[Any] = self.model._default_manager.filter(state=self.state).order_by()
        return found

    def _of_record(self) -> Q:
        if self.model is Match:
            candidates = Match.candidates.through.objects.filter(
                match=OuterRef("pk"), remoterecord__remote_id=self.record
            )
            return Q(record__remote_id=self.record) | Q(Exists(candidates))
        members = Member.objects.filter(link=OuterRef("link"), record__remote_id=self.record)
        return Q(Exists(members))


def states_of(model: AskedModel) -> list[str]:
    """The states a list can be narrowed to. Only reviews are held with a run."""
    return [state for state in STATES if model is Review or state != HELD]


def places_of(model: AskedModel) -> tuple[str, str]:
    """The columns of the sync and of what is decided."""
    return ("sync_id", "rule") if model is Match else ("link__sync_id", "unit")
