"""Rows as a person is given them: readable names, the systems' own names, times."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from alumnisync.models import Absence, ChangeRecord, Link, Match, Question
from connectors.models import FeedRow, ReceivedRecord, RemoteRecord, ServiceNote
from connectors.records import MISSING

Told = Mapping[str, Any]


def record(row: RemoteRecord) -> Told:
    return {
        "system": row.cursor.connection.name,
        "kind of record": row.cursor.object_type,
        "id there": row.remote_id,
        "values": row.values,
        "values changed there at": row.field_times,
        "version": row.version,
        "made there at": row.created_there,
        "changed there at": row.modified_there,
        "last stored here at": row.landed_at,
        "no longer found there since": row.gone_at,
        "merged into": row.merged_into,
        "could not be read because": row.problem,
    }


def feed_row(row: FeedRow) -> Told:
    return {
        "system": row.cursor.connection.name,
        "feed": row.cursor.object_type,
        "number": row.change_id,
        "id there": row.remote_id,
        "values": row.values,
        "values changed there at": row.field_times,
        "stored here at": row.landed_at,
        "what became of it": row.get_outcome_display(),
        "acknowledged at": row.acknowledged_at,
    }


def received(row: ReceivedRecord) -> Told:
    return {
        "system": row.connection.name,
        "kind of record": row.object_type,
        "place": row.place,
        "id at the sender": row.sender_id,
        "stage": row.stage,
        "values": row.values,
        "received at": row.received_at,
        "changed at": row.changed_at,
        "removed at": row.removed_at,
    }


def note(row: ServiceNote) -> Told:
    return {"system": row.connection.name, "at": row.at, "service": row.service, "id": row.record, "note": row.why}


def link(row: Link) -> Told:
    return {
        "sync": row.sync.name,
        "linked since": row.created_at,
        "linked by": row.rule,
        "state": row.state,
        "last agreed, by field pair": row.bases,
    }


def change(row: ChangeRecord) -> Told:
    return {
        "sync": row.run.sync.name,
        "run": row.run_id,
        "planned at": row.run.started_at,
        "finished at": row.finished_at,
        "what": row.kind,
        "side": row.side,
        "state": row.state,
        "reason": row.reason,
        "last agreed, by field pair": row.settles,
        "fields": [
            {
                "field": each.path,
                "rule": each.rule,
                "before": each.before,
                "after": each.after,
                "came from": each.source,
            }
            for each in row.fields.all()
        ],
    }


def question(row: Question) -> Told:
    return {
        "sync": row.link.sync.name,
        "field": row.unit,
        "asked at": row.created_at,
        "state": row.state,
        "what each side held": row.shown,
        "reason": row.reason,
        **_decision(row),
        "value chosen": row.value,
    }


def match(row: Match) -> Told:
    return {
        "sync": row.sync.name,
        "record": row.record.remote_id,
        "asked at": row.created_at,
        "state": row.state,
        "rule": row.rule,
        "reason": row.reason,
        **_decision(row),
    }


def absence(row: Absence) -> Told:
    return {
        "sync": row.link.sync.name,
        "what": row.kind,
        "side": row.side,
        "since": row.since,
        "state": row.state,
        **_decision(row),
    }


def plain(value: Any) -> Any:
    """What JSON has no word for, such as a value that is not known."""
    return None if value is MISSING else str(value)


def _decision(row: Question | Match | Absence) -> Told:
    return {"decided by": row.decided_by, "decided at": row.decided_at, "choice": row.choice, "comment": row.comment}
