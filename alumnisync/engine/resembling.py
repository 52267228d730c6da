"""Who shares a match key with somebody who was erased: a person says who that is, and nothing goes by itself.

It may be the erased person come back, or a spouse with the same e-mail address.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from dataclasses import replace

from django.utils.formats import date_format

from alumnisync.engine.bodies import Candidate, Standing
from alumnisync.engine.identity import BY_PERSON, Decision, Knot
from alumnisync.models import ErasedKey, Erasure
from connectors.encryption import sealed
from mappings.models import Sync

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
    links = [one for one in decision.links if one.rule != BY_PERSON and one.records & doubtful.keys()]
    alone = [group for group in decision.alone if group & doubtful.keys()]
    joins = [one for one in decision.joins if one[0] in doubtful]
    knots = [
        *(_doubted(knot, doubtful) for knot in decision.knots),
        *(_knot(one.records, one.records, doubtful) for one in links),
        *(_knot({record, *members.get(link, ())}, {record}, doubtful) for record, link in joins),
    ]
    told = {pk for knot in knots for pk in knot.records}.union(*(one.records for one in decision.links))
    knots += [_knot(group, group, doubtful) for group in alone if not group & told]
    rest = (doubtful.keys() & named) - told.union(*alone)
    knots += [_knot({pk}, {pk}, doubtful) for pk in sorted(rest)]
    return replace(
        decision,
        links=tuple(one for one in decision.links if one not in links),
        knots=tuple(knots),
        joins=tuple(one for one in decision.joins if one not in joins),
        alone=tuple(group for group in decision.alone if group not in alone),
    )


def _knot(records: Set[int], waiting: Set[int], doubtful: Mapping[int, str]) -> Knot:
    why = next(doubtful[pk] for pk in sorted(records) if pk in doubtful)
    return Knot(frozenset(records), frozenset(waiting), ERASED, why)


def _doubted(knot: Knot, doubtful: Mapping[int, str]) -> Knot:
    why = next((doubtful[pk] for pk in sorted(knot.records) if pk in doubtful), "")
    return replace(knot, reason=f"{why} {knot.reason}") if why else knot


def _reason(erasure: Erasure) -> str:
    return REASON.format(day=date_format(erasure.at, "j F Y"), erasure=str(erasure).lower())
