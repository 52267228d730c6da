"""What a sync's rules ask for, held against what the systems say they have."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from connectors.base import Connector
from connectors.models import Connection
from connectors.records import Field, NeedsAttention, ObjectType
from mappings import paths
from mappings.rules import ConflictRule, Create, PairRules, Rules, Side, SideRules, Word
from mappings.setup.compiling import rules_in
from mappings.setup.contents import Contents
from mappings.setup.sections import did_you_mean
from mappings.transforms import fields_read

Described = Mapping[Side, ObjectType]


class Misfit(NeedsAttention):
    """The rules ask for what a system does not have or does not let us do. The text is for people."""


def describe(connection: Connection, connector: Connector, object_type: str) -> ObjectType:
    """One kind of record as its system describes it. Raises Misfit where there is none so called."""
    for found in connector.describe((object_type,)):
        if found.name == object_type:
            return found
    names = [each.name for each in connector.describe()]
    raise Misfit(f"{connection.name} has no kind of record called “{object_type}”{did_you_mean(object_type, names)}")


def problems(rules: Rules, described: Described) -> list[str]:
    """Why these rules can't be carried out, a sentence each; empty when they can."""
    found: list[str] = []
    for side in Side:
        found += _unknown_fields(rules, side, described[side])
        found += _unwritable_fields(rules, side, described[side])
        found += _unreadable_fields(rules, side, described[side])
        found += _key_field(rules, side, described)
        found += _abilities(rules, side, described[side])
        found += _unfilled_fields(rules, side, described[side])
    return [*dict.fromkeys(found), *_newest(rules, described)]


def foreseen(contents: Contents, described: Described) -> list[str]:
    """What a run by these rules would be refused for, by what the systems last said; nothing where one never did."""
    return problems(rules_in(contents, {}), described) if set(described) == set(Side) else []


def limits_foreseen(contents: Contents, described: Described) -> list[str]:
    """What these rules can only do in part, by what the systems last said."""
    if set(described) != set(Side):
        return []
    rules = rules_in(contents, {})
    return [sentence for side in Side for sentence in _only_new(rules, side, described[side])]


def warnings(rules: Rules, described: Described) -> list[str]:
    """What is probably a mistake, a sentence each: options a system does not list, fields that nobody has."""
    odd = [sentence for pair in rules.pairs for side in Side for sentence in _odd_options(pair, side, described[side])]
    only_new = [sentence for side in Side for sentence in _only_new(rules, side, described[side])]
    unseen = [sentence for side in Side for sentence in _unseen_fields(rules, side, described[side])]
    return [*odd, *only_new, *unseen]


def lengths(rules: Rules, described: Described) -> dict[Side, dict[str, int]]:
    """Side → path → how many characters it takes, where the system says so."""
    return {
        side: {
            path: field.length
            for pair in rules.pairs
            if (field := described[side].field(path := pair.paths[side])) and field.length is not None
        }
        for side in Side
    }


def fitted(rules: Rules, described: Described) -> Rules:
    """The rules with what the systems say of their sides: which is a feed, what can change, where ids are written."""
    sides = {side: _fitted(here, described[side]) for side, here in rules.sides.items()}
    return replace(rules, sides=sides)


def _fitted(here: SideRules, described: ObjectType) -> SideRules:
    stamps = _is_writable(described, here.key_field)
    return replace(here, feed=described.feed, can_update=described.can_update, stamps=stamps)


def field_of(described: ObjectType, path: str) -> Field | None:
    """The field a path names, or the one it goes into."""
    return described.field(path) or described.field(paths.root(path))


def _used(rules: Rules, side: Side) -> Iterator[str]:
    settings = rules.sides[side]
    for pair in rules.pairs:
        yield pair.paths[side]
        yield from _read_by(pair.reads.get(side, ""))
        if side in pair.keep_old:
            yield pair.keep_old[side]
        if side in pair.currency_field:
            yield pair.currency_field[side]
    for rule in rules.match:
        yield from rule.paths[side]
    yield from settings.on_create
    yield from settings.deactivate
    yield from _read_by(settings.scope)
    yield from _read_by(settings.disabled)


def _read_by(expression: str) -> list[str]:
    return sorted(fields_read(expression)) if expression else []


def _unknown_fields(rules: Rules, side: Side, described: ObjectType) -> Iterator[str]:
    # A list of the fields seen so far is no proof that another one isn't there.
    if not described.fields_known:
        return
    for path in dict.fromkeys(_used(rules, side)):
        if field_of(described, path) is None:
            yield _not_there(described, path, side)


def _unseen_fields(rules: Rules, side: Side, described: ObjectType) -> Iterator[str]:
    """Where a system publishes no list of its fields, a misspelt one would be asked for in silence."""
    if described.fields_known or not described.fields:
        return
    for name in dict.fromkeys(map(paths.root, _used(rules, side))):
        if described.field(name) is None:
            known = did_you_mean(name, [field.name for field in described.fields])
            yield f"{_where(described, side)}: none of those looked at has a field “{name}”{known}"


def _not_there(described: ObjectType, path: str, side: Side) -> str:
    names = [field.name for field in described.fields]
    name = paths.root(path)
    return f"{_where(described, side)} has no field “{name}” that we can see{did_you_mean(name, names)}"


def _where(described: ObjectType, side: Side) -> str:
    return f"{described.label or described.name} on the {side}"


