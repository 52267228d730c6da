"""An office that undoes what its runs did: what was left alone and why, and whether the next runs keep quiet."""

from __future__ import annotations

from typing import Any

from django.utils import timezone

from alumnisync.models import ChangeRecord, Review, SyncRun
from alumnisync.undo import undo
from connectors.records import Values
from tests.factories import PAIRS, World

CONSENT = {"left": "no_mail", "right": "no_mail", "kind": "consent", "restricted_when": {"left": True, "right": True}}
DEAD = {"left": "dead", "right": "dead", "kind": "deceased"}
HOME = ({"left": "city", "right": "city", "group": "home"}, {"left": "zip", "right": "zip", "group": "home"})
KEPT = ({**PAIRS[2], "keep_old": {"right": "old_email"}}, *PAIRS[:2], PAIRS[3])


class Office(World):
    """Linked people who agree on everything."""

    def __init__(self, pairs: Any = PAIRS, *, people: int = 1, values: Any = None, **options: Any) -> None:
        super().__init__(pairs, **options)
        self.version.approved_at = timezone.now()
        self.version.save()
        given = {"city": "Rolla", "zip": "65401", "no_mail": False, "dead": False, "old_email": "", **(values or {})}
        self.people = [self.pair_up(**given) for _ in range(people)]
        self.run()

    def edit(self, side: str, person: int = 0, **values: Any) -> None:
        getattr(self, side).alter("person", self.people[person][side == "right"], values)

    def held(self, side: str, person: int = 0) -> Values:
        return dict(getattr(self, side).values("person", self.people[person][side == "right"]))

    def carried(self, side: str = "left", **values: Any) -> int:
        """Edit the first person on a side, and let a run carry it over; that run."""
        self.edit(side, **values)
        return int(self.run()["run"])

    def undo(self, run: int, **narrowed: Any) -> SyncRun:
        """What undoing would put back."""
        return undo(SyncRun.objects.get(pk=run), by="pat", **narrowed)

    def undone(self, run: int, **narrowed: Any) -> dict[str, Any]:
        return self.approve(self.undo(run, **narrowed).pk)

    def reasons(self, run: int) -> list[str]:
        """Why something was left alone by an undo."""
        rows = ChangeRecord.objects.filter(run=run, state="left_alone").order_by("pk")
        return [row.reason for row in rows]

    def asked_about(self) -> Review:
        return Review.objects.get(link__sync=self.sync, unit="created", state="open")

    def is_quiet(self) -> bool:
        """Whether further runs write nothing and ask nothing."""
        written, asked = self.writes(), len(self.conflicts()) + len(self.reviews()) + len(self.matches())
        for _ in range(2):
            self.run()
        return (self.writes(), len(self.conflicts()) + len(self.reviews()) + len(self.matches())) == (written, asked)
