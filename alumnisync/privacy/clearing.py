"""Removing what is held about a person, or blanking it where a line has to stay so that figures stay right."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from datetime import datetime
from typing import Any

from alumnisync.engine.identity import DUPLICATE
from alumnisync.engine.proposing import withdraw
from alumnisync.models import ChangeRecord, Link, Match, SyncRun
from alumnisync.privacy.holdings import HOLDINGS, Holding
from alumnisync.privacy.person import Person
from connectors.models import Cursor, RemoteRecord
from mappings.models import MappingVersion

SAID_THERE = re.compile(r"“.*”", re.DOTALL)
"""What a system says in its own words may repeat somebody's values."""
TAKEN = "The system takes this person for somebody it has, who was erased here."
NOBODY = "(erased)"
"""Takes the place of an id in a pilot list: an empty one would let everybody take part."""


def clear(person: Person, at: datetime) -> None:
    """Remove or blank everything of the person; inside a transaction."""
    _close_plans(person, at)
    _release_others(person)
    # What is left of the others is asked anew; of who was linked by a person's word, nothing is left.
    found = [(one, list(one.of(person).values_list("pk", flat=True))) for one in HOLDINGS]
    for holding, rows in found:
        _blank(holding, rows)
    # The records last: links hold on to them.
    for holding, rows in sorted(found, key=lambda one: one[0].model is RemoteRecord):
        if holding.blanks is None:
            holding.model._default_manager.filter(pk__in=rows).delete()
    ids = {id for there in person.ids.values() for id in there}
    _scrub_runs(person, ids)
    _scrub_pilots(person, ids)
    _scrub_cursors(person, ids)


def _close_plans(person: Person, at: datetime) -> None:
    """What waited to be written is over: neither an old preview nor a retry brings anything back."""
    changes = ChangeRecord.objects.filter(pk__in=_of(person, ChangeRecord))
    changes.filter(state__in=ChangeRecord.UNFINISHED).update(state=ChangeRecord.State.CLOSED, finished_at=at)
    changes.update(reason=f"This person was erased on {at:%-d %B %Y}.", next_try_at=None)


def _release_others(person: Person) -> None:
    """Who was proposed to be linked with this person, or was said to be them, is looked at anew."""
    for link in Link.objects.filter(pk__in=person.shared).select_related("sync"):
        run = link.sync.runs.order_by("-pk").first()
        if run is not None:
            withdraw(run, [link.pk], set(person.keys))
    others = Match.objects.exclude(record__in=person.keys)
    others.filter(chosen__in=person.keys).update(state=Match.State.CLOSED)
    # In the system's words, which may name the person.
    others.filter(candidates__in=person.keys, rule=DUPLICATE).update(reason=TAKEN)


def _blank(holding: Holding, rows: Collection[int]) -> None:
    if holding.blanks is not None:
        holding.model._default_manager.filter(pk__in=rows).update(**holding.blanks)


def _of(person: Person, model: type[ChangeRecord]) -> list[int]:
    found = next(one for one in HOLDINGS if one.model is model)
    return list(found.of(person).values_list("pk", flat=True))


def _scrub_runs(person: Person, ids: Collection[str]) -> None:
    named = re.compile(rf"(?<!\w)({'|'.join(map(re.escape, sorted(ids)))})(?!\w)")
    runs = SyncRun.objects.filter(sync__in=person.syncs).only("reason", "counts", "progress")
    for run in runs.order_by().iterator():
        before = (run.reason, run.counts, run.progress)
        run.reason = SAID_THERE.sub("“…”", run.reason)
        # What a reconciliation found apart is named by its ids, there and in what the run said.
        run.counts = _without(run.counts, ids)
        run.progress = [line for line in run.progress if not named.search(line)]
        if (run.reason, run.counts, run.progress) != before:
            run.save(update_fields=["reason", "counts", "progress"])


def _without(value: Any, ids: Collection[str]) -> Any:
    """What JSON holds, less the ids in its lists."""
    if isinstance(value, dict):
        return {name: _without(each, ids) for name, each in value.items()}
    if isinstance(value, list):
        return [_without(each, ids) for each in value if not (isinstance(each, str) and each in ids)]
    return value


def _scrub_pilots(person: Person, ids: Collection[str]) -> None:
    for version in MappingVersion.objects.filter(sync__in=person.syncs).only("pilot"):
        pilot = [NOBODY if id in ids else id for id in version.pilot]
        if pilot != version.pilot:
            MappingVersion.objects.filter(pk=version.pk).update(pilot=pilot)


def _scrub_cursors(person: Person, ids: Collection[str]) -> None:
    """A place to go on from that names the person: that list is read from its beginning instead."""
    for cursor in Cursor.objects.filter(pk__in=person.ids):
        if any(str(part) in ids for part in _parts(cursor.position)):
            Cursor.objects.filter(pk=cursor.pk).update(position=None)


def _parts(value: Any) -> Iterator[Any]:
    if isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _parts(part)
    else:
        yield value
