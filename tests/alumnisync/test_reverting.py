"""One unit that a run wrote, from values alone: what is put back, or why it is left; whichever side it was."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from alumnisync.engine import reverting
from alumnisync.engine.plan import CREATED_UNIT, Held, Planner
from alumnisync.engine.reverting import Reverted, Stand, Written, revert
from alumnisync.engine.units import UNDONE
from connectors.records import MISSING
from mappings.rules import Rules, Side, SideRules
from tests.alumnisync.sights import LEFT, RIGHT, make_pair

SAID = {LEFT: True, RIGHT: True}
HERE, THERE = 1, 2
NAME = make_pair("name")
GROUP = (make_pair("city", group="home"), make_pair("zip", group="home"))


def planner(*pairs: Any, **to: Any) -> Planner:
    sides = {LEFT: SideRules("person"), RIGHT: SideRules("person", **to)}
    return Planner(Rules(sides, pairs))


def wrote(name: str = "name", to: Side = RIGHT, **more: Any) -> Written:
    """The run carried “new” over “old”, and that is there still."""
    path, record = f"{to}_{name}", THERE if to is RIGHT else HERE
    given = {"before": "old", "after": "new", "source": "new", "now": "new", **more}
    return Written(0, to, record, given.pop("pair", name), given.pop("path", path), **given)


def stand(since: Any = None, **values: Any) -> Stand:
    """Both sides say “new” where nothing else is given."""
    said = {f"{side}_{name}": "new" for side in Side for name in ("name", "city")} | values
    held = {side: Held({path: raw for path, raw in said.items() if path.startswith(side)}) for side in Side}
    return Stand(held, {LEFT: HERE, RIGHT: THERE}, since or {})


def writes(found: Reverted) -> list[tuple[Any, ...]]:
    return [(one.pair, one.path, one.before, one.after, one.source, one.rule) for _, one in found.writes]


def why(found: Reverted) -> set[str]:
    assert not found.writes
    return {reason for _, reason in found.left}


@pytest.mark.parametrize("to", Side)
def test_what_was_there_goes_back_and_the_source_is_what_it_holds_now(to: Side) -> None:
    found = revert(planner(NAME), "name", [wrote(to=to)], stand())
    assert writes(found) == [("name", f"{to}_name", "new", "old", "new", UNDONE)]
    assert not found.left


@pytest.mark.parametrize(
    ("written", "now", "reason"),
    [
        (wrote(now="other"), {}, reverting.EDITED),
        (wrote(now="old"), {}, reverting.IS_BACK),
        (wrote(now=" old "), {}, reverting.IS_BACK),
        (wrote(), {"left_name": "newer"}, reverting.SOURCE_EDITED),
        (wrote(now=MISSING), {}, reverting.NOT_KNOWN_NOW),
        (wrote(before=MISSING), {}, reverting.NOT_KNOWN_BEFORE),
        (wrote(pair="gone"), {}, reverting.NOT_MAPPED),
        (replace(wrote(), record=9), {}, reverting.ANOTHER_COUNTS),
    ],
)
def test_it_stays_where_something_speaks_against_it(written: Written, now: Any, reason: str) -> None:
    assert why(revert(planner(NAME), "name", [written], stand(**now))) == {reason}


def test_a_unit_the_rules_do_not_know_stays() -> None:
    assert why(revert(planner(NAME), "other", [wrote()], stand())) == {reverting.NOT_MAPPED}


def test_the_same_written_otherwise_is_no_edit() -> None:
    found = revert(planner(NAME), "name", [wrote(now=" new")], stand(left_name="new "))
    assert len(found.writes) == 1


@pytest.mark.parametrize(
    ("side", "reason"), [({"write_once": True}, reverting.WRITTEN_ONCE), ({"can_update": False}, reverting.CANT_CHANGE)]
)
def test_sides_that_are_never_changed_stay(side: dict[str, bool], reason: str) -> None:
    assert why(revert(planner(NAME, **side), "name", [wrote()], stand())) == {reason}


@pytest.mark.parametrize(("before", "is_lifted"), [(False, True), (None, True), (True, False)])
def test_no_restriction_is_lifted(before: Any, is_lifted: bool) -> None:
    work = planner(make_pair("mail", kind="consent", restricted_when=SAID))
    after = {"after": True, "source": True, "now": True, "before": before}
    found = revert(work, "mail", [wrote("mail", **after)], stand(left_mail=True, right_mail=True))
    assert {reason for _, reason in found.left} == ({reverting.LIFTS} if is_lifted else {reverting.IS_BACK})


def test_a_restriction_that_was_lifted_may_come_back() -> None:
    work = planner(make_pair("mail", kind="consent", restricted_when=SAID))
    lifted = wrote("mail", before=True, after=False, source=False, now=False)
    assert len(revert(work, "mail", [lifted], stand(left_mail=False, right_mail=False)).writes) == 1


def test_nobody_comes_back_to_life() -> None:
    work = planner(make_pair("dead", kind="deceased"))
    died = wrote("dead", before=False, after=True, source=True, now=True)
    assert why(revert(work, "dead", [died], stand(left_dead=True, right_dead=True))) == {reverting.REVIVES}


def test_a_group_is_all_or_nothing() -> None:
    work = planner(*GROUP)
    both = [wrote("city"), replace(wrote("zip", now="edited"), place=1)]
    assert why(revert(work, "home", both, stand(left_zip="new", right_zip="edited"))) == {reverting.EDITED}
    both = [wrote("city"), replace(wrote("zip"), place=1)]
    assert len(revert(work, "home", both, stand(left_zip="new", right_zip="new")).writes) == 2


@pytest.mark.parametrize(
    ("zips", "since", "is_left"),
    [
        (("a", "a"), {}, False),
        (("a", "b"), {}, True),
        (("a", "a"), {"zip": (RIGHT, "a")}, False),
        (("a", "a"), {"zip": (RIGHT, "b")}, True),
        (("a", "a"), {"zip": (LEFT, MISSING)}, True),
        ((MISSING, "a"), {}, False),
    ],
)
def test_what_the_run_did_not_write_of_a_group_must_be_as_it_was(zips: Any, since: Any, is_left: bool) -> None:
    said = {f"{side}_zip": raw for side, raw in zip(Side, zips, strict=True) if raw is not MISSING}
    found = revert(planner(*GROUP), "home", [wrote("city")], stand(since, **said))
    assert (why(found) if is_left else set()) == ({reverting.OTHERS_EDITED} if is_left else set())


def test_a_kept_old_value_goes_along_or_stays_where_it_is_not_known_what_was_there() -> None:
    pair = make_pair("name", keep_old={RIGHT: "former"})
    kept = wrote("name", pair="", path="former", before="older", after="old", now="old", is_kept=True)
    found = revert(planner(pair), "name", [wrote(), replace(kept, place=1)], stand())
    assert [one[:4] for one in writes(found)] == [("name", "right_name", "new", "old"), ("", "former", "old", "older")]
    found = revert(planner(pair), "name", [wrote(), replace(kept, place=1, before=MISSING)], stand())
    assert ([one[1] for one in writes(found)], [reason for _, reason in found.left]) == (
        ["right_name"],
        [reverting.KEPT_STAYS],
    )
    edited = replace(kept, place=1, now="by hand")
    assert why(revert(planner(pair), "name", [wrote(), edited], stand())) == {reverting.EDITED}


def test_of_a_value_decided_for_both_each_side_goes_back_and_knows_of_itself_alone() -> None:
    left, right = (wrote(to=side, pair="", before=f"{side} old", source=MISSING) for side in Side)
    found = revert(planner(NAME), "name", [left, replace(right, place=1)], stand())
    assert [(one[0], one[3], one[4]) for one in writes(found)] == [
        ("name", "left old", MISSING),
        ("name", "right old", MISSING),
    ]


def test_only_the_record_that_counts_moves_the_bases() -> None:
    other = replace(wrote(pair=""), place=1, record=7)
    assert [one[0] for one in writes(revert(planner(NAME), "name", [wrote(), other], stand()))] == ["name", ""]


def test_a_record_that_was_switched_off_is_switched_on_again() -> None:
    off = wrote(pair="", path="enabled", before=1, after=0, source=None, now=0)
    found = revert(planner(NAME), CREATED_UNIT, [off], stand())
    assert [one[:4] for one in writes(found)] == [("", "enabled", 0, 1)]
