"""The inbox: what both sides changed, and what is to be reviewed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.urls import URLPattern

from alumnisync.admin.lists import ListAdmin, who
from alumnisync.deciding import (
    GONE,
    Batch,
    Tally,
    all_wanted,
    decide_many,
    settle_question,
    ticked,
)
from alumnisync.engine.plan import CREATED_UNIT, RECORDED_UNIT
from alumnisync.inbox.detail import detail, find
from alumnisync.inbox.finding import found_by
from alumnisync.inbox.lines import CREATED_CHOICES, Row, choices_of
from alumnisync.inbox.listing import Listing, listing, next_open, one_word
from alumnisync.inbox.wanted import MOST_CHOSEN, AskedModel, Wanted
from alumnisync.inbox.wording import Wording, wordings
from alumnisync.models import Conflict, Match, Review
from alumnisync.review import Refusal
from alumnisync.wording import counted, whole
from connectors.admin.pages import tell

HEADINGS = {Conflict: "Both changed", Review: "To review", Match: "Possible matches"}
LONGEST_COMMENT = 2_000
NOBODY_FITS = "Nobody in this list fits what you typed. Perhaps it is closed already: look under the other states."
TOO_MANY_FIT = f"More people fit than can be shown at once; these are the first {MOST_CHOSEN}. Type more of the name."


class InboxAdmin(ListAdmin):
    """A list of what waits, a page for each, and deciding one or many."""

    model: AskedModel
    list_template = "questions"

    def screens(self) -> Iterable[URLPattern]:
        needed = (self._permission("view"), self._permission("change"))
        return (
            # By POST, so that a name stands in no address and no log; it changes nothing.
            self.does("find/", self.find_view, "find", self._permission("view")),
            self.does("decide-many/", self.decide_many_view, "decide_many", *needed),
            self.does("<int:pk>/decide/", self.decide_view, "decide", *needed),
        )

    def list_page(self, request: HttpRequest) -> HttpResponse:
        wanted = Wanted.read(self.model, request.GET)
        found = listing(wanted, request.GET.get("page", "1"))
        context = {
            "list": found,
            "can_decide": self._may_decide(request),
            "many": _fitting(self.many_choices(wanted, found.word), found),
            "here": self._list_address(),
            "page_name": f"admin:{self.opts.app_label}_{self.opts.model_name}_change",
            "decide_address": self.address("decide_many"),
            "find_address": self.address("find"),
        }
        return self.show(request, f"alumnisync/inbox/{self.list_template}.html", HEADINGS[self.model], **context)

    def find_view(self, request: HttpRequest) -> HttpResponseBase:
        """Leads to the list narrowed to whoever fits what was typed."""
        wanted = replace(Wanted.read(self.model, request.POST), chosen=())
        found = found_by(wanted, request.POST.get("name", ""))
        if not found:
            tell(request, NOBODY_FITS, wrong=True)
        elif len(found) > MOST_CHOSEN:
            tell(request, TOO_MANY_FIT)
        narrowed = replace(wanted, chosen=tuple(found[:MOST_CHOSEN]))
        return HttpResponseRedirect(self._list_address() + narrowed.query())

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponseBase:
        self._may_look(request)
        return self.question_page(request, object_id, Wanted.read(self.model, request.GET))

    def question_page(self, request: HttpRequest, pk: str, wanted: Wanted) -> HttpResponseBase:
        """The page of one question."""
        question = find(self.model, pk)  # type: ignore[arg-type]  # matches have a page of their own
        words = wordings([question.link.sync_id]) if question else {}
        if question is None or question.link.sync_id not in words:
            return self.no_longer_there(request, wanted)
        found = detail(question, words[question.link.sync_id])
        title = f"{found.row.field} of {found.row.person}"
        return self.show(
            request,
            "alumnisync/inbox/question.html",
            title,
            detail=found,
            **self.around(request, question, wanted, words),
        )

    def around(self, request: HttpRequest, question: Any, wanted: Wanted, words: dict[int, Wording]) -> dict[str, Any]:
        """What the page of any question needs besides the question."""
        following = next_open(wanted, question, words)
        return {
            "wanted": wanted,
            "trail": [(HEADINGS[self.model], self._list_address() + wanted.query())],
            "next_address": self._page_address(following, wanted) if following else "",
            "decide_address": self.address("decide", question.pk),
            "can_decide": self._may_decide(request),
        }

    def many_choices(self, wanted: Wanted, word: Wording | None) -> dict[str, str]:
        """What can be chosen for several at once: choice → words. Empty where the rows don't agree on the words."""
        by_hand = {"leave": "Tick them off"}
        if wanted.of == RECORDED_UNIT:
            return by_hand
        if wanted.of == CREATED_UNIT:
            return dict(CREATED_CHOICES)
        if self.model is Review:
            return {"approve": "Let them through", "refuse": "Refuse them", **({} if wanted.of else by_hand)}
        return choices_of(word) if word else {}

    def decide_view(self, request: HttpRequest, pk: int) -> HttpResponseBase:
        wanted = Wanted.read(self.model, request.POST)
        question = self.model._default_manager.filter(pk=pk).first()
        if question is None:
            return self.no_longer_there(request, wanted)
        try:
            self.decide(request, question)
        except Refusal as refusal:
            tell(request, str(refusal), wrong=True)
            # What was closed meanwhile needs no second look; anything else does.
            address = self._list_address() + wanted.query() if str(refusal) == GONE else self._page_address(pk, wanted)
            return HttpResponseRedirect(address)
        return HttpResponseRedirect(self._onward(request, question, wanted))

    def decide(self, request: HttpRequest, question: Any) -> None:
        """Carries a decision to the function that takes it. Raises Refusal."""
        texts = {name.removeprefix("own:"): str(text) for name, text in request.POST.items() if name.startswith("own:")}
        settle_question(
            question,
            request.POST.get("choice", ""),
            seen=request.POST.get("seen", ""),
            by=who(request),
            comment=comment_of(request),
            texts=texts,
        )

    def decide_many_view(self, request: HttpRequest) -> HttpResponseBase:
        wanted = Wanted.read(self.model, request.POST)
        address = self._list_address() + wanted.query()
        try:
            batch = self._batch(request, wanted)
        except Refusal as refusal:
            tell(request, str(refusal), wrong=True)
            return HttpResponseRedirect(address)
        if not batch.rows:
            tell(request, " ".join(batch.left_out) or "Tick at least one first.", wrong=True)
            return HttpResponseRedirect(address)
        if request.POST.get("sure") != "yes":
            return self._ask(request, wanted, batch)
        choice = request.POST.get("choice", "")
        tally = decide_many(batch, choice, by=who(request), comment=comment_of(request))
        _tell_tally(request, tally, batch)
        return HttpResponseRedirect(address)

    def _batch(self, request: HttpRequest, wanted: Wanted) -> Batch:
        if request.POST.get("all") == "yes":
            # None at all is no count that anybody was shown.
            return all_wanted(wanted, whole(request.POST.get("count", "")) or -1, request.POST.get("mark", ""))
        return ticked(self.model, request.POST.getlist("tick"))

    def _ask(self, request: HttpRequest, wanted: Wanted, batch: Batch) -> HttpResponse:
        """Says how many people and fields it is about, before anything is decided."""
        choice = request.POST.get("choice", "")
        word = one_word(wanted, wordings(group["sync"] for group in wanted.patterns()))
        label = self.many_choices(wanted, word).get(choice)
        if label is None:
            tell(request, "Choose a sync first, then what to do.", wrong=True)
            return HttpResponseRedirect(self._list_address() + wanted.query())
        return self.show(
            request,
            "alumnisync/inbox/confirm.html",
            f"{label}?",
            batch=batch,
            people=counted(batch.people, "person", "people"),
            fields=counted(batch.fields, "field", "fields") if batch.fields else "",
            beyond=f"{batch.beyond:,}" if batch.beyond else "",
            count=len(batch.rows) + batch.beyond,
            is_all=request.POST.get("all") == "yes",
            ticks=request.POST.getlist("tick"),
            choice=choice,
            label=label,
            comment=comment_of(request),
            wanted=wanted,
            here=self._list_address() + wanted.query(),
            decide_address=self.address("decide_many"),
            trail=[(HEADINGS[self.model], self._list_address() + wanted.query())],
        )

    def _onward(self, request: HttpRequest, question: Any, wanted: Wanted) -> str:
        sync = question.sync_id if isinstance(question, Match) else question.link.sync_id
        following = next_open(wanted, question, wordings([wanted.sync or sync]))
        if following is None:
            tell(request, "Decided. Nothing else waits here.")
            return self._list_address()
        tell(request, "Decided. Next one.")
        return self._page_address(following, wanted)

    def no_longer_there(self, request: HttpRequest, wanted: Wanted) -> HttpResponse:
        """Says so, and leads to the list."""
        tell(request, "This question isn't there any more: the people it was about are no longer linked.", wrong=True)
        return HttpResponseRedirect(self._list_address() + wanted.query())

    def _may_decide(self, request: HttpRequest) -> bool:
        return request.user.has_perm(self._permission("change"))

    def _list_address(self) -> str:
        return self.address("changelist")

    def _page_address(self, pk: int, wanted: Wanted) -> str:
        return self.address("change", pk) + wanted.query()


