"""What a sync's earlier runs say: what is usual, and which limits they suggest."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alumnisync.engine.guard import DEFAULTS, Figures, Limit, judge_creates, judge_fields, judge_gone, limits
from alumnisync.engine.usual import History, tidy
from mappings.rules import Side

PEOPLE = 40_000


def runs(*changed: int, key: str = "mobile>right") -> list[dict[str, Any]]:
    return [{"figures": {"changed": {key: count} if count else {}, "gone": {"": 0}}} for count in changed]


def test_usual_is_the_median_of_the_last_ten_and_a_quiet_run_counts() -> None:
    history = History([*runs(4, 0, 6, 2, 4, 900, 5, 3, 4, 1), *runs(*[5_000] * 20)])
    assert history.usual("changed", "mobile>right") == 4
    assert history.usual("changed", "email>right") == 0
    assert history.usual("blanked", "mobile>right") is None
    assert History([]).usual("changed", "mobile>right") is None


def test_a_suggestion_is_twice_what_nine_of_ten_stayed_within() -> None:
    quiet = [30, 12, 37, 4, 0, 8, 22, 31, 9]
    assert History(runs(*quiet, 5_000)).suggested("changed", PEOPLE) == Limit(75, 0.0018)
    assert History(runs(0, 0, 0, 0, 0)).suggested("gone", PEOPLE) == Limit(10, 0.0002)


def test_too_few_runs_or_people_suggest_nothing() -> None:
    assert History(runs(1, 2, 3, 4)).suggestions(PEOPLE) == {}
    assert History(runs(1, 2, 3, 4, 5)).suggestions(0) == {}
    assert set(History(runs(1, 2, 3, 4, 5)).suggestions(PEOPLE)) == {"changed", "gone"}


@given(st.lists(st.integers(0, 100_000), min_size=5, max_size=40), st.integers(1, 1_000_000))
def test_what_is_suggested_would_have_let_nine_of_ten_through(counts: list[int], people: int) -> None:
    limit = History(runs(*counts)).suggested("changed", people)
    assert limit is not None
    stopped = [count for count in counts[:30] if count > limit.of(people)]
    assert len(stopped) <= len(counts[:30]) / 10
    assert limit.share * people <= max(limit.floor, people)


@given(st.integers(1, 10**9))
def test_a_tidy_number_is_no_smaller_and_hardly_larger(count: int) -> None:
    assert count <= tidy(count) <= max(1.5 * count, count + 5)
    assert tidy(tidy(count)) == tidy(count)


def test_every_reason_has_its_figures_and_what_is_usual() -> None:
    def four(guard: str, key: str) -> int | None:
        return 4

    figure = Figures("mobile|Mobile", "mobile", Side.RIGHT, "phone", blanked=1_912)
    (hold,) = judge_fields([figure], DEFAULTS, PEOPLE, four)
    assert hold.reason == "1,912 people would lose their mobile; usual is 4."
    assert (hold.count, hold.usual, hold.limit, hold.key) == (1_912, 4, 400, "blanked:right:mobile|Mobile")
    (same,) = judge_fields([Figures("e", "e-mail", Side.LEFT, "email", same_value=900)], DEFAULTS, PEOPLE, four)
    assert same.reason == "900 people would get one and the same e-mail; usual is 4."
    (created,) = judge_creates({Side.RIGHT: 2_001, Side.LEFT: 2_000}, DEFAULTS, PEOPLE, four)
    assert created.reason == "2,001 new records would be created; usual is 4."
    (gone,) = judge_gone(801, DEFAULTS, PEOPLE, four)
    assert gone.reason == "801 linked people are no longer found at their system; usual is 4."
    assert judge_gone(801, DEFAULTS, PEOPLE)[0].reason.endswith("at their system.")


@pytest.mark.parametrize("name", [*DEFAULTS])
def test_a_limit_is_the_larger_of_its_two_figures(name: str) -> None:
    limit = limits({name: {"floor": 7, "share": 0.5}})[name]
    assert (limit.of(10), limit.of(20)) == (7, 10)
