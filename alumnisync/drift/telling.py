"""Mail when a weekly comparison found differences that nothing explains."""

from __future__ import annotations

from alumnisync.alerts import link_to, send
from alumnisync.models import DriftReport
from alumnisync.wording import counted

SUBJECT = "{} has differences that nothing explains"
HAPPENED = (
    "The weekly comparison of the sync {sync} found {count} that no rule, no question and no person explains. "
    "A change may have been lost."
)
TO_DO = "Open the page “Differences” of the sync, look at what is “not explained”, and tell whoever looks after it."


def tell(report: DriftReport) -> bool:
    """Whether mail went out: only where something is not explained, and where somebody wants to hear of it."""
    sync = report.sync
    if not report.unknown or not sync.alerts:
        return False
    happened = HAPPENED.format(sync=sync, count=counted(report.unknown, "difference"))
    link = link_to("admin:mappings_sync_differences", sync.pk)
    return send(sync, SUBJECT.format(sync), [happened, TO_DO, link], f"the differences of {sync}")
