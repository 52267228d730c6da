"""What the queue calls. Each may be called twice, or not at all: the rows remember what is to be done."""

from __future__ import annotations

from alumnisync import drift, due
from alumnisync.engine import queued
from alumnisync.engine.faults import told_without_data


def work(run_id: int) -> None:
    """Carry out a queued run."""
    with told_without_data("while a queued run was carried out"):
        queued.work(run_id)


def compare(report_id: int) -> None:
    """Make a comparison that was asked for."""
    with told_without_data("while a comparison was made"):
        drift.compare(report_id)


def tick() -> None:
    """What has to be done every minute."""
    with told_without_data("while it was seen what is due"):
        due.tick()
