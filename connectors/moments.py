"""Times as screens say them."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.utils import timezone

DAYS = {-1: "yesterday", 0: "today", 1: "tomorrow"}


def when(moment: datetime | None) -> str:
    """A time in the installation's zone: "today 14:05", else with its date; "" where there is none."""
    if moment is None:
        return ""
    local = timezone.localtime(moment)
    day = DAYS.get((local.date() - timezone.localdate()) // timedelta(days=1))
    return f"{day} {local:%H:%M}" if day else f"{local.day} {local:%b %Y, %H:%M}"
