"""Points of the check list that speak of the sync's rules: what belongs together, and what happens when."""

from __future__ import annotations

from collections.abc import Iterator

from alumnisync.checklist.facts import End, Facts
from alumnisync.checklist.points import Found, Point
from alumnisync.checklist.systems import UNCHECKED, each_end
from alumnisync.describing import field_of
from alumnisync.schedule import in_words
from alumnisync.wording import counted
from mappings.forms.wording import ABSENCES, CREATE_CHOICES, GONE_CHOICES
from mappings.rules import AbsenceKind, PairRules, Side, Unmapped, Word

MOST_NAMED = 5


def points() -> tuple[Point, ...]:
    return (
        Point("objects", "Which records belong together, and is one always one?", _objects),
        Point("pairs", "Which fields belong together?", _pairs),
        Point("keys", "By what are two records recognised as one person?", _keys),
        Point("filtering", "Who takes part?", _filtering),
        Point(
            "validation",
            "What do the systems require of values, and what if one doesn't fit?",
            _validation,
        ),
        Point("times", "In which time zone does each system's clock stand?", _times),
        Point("currencies", "Which currencies are amounts in?", _currencies),
        Point("options", "Do all options of drop-downs have a counterpart, and what becomes of a new one?", _options),
        Point("frequency", "How often does it run?", _frequency),
        Point("errors", "Who is told when a run fails or something waits?", _errors),
        Point("created", "A record is new on one side: what happens on the other?", _created),
        Point("updated", "A record changes on one side: what happens on the other?", _updated),
        Point("deleted", "A record is no longer found on one side: what happens?", _deleted),
    )


def _objects(facts: Facts) -> Found:
    both = " ↔ ".join(f"{end.records} of {end.name}" for end in (facts.ends[side] for side in Side))
    several = [facts.ends[side].name for side in Side if facts.rules.sides[side].several]
    more = f" A person may have several in {' and in '.join(several)}." if several else " One is one."
    return Found(f"{both}.{more}")


def _pairs(facts: Facts) -> Found:
    count = len(facts.rules.pairs)
    return Found(f"{counted(count, 'field pair')}." if count else "There are none yet. Pair some fields.", bool(count))


def _keys(facts: Facts) -> Found:
    ids = [
        f"the id in {facts.rules.sides[side].key_field} of {facts.ends[side].name}"
        for side in Side
        if facts.rules.sides[side].key_field
    ]
    rules = [" + ".join(rule.paths[Side.LEFT]) for rule in facts.rules.match]
    if not (ids or rules):
        return Found("By nothing yet. Name a key field, or a match rule.", False)
    return Found(f"By {', then by '.join([*ids, *rules])}.")


def _filtering(facts: Facts) -> Found:
    def say(end: End) -> Found:
        rules = facts.rules.sides[end.side]
        who = f"those for whom {rules.scope}" if rules.scope else "everybody"
        asked = f"; it is asked only for {rules.narrow}" if rules.narrow else ""
        return Found(f"{end.name}: {who}{asked}.")

    return each_end(facts, say)


def _validation(facts: Facts) -> Found:
    def say(end: End) -> Found:
        if end.described is None:
            return Found(UNCHECKED.format(end.name), False)
        described = end.described
        fields = [field for pair in facts.rules.pairs if (field := field_of(described, pair.paths[end.side]))]
        limited, required = sum(field.length is not None for field in fields), sum(field.required for field in fields)
        return Found(
            f"{end.name} limits the length of {limited or 'none'} of these fields and requires {required or 'none'}."
        )

    found = each_end(facts, say)
    aside = "A value that doesn't fit is set aside, that field alone, and shown."
    return Found(f"{found.words} {aside}", found.is_answered)


def _times(facts: Facts) -> Found:
    return each_end(facts, lambda end: Found(f"{end.name}: {facts.rules.sides[end.side].time_zone}."))


