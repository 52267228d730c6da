"""The menu at the left of every page, with how much waits behind each line; what says that this is a demo."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.http import HttpRequest
from django.urls import reverse

from alumnisync.waiting import waiting

Group = dict[str, Any]

DEMO = "Demo – invented people"  # noqa: RUF001 - the dash is meant

INBOX = (
    ("Both changed", "compare_arrows", "alumnisync", "conflict", "conflicts"),
    ("To review", "rate_review", "alumnisync", "review", "reviews"),
    ("Possible matches", "group", "alumnisync", "match", "matches"),
    ("No longer found", "person_off", "alumnisync", "absence", "absences"),
    ("On hold", "front_hand", "alumnisync", "syncrun", "held"),
    ("Couldn't be sent", "error", "alumnisync", "changerecord", "set_aside"),
)
WORK = (
    ("Syncs", "sync", "mappings", "sync"),
    ("Runs", "history", "alumnisync", "syncrun"),
    ("Connections", "cable", "connectors", "connection"),
)
PEOPLE = (("Users", "person", "auth", "user"), ("Roles", "badge", "auth", "group"))
BEHIND = (
    ("Changes", "edit_note", "alumnisync", "changerecord"),
    ("Linked people", "link", "alumnisync", "link"),
    ("Records", "draft", "connectors", "remoterecord"),
    ("Versions", "layers", "mappings", "mappingversion"),
    ("Fields seen", "visibility", "connectors", "seenfield"),
    ("Erased people", "person_off", "alumnisync", "erasure"),
)


def navigation(request: HttpRequest) -> list[Group]:
    """The menu's groups; lines that somebody may not open are not there."""
    counts = waiting()
    start = {"title": "Start", "icon": "home", "link": reverse("admin:index"), "active": _is_at_start(request)}
    inbox: list[Group] = [
        {**line, "badge": counts[kind] or None, "badge_variant": "warning"}
        for title, icon, app, model, kind in INBOX
        if (line := _line(request, title, icon, app, model, query=_query(kind)))
    ]
    groups: list[Group] = [
        {"items": [start]},
        {"title": "Waiting for you", "separator": True, "items": inbox},
        {"title": "Keeping in step", "separator": True, "items": _lines(request, WORK)},
        {"title": "People and roles", "separator": True, "items": _lines(request, PEOPLE)},
        {"title": "Behind the scenes", "separator": True, "collapsible": True, "items": _lines(request, BEHIND)},
    ]
    return [group for group in groups if group["items"]]


def frame(request: HttpRequest) -> dict[str, Any]:
    """What every page is given besides the theme's own."""
    return {"is_demo": settings.DEMO, "demo_people": demo_people}


def demo_people() -> list[dict[str, str]]:
    """Who may sign in to a demo; elsewhere nobody is told."""
    if not settings.DEMO:
        return []
    people = User.objects.filter(is_active=True, is_staff=True).prefetch_related("groups").order_by("pk")
    return [{"user": one.get_username(), "name": one.get_full_name(), "role": role_of(one)} for one in people]


def role_of(user: User) -> str:
    """The roles of somebody in words."""
    if user.is_superuser:
        return "Administrator"
    return ", ".join(sorted(group.name for group in user.groups.all()))


def environment(request: HttpRequest) -> list[str] | None:
    """The label at the top of every page of a demo."""
    return [DEMO, "warning"] if settings.DEMO else None


def inbox_address(kind: str) -> str:
    """The list of what waits of one kind."""
    app, model = next((app, model) for _title, _icon, app, model, name in INBOX if name == kind)
    query = _query(kind)
    return reverse(f"admin:{app}_{model}_changelist") + (f"?{query}" if query else "")


def _query(kind: str) -> str:
    return {"held": "waiting=yes", "set_aside": "waiting=yes"}.get(kind, "")


def _lines(request: HttpRequest, wanted: tuple[tuple[str, str, str, str], ...]) -> list[Group]:
    return [line for one in wanted if (line := _line(request, *one))]


def _line(request: HttpRequest, title: str, icon: str, app: str, model: str, query: str = "") -> Group | None:
    if not request.user.has_perm(f"{app}.view_{model}"):
        return None
    link = reverse(f"admin:{app}_{model}_changelist")
    is_here = request.path.startswith(link) and (request.GET.get("waiting") == "yes") == bool(query)
    return {"title": title, "icon": icon, "link": f"{link}?{query}" if query else link, "active": is_here}


def _is_at_start(request: HttpRequest) -> bool:
    return request.path == reverse("admin:index")
