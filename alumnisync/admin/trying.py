"""The rules as they stand on a sync's page, unsaved: tried on a real person, and counted. Both answer in JSON."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from django.http import HttpRequest, JsonResponse
from django.urls import URLPattern

from alumnisync.admin.lists import ListAdmin
from alumnisync.rehearsal import Unready
from alumnisync.rehearsal.counting import count_links, count_scope, unmapped
from alumnisync.rehearsal.trying import try_pairs
from alumnisync.wording import whole
from mappings.forms.rules import document_from, side_words
from mappings.forms.wording import in_words
from mappings.models import Sync
from mappings.rules import Side
from mappings.setup.contents import Contents
from mappings.setup.editing import read_rules
from mappings.setup.sections import SetupError

LOOKS, EDITS = "mappings.view_sync", "mappings.change_sync"
# It shows a real person's data, which who may edit rules need not be allowed to see.
SEES_PEOPLE = "connectors.view_remoterecord"
Answer = dict[str, Any]


class TryingScreens(ListAdmin):
    """For the admin of syncs: its buttons “Show on a real person” and “Count”."""

    def trying_screens(self) -> list[URLPattern]:
        return [
            self.does("<int:pk>/try/", self.try_rules, "try", LOOKS, EDITS, SEES_PEOPLE),
            self.does("<int:pk>/count/", self.count_people, "count", LOOKS, EDITS),
        ]

    def try_rules(self, request: HttpRequest, pk: int) -> JsonResponse:
        """What the rules would do for one real person."""

        def tried(sync: Sync, contents: Contents) -> Answer:
            found = try_pairs(sync, contents, skip=whole(request.POST.get("skip", "")))
            return {"person": found.person, "rows": {key: asdict(row) for key, row in found.rows.items()}}

        return _answer(request, self.found(request, pk), tried)

    def count_people(self, request: HttpRequest, pk: int) -> JsonResponse:
        """How many people the rules concern."""
        return _answer(request, self.found(request, pk), _counted)


def _counted(sync: Sync, contents: Contents) -> Answer:
    return {
        "sides": {side.value: count_scope(contents, side) for side in Side},
        "match": count_links(sync, contents),
        "unmapped": unmapped(contents),
    }


def _answer(request: HttpRequest, sync: Sync, what: Callable[[Sync, Contents], Answer]) -> JsonResponse:
    document = document_from(request.POST, sync)
    try:
        contents = read_rules(sync, document, lambda place: 1).contents
        return JsonResponse(what(sync, contents))
    except SetupError as error:
        words = side_words({side: document["syncs"][0][side].get("connection", "") for side in Side})
        sentences = [in_words(sentence, words, lambda line: "another place") for _line, sentence in error.found]
        return JsonResponse({"error": " ".join(["Please mend this first:", *sentences])})
    except Unready as error:
        return JsonResponse({"error": str(error)})