def _written(rules: Rules, side: Side) -> Iterator[str]:
    for pair in rules.pairs:
        if pair.words[side] is not Word.OFF:
            yield pair.paths[side]
        if side in pair.keep_old:
            yield pair.keep_old[side]
    if rules.sides[side].create is not Create.OFF:
        yield from rules.sides[side].on_create
    yield from rules.sides[side].deactivate


def _unwritable_fields(rules: Rules, side: Side, described: ObjectType) -> Iterator[str]:
    for path in dict.fromkeys(_written(rules, side)):
        field = field_of(described, path)
        if field is not None and not field.writable:
            yield (
                f"{_where(described, side)}: the field “{path}” can't be written by this user, but the sync does so; "
                f"set “to_{side}: off”, or ask for the right to write it."
            )


def _unreadable_fields(rules: Rules, side: Side, described: ObjectType) -> Iterator[str]:
    for path in dict.fromkeys(_used(rules, side)):
        field = field_of(described, path)
        if field is not None and not field.readable:
            where = _where(described, side)
            yield f"{where}: the field “{path}” is not visible to this user; ask for the right to read it."


def _key_field(rules: Rules, side: Side, both: Described) -> Iterator[str]:
    path, described = rules.sides[side].key_field, both[side]
    where = _where(described, side)
    if both[side.other].feed:
        yield from _named_by_feed(rules, side, both)
    elif path and not _is_writable(described, path):
        yield f"{where}: the key field “{path}” can't be written by this user, and the sync fills it."
    if path and field_of(described, path) is None and described.fields_known:
        yield _not_there(described, path, side)
    # A system that can look up nothing is read as a whole instead; one that can must be able to here.
    if path and described.findable and not described.can_find(path):
        yield f"{where} can't be looked up by the key field “{path}”; choose one that can be searched."


def _named_by_feed(rules: Rules, side: Side, both: Described) -> Iterator[str]:
    """A feed names people by an id that the other side has of its own: it is found by it, and need not be filled."""
    path, where, feed = rules.sides[side].key_field, _where(both[side], side), _where(both[side.other], side.other)
    if not path:
        yield f"{where}: say in “key_field” which field holds the id by which {feed} names people."
    elif rules.sides[side].create is not Create.OFF and not _is_writable(both[side], path):
        yield f"{where} can't be created with the id by which {feed} names people; set “create: off” there."
    if rules.sides[side.other].key_field:
        yield f"{feed} only brings changes, so no id can be written into it; leave out its “key_field”."


def _is_writable(described: ObjectType, path: str) -> bool:
    field = field_of(described, path) if path else None
    return field is None or field.writable


def _abilities(rules: Rules, side: Side, described: ObjectType) -> Iterator[str]:
    where = _where(described, side)
    if rules.sides[side].create is not Create.OFF and not described.can_create:
        yield f"{where} can't be created through this system; set “create: off” there."
    if _takes_no_changes(rules, side, described) and rules.sides[side].create is Create.OFF:
        yield f"{where} can't be changed through this system; set “to_{side}: off” in every field pair."


def _only_new(rules: Rules, side: Side, described: ObjectType) -> Iterator[str]:
    """What field pairs do where a system takes new records and no changes."""
    if _takes_no_changes(rules, side, described) and rules.sides[side].create is not Create.OFF:
        where = _where(described, side)
        yield f"{where}: this system takes new records but no changes, so field pairs apply to new records there only."


def _takes_no_changes(rules: Rules, side: Side, described: ObjectType) -> bool:
    return not described.can_update and any(pair.words[side] is not Word.OFF for pair in rules.pairs)


def _unfilled_fields(rules: Rules, side: Side, described: ObjectType) -> Iterator[str]:
    settings = rules.sides[side]
    if settings.create is Create.OFF:
        return
    filled = {paths.root(path) for path in (*_written(rules, side), settings.key_field) if path}
    for field in described.fields:
        if field.required and field.writable and field.name not in filled:
            yield (
                f"{_where(described, side)} can't be created without the field “{field.name}”, which nothing fills; "
                "pair it, or give it a value under “on_create”."
            )


def _newest(rules: Rules, described: Described) -> Iterator[str]:
    without = [side for side in Side if not described[side].field_times]
    for pair in rules.pairs:
        if pair.conflict is ConflictRule.NEWEST and without:
            missing = " and ".join(_where(described[side], side) for side in without)
            verb = "do" if len(without) > 1 else "does"
            yield (
                f"“conflict: newest” for {pair.paths[Side.LEFT]} and {pair.paths[Side.RIGHT]} needs to know "
                f"when a field was changed, and {missing} {verb} not say; use ask, left or right."
            )


def _odd_options(pair: PairRules, side: Side, described: ObjectType) -> Iterator[str]:
    field = field_of(described, pair.paths[side])
    if pair.value_map is None or field is None or not field.options:
        return
    place = 0 if side is Side.LEFT else 1
    options = dict.fromkeys([*(options[place] for options in pair.value_map.pairs), *_default_option(pair, side)])
    for option in options:
        if option not in field.options:
            known = did_you_mean(option, field.options)
            yield f"{_where(described, side)}: the field “{field.name}” has no option “{option}”{known}"


def _default_option(pair: PairRules, side: Side) -> list[str]:
    defaults = pair.value_map.defaults if pair.value_map else {}
    return [defaults[side]] if side in defaults else []
