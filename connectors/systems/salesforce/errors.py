"""What Salesforce's error codes mean for the caller.

https://developer.salesforce.com/docs/platform/api-rest/guide/errorcodes.html
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from connectors.answers import WORDS_LENGTH, Answer
from connectors.records import ConnectorError, Gone, NeedsAttention, Rejected, Temporary

TEMPORARY = frozenset(
    {
        "INVALID_QUERY_LOCATOR",  # a query that was left for too long; the next poll goes on from its cursor
        "QUERY_TIMEOUT",
        "REQUEST_RUNNING_TOO_LONG",
        "SERVER_UNAVAILABLE",
        "UNABLE_TO_LOCK_ROW",
    }
)
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
    if code == "INVALID_SESSION_ID":
        return ExpiredError("Salesforce ended our session and doesn't let us in again. Check the connection.")
    if code in TEMPORARY | GONE | {"REQUEST_LIMIT_EXCEEDED"} or answer.status == 400:
        return error_of(errors)
    return None


def error_of(errors: Any, id_field: str = "Id") -> ConnectorError:
    """The error of one record, from its list of {statusCode or errorCode, message, fields}."""
    listed = [error for error in errors if isinstance(error, dict)] if isinstance(errors, list) else []
    codes = {_code(error) for error in listed}
    said = _said(listed)
    if "REQUEST_LIMIT_EXCEEDED" in codes:
        return Temporary(f"Salesforce's limit of calls is used up. {said}", LIMIT_PAUSE)
    if codes & TEMPORARY:
        return Temporary(f"Salesforce could not do this now. {said}")
    if codes & GONE or any(_names_missing_record(error, id_field) for error in listed):
        return Gone(f"Salesforce no longer has this record. {said}")
    fields = {str(name): str(error.get("message", "")) for error in listed for name in error.get("fields") or ()}
    return Rejected(f"Salesforce refuses this. {said}", fields)


def _names_missing_record(error: Mapping[str, Any], id_field: str) -> bool:
    """A bad cross reference is either the record itself or one that a field of it points to."""
    return _code(error) == "INVALID_CROSS_REFERENCE_KEY" and set(error.get("fields") or ()) <= {id_field}


def _code(error: Mapping[str, Any]) -> str:
    return str(error.get("statusCode") or error.get("errorCode") or "")


def _said(errors: Sequence[Mapping[str, Any]]) -> str:
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
