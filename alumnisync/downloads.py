"""What is downloaded to be kept or worked through: the changes of a run, somebody's history, all differences.

Each is a name for the file, its columns, and its rows, made chunk by chunk.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import IO

from django.utils import timezone

from alumnisync.changes import Line, changes_shown, lines_of, loaded
from alumnisync.drift.comparing import Comparing, SeenPerson
from alumnisync.drift.words import MEANINGS, OUTSIDE, sentence
from alumnisync.history import Entry, history_of
from alumnisync.inbox.wording import wordings
from alumnisync.models import Link, SyncRun
from alumnisync.naming import names_by_version, person
from alumnisync.tables import Row, as_csv, as_xlsx, cell_text
from mappings.models import Sync
from mappings.rules import Side

COLUMNS = (
    "run", "when", "system", "record id", "person", "kind", "field", "before", "after", "state", "reason",
)  # fmt: skip
HISTORY = (
    *("when", "field", "what", "system", "record id", "from system", "from record id", "before", "after", "why"),
    *("state", "reason", "who", "run", "version"),
)
CHUNK = 500


@dataclass(frozen=True)
class Table:
    """A file to be. title: of its sheets."""

    name: str
    title: str
    columns: Row
    rows: Iterable[Row]


def csv_of(run: SyncRun) -> Iterator[bytes]:
    """The changes of a run, piece by piece."""
    return as_csv(COLUMNS, rows_of(run))


def xlsx_of(run: SyncRun) -> IO[bytes]:
    """The changes of a run, as an open file at its beginning."""
    return as_xlsx("Changes", COLUMNS, rows_of(run))


def changes_of(run: SyncRun) -> Table:
    """A row for each field of each change of a run."""
    return Table(f"{run.sync.name}-run-{run.pk}", "Changes", COLUMNS, rows_of(run))


def history_table(link: Link) -> Table:
    """A row for everything that happened to somebody, the oldest first."""
    rows = (_history_row(entry) for entry in history_of(link, wordings([link.sync_id])[link.sync_id]).entries)
    return Table(f"{link.sync.name}-person-{link.pk}-history", "History", HISTORY, rows)


def differences_of(sync: Sync) -> Table:
    """A row for each difference as it is now. Raises NotReady."""
    comparing = Comparing(sync)
    systems = [comparing.word.side(side) for side in Side]
    ids = tuple(f"{system} id" for system in systems)
    columns = ("person", *ids, "field", *systems, "why", "what it means")
    return Table(f"{sync.name}-differences", "Differences", columns, _difference_rows(comparing))


def rows_of(run: SyncRun) -> Iterator[Row]:
    """A row for each field of each change, in the order they were planned; one for a change without fields."""
    names = names_by_version([run.version])
    last = 0
    while True:
        changes = list(loaded(changes_shown().filter(run=run, pk__gt=last).order_by("pk"))[:CHUNK])
        for line in lines_of(changes, names):
            yield from _rows(line)
        if len(changes) < CHUNK:
            return
        last = changes[-1].pk


def _rows(line: Line) -> Iterator[Row]:
    change = line.change
    at = change.finished_at or change.sent_at or change.run.started_at
    head = (str(change.run_id), _at(at), line.system, line.record_id, line.person, line.kind)
    tail = (line.state.words, change.reason)
    for field in line.fields:
        yield (*head, field.label, cell_text(field.before), cell_text(field.after), *tail)
    if not line.fields:
        yield (*head, "", "", "", *tail)


def _history_row(entry: Entry) -> Row:
    return (
        *(_at(entry.at), entry.label, entry.what, entry.where, entry.record_id, entry.from_where, entry.from_id),
        *(cell_text(entry.before), cell_text(entry.after), entry.why, entry.state.words, entry.reason),
        *("; ".join(entry.who), str(entry.run or ""), str(entry.version or "")),
    )


def _difference_rows(comparing: Comparing) -> Iterator[Row]:
    for one in comparing.everybody():
        ids = tuple(_ids(one, side) for side in Side)
        name = person(record for side in Side for record in one.records.get(side, ()))
        if one.outside is not None:
            meaning = OUTSIDE[one.outside]
            yield (name, *ids, "", "", "", meaning.short, meaning.sentence)
        for each in one.differences:
            values = tuple(cell_text(each.held[side]) for side in Side)
            field = comparing.word.names.pair(each.pair)
            yield (name, *ids, field, *values, MEANINGS[each.reason].short, sentence(each))


def _ids(one: SeenPerson, side: Side) -> str:
    return ", ".join(record.remote_id for record in one.records.get(side, ()))


def _at(at: datetime | None) -> str:
    return f"{timezone.localtime(at):%Y-%m-%d %H:%M:%S}" if at else ""
