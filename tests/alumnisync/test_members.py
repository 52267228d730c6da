"""Several records of a side as one: the newest value that isn't blank, and one record is what it is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alumnisync.engine.members import Spoken, Voice, spoken
from alumnisync.engine.plan import Held, Planner
from alumnisync.engine.units import FieldWrite
from mappings.rules import Rules, Side, SideRules
from tests.alumnisync.sights import make_pair

L, R = Side.LEFT, Side.RIGHT
THEN = datetime(2026, 1, 1, tzinfo=UTC)
UNITS = Planner(
    Rules(
        sides={L: SideRules("person"), R: SideRules("person")},
        pairs=(
            make_pair("name"),
            make_pair("city", group="home"),
            make_pair("zip", group="home"),
            make_pair("no_mail", kind="consent", restricted_when={L: True, R: True}),
            make_pair("dead", kind="deceased"),
        ),
        match=(),
    )
).units
FIELDS = ("name", "city", "zip", "no_mail", "dead")


def voice(id: int, created: int = 0, times: dict[str, int] | None = None, **values: Any) -> Voice:
    held = {f"left_{name}": value for name, value in values.items()}
    at = {f"left_{name}": THEN + timedelta(days=day) for name, day in (times or {}).items()}
    return Voice(id, str(id), Held(held, at), THEN + timedelta(days=created))


def said(told: Spoken, unit: str) -> dict[str, Any]:
    values = told.held.of(unit).values
    return {name: values[f"left_{name}"] for name in FIELDS if f"left_{name}" in values}


def together(*voices: Voice) -> Spoken:
    return spoken(UNITS, L, voices)


voices = st.lists(
    st.builds(
        lambda created, day, values: (created, {"name": day} if day else {}, values),
        st.integers(0, 3),
        st.integers(0, 3),
        st.fixed_dictionaries(
            {},
            optional={
                "name": st.sampled_from(["", None, "Ada", "Augusta"]),
                "city": st.sampled_from(["", "Rolla"]),
                "zip": st.sampled_from([None, "65401"]),
                "no_mail": st.sampled_from([True, False, None]),
                "dead": st.sampled_from([True, False, None]),
            },
        ),
    ),
    min_size=1,
    max_size=5,
).map(lambda drawn: [voice(id, created, times, **values) for id, (created, times, values) in enumerate(drawn)])


@given(voices, st.randoms())
def test_the_order_they_come_in_means_nothing(found: list[Voice], random: Any) -> None:
    shuffled = list(found)
    random.shuffle(shuffled)
    assert spoken(UNITS, L, shuffled) == spoken(UNITS, L, found)


@given(voices)
def test_one_says_what_it_says(found: list[Voice]) -> None:
    told = spoken(UNITS, L, found[:1])
    assert told.held is found[0].held
    assert {unit: told.speaker(unit) for unit in UNITS} == dict.fromkeys(UNITS, found[0])


@given(voices)
def test_a_value_is_blank_only_where_all_are(found: list[Voice]) -> None:
    told = spoken(UNITS, L, found)
    anybody = any(one.held.values.get("left_name") for one in found)
    assert bool(told.held.of("name").values.get("left_name")) == anybody
    restricted = any(one.held.values.get("left_no_mail") is True for one in found)
    assert (told.held.of("no_mail").values.get("left_no_mail") is True) == restricted


@given(voices)
def test_a_second_copy_of_who_speaks_alters_nothing(found: list[Voice]) -> None:
    told = spoken(UNITS, L, found)
    for unit in UNITS:
        speaker = told.speaker(unit)
        assert said(spoken(UNITS, L, [speaker, speaker]), unit) == said(told, unit)


def test_the_fields_own_time_counts_before_the_records_age_and_that_before_its_id() -> None:
    one, two = voice(1, created=1, name="Ada"), voice(2, created=2, name="Augusta")
    assert said(together(one, two), "name")["name"] == "Augusta"
    assert said(together(voice(1, 1, {"name": 5}, name="Ada"), two), "name")["name"] == "Ada"
    assert said(together(voice(9, name="Ada"), voice(10, name="Augusta")), "name")["name"] == "Augusta"


def test_a_group_is_taken_from_one_record() -> None:
    told = together(voice(1, created=1, city="Rolla", zip="65401"), voice(2, created=2, city="Columbia", zip=None))
    assert said(told, "home") == {"city": "Columbia", "zip": None}


def written(told: Spoken, unit: str, **after: Any) -> dict[int, list[Any]]:
    writes = [FieldWrite(name, f"left_{name}", None, value, value, "changed") for name, value in after.items()]
    found = told.writes(L, unit, UNITS[unit], writes)
    return {id: [(write.pair, write.before) for write in ones] for id, ones in found.items()}


@pytest.mark.parametrize(("value", "wanted"), [("King", {2}), ("", {1, 2})])
def test_a_removal_goes_to_all_who_would_speak_next(value: str, wanted: set[int]) -> None:
    told = together(voice(1, name="Ada"), voice(2, name="Augusta"), voice(3, name=""))
    found = written(told, "name", name=value)
    assert set(found) == wanted
    # Only who spoke moves the base; the others' own value is what was there before.
    assert found[2][0][0] == "name"
    assert found.get(1, [("", "Ada")]) == [("", "Ada")]


def test_a_restriction_is_lifted_wherever_it_stands_and_set_once() -> None:
    restricted = together(voice(1, no_mail=True), voice(2, no_mail=False), voice(3, no_mail=True))
    assert set(written(restricted, "no_mail", no_mail=False)) == {1, 3}
    free = together(voice(1, no_mail=False), voice(2, no_mail=False))
    assert set(written(free, "no_mail", no_mail=True)) == {2}


def test_where_nobody_says_anything_the_newest_that_knows_the_field_is_written_to() -> None:
    told = together(voice(1, created=1, name=""), voice(2, created=2, name=""), voice(3, created=3))
    assert set(written(told, "name", name="Ada")) == {2}
