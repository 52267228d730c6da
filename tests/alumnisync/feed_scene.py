"""A feed of changes on the left, a CRM on the right whose records hold the ids by which the feed names people."""

from __future__ import annotations

from typing import Any

from alumnisync.models import Match
from connectors.models import FeedRow, RemoteRecord
from connectors.records import Values
from tests.factories import PAIRS, World

FEED = {"feed": True, "can_create": False, "can_update": False}
ONE_WAY = tuple({**pair, "to_left": "off"} for pair in PAIRS)
GENEROUS = {name: {"floor": 5000} for name in ("changed", "same_value", "blanked", "created")}


class FeedWorld(World):
    """The sync is approved already; `told` says what changed of somebody."""

    def __init__(self, pairs: tuple[dict[str, Any], ...] = ONE_WAY, **options: Any) -> None:
        super().__init__(pairs, left_type=FEED, **{"guards": GENEROUS, **options})
        self.go()

    def contact(self, xid: str, **values: Any) -> str:
        """A contact over there; its id."""
        return self.right.put("person", {"email": "", "phone": "", **values, "left_id": xid})

    def told(self, xid: str, change_id: int = 0, /, **values: Any) -> str:
        return self.left.tell("person", xid, values, change_id)

    def held(self, contact: str) -> Values:
        return self.right.values("person", contact)

    def open_rows(self) -> list[str]:
        """The change ids that the feed would bring once more."""
        return [change.id for change in self.left.changes["person"]]

    def acknowledged(self) -> int:
        """How many rows the feed itself counts as processed."""
        return self.left.processed.total()

    def rows(self) -> dict[str, FeedRow]:
        return {row.change_id: row for row in FeedRow.objects.filter(cursor=self.cursor("left"))}

    def outcomes(self) -> dict[str, str]:
        return {change_id: row.outcome for change_id, row in self.rows().items()}

    def record(self, remote_id: str) -> RemoteRecord:
        return RemoteRecord.objects.get(cursor=self.cursor("left"), remote_id=remote_id)

    def match(self) -> Match:
        (match,) = self.matches()
        return match
