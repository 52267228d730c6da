"""AlumnIQ's feeds against its stand-in."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import AbstractContextManager
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any

import pytest

from connectors.records import NeedsAttention, Unknown, Values
from connectors.sandbox.alumniq import AlumnIQ
from connectors.systems.alumniq import Alumniq
from connectors.systems.alumniq.answers import id_text, rows_of, to_record, whole_number
from connectors.systems.alumniq.settings import AlumniqSettings
from tests.connectors.alumniq import (
    FAULTS,
    HOME,
    NOON,
    WORK,
    Small,
    always,
    faulty,
    numbers,
    open_to,
    poll,
    records,
    row,
    running,
)
from tests.connectors.contract import last_cursor
from tests.connectors.feed_contract import FeedBench, FeedContract


@pytest.fixture(autouse=True)
def _near_and_quick(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.ALLOW_PRIVATE_ADDRESSES = True
    monkeypatch.setattr("connectors.http.FIRST_WAIT", 0.0001)


class AlumniqBench(FeedBench):
    object_type = WORK
    field = "employer"
    impossible = frozenset({"lone surrogate"})

    def __init__(self, there: AlumnIQ) -> None:
        self.there = there
        self.connector = self.reopen()
        self.secrets = (there.settings["api_key"],)

    def reopen(self) -> Alumniq:
        return open_to(self.there, Small)

    def add(self, count: int, said: Values | None = None, person: str = "1001") -> list[str]:
        days = [timedelta(days=number % 20) for number in range(count)]
        rows = ({"xid": person, **(said or {}), "changedOn": self.there.clock() - each} for each in days)
        return [self.there.create(WORK, row) for row in rows]

    def handled(self) -> Counter[str]:
        return Counter(self.there.marked)

    def fault(self, name: str) -> AbstractContextManager[None]:
        return faulty(self.there, FAULTS[name])


class TestAlumniq(FeedContract):
    @pytest.fixture
    def bench(self) -> Iterator[FeedBench]:
        with running(people=0, limit=10) as there:
            yield AlumniqBench(there)


class TestAlumniqThatRepeats(FeedContract):
    """Where the two dates bring rows that were processed before, too."""

    @pytest.fixture
    def bench(self) -> Iterator[FeedBench]:
        with running(people=0, limit=10, repeats=True) as there:
            yield AlumniqBench(there)


@pytest.fixture
def there() -> Iterator[AlumnIQ]:
    with running(people=0, limit=10) as there:
        there.clock = lambda: NOON
        yield there


def asked(there: AlumnIQ, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, str]]:
    """The parameters of every question from now on, without the key."""
    seen: list[dict[str, str]] = []
    answer = there.answer

    def note(request: Any) -> Any:
        seen.append({name: value for name, value in request.query.items() if name != "apikey"})
        return answer(request)

    monkeypatch.setattr(there, "answer", note)
    return seen


@pytest.mark.parametrize("repeats", [False, True])
def test_1250_changes_in_three_days_out_of_order_are_read_and_acknowledged_once(repeats: bool) -> None:
    with running(people=0, repeats=repeats) as there:
        there.clock = lambda: NOON
        order = list(range(1, 1251))
        Random(1).shuffle(order)
        for place, number in enumerate(order):
            there.create(WORK, {"changeId": number, "xid": "", "changedOn": NOON - timedelta(days=place % 3)})
        system = open_to(there)
        pages = poll(system)
        found = numbers(pages)
        assert sorted(found, key=int) == [str(number) for number in range(1, 1251)]
        assert there.marked == {}
        again = numbers(poll(system, last_cursor(pages)))
        assert set(again) == set(found)
        system.acknowledge(WORK, found)
        assert there.marked == dict.fromkeys(found, 1)
        assert there.open_rows(WORK) == []
        assert bool(numbers(poll(system, last_cursor(pages)))) is repeats


def test_an_answer_below_the_limit_is_one_question(there: AlumnIQ, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(9):
        row(there)
    questions = asked(there, monkeypatch)
    assert len(numbers(poll(open_to(there, Small)))) == 9
    assert questions == [{"changedSinceDate": "2026-10-27"}]


def test_an_answer_that_may_be_cut_is_read_day_by_day_without_a_second_filter(
    there: AlumnIQ, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = [row(there, NOON - timedelta(days=number % 2)) for number in range(11)]
    questions = asked(there, monkeypatch)
    assert sorted(numbers(poll(open_to(there, Small, start_date="2026-11-26"))), key=int) == ids
    assert questions == [
        {"changedSinceDate": "2026-11-25"},
        {"changedOnDate": "2026-11-25"},
        {"changedOnDate": "2026-11-26"},
        {"changedOnDate": "2026-11-27"},
    ]


def test_exactly_the_limit_may_be_cut_as_well(there: AlumnIQ, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = [row(there) for _ in range(10)]
    questions = asked(there, monkeypatch)
    assert numbers(poll(open_to(there, Small, start_date="2026-11-27"))) == ids
    assert len(questions) == 3


@pytest.mark.parametrize(
    ("now", "zone", "today"),
    [
        (datetime(2026, 11, 28, 4, 59, tzinfo=UTC), "America/New_York", date(2026, 11, 27)),
        (datetime(2026, 11, 28, 5, 0, tzinfo=UTC), "America/New_York", date(2026, 11, 28)),
        # The night the clocks go back, and the one they go forward.
        (datetime(2026, 11, 1, 3, 59, tzinfo=UTC), "America/New_York", date(2026, 10, 31)),
        (datetime(2026, 11, 2, 4, 59, tzinfo=UTC), "America/New_York", date(2026, 11, 1)),
        (datetime(2026, 3, 9, 3, 59, tzinfo=UTC), "America/New_York", date(2026, 3, 8)),
        (datetime(2026, 3, 9, 4, 0, tzinfo=UTC), "America/New_York", date(2026, 3, 9)),
        (datetime(2026, 11, 27, 13, 0, tzinfo=UTC), "Pacific/Auckland", date(2026, 11, 28)),
    ],
)
def test_today_is_the_campus_s_day(there: AlumnIQ, now: datetime, zone: str, today: date) -> None:
    there.clock = lambda: now
    assert open_to(there, time_zone=zone).today() == today


@pytest.mark.parametrize("zone", ["America/New_York", "Pacific/Auckland", "UTC"])
@pytest.mark.parametrize("night", [datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 3, 8, tzinfo=UTC)])
def test_no_change_around_midnight_and_the_clock_change_is_missed(zone: str, night: datetime) -> None:
    # A row every half hour, read every four and a half, with the campus's zone set right and wrong.
    with running(people=0, limit=10, time_zone="America/New_York") as there:
        system = open_to(there, Small, time_zone=zone, start_date=f"{night - timedelta(days=1):%Y-%m-%d}")
        seen: set[str] = set()
        cursor: Any = None
        for number in range(200):
            moment = night - timedelta(days=1) + timedelta(minutes=30 * number)
            there.clock = always(moment)
            row(there)
            if number % 9 == 0:
                pages = poll(system, cursor)
                seen |= set(numbers(pages))
                cursor = last_cursor(pages, cursor)
        there.clock = lambda: night + timedelta(days=9)
        seen |= set(numbers(poll(system, cursor)))
        assert len(seen) == 200


def test_a_row_that_shows_days_late_is_not_missed(there: AlumnIQ) -> None:
    row(there)
    cursor = last_cursor(poll(open_to(there)))
    there.clock = lambda: NOON + timedelta(days=1)
    late = row(there, NOON - timedelta(days=5))
    assert late in numbers(poll(open_to(there), cursor))


def test_another_start_date_has_everything_since_read_again(there: AlumnIQ) -> None:
    old = row(there, NOON - timedelta(days=60))
    cursor = last_cursor(poll(open_to(there)))
    assert cursor == {"since": "2026-11-20", "start": ""}
    assert old not in numbers(poll(open_to(there), cursor))
    assert old in numbers(poll(open_to(there, start_date="2026-09-01"), cursor))


def test_a_start_date_may_be_a_date_or_its_text(there: AlumnIQ) -> None:
    for start_date in (date(2026, 11, 25), "2026-11-25"):
        cursor = last_cursor(poll(open_to(there, start_date=start_date)))
        assert cursor == {"since": "2026-11-24", "start": "2026-11-25"}


def test_what_a_row_says(there: AlumnIQ) -> None:
    id = row(there, employer="Ironwood Legal", title=None)
    (found,) = records(poll(open_to(there)))
    assert (found.id, found.change_id) == ("1001", id)
    assert found.values == {"xid": "1001", "employer": "Ironwood Legal", "title": None}


def test_names_in_capitals() -> None:
    with running(people=0, letters="upper") as there:
        id = row(there, employer="Ironwood Legal")
        (found,) = records(poll(open_to(there)))
        (kind,) = open_to(there).describe([WORK])
    assert (found.id, found.change_id) == ("1001", id)
    assert found.values == {"xid": "1001", "EMPLOYER": "Ironwood Legal"}
    assert [field.name for field in kind.fields] == ["xid", "stateiso", "countryiso", "EMPLOYER"]


@pytest.mark.parametrize("row", ["what?", None, {}, {"changeId": None}, {"changeId": "abc"}, {"changeId": True}])
def test_what_is_no_change_is_set_aside_alone(row: Any) -> None:
    found = to_record(row, "?1")
    assert (found.id, found.change_id) == ("?1", "")
    assert "changeId" in found.problem


@pytest.mark.parametrize(
    ("value", "text"),
    [(7, "7"), ("7", "7"), (7.0, "7"), (" 007 ", "7"), (-1, ""), (1.5, ""), (True, ""), (None, ""), ("1e999999", "")],
)
def test_a_change_s_number_however_it_is_written(value: Any, text: str) -> None:
    assert whole_number(value) == text


@pytest.mark.parametrize(("value", "text"), [("007 ", "007"), (1001, "1001"), (1001.0, "1001"), (None, ""), ("", "")])
def test_an_xid_however_it_is_written(value: Any, text: str) -> None:
    assert id_text(value) == text


@pytest.mark.parametrize(("data", "count"), [(None, 0), ([], 0), ([{}], 1), ({"data": [{}, {}], "success": True}, 2)])
def test_rows_bare_or_in_an_envelope(data: Any, count: int) -> None:
    assert len(rows_of(data)) == count


@pytest.mark.parametrize("data", ["text", 5, {"message": "Your key is asleep"}, {"a": [], "b": []}])
def test_an_answer_of_something_else(data: Any) -> None:
    with pytest.raises(NeedsAttention, match="isn't a list of changes"):
        rows_of(data)


def test_reading_somebody_says_what_their_open_rows_say_together(there: AlumnIQ) -> None:
    row(there, employer="Old", title="Nurse")
    newest = row(there, employer="New")
    handled = row(there, employer="Handled")
    row(there, xid="1002", employer="Else")
    system = open_to(there)
    system.acknowledge(WORK, [handled])
    (found,) = system.read(WORK, ["1001", "9999", ""], [])
    assert (found.id, found.change_id) == ("1001", newest)
    assert found.values == {"xid": "1001", "employer": "New", "title": "Nurse"}


def test_fields_are_those_published_and_those_that_arrive(there: AlumnIQ) -> None:
    row(there, employer="Ironwood Legal", workphone="+15735550100", workemail="a@example.org")
    (kind,) = open_to(there).describe([WORK])
    assert {field.name: field.kind for field in kind.fields} == {
        "xid": "",
        "stateiso": "state",
        "countryiso": "country",
        "employer": "",
        "workphone": "phone",
        "workemail": "email",
    }
    assert not kind.fields_known
    assert [kind.name for kind in open_to(there).describe()] == ["identity-change", HOME, WORK]


def test_acknowledging_goes_in_slices_and_is_repeated(there: AlumnIQ) -> None:
    ids = [row(there) for _ in range(401)]
    there.faults.next("lost", method="PUT")
    open_to(there).acknowledge(WORK, ids)
    assert there.counts["updates"] == 4
    assert set(there.marked) == set(ids)
    assert there.marked[ids[0]] == 2


# Acknowledged when read


def test_nothing_is_looked_at_where_reading_uses_it_up(there: AlumnIQ) -> None:
    assert open_to(there).may_look
    row(there)
    system = open_to(there, acknowledge="on_read")
    assert not system.may_look
    system.check()
    system.describe()
    list(system.read(WORK, ["1001"], []))
    assert not there.marked


@pytest.mark.parametrize("repeats", [False, True])
def test_rows_acknowledged_as_they_are_read_are_all_brought(repeats: bool) -> None:
    with running(people=0, limit=10, repeats=repeats) as there:
        there.clock = lambda: NOON
        ids = [row(there, NOON - timedelta(days=number % 3)) for number in range(25)]
        system = open_to(there, Small, acknowledge="on_read")
        assert sorted(numbers(poll(system)), key=int) == ids
        assert there.open_rows(WORK) == []
        system.acknowledge(WORK, ids)
        assert there.counts["updates"] == 0


def test_rows_lost_on_the_way_are_told_and_not_asked_for_twice(there: AlumnIQ) -> None:
    row(there)
    there.faults.next("lost", times=99)
    with pytest.raises(Unknown, match="since 2026-10-27 as processed") as caught:
        poll(open_to(there, acknowledge="on_read", start_date="2026-10-28"))
    assert "api_key" not in caught.value.message
    assert there.counts["requests"] == 1


def test_the_help_warns_of_what_is_lost() -> None:
    field = AlumniqSettings.base_fields["acknowledge"]
    assert "lost for good" in str(dict(field.choices)["on_read"])  # type: ignore[attr-defined]
    assert field.initial == "handled"
