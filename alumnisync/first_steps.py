"""The way from an empty installation to a first sync: what is done, what is next, who may do it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.contrib.auth.models import AnonymousUser, User
from django.db.models import Q
from django.urls import reverse

from alumnisync.models import SyncRun
from alumnisync.roles import EDITORS, OPERATORS
from alumnisync.waiting import HELD
from mappings.models import Sync

MOST_NAMED = 3


def first_steps(user: User | AnonymousUser, syncs: Sequence[Sync], connections: int) -> list[dict[str, Any]]:
    """The four steps in order: title, why, is_done, is_next, an address for whoever may, else whom to ask."""
    run = SyncRun.objects.filter(HELD).order_by("-pk").first()
    done = (connections >= 2, bool(syncs), run is not None, False)
    position = next(place for place, is_done in enumerate(done) if not is_done)
    steps = _steps(syncs[0] if syncs else None, run)
    for place, step in enumerate(steps):
        step |= {"number": place + 1, "is_done": place < position, "is_next": place == position, "ask": ""}
        if not user.has_perm(step["needs"]):
            step["address"] = ""
            step["ask"] = _whom(step["role"]) if step["is_next"] else ""
    return steps


def _steps(sync: Sync | None, run: SyncRun | None) -> list[dict[str, Any]]:
    at_sync = reverse("admin:mappings_sync_change", args=[sync.pk]) if sync else ""
    at_run = reverse("admin:alumnisync_syncrun_change", args=[run.pk]) if run else ""
    return [
        {
            "title": "Connect two systems",
            "why": "Your alumni platform and your CRM. A check says whether the key is right and whose data it opens.",
            "button": "New connection",
            "address": reverse("admin:connectors_connection_add"),
            "needs": "connectors.add_connection",
            "role": OPERATORS,
        },
        {
            "title": "Make a sync",
            "why": "Choose which records take part and pair their fields. Nothing is sent yet.",
            "button": "New sync",
            "address": reverse("admin:mappings_sync_add"),
            "needs": "mappings.add_sync",
            "role": EDITORS,
        },
        {
            "title": "Look at a preview",
            "why": "It shows each change that would be made, person by person, and sends nothing.",
            "button": f"Open {sync}" if sync else "",
            "address": at_sync,
            "needs": "alumnisync.preview_syncrun",
            "role": EDITORS,
        },
        {
            "title": "Approve it",
            "why": "Exactly what the preview shows is sent. From then on the sync keeps both systems in step.",
            "button": "Look at the preview",
            "address": at_run,
            "needs": "alumnisync.approve_syncrun",
            "role": OPERATORS,
        },
    ]


def _whom(role: str) -> str:
    """A sentence that names people who may do it."""
    may = User.objects.filter(Q(groups__name=role) | Q(is_superuser=True), is_active=True, is_staff=True)
    names = [one.get_full_name() or one.get_username() for one in may.distinct().order_by("pk")[:MOST_NAMED]]
    return f"Ask {' or '.join(names)}: this takes the role {role}." if names else f"This takes the role {role}."
