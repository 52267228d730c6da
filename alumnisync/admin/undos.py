"""Undoing, on the pages of runs and changes: who may ask for it, what it is narrowed to, what it leaves alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest
from django.urls import reverse

from alumnisync.engine.plan import CREATED_UNIT
from alumnisync.engine.undoing import IDS_LEFT, IDS_STAY, to_undo
from alumnisync.models import ChangeRecord, Member, SyncRun
from alumnisync.naming import Names, person
from alumnisync.undo import can_be_undone, told
from alumnisync.wording import counted, whole

UNDOES = "alumnisync.undo_syncrun"
Kind = ChangeRecord.Kind


@dataclass(frozen=True)
class Narrowed:
    """Which part of a run is to be undone, as an address says it: one person, one field (or group), or all of it."""

    person: int = 0
    unit: str = ""

    @classmethod
    def read(cls, asked: Mapping[str, str]) -> Narrowed:
        return cls(whole(asked.get("person", "")), asked.get("unit", "").replace("\0", "")[:520])

    def only(self) -> dict[str, Any]:
        """As `undo` takes it."""
        return {"links": [self.person] if self.person else None, "units": [self.unit] if self.unit else None}

    def address(self, run: int) -> str:
        """Of the page that asks."""
        said = {"person": self.person or "", "unit": self.unit}
        text = urlencode({name: value for name, value in said.items() if value})
        return reverse("admin:alumnisync_syncrun_undo", args=[run]) + (f"?{text}" if text else "")


def may_undo(request: HttpRequest, run: SyncRun) -> bool:
    """Whether the page of a run, or of a change of it, leads to undoing it."""
    return request.user.has_perm(UNDOES) and can_be_undone(run)


def asking(run: SyncRun, narrowed: Narrowed, names: Names) -> dict[str, Any]:
    """What the page says that asks for an undo: how much there is to look at, and what becomes of it."""
    changes = to_undo(run, {name: these for name, these in narrowed.only().items() if these})
    counts = {
        kind: changes.filter(kind=kind).values("record").distinct().count() for kind in (Kind.UPDATE, Kind.CREATE)
    }
    return {
        "narrowed": narrowed,
        "only": narrowed_said(
            [narrowed.person] if narrowed.person else (), [narrowed.unit] if narrowed.unit else (), names
        ),
        "changed": counted(counts[Kind.UPDATE], "record") if counts[Kind.UPDATE] else "",
        "created": counted(counts[Kind.CREATE], "record") if counts[Kind.CREATE] else "",
    }


def undo_shown(run: SyncRun, names: Names) -> dict[str, Any]:
    """What the page of an undo says besides what that of any run says; {} for other runs."""
    if run.kind != SyncRun.Kind.UNDO:
        return {}
    asked = told(run)["asked"]
    reviews = reverse("admin:alumnisync_review_changelist")
    return {
        "undo": {
            "of": run.undoes,
            "only": narrowed_said(run.only.get("links", ()), run.only.get("units", ()), names),
            "ids_left": counted(ids, "id") if (ids := run.counts.get(IDS_LEFT)) else "",
            "ids_stay": IDS_STAY,
            "asked": counted(asked, "new record") if asked else "",
            "asked_address": f"{reviews}?{urlencode({'sync': run.sync_id, 'of': CREATED_UNIT})}",
        }
    }


def undo_links(request: HttpRequest, change: ChangeRecord, names: Names) -> list[tuple[str, str]]:
    """What can be undone from the page of a change: label and address."""
    if change.state != ChangeRecord.State.DONE or change.link_id is None or not may_undo(request, change.run):
        return []
    units = dict.fromkeys(row.unit for row in change.fields.all() if row.unit) if change.kind == Kind.UPDATE else {}
    of_person = Narrowed(change.link_id)
    fields = [(f"Undo {names.unit(unit)}…", Narrowed(change.link_id, unit)) for unit in units]
    all_of_it = [("Undo all of this person…", of_person)] if change.kind in (Kind.UPDATE, Kind.CREATE) else []
    return [(label, narrowed.address(change.run_id)) for label, narrowed in (*all_of_it, *fields)]


def narrowed_said(links: Iterable[int], units: Iterable[str], names: Names) -> str:
    """Whom and what an undo is narrowed to, in words; "" where it is the whole run."""
    members = Member.objects.filter(link__in=list(links)).select_related("record").order_by("side", "pk")
    people = [person([one.record for one in members if one.link_id == pk]) for pk in links]
    said = [*people, *(names.unit(unit) for unit in units)]
    return ", ".join(said)
