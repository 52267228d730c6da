"""What every service that a system calls here has in common: the token, the count of calls, and why one was refused."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import wraps
from typing import Any

import orjson
from django.http import HttpRequest, HttpResponse
from ninja import Router
from ninja.decorators import decorate_view
from ninja.errors import AuthorizationError, HttpError
from ninja.security import HttpBearer

from connectors.base import Connector
from connectors.models import AccessToken
from connectors.receiving.inbox import ERASED
from connectors.receiving.tokens import holder, seconds_to_wait
from connectors.receiving.uses import note_use
from connectors.services import Service

LARGEST_BODY = 1_000_000
LONGEST_ID = 255
ANOTHER_PLACE = "This token is not for {}. Use the one that was made for it, or correct the address."
NO_LONGER = "{} is no longer named in the settings of this connection. Ask whoever looks after AlumniSync."
TOO_LARGE = f"The body is larger than {LARGEST_BODY:,} bytes. Send one record a call."
TOO_MANY = "Too many calls in this minute. Go on in {} seconds."

Operation = Callable[..., Any]
Decorator = Callable[[Operation], Operation]


class TooMany(HttpError):
    """A caller has to wait. seconds: how long."""

    def __init__(self, seconds: int) -> None:
        super().__init__(429, TOO_MANY.format(seconds))
        self.seconds = seconds


class Token(HttpBearer):
    """`Authorization: Bearer` with a token made here, for one place of one connection of a kind of system."""

    def __init__(self, kind: type[Connector]) -> None:
        super().__init__()
        self.kind = kind

    def authenticate(self, request: HttpRequest, token: str) -> AccessToken | None:
        found = holder(token)
        if found is None or found.connection.system != self.kind.name:
            return None
        caller_of(request, found)
        self._admit(found, request)
        return found

    def _admit(self, token: AccessToken, request: HttpRequest) -> None:
        assert request.resolver_match is not None  # noqa: S101 - it was found by its address
        place = request.resolver_match.kwargs["place"]
        if seconds := seconds_to_wait(token):
            raise TooMany(seconds)
        if token.place != place:
            raise AuthorizationError(403, ANOTHER_PLACE.format(place))
        if place not in self.kind.places(token.connection.settings):
            raise AuthorizationError(403, NO_LONGER.format(place))
        if is_too_large(request):
            raise HttpError(413, TOO_LARGE)


def caller_of(request: HttpRequest, found: AccessToken | None = None) -> AccessToken | None:
    """Who calls, remembered also of a call that is refused."""
    if found is not None:
        request.caller = found  # type: ignore[attr-defined]
    return getattr(request, "caller", None)


def offers(router: Router, kind: type[Connector], services: Sequence[Service]) -> Callable[..., Decorator]:
    """A decorator that makes a function one of the services by its name: route, words, token and count of its calls."""
    named, auth = {service.name: service for service in services}, Token(kind)

    def offer(name: str, response: dict[int, Any]) -> Decorator:
        service = named[name]
        # The path names the record by its id; the rest is the service's own.
        return lambda view: router.api_operation(
            [service.method],
            service.path,
            auth=auth,
            operation_id=service.name,
            summary=service.label,
            description=service.about,
            response=response,
            openapi_extra=_extra(service),
        )(decorate_view(_counted(service.name))(view))

    return offer


def _extra(service: Service) -> dict[str, Any]:
    if not service.example:
        return {}
    return {"requestBody": {"content": {"application/json": {"example": dict(service.example)}}}}


def _counted(name: str) -> Decorator:
    def decorate(run: Operation) -> Operation:
        @wraps(run)
        def counted(request: HttpRequest, **kwargs: Any) -> HttpResponse:
            answer: HttpResponse = run(request, **kwargs)
            if caller := caller_of(request):
                why = _why(answer) if answer.content else []
                record = "" if ERASED in why else _record(request, kwargs)
                note_use(caller, name, status=answer.status_code, record=record, why=why)
            return answer

        return counted

    return decorate


def _record(request: HttpRequest, kwargs: dict[str, Any]) -> str:
    """The id by which the caller speaks of the record: staff look for it over there."""
    sent: Any = kwargs.get("id")
    if not sent and not is_too_large(request):
        with suppress(ValueError, AttributeError):
            sent = orjson.loads(request.body).get("external_id")
    return sent.replace("\0", "") if isinstance(sent, str) and len(sent) <= LONGEST_ID else ""


def _why(answer: HttpResponse) -> list[str]:
    said = orjson.loads(answer.content)
    remarks = [*said.get("errors", ()), *said.get("warnings", ())]
    return [f"{remark['field']}: {remark['message']}" if remark["field"] else remark["message"] for remark in remarks]


def is_too_large(request: HttpRequest) -> bool:
    length = request.META.get("CONTENT_LENGTH") or "0"
    return int(length) > LARGEST_BODY if length.isdecimal() else True
