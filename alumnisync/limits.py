"""Safety limits that suggest themselves from a sync's own history."""

from __future__ import annotations

from statistics import median

from alumnisync.engine.guard import limits
from alumnisync.engine.holding import history, linked_people
from mappings.forms.parts import Suggestion
from mappings.models import Sync


def suggested_limits(sync: Sync) -> dict[str, Suggestion]:
    """Guard → what its last runs suggest, where that differs from the limit in force: two statements."""
    known, now = history(sync), limits(sync.guards)
    return {
        guard: Suggestion(limit.floor, limit.share, int(median(known.peaks(guard))), max(known.peaks(guard)))
        for guard, limit in known.suggestions(linked_people(sync)).items()
        if limit != now[guard]
    }
