"""What must hold between the parts of a setup file: pairs of one sync, and syncs of one connection."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import combinations

from mappings.kinds import refuse_crossing
from mappings.rules import ConflictRule, FirstMeeting, Unmapped
from mappings.setup.contents import Contents, Plain, pair_key
from mappings.setup.pairs import SIDES, ReadPair
from mappings.setup.sections import did_you_mean
from mappings.setup.syncs import ReadSync

GROUP_WORDS = ("to_left", "to_right", "conflict", "first_meeting", "on_blank")
UNGROUPED_KINDS = ("consent", "deceased")
OTHER = {"left": "right", "right": "left"}


def check_sync(sync: ReadSync) -> None:
    """Notes what contradicts itself within a sync."""
    _check_complete(sync)
    for pair in sync.pairs:
        _check_one_way(pair)
        _check_first_meeting(pair)
        _check_map_defaults(pair, sync.setup.contents.value_maps)
        _check_map_pairs(pair, sync.setup.contents.value_maps)
    _check_match(sync)
    _check_pairs_once(sync.pairs)
    for side in SIDES:
        _check_targets(sync, side)
    _check_groups(sync.pairs)


def check_references(syncs: list[ReadSync], stored: Mapping[str, Contents]) -> None:
    """Notes references through a sync that is not there, or that links records of other systems."""
    known = {**stored, **{each.setup.name: each.setup.contents for each in syncs}}
    for sync in syncs:
        # A draft may be begun before the sync it refers to.
        if sync.setup.head["state"] != "draft":
            for pair in sync.pairs:
                _check_through(pair, sync.setup.contents, known)


def _check_through(pair: ReadPair, contents: Contents, known: Mapping[str, Contents]) -> None:
    name = pair.plain["through"]
    if not name:
        return
    if name not in known:
        pair.section.mistake("through", f"there is no sync “{name}”{did_you_mean(name, known)}")
        return
    there = {side["connection"] for side in known[name].sides.values()}
    for side in contents.sides.values():
        if side["connection"] not in there:
            pair.section.mistake("through", f"sync “{name}” links no records of “{side['connection']}”.")


def check_between(syncs: list[ReadSync], stored: Mapping[str, Contents]) -> None:
    """Notes syncs that would spoil each other's records. stored: those that the file leaves alone."""
    for index, sync in enumerate(syncs):
        earlier = {each.setup.name: each.setup.contents for each in syncs[:index]}
        for name, contents in {**stored, **earlier}.items():
            for side in sync.sides:
                for other_side in contents.sides:
                    _check_shared(sync, side, name, contents, other_side)


def _check_complete(sync: ReadSync) -> None:
    contents, section = sync.setup.contents, sync.section
    sides = [(each["connection"], each["object"]) for each in contents.sides.values()]
    if len(sides) == 2 and sides[0] == sides[1] and all(sides[0]):
        section.mistake("right", "both sides are the same records; a sync needs two different ones.")
    # A draft may be begun today and finished tomorrow.
    if sync.setup.head["state"] == "draft":
        return
    if not sync.pairs and "fields" not in section:
        section.mistake("", "a sync needs “fields”: the field pairs it keeps in step.")
    if not contents.match and not any(side["key_field"] for side in contents.sides.values()) and "match" not in section:
        section.mistake("", "nothing says who is the same person; give “match” rules, or a side its “key_field”.")


def _check_one_way(pair: ReadPair) -> None:
    receivers, conflict = pair.receivers(), pair.plain["conflict"]
    if len(receivers) == 1 and conflict not in (ConflictRule.ASK, OTHER[receivers[0]]):
        pair.section.mistake(
            "conflict",
            f"nothing is written to the {OTHER[receivers[0]]} here, so a conflict is decided by “ask” or "
            f"“{OTHER[receivers[0]]}”, not by “{conflict}”.",
        )


def _check_first_meeting(pair: ReadPair) -> None:
    winner = pair.plain["first_meeting"]
    if winner in (FirstMeeting.LEFT, FirstMeeting.RIGHT) and not pair.receives(OTHER[winner]):
        pair.section.mistake(
            "first_meeting",
            f"“first_meeting: {winner}” writes to the {OTHER[winner]}, but “to_{OTHER[winner]}” is off.",
        )


def _check_map_defaults(pair: ReadPair, value_maps: Mapping[str, Plain]) -> None:
    name = pair.plain["value_map"]
    settings = value_maps.get(name)
    if settings is None or settings["unmapped"] != Unmapped.USE_DEFAULT:
        return
    for side in pair.receivers():
        if side not in settings["default"]:
            pair.section.mistake("value_map", f"value map “{name}” has no default for {side}, where this pair writes.")


def _check_map_pairs(pair: ReadPair, value_maps: Mapping[str, Plain]) -> None:
    settings = value_maps.get(pair.plain["value_map"])
    try:
        refuse_crossing((str(left), str(right)) for left, right in (settings or {}).get("pairs", ()))
    except ValueError as error:
        pair.section.mistake("value_map", str(error))


