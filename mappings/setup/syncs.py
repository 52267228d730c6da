"""The syncs of a setup file: who takes part, who is the same person, when it runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from zoneinfo import available_timezones

import yaml
from croniter import croniter
from django.core.exceptions import ValidationError
from django.core.validators import validate_email, validate_slug

from mappings import paths, rules
from mappings.models import Sync, SyncSide
from mappings.setup.contents import PAIR_WORDS, SIDE_WORDS, Contents, Plain, default_of, defaults_of, pair_key
from mappings.setup.pairs import SIDES, ReadPair, check_path, read_expression, read_pair, read_path
from mappings.setup.sections import Section, did_you_mean, line_of
from mappings.transforms import compile_scope

SYNC_KEYS = (
    *("name", "state", "left", "right", "schedule", "time_zone", "alerts", "tolerance", "drift_report"),
    *("match", "pilot", "guards", "fields"),
)
GUARDS = ("changed", "blanked", "same_value", "created", "gone", "list")
LIMITS = ("floor", "share")


@dataclass(frozen=True)
class SyncSetup:
    """A sync as the file says it: what may change at any time, and its rules."""

    name: str
    head: Plain
    contents: Contents


@dataclass(frozen=True)
class ReadSync:
    """A sync with the sections it was read from, for checks that compare its parts."""

    setup: SyncSetup
    section: Section
    sides: dict[str, Section]
    pairs: list[ReadPair]


def read_sync(section: Section, connections: Mapping[str, str], value_maps: Mapping[str, Plain]) -> ReadSync:
    """A sync with all its defaults. connections: name → system, of the file and of the database."""
    section.require("name", "left", "right")
    sides = {side: found for side in SIDES if (found := section.section(side, f"the {side} side", SIDE_WORDS))}
    pairs = [read_pair(each, value_maps) for each in section.sections("fields", "a field pair", PAIR_WORDS)]
    contents = Contents(
        sides={side: _read_side(each, connections) for side, each in sides.items()},
        match=[rule for node in section.items("match") if (rule := _read_match(section, node))],
        pilot=sorted(set(section.texts("pilot"))),
        pairs={pair_key(each.plain["left"], each.plain["right"]): each.plain for each in pairs},
        value_maps=dict(value_maps),
    )
    setup = SyncSetup(_read_name(section), _read_head(section), contents.without_unused_maps())
    return ReadSync(setup, section, sides, pairs)


def _read_name(section: Section) -> str:
    name = section.text("name", longest=100)
    try:
        if name:
            validate_slug(name)
    except ValidationError:
        section.mistake("name", f"“{name}” can't name a sync: use letters, digits, - and _ only, like alumni-crm.")
    return name


def _read_head(section: Section) -> Plain:
    return {
        "state": section.word("state", Sync.State.values, Sync.State.LIVE.value),
        "schedule": _read_schedule(section),
        "time_zone": _read_time_zone(section),
        "alerts": [address for node in section.items("alerts") if (address := _read_address(section, node))],
        "tolerance": section.number("tolerance"),
        "drift_report": section.word("drift_report", Sync.DriftReports.values, default_of(Sync, "drift_report")),
        "guards": _read_guards(section),
    }


def _read_schedule(section: Section) -> str:
    schedule = section.text("schedule", longest=100).strip()
    # croniter also takes six and seven fields, with seconds and years, which cron does not know.
    if schedule and (len(schedule.split()) != 5 or not croniter.is_valid(schedule)):
        section.mistake("schedule", f"“{schedule}” is not a cron schedule; write it like “0 1 * * *”, daily at 1:00.")
    return schedule


def _read_time_zone(section: Section) -> str:
    zone = section.text("time_zone", default_of(Sync, "time_zone"))
    if zone not in available_timezones():
        section.mistake("time_zone", f"“{zone}” is not a time zone{did_you_mean(zone, available_timezones())}")
    return zone


def _read_address(section: Section, node: yaml.Node) -> str:
    address = section.text_of(node, "alerts") or ""
    try:
        if address:
            validate_email(address)
    except ValidationError:
        section.mistakes.add(line_of(node), f"“{address}” is not an e-mail address.")
    return address


def _read_guards(section: Section) -> Plain:
    guards = section.section("guards", "the guards", GUARDS)
    if guards is None:
        return {}
    limits = {name: guards.section(name, f"the guard “{name}”", LIMITS) for name in guards.nodes}
    return {name: _read_limits(each) for name, each in limits.items() if each is not None}


def _read_limits(section: Section) -> Plain:
    limits: dict[str, Any] = {}
    if "floor" in section:
        limits["floor"] = section.number("floor")
    if "share" in section:
        share = section.value("share")
        if isinstance(share, bool) or not isinstance(share, int | float) or not 0 <= share <= 1:
            section.mistake("share", f"“share” is a part of all people from 0 to 1, like 0.05, not “{share}”.")
        limits["share"] = share
    return limits


def _read_side(section: Section, connections: Mapping[str, str]) -> Plain:
    section.require("connection", "object")
    name = section.text("connection", longest=100)
    if name and name not in connections:
        section.mistake("connection", f"there is no connection “{name}”{did_you_mean(name, connections)}")
    plain = defaults_of(SyncSide, SIDE_WORDS[1:])
    plain |= {"connection": name, "object": section.text("object", longest=200)}
    plain |= {"key_field": read_path(section, "key_field"), "several": section.flag("several")}
    plain |= {"write_once": section.flag("write_once")}
    plain |= {"create": section.word("create", rules.Create, plain["create"])}
    plain |= {"disabled": read_expression(section, "disabled", compile_scope)}
    plain |= {"gone": _read_gone(section, knows_disabled=bool(plain["disabled"]))}
    plain |= {word: _read_constants(section, word) for word in ("on_create", "deactivate")}
    plain |= {"filter": section.text("filter", longest=10_000)}
    plain |= {"scope": read_expression(section, "scope", compile_scope)}
    return plain


def _read_gone(section: Section, *, knows_disabled: bool) -> str | dict[str, str]:
    """A word for all kinds of absence, or a word each."""
    policies: Mapping[rules.AbsenceKind, rules.Gone] = rules.GONE_DEFAULTS
    if isinstance(section.nodes.get("gone"), yaml.MappingNode):
        policies = _read_each_gone(section, knows_disabled=knows_disabled)
    elif "gone" in section:
        policies = rules.gone_policies(section.word("gone", rules.Gone, rules.Gone.FLAG))
    return rules.gone_said(policies, knows_disabled=knows_disabled)


def _read_each_gone(side: Section, *, knows_disabled: bool) -> dict[rules.AbsenceKind, rules.Gone]:
    each = side.section("gone", "“gone”", tuple(rules.AbsenceKind))
    if each is None:
        return dict(rules.GONE_DEFAULTS)
    said = {kind: rules.Gone(each.word(kind, rules.Gone, usual)) for kind, usual in rules.GONE_DEFAULTS.items()}
    if said[rules.AbsenceKind.DISABLED] is not rules.Gone.IGNORE and not knows_disabled:
        each.mistake(
            rules.AbsenceKind.DISABLED,
            "nothing says who is switched off there; give the side its condition “disabled”, "
            "like record['enabled'] == 0.",
        )
    return said


def _read_constants(section: Section, word: str) -> Plain:
    constants = section.section(word, word)
    if constants is None:
        return {}
    return {check_path(constants, name, name): constants.value(name) for name in constants.nodes}


def _read_match(section: Section, node: yaml.Node) -> list[list[str]]:
    sides = node.value if isinstance(node, yaml.SequenceNode) else []
    if len(sides) != 2:
        section.mistakes.add(
            line_of(node), "a match rule is [left field, right field], or a list of fields on each side."
        )
        return []
    rule = [_fields_of(section, side) for side in sides]
    if len(rule[0]) != len(rule[1]):
        section.mistakes.add(
            line_of(node),
            f"this match rule compares {len(rule[0])} on the left with {len(rule[1])} on the right; "
            "both sides need as many fields.",
        )
    return rule


def _fields_of(section: Section, node: yaml.Node) -> list[str]:
    nodes = node.value if isinstance(node, yaml.SequenceNode) else [node]
    if not nodes:
        section.mistakes.add(line_of(node), "a match rule needs at least one field on each side.")
    paths_there = [path for each in nodes if (path := section.text_of(each, "match"))]
    for path in paths_there:
        if sentence := paths.check(path):
            section.mistakes.add(line_of(node), f"“match”: {sentence}")
    return paths_there
