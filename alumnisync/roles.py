"""What each role may do. The groups are made, and given their permissions, whenever the database is migrated."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.apps import apps
from django.contrib.auth.management import create_permissions
from django.contrib.auth.models import Group, Permission

OURS = ("connectors", "mappings", "alumnisync")

VIEWERS, REVIEWERS, EDITORS, OPERATORS = "Viewers", "Reviewers", "Editors", "Operators"

DECIDES = (
    "alumnisync.change_conflict",
    "alumnisync.change_review",
    "alumnisync.change_match",
    "alumnisync.change_absence",
)
EDITS = ("mappings.add_sync", "mappings.change_sync", "alumnisync.preview_syncrun")
OPERATES = (
    "connectors.add_connection",
    "connectors.change_connection",
    "mappings.activate_sync",
    "alumnisync.preview_syncrun",
    "alumnisync.start_syncrun",
    "alumnisync.approve_syncrun",
    "alumnisync.undo_syncrun",
    "alumnisync.change_changerecord",
)

ROLES: dict[str, tuple[str, ...]] = {VIEWERS: (), REVIEWERS: DECIDES, EDITORS: EDITS, OPERATORS: OPERATES}
"""Role → permissions besides looking at everything; the stored names of the groups never change."""

ABOUT: dict[str, str] = {
    VIEWERS: "see everything and change nothing",
    REVIEWERS: "decide what waits: both changed, to review, possible matches, no longer found",
    EDITORS: "make and change syncs and their field pairs, and start previews",
    OPERATORS: "connect systems, switch syncs on, approve what is sent, start and undo runs",
}
"""What people of a role do besides, in words."""


def make_roles(**signal: Any) -> None:
    """Makes the groups and gives each what its role needs; whatever else somebody gave a group stays."""
    for app in OURS:
        # The signal comes app by app: what a later one brings may not be there yet.
        create_permissions(apps.get_app_config(app), verbosity=0)
    looking = _named(f"{model._meta.app_label}.view_{model._meta.model_name}" for model in _models())
    for name, permissions in ROLES.items():
        group, _made = Group.objects.get_or_create(name=name)
        group.permissions.add(*looking, *_named(permissions))


def _models() -> list[Any]:
    return [model for app in OURS for model in apps.get_app_config(app).get_models()]


def _named(permissions: Iterable[str]) -> list[Permission]:
    wanted = set(permissions)
    there = Permission.objects.filter(content_type__app_label__in=OURS).select_related("content_type")
    return [one for one in there if f"{one.content_type.app_label}.{one.codename}" in wanted]
