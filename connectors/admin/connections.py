"""Connections: which there are, how each stands, what is there; making, editing and checking them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.urls import URLPattern, reverse
from django.utils.text import slugify
from django.views.decorators.debug import sensitive_post_parameters

from connectors.admin.files import FileScreens
from connectors.admin.in_words import field_lines, findings, kind_of, seen_of, summary, trial
from connectors.admin.pages import shows_form, tell
from connectors.admin.turn_up import TurnUpScreens
from connectors.base import Connector
from connectors.checking import check, describe_type, verify
from connectors.described import restore
from connectors.forms import TIME_ZONES, ConnectionEntry, time_zones
from connectors.looking import csv_of, look
from connectors.models import Connection, KnownObjectType
from connectors.records import ConnectorError, NeedsAttention
from connectors.registry import connectors
from connectors.renewing import renew
from connectors.storing import offered_systems
from connectors.trying import try_out

Trail = list[tuple[str, str]]

ADD, CHANGE, VIEW = (f"connectors.{action}_connection" for action in ("add", "change", "view"))
SEES_PEOPLE = "connectors.view_remoterecord"


@admin.register(Connection)
class ConnectionAdmin(FileScreens, TurnUpScreens):
    def get_queryset(self, request: HttpRequest) -> QuerySet[Connection]:
        # Not even read: a page never needs a secret, nor the key to decrypt it.
        connections: QuerySet[Connection] = super().get_queryset(request)
        return connections.defer("secrets")

    def screens(self) -> list[URLPattern]:
        unlogged = sensitive_post_parameters()
        return [
            *super().screens(),
            self.looks("", self.see_all, "changelist"),
            self.looks("add/", self.choose_system, "add", ADD),
            self.does("add/<str:system>/", shows_form(unlogged(self.add_one)), "add_system", ADD),
            self.looks("<int:pk>/change/", self.see_one, "change"),
            self.does("<int:pk>/edit/", shows_form(unlogged(self.edit_one)), "edit", CHANGE),
            self.does("<int:pk>/check/", self.check_one, "check", CHANGE),
            self.does("<int:pk>/renew/", self.renew_key, "renew", CHANGE),
            self.does("<int:pk>/describe/", self.ask_for_fields, "describe", CHANGE),
            # By POST, since it asks the system anew each time; whom it shows, not everybody may see.
            self.does("<int:pk>/look/", self.look_at, "look", VIEW, SEES_PEOPLE),
            self.looks("<int:pk>/kinds/<path:name>/", self.see_type, "object_type"),
            *self.file_screens(),
        ]

    def see_all(self, request: HttpRequest) -> HttpResponseBase:
        connections = [summary(one) for one in self.get_queryset(request)]
        return self.show(
            request, "connectors/connections.html", "Connections", connections=connections, may=_may(request)
        )

    def choose_system(self, request: HttpRequest) -> HttpResponseBase:
        # Not the classes: a template calls whatever can be called.
        systems = [{"name": kind.name, "label": kind.label, "about": kind.about} for kind in offered_systems()]
        return self.show(request, "connectors/choose.html", "New connection", systems=systems, trail=_trail())

    def add_one(self, request: HttpRequest, system: str) -> HttpResponseBase:
        kind = next((one for one in offered_systems() if one.name == system), None)
        if kind is None:
            raise Http404
        trail = [*_trail(), ("New connection", reverse("admin:connectors_connection_add"))]
        return self._enter(request, kind, Connection(system=system), f"New connection to {kind.label}", trail)

    def edit_one(self, request: HttpRequest, pk: int) -> HttpResponseBase:
        connection = self._found(request, pk)
        kind = connectors().get(connection.system)
        if kind is None:
            tell(request, f"This installation does not have the system “{connection.system}”.", wrong=True)
            return redirect("admin:connectors_connection_change", pk)
        return self._enter(request, kind, connection, f"Settings of {connection}", _trail(connection))

    def see_one(self, request: HttpRequest, pk: int) -> HttpResponseBase:
        connection = self._found(request, pk)
        kinds = list(connection.known_object_types.all())
        return self.show(
            request,
            "connectors/connection.html",
            connection.name,
            connection=connection,
            about=summary(connection),
            kinds=[kind_of(row.name, restore(row.described), row.described_at) for row in kinds if row.described],
            outlines=[row for row in kinds if not row.described],
            may=_may(request),
            trail=_trail(),
        )

    def check_one(self, request: HttpRequest, pk: int) -> HttpResponseBase:
        connection = self._found(request, pk)
        found: dict[str, Any]
        try:
            found = findings(check(connection, look=True))
        except ConnectorError as error:
            found = {"refused": error.message, "is_passing": not isinstance(error, NeedsAttention)}
        title = f"Check of {connection}"
        return self.show(
            request,
            "connectors/checked.html",
            title,
            connection=connection,
            about=summary(connection),
            may=_may(request),
            trail=_trail(connection),
            **found,
        )

    def renew_key(self, request: HttpRequest, pk: int) -> HttpResponse:
        connection = self._found(request, pk)
        try:
            self.log_change(request, connection, [{"changed": {"fields": renew(connection)}}])
            verify(connection)
        except ConnectorError as error:
            tell(request, error.message, wrong=True)
        else:
            tell(request, f"{connection} has a new key, and works with it. It is stored encrypted and shown nowhere.")
        return redirect("admin:connectors_connection_change", pk)

    def ask_for_fields(self, request: HttpRequest, pk: int) -> HttpResponse:
        connection = self._found(request, pk)
        known = get_object_or_404(KnownObjectType, connection=connection, name=request.POST.get("name", ""))
        try:
            found = describe_type(connection, known.name)
        except ConnectorError as error:
            tell(request, error.message, wrong=True)
            return redirect("admin:connectors_connection_change", pk)
        tell(request, f"{connection} describes {len(found.fields):,} fields of {found.label or found.name}.")
        return redirect("admin:connectors_connection_object_type", pk, known.name)

    def look_at(self, request: HttpRequest, pk: int) -> HttpResponseBase:
        """The first records of a kind as a table, or as a file."""
        connection = self._found(request, pk)
        known = get_object_or_404(KnownObjectType, connection=connection, name=request.POST.get("name", ""))
        try:
            sample = look(connection, known.name)
        except ConnectorError as error:
            tell(request, error.message, wrong=True)
            return redirect("admin:connectors_connection_object_type", pk, known.name)
        if request.POST.get("form") == "csv":
            disposition = {"Content-Disposition": f'attachment; filename="{slugify(known.name) or "records"}.csv"'}
            return HttpResponse(csv_of(sample), content_type="text/csv; charset=utf-8", headers=disposition)
        place = (known.label or known.name, reverse("admin:connectors_connection_object_type", args=[pk, known.name]))
        return self.show(
            request,
            "connectors/look.html",
            f"A look at {known}",
            connection=connection,
            known=known,
            sample=sample,
            trail=[*_trail(connection), place],
        )

    def see_type(self, request: HttpRequest, pk: int, name: str) -> HttpResponseBase:
        connection = self._found(request, pk)
        known = get_object_or_404(KnownObjectType, connection=connection, name=name)
        described = restore(known.described) if known.described else None
        wanted = request.GET.get("q", "").strip()
        rows = field_lines(described, seen_of(connection, name))
        return self.show(
            request,
            "connectors/object_type.html",
            str(known),
            connection=connection,
            known=known,
            about=kind_of(name, described, known.described_at) if described else None,
            rows=[row for row in rows if wanted.lower() in f"{row['label']} {row['name']}".lower()],
            count=f"{len(rows):,}",
            wanted=wanted,
            may=_may(request),
            trail=_trail(connection),
        )

    def _enter(
        self, request: HttpRequest, kind: type[Connector], connection: Connection, title: str, trail: Trail
    ) -> HttpResponseBase:
        is_new = connection.pk is None
        entry = ConnectionEntry(kind, connection, request.POST if request.method == "POST" else None)
        if request.method == "POST" and entry.is_valid():
            if "try" in request.POST:
                return self._try(request, entry, f"Trial: {title}")
            changed = entry.save()
            self._note(request, connection, changed, is_new=is_new)
            return redirect("admin:connectors_connection_change", connection.pk)
        return self.show(
            request,
            "connectors/form.html",
            title,
            entry=entry,
            label=kind.label,
            ask_for=kind.ask_for,
            connection=connection,
            is_new=is_new,
            time_zones=time_zones(),
            time_zones_id=TIME_ZONES,
            trail=trail,
        )

    def _try(self, request: HttpRequest, entry: ConnectionEntry, title: str) -> HttpResponseBase:
        found: dict[str, Any]
        try:
            identity, tried = try_out(entry.kind, entry.settings.cleaned_data)
            found = {"identity": identity, "kinds": [trial(one) for one in tried]}
        except ConnectorError as error:
            found = {"refused": error.message}
        return self.show(request, "connectors/tried.html", title, **found)

    def _note(self, request: HttpRequest, connection: Connection, changed: Sequence[str], *, is_new: bool) -> None:
        """Who changed which settings, without any value."""
        if is_new:
            self.log_addition(request, connection, [{"added": {}}])
            tell(request, "The connection is stored. Now check that it works.")
        elif changed:
            self.log_change(request, connection, [{"changed": {"fields": list(changed)}}])
            only_name = list(changed) == ["name"]
            tell(request, "The name is stored." if only_name else "The settings are stored. Now check that they work.")
        else:
            tell(request, "Nothing was changed.")

    def _found(self, request: HttpRequest, pk: int) -> Connection:
        found: Connection = get_object_or_404(self.get_queryset(request), pk=pk)
        return found


def _may(request: HttpRequest) -> dict[str, bool]:
    may = {"add": ADD, "change": CHANGE, "see_people": SEES_PEOPLE}
    return {what: request.user.has_perm(permission) for what, permission in may.items()}


def _trail(connection: Connection | None = None) -> Trail:
    start = [("Connections", reverse("admin:connectors_connection_changelist"))]
    if connection is None:
        return start
    return [*start, (connection.name, reverse("admin:connectors_connection_change", args=[connection.pk]))]
