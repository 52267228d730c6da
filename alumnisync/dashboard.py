"""The start page: what waits for a person, each sync, each connection; in an empty installation, the way."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from django.contrib.auth.models import AnonymousUser, User
from django.db.models import OuterRef, Q, Subquery
from django.http import HttpRequest
from django.urls import reverse

from alumnisync.first_steps import first_steps
from alumnisync.models import DriftReport, SyncRun
from alumnisync.navigation import INBOX, inbox_address
from alumnisync.waiting import HELD, KINDS, waiting_by_sync
from alumnisync.wording import SYNC_STATES, Said, number, run_said
from connectors.checking import standing
from connectors.models import Connection
from connectors.moments import when
from connectors.registry import connectors
from mappings.models import MappingVersion, Sync, SyncSide

MOST_NOTED = 10
WRITTEN = {"created": "created", "updated": "updated", "stamped": "ids written"}
Waiting = dict[int, dict[str, int]]
Viewer = User | AnonymousUser


@dataclass
class Line:
    """One sync on the start page. sides: side → the connection's name."""

    sync: Sync
    state: Said
    sides: dict[str, str] = field(default_factory=dict)
    waits: list[str] = field(default_factory=list)
    run: SyncRun | None = None
    run_state: Said | None = None
    draft: MappingVersion | None = None
    is_approved: bool = False

    @property
    def address(self) -> str:
        return reverse("admin:mappings_sync_change", args=[self.sync.pk])

    @property
    def between(self) -> str:
        return " ↔ ".join(self.sides[side] for side in sorted(self.sides))

    @property
    def run_address(self) -> str:
        return reverse("admin:alumnisync_syncrun_change", args=[self.run.pk]) if self.run else ""

    @property
    def run_when(self) -> str:
        return when(self.run.finished_at or self.run.started_at or self.run.created_at) if self.run else ""

    @property
    def figures(self) -> list[str]:
        """What the last run wrote, by system; empty where it wrote nothing."""
        counts = self.run.counts if self.run else {}
        sides = {side: _written(counts, side) for side in sorted(self.sides)}
        return [f"{self.sides[side]}: {said}" for side, said in sides.items() if said]

    @property
    def next_run(self) -> str:
        if self.sync.state != Sync.State.LIVE:
            return "not while it is " + ("paused" if self.sync.state == Sync.State.PAUSED else "a draft")
        return when(self.sync.next_run_at) or (
            "not yet known" if self.sync.schedule else "only when somebody starts it"
        )

    @property
    def draft_said(self) -> str:
        if self.draft is None:
            return ""
        who = self.draft.changed_by or self.draft.created_by or "the setup file"
        at = when(self.draft.changed_at)
        return f"Version {self.draft.number} of {self.sync.name} is a draft by {who}, last changed {at}."


STANDINGS = {
    "works": Said("works", "good"),
    "attention": Said("needs attention", "bad"),
    "unchecked": Said("not checked yet", "warn"),
}


