"""Rules as somebody has them on the screen, for the pure code that carries them out; nothing is stored for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mappings.rules import (
    GONE_DEFAULTS,
    AbsenceKind,
    ConflictRule,
    Create,
    FirstMeeting,
    MatchRule,
    OnBlank,
    OnInvalid,
    PairRules,
    Rules,
    Side,
    SideRules,
    Unmapped,
    ValuePairs,
    Word,
    gone_policies,
)
from mappings.setup.contents import Contents, Plain

Lengths = Mapping[Side, Mapping[str, int]]
"""Side → path → how many characters the field takes there."""


def rules_in(contents: Contents, zones: Mapping[Side, str], lengths: Lengths | None = None) -> Rules:
    """What `mappings.versions.rules_of` says of a version with these contents. zones: of the systems' clocks."""
    return Rules(
        sides={side: _side(contents.sides[side], zones.get(side, "UTC")) for side in Side if side in contents.sides},
        pairs=tuple(_pair(key, pair, contents, lengths or {}) for key, pair in contents.pairs.items()),
        match=tuple(MatchRule({Side.LEFT: tuple(left), Side.RIGHT: tuple(right)}) for left, right in contents.match),
        pilot=frozenset(contents.pilot),
    )


def _side(said: Plain, zone: str) -> SideRules:
    gone = gone_policies(said["gone"])
    if not said["disabled"]:
        gone[AbsenceKind.DISABLED] = GONE_DEFAULTS[AbsenceKind.DISABLED]
    return SideRules(
        object_type=said["object"],
        key_field=said["key_field"],
        create=Create(said["create"]),
        on_create=said["on_create"],
        deactivate=said["deactivate"],
        scope=said["scope"],
        narrow=said["filter"],
        gone=gone,
        disabled=said["disabled"],
        several=said["several"],
        write_once=said["write_once"],
        time_zone=zone,
    )


def _pair(key: str, said: Plain, contents: Contents, lengths: Lengths) -> PairRules:
    paths = {side: said[side] for side in Side}
    return PairRules(
        key=key,
        paths=paths,
        kind=said["kind"],
        words={side: Word(said[f"to_{side}"]) for side in Side},
        conflict=ConflictRule(said["conflict"]),
        first_meeting=FirstMeeting(said["first_meeting"]),
        on_blank=OnBlank(said["on_blank"]),
        on_invalid=OnInvalid(said["on_invalid"]),
        defaults=_by_side(said["default"]),
        keep_old=_by_side(said["keep_old"]),
        group=said["group"],
        region=said["region"],
        currency=said["currency"],
        currency_field=_by_side(said["currency_field"]),
        through=said["through"],
        restricted_when=_by_side(said["restricted_when"]),
        value_map=_value_pairs(contents.value_maps[said["value_map"]]) if said["value_map"] else None,
        reads={side: said[f"read_{side}"] for side in Side if said[f"read_{side}"]},
        writes={side: said[f"write_{side}"] for side in Side if said[f"write_{side}"]},
        lengths={side: lengths[side][path] for side, path in paths.items() if path in lengths.get(side, {})},
    )


def _value_pairs(said: Plain) -> ValuePairs:
    pairs = tuple((left, right) for left, right in said["pairs"])
    return ValuePairs(pairs, Unmapped(said["unmapped"]), _by_side(said["default"]))


def _by_side(values: Plain) -> dict[Side, Any]:
    return {Side(side): value for side, value in values.items()}
