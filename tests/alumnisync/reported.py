"""The report of differences held against what the tests themselves found out, which share no reason with it."""

from __future__ import annotations

from collections.abc import Iterable

from alumnisync.drift.comparing import Comparing, NotReady
from alumnisync.drift.reasons import Reason
from mappings.models import Sync
from tests.alumnisync.machine.differences import Difference

Place = tuple[int, str]
"""The link, and the field pair."""


def reasons(sync: Sync) -> dict[Place, Reason]:
    """Each difference that the report finds, with its reason."""
    return {
        (one.link.pk, each.pair): each.reason
        for one in Comparing(Sync.objects.get(pk=sync.pk)).everybody()
        for each in one.differences
    }


def unexplained(sync: Sync) -> list[Place]:
    """What the report calls not explained; nothing where no rules are in force."""
    try:
        return [place for place, reason in reasons(sync).items() if reason is Reason.UNKNOWN]
    except NotReady:
        return []


def check_report(sync: Sync, found: Iterable[Difference]) -> None:
    """It explains everything, and finds exactly what is there."""
    told = reasons(sync)
    assert Reason.UNKNOWN not in told.values(), told
    there = {(each.link, each.pair): each.why for each in found}
    assert there.keys() == told.keys(), (there, told)