def _currencies(facts: Facts) -> Found:
    amounts = list(facts.pairs("money"))
    if not amounts:
        return Found("No amounts are kept in step.")
    unsaid = [pair.paths[Side.LEFT] for pair in amounts if not pair.currency]
    if unsaid:
        return Found(f"Not said of {', '.join(unsaid)}. Enter the currency at the field pair.", False)
    said = ", ".join(f"{pair.paths[Side.LEFT]} in {pair.currency}" for pair in amounts)
    return Found(f"{said}. Others are refused, never converted.")


def _options(facts: Facts) -> Found:
    unpaired = list(_unpaired_options(facts))
    if not any(facts.pairs("choice")):
        return Found("No drop-downs are kept in step.")
    if not unpaired:
        return Found("All that the systems list have one. A new one is treated as the drop-down pairs say.")
    missing = [f"{end.name}: {', '.join(left_over)}" for _, end, left_over in unpaired]
    waits = any(_sets_aside(pair) for pair, _, _ in unpaired)
    what = "Whoever has one waits until it is paired." if waits else "They are treated as the drop-down pairs say."
    return Found(f"Without a counterpart: {'; '.join(missing)}. {what}", not waits)


def _unpaired_options(facts: Facts) -> Iterator[tuple[PairRules, End, list[str]]]:
    for pair in facts.pairs("choice"):
        for place, side in enumerate(Side):
            end = facts.ends[side]
            field = field_of(end.described, pair.paths[side]) if end.described else None
            paired = {both[place] for both in pair.value_map.pairs} if pair.value_map else set()
            # What nobody sends on needs no counterpart.
            if field is None or pair.value_map is None or pair.words[side.other] is Word.OFF:
                continue
            if left_over := [option for option in field.options if option not in paired]:
                yield pair, end, left_over[:MOST_NAMED]


def _sets_aside(pair: PairRules) -> bool:
    return pair.value_map is not None and pair.value_map.unmapped is Unmapped.SET_ASIDE


def _frequency(facts: Facts) -> Found:
    zone = f" ({facts.sync.time_zone})" if facts.sync.schedule else ""
    return Found(f"It runs {in_words(facts.sync.schedule)}{zone}.")


def _errors(facts: Facts) -> Found:
    if facts.sync.alerts:
        return Found(f"By mail: {', '.join(facts.sync.alerts)}.")
    return Found("Nobody. Enter an address under “Who is told”.", False)


def _created(facts: Facts) -> Found:
    words = dict(CREATE_CHOICES)
    return each_end(
        facts, lambda end: Found(f"New records in {end.name}: {words[facts.rules.sides[end.side].create]}.")
    )


def _updated(facts: Facts) -> Found:
    def say(end: End) -> Found:
        counts = {word: sum(pair.words[end.side] is word for pair in facts.rules.pairs) for word in Word}
        told = [f"{count} {word}" for word, count in counts.items() if count]
        return Found(f"Fields sent to {end.name}: {', '.join(told) or 'none'}.")

    return each_end(facts, say)


def _deleted(facts: Facts) -> Found:
    found = each_end(facts, lambda end: Found(f"{end.name}: {_policies(facts, end)}."))
    return Found(f"Nothing is ever deleted on the other. {found.words}")


def _policies(facts: Facts, end: End) -> str:
    """What is said of people who are no longer found there, each way with its own words."""
    words, rules = dict(GONE_CHOICES), facts.rules.sides[end.side]
    if end.described and end.described.feed:
        return f"{ABSENCES['deleted']}: {words[rules.gone[AbsenceKind.DELETED]]}; it brings no lists"
    known = [kind for kind in AbsenceKind if kind is not AbsenceKind.DISABLED or rules.disabled]
    said = [f"{ABSENCES[kind]}: {words[rules.gone[kind]]}" for kind in known]
    return "; ".join([*said, *([] if rules.disabled else ["nobody counts as switched off"])])
