"""The HTTP API: the services of every kind of system that calls us, one description, and errors of one form."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

import orjson
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from ninja import NinjaAPI, Swagger
from ninja.errors import AuthenticationError, HttpError, ValidationError
from ninja.parser import Parser

from alumnisync.engine.faults import reference_of
from alumnisync.receiving.wording import said_of
from connectors.base import Connector
from connectors.receiving.views import TooMany
from connectors.records import ConnectorError, Gone, Rejected, Stale
from connectors.registry import connectors

ABOUT = """Services that other systems call. Each call carries `Authorization: Bearer` with a token that is made on the
connection's page “Turn-up” and shown once. Bodies are JSON in UTF-8. What was answered with 200 or 201 is stored.
Every refusal is `{"errors": [{"field": …, "message": …}]}`; `field` is empty where it concerns the whole call."""
NO_TOKEN = "This token is not known here, or there is none. Send “Authorization: Bearer” and the token."  # noqa: S105
NOT_JSON = "The body is not JSON in UTF-8."
NO_SERVICE = "There is no such service. Each one, with its address, is described at {}."
FAULT = "Something unexpected went wrong here. Send it again later: saving twice is harmless. The reference is {}."
STATUS: dict[type[ConnectorError], int] = {Gone: 404, Rejected: 422, Stale: 409}


class StrictParser(Parser):
    """JSON as the standard says: no NaN, no half characters."""

    def parse_body(self, request: HttpRequest) -> Any:
        return orjson.loads(request.body)


class Page(Swagger):
    """The description as a page; everything it loads is served from here."""

    template = "alumnisync/api.html"


def refusal(request: HttpRequest, status: int, *errors: tuple[str, str]) -> HttpResponse:
    """An answer that says what is wrong: (field, message) each."""
    said = [{"field": field, "message": message} for field, message in errors]
    return JsonResponse({"errors": said}, status=status)


def refuse_token(request: HttpRequest, error: AuthenticationError) -> HttpResponse:
    answer = refusal(request, 401, ("", NO_TOKEN))
    answer["WWW-Authenticate"] = "Bearer"
    return answer


def refuse_call(request: HttpRequest, error: HttpError) -> HttpResponse:
    # What the parser raised is not let through; nothing else is answered with 400.
    return refusal(request, error.status_code, ("", NOT_JSON if error.status_code == 400 else error.message))


def refuse_pace(request: HttpRequest, error: TooMany) -> HttpResponse:
    answer = refuse_call(request, error)
    answer["Retry-After"] = str(error.seconds)
    return answer


def refuse_fields(request: HttpRequest, error: ValidationError) -> HttpResponse:
    return refusal(request, 422, *(said_of(one) for one in error.errors))


def refuse_record(request: HttpRequest, error: ConnectorError) -> HttpResponse:
    fields = error.fields.items() if isinstance(error, Rejected) else ()
    status = next((status for kind, status in STATUS.items() if isinstance(error, kind)), 422)
    return refusal(request, status, *(fields or [("", error.message)]))


def refuse_for_a_fault(request: HttpRequest, error: Exception) -> HttpResponse:
    return refusal(request, 500, ("", FAULT.format(reference_of(error, "while a call was answered"))))


REFUSALS: dict[type[Exception], Callable[[HttpRequest, Any], HttpResponse]] = {
    Exception: refuse_for_a_fault,
    ConnectorError: refuse_record,
    HttpError: refuse_call,
    TooMany: refuse_pace,
    AuthenticationError: refuse_token,
    ValidationError: refuse_fields,
}


@csrf_exempt
def no_such_service(request: HttpRequest) -> HttpResponse:
    return refusal(request, 404, ("", NO_SERVICE.format(request.build_absolute_uri("/api/docs"))))


def receiving() -> list[type[Connector]]:
    """The kinds of system that call us."""
    return [kind for kind in connectors().values() if kind.services]


def build() -> NinjaAPI:
    api = NinjaAPI(
        title="AlumniSync", version="1.0", description=ABOUT, docs=Page(), parser=StrictParser(), urls_namespace="api"
    )
    for kind in receiving():
        api.add_router(f"/{kind.name}", import_module(f"{kind.__module__}.views").router)
    for error, handler in REFUSALS.items():
        api.add_exception_handler(error, handler)
    return api


api = build()
