"""The inbox: possible matches."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponseBase
from django.urls import URLPattern

from alumnisync.admin.lists import who
from alumnisync.admin.questions import InboxAdmin, comment_of
from alumnisync.choosing import Search, search
from alumnisync.deciding import mark_of, settle_person
from alumnisync.engine.identity import MERGED
from alumnisync.inbox.detail import STATE_WORDS
from alumnisync.inbox.outlook import planner_of
from alumnisync.inbox.people import compare, find, person_row
from alumnisync.inbox.wanted import Wanted
from alumnisync.inbox.wording import Wording, wordings
from alumnisync.models import Match
from connectors.moments import when
from mappings.rules import Side

BOX = "at:"
"""How the name of a box of the search begins; the field follows, nothing for the record's id."""


@admin.register(Match)
class MatchAdmin(InboxAdmin):
    list_template = "matches"

    def screens(self) -> Iterable[URLPattern]:
        needed = (self._permission("view"), self._permission("change"))
        # By POST, so that a name stands in no address and no log; it changes nothing.
        return (*super().screens(), self.does("<int:pk>/search/", self.search_view, "search", *needed))

    def search_view(self, request: HttpRequest, pk: int) -> HttpResponseBase:
        """The question's page, with those who fit what was typed beside those who were offered."""
        typed = {name.removeprefix(BOX): str(text) for name, text in request.POST.items() if name.startswith(BOX)}
        return self.question_page(request, str(pk), Wanted.read(self.model, request.POST), typed)

    def question_page(
        self, request: HttpRequest, pk: str, wanted: Wanted, typed: Mapping[str, str] | None = None
    ) -> HttpResponseBase:
        match = find(pk)
        words = wordings([match.sync_id]) if match else {}
        if match is None or match.sync_id not in words:
            return self.no_longer_there(request, wanted)
        word = words[match.sync_id]
        row, planner = person_row(match, word, mark_of(match)), planner_of(word)
        searched = search(match, planner, typed or {})
        return self.show(
            request,
            "alumnisync/inbox/match.html",
            f"Who is {row.person}?",
            row=row,
            comparison=compare(match, word, planner, searched.found),
            search=searched,
            boxes=_boxes(match, word, searched),
            search_address=self.address("search", match.pk) if match.rule != MERGED else "",
            state=STATE_WORDS[match.state],
            decided_at=when(match.decided_at),
            is_open=match.state != Match.State.CLOSED,
            **self.around(request, match, wanted, words),
        )

    def many_choices(self, wanted: Wanted, word: Wording | None) -> dict[str, str]:
        return {"link": "Same person", "never": "Not the same"}

    def decide(self, request: HttpRequest, question: Any) -> None:
        choice, _, candidate = request.POST.get("choice", "").partition(":")
        settle_person(
            question,
            choice,
            seen=request.POST.get("seen", ""),
            by=who(request),
            comment=comment_of(request),
            candidate=candidate,
        )


def _boxes(match: Match, word: Wording, searched: Search) -> list[dict[str, str]]:
    """The boxes of the search, with what was typed."""
    there = Side(match.side).other
    return [
        {
            "name": f"{BOX}{path}",
            "id": f"box-{number}",
            "label": word.names.field(there, path) if path else f"Id in {word.side(there)}",
            "text": text,
        }
        for number, (path, text) in enumerate(searched.boxes.items())
    ]
