"""Points of the check list that speak of the two systems: what they can do, and that they let us in."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime

from alumnisync.checklist.facts import End, Facts
from alumnisync.checklist.points import Found, Point
from connectors.checking import standing
from mappings.rules import Create, Side, Word

UNCHECKED = "{}: not known yet. Check the connection."
ENVIRONMENTS = {"production": "the real system", "test": "a test system"}


def points() -> tuple[Point, ...]:
    return (
        Point("known", "Are both systems ones that AlumniSync speaks to, and how?", _known),
        Point("authentication", "Do the keys and passwords work?", _authentication),
        Point("test_system", "Is this a test system or the real one?", _test_system),
        Point("test_data", "Is there something to try it on, now and when it is changed later?", _test_data),
        Point("functions", "Which functions of the systems are used?", _functions),
        Point("pagination", "How are large lists read?", _pagination),
        Point("changed_since", "How is it found out what changed?", _changed_since),
        Point("webhooks", "Does either system have to call us when something changes?", _webhooks),
        Point("custom_fields", "What happens to fields that somebody adds later?", _custom_fields),
    )


def each_end(facts: Facts, say: Callable[[End], Found]) -> Found:
    """What is said of both sides, together; answered where both are. The older of two dates counts."""
    said = [say(facts.ends[side]) for side in Side]
    return Found(" ".join(one.words for one in said), all(one.is_answered for one in said), _oldest(said))


def _oldest(said: Iterable[Found]) -> datetime | None:
    return min((one.at for one in said if one.at), default=None)


def _known(facts: Facts) -> Found:
    def say(end: End) -> Found:
        if end.kind is None:
            return Found(f"{end.name}: this installation does not have the system “{end.connection.system}”.", False)
        return Found(f"{end.name}: yes, as {end.kind.label}.")

    return each_end(facts, say)


def _authentication(facts: Facts) -> Found:
    def say(end: End) -> Found:
        state, identity = standing(end.connection), end.connection.identity
        if state == "attention":
            return Found(f"{end.name}: {end.connection.attention or 'needs attention.'}", False)
        if state == "unchecked":
            return Found(UNCHECKED.format(end.name), False)
        where = identity.get("label") or identity.get("organisation", "")
        user = f" as {identity['user']}" if identity.get("user") else ""
        return Found(f"{end.name}: signed in at {where}{user}.", at=end.connection.checked_at)

    return each_end(facts, say)


def _test_system(facts: Facts) -> Found:
    def say(end: End) -> Found:
        kind = ENVIRONMENTS.get(end.connection.identity.get("environment", ""))
        if kind is None:
            return Found(f"{end.name} does not say; somebody has to.", False)
        return Found(f"{end.name} is {kind}.", at=end.connection.checked_at)

    return each_end(facts, say)


def _test_data(facts: Facts) -> Found:
    if facts.rules.pilot:
        return Found(f"It begins with {len(facts.rules.pilot):,} named records.")
    if any(end.connection.identity.get("environment") == "test" for end in facts.ends.values()):
        return Found("One of the two is a test system.")
    return Found("Everybody takes part from the start. Name a few people to begin with, or say how it is tried.", False)


def _functions(facts: Facts) -> Found:
    def say(end: End) -> Found:
        if end.described is None:
            return Found(UNCHECKED.format(end.name), False)
        used = ["reads"]
        if any(pair.words[end.side] is not Word.OFF for pair in facts.rules.pairs) and end.described.can_update:
            used.append("changes")
        if facts.rules.sides[end.side].create is not Create.OFF:
            used.append("creates")
        return Found(f"{end.name}: {' and '.join(used)} {end.records}; it never deletes.", at=end.connection.checked_at)

    return each_end(facts, say)


def _pagination(facts: Facts) -> Found:
    def say(end: End) -> Found:
        if end.described is None:
            return Found(UNCHECKED.format(end.name), False)
        how = "the whole list each time" if end.described.whole_lists else "only what changed"
        return Found(f"{end.name}: {end.records}, {how}, a page at a time.")

    return each_end(facts, say)


def _changed_since(facts: Facts) -> Found:
    def say(end: End) -> Found:
        if end.described is None:
            return Found(UNCHECKED.format(end.name), False)
        if end.described.feed:
            return Found(f"{end.name} lists its changes; each is marked there once it is handled.")
        how = "by comparing with what was read last" if end.described.whole_lists else "by the system's own time stamps"
        return Found(f"{end.name}: {how}.", at=end.cursor.polled_at if end.cursor else None)

    return each_end(facts, say)


def _webhooks(facts: Facts) -> Found:
    return Found("No. Each run asks both systems by itself.")


def _custom_fields(facts: Facts) -> Found:
    def say(end: End) -> Found:
        since = facts.version.approved_at or facts.version.created_at
        new = [field for field in facts.unpaired(end.side) if field.first_seen_at > since]
        if not new:
            return Found(f"{end.name}: none since these rules were made.")
        named = ", ".join(f"{field.name} ({field.filled:,} records have it)" for field in new[:5])
        return Found(f"{end.name}: new are {named}{' …' if len(new) > 5 else ''}.")

    found = each_end(facts, say)
    return Found(f"They are counted and reported, and kept in step once they are paired. {found.words}")
