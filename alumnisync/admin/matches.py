"""The inbox: possible matches."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponseBase

from alumnisync.admin.lists import who
from alumnisync.admin.questions import InboxAdmin, comment_of
from alumnisync.deciding import mark_of, settle_person
from alumnisync.inbox.detail import STATE_WORDS
from alumnisync.inbox.people import compare, find, person_row
from alumnisync.inbox.wanted import Wanted
from alumnisync.inbox.wording import Wording, wordings
from alumnisync.models import Match
from connectors.moments import when


@admin.register(Match)
class MatchAdmin(InboxAdmin):
    list_template = "matches"

    def question_page(self, request: HttpRequest, pk: str, wanted: Wanted) -> HttpResponseBase:
        match = find(pk)
        words = wordings([match.sync_id]) if match else {}
        if match is None or match.sync_id not in words:
            return self.no_longer_there(request, wanted)
        word = words[match.sync_id]
        row = person_row(match, word, mark_of(match))
        return self.show(
            request,
            "alumnisync/inbox/match.html",
            f"Who is {row.person}?",
            row=row,
            comparison=compare(match, word),
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
