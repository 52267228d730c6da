"""What may go wrong in a stand-in's own records, steered from another process, and put back."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import pytest
import requests

from connectors.sandbox.glitches import mend, play
from connectors.sandbox.server import StandIn, start

PEOPLE = 4


@pytest.fixture(params=["alumni360", "salesforce"])
def there(request: Any) -> Iterator[StandIn]:
    with start(request.param, people=PEOPLE) as stand_in:
        yield stand_in


def held(there: StandIn, field: str) -> list[Any]:
    return [row[field] for row in there.records[there.people_type].values()]


def field_of(there: StandIn, name: str) -> str:
    return name if there.system == "alumni360" else {"phone": "Phone", "email": "Email", "birthdate": "Birthdate"}[name]


def control(there: StandIn, verb: str, **body: Any) -> Any:
    answer = requests.post(f"{there.url}/_sandbox/{verb}", json=body, timeout=5)
    answer.raise_for_status()
    return answer.json()


def test_every_field_goes_wrong_and_is_put_back(there: StandIn) -> None:
    phone, email, born = (field_of(there, name) for name in ("phone", "email", "birthdate"))
    before = deepcopy({field: held(there, field) for field in (phone, email, born)})
    kind = there.people_type
    assert control(there, "glitch", kind="blank", object_type=kind, field=phone) == {"records": PEOPLE}
    assert set(held(there, phone)) == {None}
    control(there, "glitch", kind="same", object_type=kind, field=email, value="all@example.org", share=0.5)
    assert held(there, email) == ["all@example.org"] * 2 + before[email][2:]
    control(there, "glitch", kind="zone", object_type=kind, field=born)
    assert all(now < was for now, was in zip(held(there, born), before[born], strict=True))
    control(there, "glitch", kind="shift", object_type=kind, field=born)
    assert control(there, "mend") == {"records": PEOPLE}
    assert {field: held(there, field) for field in before} == before
    assert control(there, "mend") == {"records": 0}


def test_values_are_passed_on_to_others_and_times_read_in_another_zone() -> None:
    with start("alumni360", people=3) as there:
        for id, company in zip(there.ids("user"), ("Delta", "Acme", "Acme"), strict=True):
            there.change("user", id, company=company, status="2026-11-27T02:00:00")
        play(there, "shift", "user", "company")
        assert held(there, "company") == ["Acme", "Delta", "Delta"]
        play(there, "zone", "user", "status")
        assert held(there, "status") == ["2026-11-26T21:00:00"] * 3


def test_people_vanish_from_a_list_and_come_back() -> None:
    with start("alumni360", people=PEOPLE) as there:
        before = deepcopy(there.records["user"])
        play(there, "blank", "user", "phone", share=0.25)
        assert control(there, "glitch", kind="empty", object_type="user", share=0.5) == {"records": 2}
        assert len(there.records["user"]) == 2
        mend(there)
        assert {id: row["phone"] for id, row in there.records["user"].items()} == {
            id: row["phone"] for id, row in before.items()
        }


def test_deleted_people_are_reported_where_a_system_does_so() -> None:
    with start("salesforce", people=PEOPLE) as there:
        play(there, "delete", "Contact", share=0.5)
        assert held(there, "IsDeleted") == [True, True, False, False]


def test_an_unknown_glitch_is_refused_and_named() -> None:
    with start("alumni360", people=1) as there:
        answer = requests.post(
            f"{there.url}/_sandbox/glitch", json={"kind": "ghosts", "object_type": "user"}, timeout=5
        )
        assert answer.status_code == 400
        assert "“ghosts” is not a glitch; they are empty, delete, blank" in answer.json()["message"]
