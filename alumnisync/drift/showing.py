"""The newest comparison of a sync as its page shows it: figures, reasons, fields, examples, and those before it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.urls import reverse

from alumnisync.drift.reasons import Outside, Reason
from alumnisync.drift.words import MEANINGS, OUTSIDE, said
from alumnisync.inbox.wording import wordings
from alumnisync.models import DriftReport, Member
from alumnisync.naming import Names
from alumnisync.wording import Said, number
from connectors.moments import when
from mappings.models import Sync

MOST_SHOWN = 26
"""Comparisons of half a year, a week each."""


@dataclass(frozen=True)
class Person:
    """Somebody by the ids of their records. address: "" for who may not look."""

    ids: str
    address: str


@dataclass(frozen=True)
class Found:
    """How often one reason was found. share: percent of all that was found."""

    reason: Reason
    count: str
    share: int
    people: tuple[Person, ...] = ()

    @property
    def said(self) -> Said:
        return said(self.reason)

    @property
    def sentence(self) -> str:
        return MEANINGS[self.reason].sentence


@dataclass(frozen=True)
class FieldLine:
    """A field pair: how many are the same, and what was found of the others."""

    label: str
    equal: str
    different: str
    found: tuple[Found, ...]


@dataclass(frozen=True)
class Earlier:
    """A comparison in a line."""

    made: str
    by: str
    people: str
    differing: str
    share: int
    unknown: str


@dataclass(frozen=True)
class Shown:
    """The page. waiting: since when a comparison is under way; problem: why the last could not be made."""

    waiting: str
    problem: str
    made: str = ""
    version: int | None = None
    cards: tuple[tuple[str, str, str], ...] = ()
    unknown: str = ""
    reasons: tuple[Found, ...] = ()
    fields: tuple[FieldLine, ...] = ()
    outside: tuple[tuple[str, str, str], ...] = ()
    earlier: tuple[Earlier, ...] = ()


def shown(sync: Sync, *, with_people: bool) -> Shown:
    """A few statements, however large the sync is. with_people: whether their pages may be led to."""
    reports = DriftReport.objects.filter(sync=sync)
    made = list(reports.exclude(made_at=None).order_by("-made_at")[:MOST_SHOWN])
    last = reports.first()
    waiting = when(last.asked_at) if last and not last.made_at and not last.problem else ""
    problem = last.problem if last else ""
    word = wordings([sync.pk]).get(sync.pk)
    if not made or word is None:
        return Shown(waiting, problem)
    return _shown(made, waiting, problem, word.names, with_people=with_people)


def _shown(made: list[DriftReport], waiting: str, problem: str, names: Names, *, with_people: bool) -> Shown:
    counts = made[0].counts
    totals: Counter[str] = Counter()
    for by in counts["fields"].values():
        totals.update({reason: count for reason, count in by.items() if Reason(reason).is_difference})
    people = _people(counts["examples"], with_people=with_people)
    same = counts["people"] - counts["differing"]
    return Shown(
        waiting,
        problem,
        made=when(made[0].made_at),
        version=made[0].number,
        cards=(
            ("Linked people compared", number(counts["people"]), ""),
            ("The same in every field", number(same), ""),
            ("Different in some field", number(counts["differing"]), ""),
            ("Differences not explained", number(made[0].unknown), "bad" if made[0].unknown else ""),
        ),
        unknown=number(made[0].unknown) if made[0].unknown else "",
        reasons=_found(totals, {}),
        fields=tuple(_fields(counts, names, people)),
        outside=tuple(
            (OUTSIDE[one].short, number(counts["outside"][one.value]), OUTSIDE[one].sentence)
            for one in Outside
            if counts["outside"].get(one.value)
        ),
        earlier=tuple(map(_earlier, made)),
    )


def _found(counts: Mapping[str, int], people: Mapping[str, tuple[Person, ...]]) -> tuple[Found, ...]:
    """The most frequent first; what nothing explains before all."""
    total = max(sum(counts.values()), 1)
    ordered = sorted(counts, key=lambda reason: (reason != Reason.UNKNOWN, -counts[reason], reason))
    return tuple(
        Found(Reason(reason), number(counts[reason]), _percent(counts[reason], total), people.get(reason, ()))
        for reason in ordered
    )


def _fields(
    counts: Mapping[str, Any], names: Names, people: Mapping[str, Mapping[str, tuple[Person, ...]]]
) -> Iterable[FieldLine]:
    places = {pair: place for place, pair in enumerate(names.pairs)}
    for pair in sorted(counts["fields"], key=lambda pair: (places.get(pair, len(places)), pair)):
        by = counts["fields"][pair]
        differ = {reason: count for reason, count in by.items() if Reason(reason).is_difference}
        yield FieldLine(
            names.pair(pair),
            number(by.get(Reason.EQUAL.value, 0)),
            number(sum(differ.values())),
            _found(differ, people.get(pair, {})),
        )


def _people(examples: Mapping[str, Mapping[str, list[int]]], *, with_people: bool) -> dict[str, dict[str, Any]]:
    """Field pair → reason → the examples of it that are still linked."""
    wanted = {pk for by in examples.values() for ids in by.values() for pk in ids}
    known: dict[int, list[str]] = defaultdict(list)
    members = Member.objects.filter(link__in=wanted).order_by("side", "pk")
    for link, remote_id in members.values_list("link_id", "record__remote_id"):
        known[link].append(remote_id)

    def person(pk: int) -> Person:
        address = reverse("admin:alumnisync_link_change", args=[pk]) if with_people else ""
        return Person(" ↔ ".join(known[pk]), address)

    return {
        pair: {reason: tuple(person(pk) for pk in ids if pk in known) for reason, ids in by.items()}
        for pair, by in examples.items()
    }


def _earlier(report: DriftReport) -> Earlier:
    people, differing = report.counts["people"], report.counts["differing"]
    by = report.asked_by or "every week"
    unknown = number(report.unknown)
    return Earlier(
        when(report.made_at), by, number(people), number(differing), _percent(differing, max(people, 1)), unknown
    )


def _percent(part: int, whole: int) -> int:
    """Whole percent, of something never none."""
    return max(round(100 * part / whole), 1) if part else 0
