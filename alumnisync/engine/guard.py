"""Safety limits: a plan's figures → what is held, and why in words. Pure.

Judged on planned writes, by field and direction, against the larger of a floor and a share of the linked
people. What is let through or held is decided here alone; `holding.py` counts and carries it out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, fields
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

GUARDS = tuple(DEFAULTS)

Usual = Callable[[str, str], int | None]
"""Guard, and what it looks at → how many people it was in the runs before, or None without a history."""

VARIED_KINDS = frozenset({"choice", "country", "state", "yes_no", "consent", "deceased", "list", "number", "money"})
"""Kinds of which many people rightly hold the same value."""

WHOLE = frozenset({"gone", "list", "version", "undo"})
"""Limits that stop everything, not one field."""


@dataclass(frozen=True, slots=True)
class Figures:
    """What a plan would do to one field (or group) in one direction, in people."""

    unit: str
    label: str
    side: Side
    kind: str
    changed: int = 0
    blanked: int = 0
    same_value: int = 0

    @property
    def key(self) -> str:
        """What the figures of other runs know it by."""
        return f"{self.unit}>{self.side}"


@dataclass(frozen=True, slots=True)
class Hold:
    """Something that is held. unit "" is not about one field; direction is the receiving side, or "".

    usual: what it came to in the runs before, or None without a history
    """

    guard: str
    unit: str
    field: str
    direction: str
    count: int
    limit: int
    reason: str
    usual: int | None = None

    @property
    def key(self) -> str:
        """What tells it from the others of its run."""
        return f"{self.guard}:{self.direction}:{self.unit}"

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def load(cls, item: Mapping[str, Any]) -> Hold:
        """From what its run keeps of it."""
        return cls(**{each.name: item[each.name] for each in fields(cls) if each.name in item})


def limits(own: Mapping[str, Mapping[str, float]]) -> dict[str, Limit]:
    """The defaults with a sync's own figures laid over."""
    return {
        name: Limit(
            int(own.get(name, {}).get("floor", limit.floor)),
            float(own.get(name, {}).get("share", limit.share)),
        )
        for name, limit in DEFAULTS.items()
    }


def nothing_known(guard: str, key: str) -> int | None:
    """The usual of a sync without a history."""
    return None


def judge_fields(
    figures: Iterable[Figures], limits: Mapping[str, Limit], people: int, usual: Usual = nothing_known
) -> list[Hold]:
    """The fields and directions to hold; of several reasons, the first."""
    holds = []
    for figure in figures:
        for name, count, sentence in (
            ("blanked", figure.blanked, f"would lose their {figure.label}"),
            ("same_value", same_values(figure), f"would get one and the same {figure.label}"),
            ("changed", figure.changed, f"would get another {figure.label}"),
        ):
            limit, known = limits[name].of(people), usual(name, figure.key)
            if count > limit:
                reason = _said(f"{count:,} people {sentence}", known)
                hold = Hold(name, figure.unit, figure.label, figure.side.value, count, limit, reason, known)
                holds.append(hold)
                break
    return holds


def same_values(figure: Figures) -> int:
    """How many people would get one and the same value, where that is odd."""
    return 0 if figure.kind in VARIED_KINDS else figure.same_value


def judge_creates(
    created: Mapping[Side, int], limits: Mapping[str, Limit], people: int, usual: Usual = nothing_known
) -> list[Hold]:
    """The creates to hold, by side."""
    limit = limits["created"].of(people)
    return [
        Hold(
            "created", "", "", side.value, count, limit, _said(f"{count:,} new records would be created", known), known
        )
        for side, count in created.items()
        if count > limit
        for known in (usual("created", side.value),)
    ]


def judge_gone(gone: int, limits: Mapping[str, Limit], people: int, usual: Usual = nothing_known) -> list[Hold]:
    """Whether so many linked people disappeared at once that nothing is believed."""
    limit, known = limits["gone"].of(people), usual("gone", "")
    if gone <= limit:
        return []
    sentence = f"{gone:,} linked people are no longer found at their system"
    return [Hold("gone", "", "", "", gone, limit, _said(sentence, known), known)]


def _said(sentence: str, usual: int | None) -> str:
    return f"{sentence}." if usual is None else f"{sentence}; usual is {usual:,}."
