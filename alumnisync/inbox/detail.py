"""The page of one question about a field: everything somebody needs to decide it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Prefetch, Value

from alumnisync.deciding import mark_of
from alumnisync.engine.created import DEACTIVATE, LEAVE
from alumnisync.engine.identity import UNLINK
from alumnisync.engine.plan import CREATED_UNIT, RECORDED_UNIT
from alumnisync.engine.presence import sides_of
from alumnisync.engine.tries import CREATE_UNIT
from alumnisync.inbox.gone import gone_said
from alumnisync.inbox.lines import CREATED_CHOICES, Row, choices_of, chosen, records_of, row_of, values_of
from alumnisync.inbox.outlook import Outlook, look_up, planner_of
from alumnisync.inbox.wording import URGENT, Wording
from alumnisync.models import Conflict, Member, Question, Review
from alumnisync.undo import can_switch_off
from alumnisync.wording import whole
from connectors.models import RemoteRecord
from connectors.moments import when
from mappings import paths
from mappings.rules import PairRules, Side

STATE_WORDS: Mapping[str, tuple[str, str]] = {
    Question.State.OPEN: ("Waiting", "warn"),
    Question.State.DECIDED: ("Decided, not sent yet", "good"),
    Question.State.HELD: ("On hold with a run", "warn"),
    Question.State.CLOSED: ("Closed", ""),
}
EARLIER = 10
NO_OWN_VALUE = (*URGENT, "yes_no", "reference")
"""Formats of which there are two values only, both on the page; and ids, which are not the same on both sides."""


@dataclass(frozen=True)
class Choice:
    """A button, and what it does."""

    name: str
    label: str
    says: Sequence[str]


@dataclass(frozen=True)
class Input:
    """Where an own value is typed. options: those to choose from, where it is a drop-down."""

    pair: str
    label: str
    options: Sequence[str]


@dataclass(frozen=True)
class There:
    """A record of the person in its system.

    gone        why it is no longer found, and since when; "" while it is there
    is_further  another one of theirs there is named before it
    """

    side: str
    remote_id: str
    address: str
    times: Sequence[tuple[str, str]]
    gone: str
    is_further: bool


@dataclass(frozen=True)
class Earlier:
    """A decision about the same field of the same person."""

    choice: str
    by: str
    at: str
    comment: str


@dataclass(frozen=True)
class Detail:
    """A question in full."""

    row: Row
    state: tuple[str, str]
    can_be_decided: bool
    choices: Sequence[Choice]
    inputs: Sequence[Input]
    records: Sequence[There]
    earlier: Sequence[Earlier]
    decided_at: str


def find(model: type[Conflict] | type[Review], pk: str) -> Any:
    """A question with its person at hand: two statements. None where there is none."""
    members = Prefetch("link__members", Member.objects.select_related("record"))
    return model._default_manager.select_related("link__sync").prefetch_related(members).filter(pk=whole(pk)).first()


def detail(question: Conflict | Review, word: Wording) -> Detail:
    """Everything about a question: three statements besides its own rows."""
    outlook = Outlook(question, word, planner_of(word), records_of(question.link))
    look_up(word, outlook.planner, outlook.records, question.link.bases)
    can_be_decided = question.state in (Question.State.OPEN, Question.State.DECIDED)
    return Detail(
        row_of(question, word, mark_of(question)),
        STATE_WORDS[question.state],
        can_be_decided,
        _choices(question, word, outlook) if can_be_decided else (),
        _inputs(question, word, outlook) if can_be_decided and isinstance(question, Conflict) else (),
        list(_records(question, word)),
        _earlier(question, word),
        when(question.decided_at),
    )


def _choices(question: Conflict | Review, word: Wording, outlook: Outlook) -> list[Choice]:
    if isinstance(question, Conflict):
        return [Choice(name, label, outlook.says(name)) for name, label in choices_of(word).items()]
    to = Side(question.side)
    sender = word.side(to.other)
    if question.unit == RECORDED_UNIT:
        done = f"Nothing is sent. Nobody is asked again until {sender}'s or {word.side(to)}'s changes."
        return [Choice("leave", "Tick it off", [done])]
    if question.unit == CREATED_UNIT:
        return _created_choices(question, word.side(to))
    if question.unit == CREATE_UNIT:
        yes = [f"The next run makes a record with these values in {word.side(to)}."]
        no = [f"No record is made in {word.side(to)} until {sender}'s changes."]
    else:
        yes = outlook.says(to.other.value)
        no = [f"Nothing is written; nobody is asked again until {sender}'s value changes."]
    return [Choice("approve", "Let it through", yes), Choice("refuse", "Refuse", no)]


def _created_choices(question: Review, system: str) -> list[Choice]:
    off = f"The next run sets there what the sync's rules say. It stays linked, and nothing in {system} is deleted."
    if not can_switch_off(question):
        off = ""
    says = {
        UNLINK: "The next run takes the two apart. Neither is linked with the other or created again; both stay there.",
        DEACTIVATE: off,
        LEAVE: "It stays there, linked, and is kept in step as before.",
    }
    return [Choice(name, CREATED_CHOICES[name], [said]) for name, said in says.items() if said]


def _inputs(question: Conflict, word: Wording, outlook: Outlook) -> list[Input]:
    keys = [values.key for values in values_of(question, word)]
    kinds = {outlook.kind(key) for key in keys}
    if outlook.planner is None or "" in kinds or kinds & set(NO_OWN_VALUE):
        return []
    pairs = [outlook.planner.translators[key].pair for key in keys]
    return [Input(pair.key, word.names.pair(pair.key), _options(pair)) for pair in pairs]


def _options(pair: PairRules) -> list[str]:
    return list(dict.fromkeys(left for left, _ in pair.value_map.pairs)) if pair.value_map else []


def _records(question: Question, word: Wording) -> Iterator[There]:
    """Every record of the person, those whose values count first."""
    counting = records_of(question.link)
    for side, members in sides_of(question.link.members.all()).items():
        others = [one.record for one in members if one.record not in counting[side]]
        for place, record in enumerate([*counting[side], *others]):
            yield _there(question, side, record, word, is_further=place > 0)


def _there(question: Question, side: Side, record: RemoteRecord, word: Wording, *, is_further: bool) -> There:
    changed = record.changed_at()
    wanted = {paths.root(pair.split("|", 1)[side is Side.RIGHT]) for pair in question.shown.get(side.value, {})}
    times = [(f"{word.names.field(side, path)} changed", when(at)) for path, at in changed.items() if path in wanted]
    if record.modified_there:
        times.append(("Record changed", when(record.modified_there)))
    address = word.names.address_of(side, record.remote_id)
    return There(word.side(side), record.remote_id, address, times, gone_said(record), is_further)


def _earlier(question: Conflict | Review, word: Wording) -> list[Earlier]:
    """One statement for both kinds of question."""
    past = [
        model._default_manager.filter(link=question.link_id, unit=question.unit, state=Question.State.CLOSED)
        .exclude(decided_by="")
        .exclude(pk=question.pk if isinstance(question, model) else 0)
        .order_by()
        .annotate(of=Value(model._meta.model_name))
        .values_list("of", "choice", "decided_by", "decided_at", "comment")
        for model in (Conflict, Review)
    ]
    found = past[0].union(past[1], all=True).order_by("-decided_at")[:EARLIER]
    models: dict[str, Question] = {"conflict": Conflict(), "review": Review()}
    return [Earlier(chosen(models[of], choice, word), by, when(at), said) for of, choice, by, at, said in found]
