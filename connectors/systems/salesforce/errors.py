"""What Salesforce's error codes mean for the caller.

https://developer.salesforce.com/docs/platform/api-rest/guide/errorcodes.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from connectors.answers import WORDS_LENGTH, Answer
from connectors.records import ConnectorError, Duplicate, Gone, NeedsAttention, Rejected, Temporary, Values
from connectors.systems.salesforce.soql import long_id

Error = Mapping[str, Any]

TEMPORARY = frozenset(
    {
        "INVALID_QUERY_LOCATOR",  # a query that was left for too long; the next poll goes on from its cursor
        "QUERY_TIMEOUT",
        "REQUEST_RUNNING_TOO_LONG",
        "SERVER_UNAVAILABLE",
        "UNABLE_TO_LOCK_ROW",
    }
)
# A malformed id is one that was cut or belongs to another object: there is no such record either.
GONE = frozenset({"ENTITY_IS_DELETED", "MALFORMED_ID", "NOT_FOUND"})
LIMIT_PAUSE = 900.0
"""Seconds to wait once the calls of the last 24 hours are used up: they come back bit by bit."""


class ExpiredError(NeedsAttention):
    """The session has ended; a new sign-in may help."""


def refusal_of(answer: Answer) -> ConnectorError | None:
    """The error of a whole call: an array of errors, or the object of a sign-in."""
    if isinstance(answer.data, dict) and isinstance(answer.data.get("error"), str):
        return _sign_in_error(answer.data)
    errors = answer.data if isinstance(answer.data, list) else []
    if not errors or not all(isinstance(error, dict) for error in errors):
        return None
    code = str(errors[0].get("errorCode", ""))
    # 401 also stands for a user without API access; only this code is mended by signing in again.
    if code == "INVALID_SESSION_ID":
        return ExpiredError("Salesforce ended our session and doesn't let us in again. Check the connection.")
    if code in TEMPORARY | GONE | {"REQUEST_LIMIT_EXCEEDED"} or answer.status == 400:
        return error_of(errors)
    return None


def error_of(errors: Any) -> ConnectorError:
    """The error of one record, from its list of {statusCode or errorCode, message, fields}."""
    listed = _listed(errors)
    codes = {_code(error) for error in listed}
    said = _said(listed)
    if "REQUEST_LIMIT_EXCEEDED" in codes:
        return Temporary(f"Salesforce's limit of calls is used up. {said}", LIMIT_PAUSE)
    if codes & TEMPORARY:
        return Temporary(f"Salesforce could not do this now. {said}")
    if codes & GONE or any(map(_names_missing_record, listed)):
        return Gone(f"Salesforce no longer has this record. {said}")
    if "DUPLICATES_DETECTED" in codes:
        words = "A duplicate rule of Salesforce takes this person for somebody it has already."
        return Duplicate(f"{words} {said}", _matched(listed))
    return Rejected(f"Salesforce refuses this. {said}", _refused_fields(listed))


def without_values(errors: Any, values: Values) -> list[Error]:
    """The errors of a record without its values, which some messages repeat: “…: data value too large: …”."""
    texts = {str(value).strip() for value in values.values() if isinstance(value, str | int | float)}
    # A single letter is no secret, and would be found all over a sentence.
    wanted = sorted((text for text in texts if len(text) > 1), key=len, reverse=True)
    if not wanted:
        return _listed(errors)
    found = re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, wanted))})(?!\w)")
    return [{**error, "message": found.sub("…", str(error.get("message", "")))} for error in _listed(errors)]


def _listed(errors: Any) -> list[Error]:
    return [error for error in errors if isinstance(error, dict)] if isinstance(errors, list) else []


def _refused_fields(errors: Sequence[Error]) -> dict[str, str]:
    return {str(name): str(error.get("message", "")) for error in errors for name in error.get("fields") or ()}


def _names_missing_record(error: Error) -> bool:
    """A bad cross reference is either the record itself or one that a field of it points to."""
    return _code(error) == "INVALID_CROSS_REFERENCE_KEY" and set(error.get("fields") or ()) <= {"Id"}


def _matched(errors: Sequence[Error]) -> list[str]:
    """The ids of the records that a duplicate rule found; without a header of its own it tells no more of them.

    https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/headers_duplicaterules.htm
    """
    # Its REST interface leaves a letter out of the name.
    results = [error.get("duplicateResut") or error.get("duplicateResult") for error in errors]
    rules = [rule for result in results for rule in _inner(result, "matchResults")]
    found = [one.get("record") for rule in rules for one in _inner(rule, "matchRecords")]
    ids = [str(one["Id"]) for one in found if isinstance(one, dict) and one.get("Id")]
    return list(dict.fromkeys(map(long_id, ids)))


def _inner(value: Any, name: str) -> list[Error]:
    return _listed(value.get(name)) if isinstance(value, dict) else []


def _code(error: Error) -> str:
    return str(error.get("statusCode") or error.get("errorCode") or "")


def _said(errors: Sequence[Error]) -> str:
    words = "; ".join(f"{error.get('message', '')} ({_code(error)})" for error in errors)
    return f"It says: “{words[:WORDS_LENGTH]}”." if words else "It doesn't say why."


_SIGN_IN = {
    "invalid_client_id": "doesn't know the client id",
    "invalid_client": "doesn't accept the client secret",
    "invalid_grant": "doesn't let this app sign in by client credentials",
}


def _sign_in_error(data: Mapping[str, Any]) -> ConnectorError:
    what = _SIGN_IN.get(data["error"], "doesn't let us sign in")
    said = str(data.get("error_description") or data["error"])[:WORDS_LENGTH]
    return NeedsAttention(
        f"Salesforce {what}. It says: “{said}”. Check client_id and client_secret in the connection's "
        "settings, and that the app there allows the client credentials flow."
    )