def dashboard(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """What the start page shows to whoever asks."""
    user = request.user
    by_sync = waiting_by_sync()
    lines = sync_lines(by_sync) if user.has_perm("mappings.view_sync") else []
    connections = _connections() if user.has_perm("connectors.view_connection") else []
    return {
        **context,
        "title": "Start",
        "may_look": any(user.has_module_perms(app) for app in ("alumnisync", "mappings", "connectors")),
        "cards": _cards(user, by_sync),
        "decisions": _decisions() if user.has_perm("alumnisync.view_syncrun") else [],
        "lines": lines,
        "drafts": [line for line in lines if line.draft],
        "connections": connections,
        "steps": _steps(user, lines, connections),
        **_offers(user),
    }


def _cards(user: Viewer, by_sync: Waiting) -> list[dict[str, Any]]:
    counts = {kind: sum(one[kind] for one in by_sync.values()) for kind in KINDS}
    return [
        {"title": title, "count": number(counts[kind]), "is_none": not counts[kind], "address": inbox_address(kind)}
        for title, _icon, app, model, kind in INBOX
        if user.has_perm(f"{app}.view_{model}")
    ]


def _decisions() -> list[dict[str, Any]]:
    """Runs on hold, and previews that nobody has let through yet; newest first."""
    runs = SyncRun.objects.filter(HELD).select_related("sync").order_by("-pk")[:MOST_NOTED]
    return [
        {
            "title": _title(run),
            "when": when(run.finished_at or run.created_at),
            "reasons": [hold["reason"] for hold in run.holds[:3] if hold.get("reason")],
            "more": max(len(run.holds) - 3, 0),
            "address": reverse("admin:alumnisync_syncrun_change", args=[run.pk]),
        }
        for run in runs
    ]


def _title(run: SyncRun) -> str:
    if run.state == SyncRun.State.HELD:
        return f"A run of {run.sync.name} is on hold"
    return f"A preview of {run.sync.name} waits for an OK"


def sync_lines(by_sync: Waiting) -> list[Line]:
    newest = SyncRun.objects.filter(sync=OuterRef("pk")).order_by("-pk").values("pk")[:1]
    compared = DriftReport.objects.filter(sync=OuterRef("pk")).exclude(made_at=None).order_by("-made_at")
    unknown = Subquery(compared.values("unknown")[:1])
    syncs = list(Sync.objects.annotate(newest_run=Subquery(newest), not_explained=unknown))
    lines = {sync.pk: Line(sync, SYNC_STATES[Sync.State(sync.state)]) for sync in syncs}
    for run in SyncRun.objects.filter(pk__in=[sync.newest_run for sync in syncs if sync.newest_run]):
        lines[run.sync_id].run, lines[run.sync_id].run_state = run, run_said(run)
    _add_versions(lines)
    for sync, counts in by_sync.items():
        lines[sync].waits = [f"{title}: {number(counts[kind])}" for title, *_, kind in INBOX if counts[kind]]
    for one in syncs:
        if one.not_explained:
            lines[one.pk].waits.append(f"Differences not explained: {number(one.not_explained)}")
    return list(lines.values())


def _add_versions(lines: dict[int, Line]) -> None:
    """The sides of each sync's newest version, and the draft that is newer than what is in force."""
    is_current = Q(state__in=(MappingVersion.State.ACTIVE, MappingVersion.State.DRAFT))
    newest: dict[int, MappingVersion] = {}
    for version in MappingVersion.objects.filter(is_current).order_by("number"):
        line = lines[version.sync_id]
        newest[version.sync_id] = version
        line.draft = version if version.state == MappingVersion.State.DRAFT else None
        line.is_approved |= version.approved_at is not None
    sides = SyncSide.objects.filter(version__in=newest.values()).values_list(
        "version__sync", "side", "connection__name"
    )
    for sync, side, name in sides:
        lines[sync].sides[side] = name


def _written(counts: dict[str, Any], side: str) -> str:
    said = [f"{number(counts[name][side])} {word}" for name, word in WRITTEN.items() if counts.get(name, {}).get(side)]
    return ", ".join(said)


def _connections() -> list[dict[str, Any]]:
    kinds = connectors()
    return [
        {
            "name": one.name,
            "system": kinds[one.system].label if one.system in kinds else one.system,
            "organisation": one.identity.get("label") or one.identity.get("organisation") or "",
            "environment": one.identity.get("environment", ""),
            "state": STANDINGS[standing(one)],
            "attention": one.attention,
            "warnings": one.identity.get("warnings", []),
            "checked": when(one.checked_at),
            "address": reverse("admin:connectors_connection_change", args=[one.pk]),
        }
        for one in Connection.objects.defer("secrets")
    ]


def _steps(user: Viewer, lines: Iterable[Line], connections: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The way to a first sync, until one was approved; nothing for somebody who may not look."""
    lines = list(lines)
    may_look = user.has_perm("mappings.view_sync") and user.has_perm("connectors.view_connection")
    if not may_look or any(line.is_approved for line in lines):
        return []
    return first_steps(user, [line.sync for line in lines], len(connections))


def _offers(user: Viewer) -> dict[str, str]:
    """Where a new sync or connection is made, for whoever may."""
    may = {
        "new_sync": ("mappings.add_sync", "admin:mappings_sync_add"),
        "new_connection": ("connectors.add_connection", "admin:connectors_connection_add"),
    }
    return {name: reverse(view) if user.has_perm(needed) else "" for name, (needed, view) in may.items()}