def _fitting(choices: dict[str, str], found: Listing) -> dict[str, str]:
    """Of the choices for several reviews, those that one of the rows can take."""
    rows = [row for row in found.rows if isinstance(row, Row) and isinstance(row.question, Review)]
    if any(row.was_created for row in rows):
        # Each of these is its own question; only where the list holds nothing else is there one answer for many.
        return choices if all(row.was_created for row in rows) and set(choices) == set(CREATED_CHOICES) else {}
    fit = {True: ("leave",), False: ("approve", "refuse")}
    wanted = {choice for row in rows for choice in fit[row.is_by_hand]}
    return {choice: label for choice, label in choices.items() if not rows or choice in wanted}


@admin.register(Conflict)
class ConflictAdmin(InboxAdmin):
    pass


@admin.register(Review)
class ReviewAdmin(InboxAdmin):
    pass


def comment_of(request: HttpRequest) -> str:
    """What somebody wrote with a decision."""
    return request.POST.get("comment", "").strip()[:LONGEST_COMMENT]


def _tell_tally(request: HttpRequest, tally: Tally, batch: Batch) -> None:
    problems = [*batch.left_out, *dict.fromkeys(tally.problems)]
    if tally.decided:
        tell(request, f"{tally.decided:,} decided. The next run carries it out.")
    if problems:
        tell(request, " ".join(problems), wrong=True)
