"""Putting a version of a sync's rules in force, with what that means for its records."""

from __future__ import annotations

from django.db import transaction

from alumnisync.models import Progress
from mappings import versions
from mappings.models import MappingVersion, Sync


@transaction.atomic
def activate(version: MappingVersion) -> bool:
    """Puts a version in force; every record is then planned anew. False: it was in force already."""
    # A run that ends its planning at this moment waits, or is waited for.
    Sync.objects.select_for_update().get(pk=version.sync_id)
    switched = versions.activate(version)
    if switched:
        plan_everybody(version.sync)
    return switched


def plan_everybody(sync: Sync) -> None:
    """The next plan of the sync takes everybody in."""
    Progress.objects.filter(sync=sync).update(planned_to=0)
