"""Versions: the rules of a sync as they were, are, and may be; to be compared, put back, or gone on from."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet, Subquery
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.urls import URLPattern, reverse

from alumnisync import starting
from alumnisync.admin.lists import ListAdmin, filter_of, turning, who
from alumnisync.changes import page_of
from alumnisync.rules_in_words import InWords, sides_of
from alumnisync.wording import Said, whole
from connectors.moments import when
from mappings.forms.rules import side_words
from mappings.models import MappingVersion, Sync
from mappings.rules import Side
from mappings.setup.contents import contents_of, contents_of_all
from mappings.versions import revise

State = MappingVersion.State
LOOKS, SWITCHES, EDITS = "mappings.view_mappingversion", "mappings.activate_sync", "mappings.change_sync"
STATES = {State.DRAFT: Said("draft"), State.ACTIVE: Said("in force", "good"), State.RETIRED: Said("earlier")}
OF_SYNC, OF_STATE = "sync__id__exact", "state"


@admin.register(MappingVersion)
class MappingVersionAdmin(ListAdmin):
    """The rules of a sync, each time they were changed."""

    def screens(self) -> Iterable[URLPattern]:
        return (
            self.does("<int:pk>/put-back/", self.put_back, "put_back", LOOKS, SWITCHES),
            self.does("<int:pk>/use/", self.use, "use", LOOKS, EDITS),
        )

    def get_queryset(self, request: HttpRequest) -> QuerySet[MappingVersion]:
        rows: QuerySet[MappingVersion] = super().get_queryset(request)
        return rows.select_related("sync")

    def list_page(self, request: HttpRequest) -> HttpResponseBase:
        asked, syncs = request.GET, [(str(pk), name) for pk, name in Sync.objects.values_list("pk", "name")]
        sync, number = asked.get(OF_SYNC, ""), max(1, whole(asked.get("page", "")))
        rows = self.get_queryset(request).order_by("sync__name", "-number")
        if sync:
            rows = rows.filter(sync=whole(sync))
        if asked.get(OF_STATE) in State.values:
            rows = rows.filter(state=asked[OF_STATE])
        found, has_next = page_of(rows, number)
        return self.show(
            request,
            "alumnisync/versions/list.html",
            "Versions",
            lines=[_line(version) for version in found],
            filters=[
                filter_of(OF_SYNC, "Sync", asked, syncs),
                filter_of(OF_STATE, "State", asked, [(state.value, said.words) for state, said in STATES.items()]),
            ],
            is_narrowed=bool(sync or asked.get(OF_STATE)),
            everything=request.path,
            turning=turning(asked, number, has_next=has_next),
        )

    def page(self, request: HttpRequest, found: MappingVersion) -> HttpResponseBase:
        compared = _compared(found)
        said = contents_of_all([found, *compared.values()])
        contents = said[found.pk]
        words = InWords(side_words(sides_of(contents)))
        return self.show(
            request,
            "alumnisync/versions/version.html",
            f"Version {found.number} of {found.sync}",
            **_line(found),
            trail=[
                (found.sync.name, reverse("admin:mappings_sync_change", args=[found.sync_id])),
                ("Versions", f"{self.address('changelist')}?{OF_SYNC}={found.sync_id}"),
            ],
            comparisons=[(name, words.differences(said[other.pk], contents)) for name, other in compared.items()],
            sides=[(words.sides[side], words.side(contents.sides[side])) for side in Side if side in contents.sides],
            names=words.sides,
            match=words.match(contents),
            pilot=contents.pilot,
            pairs=words.pairs(contents),
            maps=[(name, each["pairs"], words.value_map(each)) for name, each in contents.value_maps.items()],
            may_put_back=_can_be_put_back(found) and request.user.has_perm(SWITCHES),
            may_use=found.state == State.RETIRED and request.user.has_perm(EDITS),
        )

    def put_back(self, request: HttpRequest, pk: int) -> HttpResponse:
        """An earlier version is in force again."""
        version = self.found(request, pk)
        done = f"Version {version.number} is in force again. The next run looks at everybody anew by it."
        return self.carry(request, pk, lambda: starting.put_back(version, by=who(request)), done, _sync_page(version))

    def use(self, request: HttpRequest, pk: int) -> HttpResponse:
        """A version's rules become the draft, in place of what it said."""
        version = self.found(request, pk)
        done = f"The draft says what version {version.number} said. It does nothing until a preview is approved."
        return self.carry(
            request, pk, lambda: revise(version.sync, contents_of(version), by=who(request)), done, _sync_page(version)
        )


def _sync_page(version: MappingVersion) -> str:
    return reverse("admin:mappings_sync_change", args=[version.sync_id])


def _line(version: MappingVersion) -> dict[str, Any]:
    """A version in words."""
    return {
        "version": version,
        "state": STATES[State(version.state)],
        "made": _signed(version.created_by, version.created_at),
        "changed": _signed(version.changed_by, version.changed_at) if version.edit else "",
        "approved": _signed(version.approved_by, version.approved_at) if version.approved_at else "",
    }


def _signed(who: str, moment: datetime) -> str:
    return f"{'a setup file' if who == 'load_setup' else who or 'somebody'}, {when(moment)}"


def _compared(version: MappingVersion) -> dict[str, MappingVersion]:
    """What a version is held against, by name: the one before it, and the one in force."""
    numbers = Q(number=Subquery(_before(version).values("number")[:1]))
    others = version.sync.versions.exclude(pk=version.pk).filter(numbers | Q(state=State.ACTIVE)).order_by("number")
    found = {}
    for other in others:
        where = "which is in force" if other.state == State.ACTIVE else "the one before it"
        found[f"version {other.number}, {where}"] = other
    return found


def _before(version: MappingVersion) -> QuerySet[MappingVersion]:
    return MappingVersion.objects.filter(sync=version.sync_id, number__lt=version.number).order_by("-number")


def _can_be_put_back(version: MappingVersion) -> bool:
    return version.state == State.RETIRED and version.approved_at is not None
