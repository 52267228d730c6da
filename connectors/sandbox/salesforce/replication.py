"""What was changed or deleted within a time: /sobjects/{object}/updated and …/deleted.

https://developer.salesforce.com/docs/platform/api-rest/guide/resources-getdeleted.html
"""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime, timedelta

from connectors.sandbox.salesforce.calls import Call, RefusedError, refusal
from connectors.sandbox.salesforce.rows import STAMP
from connectors.sandbox.salesforce.soql import datetime_text
from connectors.sandbox.stand_in import Answer


def updated(call: Call, object_type: str) -> Answer:
    start, end = _window(call, days=30)
    changed = (row for row in call.rows(object_type).records.values() if start <= row[STAMP] <= end)
    ids = [row["Id"] for row in changed if not row["IsDeleted"]]
    return Answer(200, {"ids": ids, "latestDateCovered": end})


def deleted(call: Call, object_type: str) -> Answer:
    start, end = _window(call, days=15)
    gone = [
        {"id": row["Id"], "deletedDate": row[STAMP]}
        for row in call.rows(object_type).records.values()
        if row["IsDeleted"] and start <= row[STAMP] <= end
    ]
    earliest = datetime_text(call.office.clock() - timedelta(days=15))
    return Answer(200, {"deletedRecords": gone, "earliestDateAvailable": earliest, "latestDateCovered": end})


def _window(call: Call, days: int) -> tuple[str, str]:
    call.office.counts["reads"] += 1
    start, end = _moment(call, "start"), _moment(call, "end")
    if start < call.office.clock() - timedelta(days=days) or end <= start:
        message = f"The start must be within the last {days} days, and before the end."
        raise RefusedError(refusal(400, "INVALID_REPLICATION_DATE", message))
    return datetime_text(start), datetime_text(end)


def _moment(call: Call, name: str) -> datetime:
    with suppress(ValueError):
        moment = datetime.fromisoformat(call.request.query.get(name, ""))
        if moment.tzinfo is not None:
            return moment
    raise RefusedError(refusal(400, "INVALID_REPLICATION_DATE", f"{name} must be a time with its zone."))
