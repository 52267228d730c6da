"""Safety limits: a plan's figures → what is held, and why in words. Pure.

Judged on planned writes, by field and direction, against the larger of a floor and a share of the linked
people. What is let through or held is decided here alone; `holding.py` counts and carries it out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from mappings.rules import Side


@dataclass(frozen=True, slots=True)
class Limit:
    """Nothing above the larger of `floor` and `share` of the linked people goes through by itself."""

    floor: int
    share: float

    def of(self, people: int) -> int:
        return max(self.floor, int(self.share * people))


DEFAULTS: Mapping[str, Limit] = {
    "changed": Limit(50, 0.05),
    "blanked": Limit(20, 0.01),
    "same_value": Limit(25, 0.01),
    "created": Limit(25, 0.05),
    "gone": Limit(25, 0.02),
    "list": Limit(25, 0.10),
}

VARIED_KINDS = frozenset({"choice", "country", "state", "yes_no", "consent", "deceased", "list", "number", "money"})
"""Kinds of which many people rightly hold the same value."""

WHOLE = frozenset({"gone", "list", "version", "undo"})
"""Limits that stop everything, not one field."""


@dataclass(frozen=True, slots=True)
class Figures:
    """What a plan would do to one field (or group) in one direction.

    usual: how many people it changed in the runs before, or None without a history.
    """

    unit: str
    label: str
    side: Side
    kind: str
    changed: int = 0
    blanked: int = 0
    same_value: int = 0
    usual: int | None = None


@dataclass(frozen=True, slots=True)
class Hold:
    """Something that is held. unit "" is not about one field; direction is the receiving side, or ""."""

    guard: str
    unit: str
    field: str
    direction: str
    count: int
    limit: int
    reason: str

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def limits(own: Mapping[str, Mapping[str, float]]) -> dict[str, Limit]:
    """The defaults with a sync's own figures laid over."""
    return {
        name: Limit(
            int(own.get(name, {}).get("floor", limit.floor)),
            float(own.get(name, {}).get("share", limit.share)),
        )
        for name, limit in DEFAULTS.items()
    }


def judge_fields(figures: Iterable[Figures], limits: Mapping[str, Limit], people: int) -> list[Hold]:
    """The fields and directions to hold; of several reasons, the first."""
    holds = []
    for figure in figures:
        usual = "" if figure.usual is None else f"; usual is {figure.usual:,}"
        for name, count, sentence in (
            ("blanked", figure.blanked, f"{figure.blanked:,} people would lose their {figure.label}{usual}."),
            (
                "same_value",
                0 if figure.kind in VARIED_KINDS else figure.same_value,
                f"{figure.same_value:,} people would get one and the same {figure.label}.",
            ),
            (
                "changed",
                figure.changed,
                f"{figure.changed:,} people would get another {figure.label}{usual}.",
            ),
        ):
            limit = limits[name].of(people)
            if count > limit:
                holds.append(Hold(name, figure.unit, figure.label, figure.side.value, count, limit, sentence))
                break
    return holds


def judge_creates(created: Mapping[Side, int], limits: Mapping[str, Limit], people: int) -> list[Hold]:
    """The creates to hold, by side."""
    limit = limits["created"].of(people)
    return [
        Hold("created", "", "", side.value, count, limit, f"{count:,} new records would be created.")
        for side, count in created.items()
        if count > limit
    ]


def judge_gone(gone: int, limits: Mapping[str, Limit], people: int) -> list[Hold]:
    """Whether so many linked people disappeared at once that nothing is believed."""
    limit = limits["gone"].of(people)
    if gone <= limit:
        return []
    return [Hold("gone", "", "", "", gone, limit, f"{gone:,} linked people are no longer found at their system.")]
