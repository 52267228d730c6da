"""The page of a system that calls us: how to call, tokens, what has come, and why something was refused."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect
from django.urls import URLPattern, reverse

from connectors.admin.pages import ScreenAdmin, tell
from connectors.base import Connector
from connectors.models import Connection, ServiceNote, ServiceUse
from connectors.moments import when
from connectors.receiving.inbox import there
from connectors.receiving.staff import as_lines, keep_typed, typed
from connectors.receiving.standing import PlaceStanding, ServiceStanding, standings
from connectors.receiving.tokens import make_token, withdraw
from connectors.records import NeedsAttention, Rejected
from connectors.registry import connectors
from connectors.services import Service

CHANGE = "connectors.change_connection"
NOTES_SHOWN = 50
OUR_ID = "OUR-ID"
STATES = {
    "used": ("good", "Works"),
    "instead": ("", "Not needed: another is used instead"),
    "left_out": ("", "Not used by this client"),
    "waited_for": ("warn", "Not called yet"),
}


class TurnUpScreens(ScreenAdmin):
    def screens(self) -> Iterable[URLPattern]:
        return [
            self.looks("<int:pk>/turn-up/", self.see_turn_up, "turn_up"),
            self.does("<int:pk>/turn-up/token/", self.make_one_token, "make_token", CHANGE),
            self.does("<int:pk>/turn-up/withdraw/", self.withdraw_token, "withdraw_token", CHANGE),
            self.does("<int:pk>/turn-up/staff/", self.type_staff, "type_staff", CHANGE),
        ]

    def see_turn_up(self, request: HttpRequest, pk: int) -> HttpResponseBase:
        return self._turn_up(request, self._calling(request, pk))

    def make_one_token(self, request: HttpRequest, pk: int) -> HttpResponseBase:
        connection, place = self._calling(request, pk), request.POST.get("place", "")
        try:
            token = make_token(connection, place, by=request.user.get_username())
        except NeedsAttention as error:
            tell(request, error.message, wrong=True)
            return redirect("admin:connectors_connection_turn_up", pk)
        self.log_change(request, connection, [{"added": {"name": "token", "object": place}}])
        # Not after a redirect: a token in an address or a session would be kept somewhere.
        return self._turn_up(request, connection, token=token, token_of=place)

    def withdraw_token(self, request: HttpRequest, pk: int) -> HttpResponseBase:
        connection = self._calling(request, pk)
        wanted = request.POST.get("token", "")
        found = withdraw(connection, int(wanted)) if wanted.isdecimal() and len(wanted) < 19 else None
        if found:
            self.log_change(request, connection, [{"deleted": {"name": "token", "object": found.place}}])
            tell(request, f"The token of {found.place} no longer works.")
        else:
            tell(request, "There is no such token any more.", wrong=True)
        return redirect("admin:connectors_connection_turn_up", pk)

    def type_staff(self, request: HttpRequest, pk: int) -> HttpResponseBase:
        connection, text = self._calling(request, pk), request.POST.get("staff", "")
        kind = connectors().get(connection.system)
        if kind is None or not kind.staff_type:
            return redirect("admin:connectors_connection_turn_up", pk)
        try:
            count = keep_typed(connection, kind.staff_type, text)
        except Rejected as error:
            return self._turn_up(request, connection, typed=text, wrong=error.message)
        self.log_change(request, connection, [{"changed": {"name": "staff", "object": str(count)}}])
        tell(request, f"The list of staff holds {count:,} typed here.")
        return redirect("admin:connectors_connection_turn_up", pk)

    def _calling(self, request: HttpRequest, pk: int) -> Connection:
        connection: Connection = self._found(request, pk)
        return connection

    def _turn_up(self, request: HttpRequest, connection: Connection, **given: Any) -> HttpResponseBase:
        kind = connectors().get(connection.system)
        if kind is None or not kind.services:
            return redirect("admin:connectors_connection_change", connection.pk)
        places = kind.places(connection.settings)
        shown = {
            "connection": connection,
            "places": [_place(one, kind.place_word) for one in standings(kind, connection)],
            "place_word": kind.place_word,
            "services": [_call(request, kind, each, places[0] if places else "") for each in kind.services],
            "our_id": OUR_ID,
            "docs": request.build_absolute_uri(reverse("api:openapi-view")),
            "notes": _notes(kind, connection),
            "staff": _staff(kind, connection),
            "may": {"change": request.user.has_perm(CHANGE)},
            "trail": [
                ("Connections", reverse("admin:connectors_connection_changelist")),
                (connection.name, reverse("admin:connectors_connection_change", args=[connection.pk])),
            ],
        }
        return self.show(request, "connectors/turn_up.html", f"Turn-up of {connection}", **{**shown, **given})


def _place(standing: PlaceStanding, word: str) -> dict[str, Any]:
    return {
        "name": standing.place,
        "title": f"{word} {standing.place}".strip(),
        "waited_for": standing.waited_for,
        "services": [_service(one) for one in standing.services],
        "tokens": [
            {"pk": token.pk, "made": when(token.made_at), "by": token.made_by, "used": when(token.last_used_at)}
            for token in standing.tokens
        ],
    }


def _service(standing: ServiceStanding) -> dict[str, Any]:
    tone, words = STATES[standing.state]
    use = standing.use
    if use and use.refused and not use.first_done_at:
        tone, words = "bad", "Called, but refused every time"
    return {
        "label": standing.service.label,
        "name": standing.service.name,
        "tone": tone,
        "state": words,
        "calls": _calls(use) if use else "",
    }


def _calls(use: ServiceUse) -> str:
    done = f"{use.done:,} done" + (f", the first {when(use.first_done_at)}" if use.first_done_at else "")
    refused = f"; {use.refused:,} refused" if use.refused else ""
    return f"{done}{refused}; last called {when(use.last_at)}"


def _call(request: HttpRequest, kind: type[Connector], service: Service, place: str) -> dict[str, Any]:
    """How a service is called by a place."""
    path = service.path.replace("{place}", place).replace("{id}", OUR_ID)
    return {
        "label": service.label,
        "name": service.name,
        # Backticks are for the description, which is Markdown.
        "about": service.about.replace("`", ""),
        "method": service.method,
        # Not encoded: it is to be read, not followed.
        "address": f"{request.scheme}://{request.get_host()}/api/{kind.name}{path}",
        "body": json.dumps(service.example, indent=2, ensure_ascii=False) if service.example else "",
    }


def _notes(kind: type[Connector], connection: Connection) -> list[dict[str, Any]]:
    labels = {service.name: service.label for service in kind.services}
    return [
        {
            "at": when(note.at),
            "place": note.place,
            "service": labels.get(note.service, note.service),
            "is_refused": note.status >= 400,
            "record": note.record,
            "why": note.why,
        }
        for note in ServiceNote.objects.filter(connection=connection)[:NOTES_SHOWN]
    ]


def _staff(kind: type[Connector], connection: Connection) -> dict[str, Any] | None:
    if not kind.staff_type:
        return None
    by_hand = typed(connection, kind.staff_type)
    brought = there(connection.pk, kind.staff_type).exclude(sender_id="").count()
    return {"lines": as_lines(by_hand), "typed": f"{len(by_hand):,}", "brought": f"{brought:,}" if brought else ""}
