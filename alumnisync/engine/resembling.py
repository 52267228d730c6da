"""Who shares a match key with somebody who was erased: a person says who that is, and nothing goes by itself.

It may be the erased person come back, or a spouse with the same e-mail address.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Set
from dataclasses import replace
from typing import TypeVar

from django.utils.formats import date_format

from alumnisync.engine.bodies import Candidate, Standing
from alumnisync.engine.identity import BY_PERSON, Decision, Knot
from alumnisync.models import ErasedKey, Erasure
from connectors.encryption import sealed
from mappings.models import Sync

T = TypeVar("T")

ERASED = "erased"
"""The rule of a question about somebody who resembles an erased person."""
REASON = "Resembles somebody who was erased on {day} ({erasure})."


def resembling(sync: Sync, candidates: Iterable[Candidate]) -> dict[int, str]:
    """Record → why a person must say who it is; of those nobody has decided about yet. One look-up."""
    whose: dict[bytes, set[int]] = {}
    for one in candidates:
        if one.standing is Standing.FREE:
            for digest in frozenset().union(*one.keys.values()):
                for key in sealed(digest).values():
                    whose.setdefault(key, set()).add(one.id)
    found = ErasedKey.objects.filter(sync=sync, digest__in=list(whose)).select_related("erasure").order_by("-pk")
    return {record: _reason(key.erasure) for key in found for record in whose[bytes(key.digest)]}


def ask_about(
    decision: Decision, doubtful: Mapping[int, str], members: Mapping[int, Set[int]], named: Set[int]
) -> Decision:
    """Make questions of whatever was decided about these records.

    members: link → its records, of those that somebody may join; named: who is in the pilot, where there is one
    """
    if not doubtful:
        return decision
    links, doubted_links = _split(decision.links, lambda one: one.rule != BY_PERSON and one.records & doubtful.keys())
    joins, doubted_joins = _split(decision.joins, lambda one: one[0] in doubtful)
    alone, doubted_alone = _split(decision.alone, lambda group: group & doubtful.keys())
    knots = [
        *(_doubted(knot, doubtful) for knot in decision.knots),
        *(_knot(one.records, one.records, doubtful) for one in doubted_links),
        *(_knot({record, *members.get(link, ())}, {record}, doubtful) for record, link in doubted_joins),
    ]
    told = frozenset().union(*(knot.records for knot in knots), *(one.records for one in decision.links))
    # Who is in none of these is asked about alone, or with those of their body.
    rest = (doubtful.keys() & named) - told.union(*doubted_alone)
    groups = [group for group in doubted_alone if not group & told] + [frozenset((pk,)) for pk in sorted(rest)]
    knots += [_knot(group, group, doubtful) for group in groups]
    return replace(decision, links=links, knots=tuple(knots), joins=joins, alone=alone)


def _split(found: Iterable[T], is_doubted: Callable[[T], object]) -> tuple[tuple[T, ...], tuple[T, ...]]:
    """The others, and those that a person is asked about."""
    doubted = {one: bool(is_doubted(one)) for one in found}
    return tuple(one for one in doubted if not doubted[one]), tuple(one for one in doubted if doubted[one])


def _knot(records: Set[int], waiting: Set[int], doubtful: Mapping[int, str]) -> Knot:
    why = next(doubtful[pk] for pk in sorted(records) if pk in doubtful)
    return Knot(frozenset(records), frozenset(waiting), ERASED, why)


def _doubted(knot: Knot, doubtful: Mapping[int, str]) -> Knot:
    why = next((doubtful[pk] for pk in sorted(knot.records) if pk in doubtful), "")
    return replace(knot, reason=f"{why} {knot.reason}") if why else knot


def _reason(erasure: Erasure) -> str:
    return REASON.format(day=date_format(erasure.at, "j F Y"), erasure=str(erasure).lower())