def _check_match(sync: ReadSync) -> None:
    references = {(pair.plain["left"], pair.plain["right"]) for pair in sync.pairs if pair.plain["through"]}
    for left, right in sync.setup.contents.match:
        for both in zip(left, right, strict=False):
            if both in references:
                sync.section.mistake("match", f"{both[0]} and {both[1]} are a reference, which can't tell who is who.")


def _check_pairs_once(pairs: list[ReadPair]) -> None:
    seen: set[str] = set()
    for pair in pairs:
        key = pair_key(pair.plain["left"], pair.plain["right"])
        if key in seen:
            pair.section.mistake("", f"{pair.plain['left']} and {pair.plain['right']} are paired twice.")
        seen.add(key)


def _check_targets(sync: ReadSync, side: str) -> None:
    targets = [pair for pair in sync.pairs if pair.receives(side) and pair.plain[side]]
    for first, second in combinations(targets, 2):
        if overlap(first.plain[side], second.plain[side]) and _names(first) != _names(second):
            second.section.mistake(
                side,
                f"{second.plain[side]} on the {side} is written by two field pairs, here and on line "
                f"{first.section.line(side)}; set “to_{side}: off” in one of them.",
            )
    key_field = sync.setup.contents.sides.get(side, {}).get("key_field", "")
    for pair in targets:
        if key_field and overlap(pair.plain[side], key_field):
            pair.section.mistake(
                side,
                f"{key_field} is the key field of the {side} side, which the sync fills; drop this pair.",
            )
    _check_kept(sync, side, key_field)


def _names(pair: ReadPair) -> tuple[str, str]:
    return pair.plain["left"], pair.plain["right"]


def _check_kept(sync: ReadSync, side: str, key_field: str) -> None:
    mapped = [pair.plain[side] for pair in sync.pairs]
    keepers = [pair for pair in sync.pairs if isinstance(pair.plain["keep_old"].get(side), str)]
    counts = Counter(pair.plain["keep_old"][side] for pair in keepers)
    for pair in keepers:
        kept = pair.plain["keep_old"][side]
        if any(overlap(kept, path) for path in (*mapped, key_field) if path):
            pair.section.mistake(
                "keep_old",
                f"{kept} on the {side} is mapped already; “keep_old” needs a field that nothing else writes.",
            )
        if counts[kept] > 1:
            pair.section.mistake("keep_old", f"{kept} on the {side} takes the replaced value of two field pairs.")


def overlap(one: str, other: str) -> bool:
    """Whether two paths name the same field, or one a part of the other."""
    short, long = sorted((one, other), key=len)
    return long == short or long.startswith((f"{short}.", f"{short}["))


def _check_groups(pairs: list[ReadPair]) -> None:
    leaders: dict[str, ReadPair] = {}
    for pair in pairs:
        group = pair.plain["group"]
        if not group:
            continue
        leader = leaders.setdefault(group, pair)
        if pair.plain["kind"] in UNGROUPED_KINDS:
            pair.section.mistake(
                "group", f"a field pair of kind {pair.plain['kind']} is decided alone, not in a group."
            )
        for word in GROUP_WORDS:
            if pair.plain[word] != leader.plain[word]:
                pair.section.mistake(
                    word,
                    f"“{word}” is {pair.plain[word]} here and {leader.plain[word]} on line "
                    f"{leader.section.line(word)}; the pairs of group “{group}” need the same.",
                )


def _check_shared(sync: ReadSync, side: str, name: str, contents: Contents, other_side: str) -> None:
    mine, theirs = sync.setup.contents.sides[side], contents.sides[other_side]
    if _records(mine) != _records(theirs):
        return
    for key, sentence in _clashes(sync.setup.contents, side, contents, other_side, name):
        sync.sides[side].mistake(key, sentence)


def _clashes(contents: Contents, side: str, other: Contents, other_side: str, name: str) -> Iterator[tuple[str, str]]:
    mine, theirs = contents.sides[side], other.sides[other_side]
    where = f"{mine['object']} of “{mine['connection']}”"
    # Records land once, whoever asks for them: with two filters each sync would lose what the other leaves out.
    if mine["filter"] != theirs["filter"]:
        yield (
            "filter",
            f"sync “{name}” reads {where} too, with another “filter”; records are read once: use the same.",
        )
    partner, other_partner = contents.sides.get(OTHER[side], {}), other.sides.get(OTHER[other_side], {})
    if mine["key_field"] and mine["key_field"] == theirs["key_field"] and _records(partner) != _records(other_partner):
        yield (
            "key_field",
            f"sync “{name}” keeps other ids in {mine['key_field']} of {where}; name another field.",
        )


def _records(side: Plain) -> tuple[str, str]:
    return side.get("connection", ""), side.get("object", "")
