"""Killed before any statement of a decision: it was taken or it was not, never half; taken again, all is as it were."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.alumnisync.killed import Nursery
from tests.alumnisync.scene import ON_ALUMNI, ON_CRM
from tests.alumnisync.test_kills import KEYED, KILLED, Databases
from tests.alumnisync.test_two_at_once import ACTS, Rivals

pytestmark = [pytest.mark.slow, pytest.mark.long, pytest.mark.xdist_group("deciding")]

TWIN = 900


class Asked(Rivals):
    """A stage on which a plan waits to be approved, and later a conflict and a possible match to be decided."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.scene.left.create(ON_ALUMNI, self.scene.user(TWIN))
        for first_name in ("Ann", "Anne"):
            self.scene.right.create(ON_CRM, {**self.scene.contact(TWIN), "FirstName": first_name})
        told = self.sync()
        assert (told["conflicts"], told["matches"]) == (1, 1)
        self.databases.copy("now", "asked")
        self.asked = self.scene.state()

    def reset(self, act: str) -> None:
        """Put everything back to before the decision."""
        if act == "approve":
            self.set(True)
        else:
            self.database = self.databases.copy("asked", "now")
            self.scene.restore(self.asked)

    def rows(self) -> str:
        return str(self.nursery(database=self.database, run=f"{KILLED}.rows", arguments=[])["out"])

    def outcome_of(self, act: str, given: list[Any]) -> tuple[Any, ...]:
        """What taking the decision and carrying it out come to."""
        assert self.do(act, *given) == "done"
        told = self.sync()
        return self.scene.counted(), self.everybody(), told["conflicts"], told["matches"]

    def everybody(self) -> list[list[str]]:
        """What either system holds; two contacts share an address."""
        fields = {ON_ALUMNI: ("email", "first_name"), ON_CRM: ("Email", "FirstName")}
        return [
            sorted(" ".join(row[name] for name in fields[kind]) for row in there.records[kind].values())
            for there, kind in ((self.scene.left, ON_ALUMNI), (self.scene.right, ON_CRM))
        ]


@pytest.fixture(scope="module")
def stage(nursery: Nursery, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asked]:
    databases = Databases(tmp_path_factory.mktemp("databases"), "deciding")
    databases.make_empty(nursery)
    stage = Asked(nursery, databases, tmp_path_factory.mktemp("stage"), KEYED)
    yield stage
    stage.stop()
    databases.drop("now", "planned", "edited", "asked", "empty")


@pytest.mark.parametrize("act", ["approve", "decide_from_code", "settle_match"])
def test_a_decision_is_taken_as_a_whole(stage: Asked, act: str) -> None:
    given: list[Any] = {"approve": [stage.preview], "decide_from_code": ["right"]}.get(act, [])
    given = [*given, "pat"]
    stage.reset(act)
    whole = stage.nursery(database=stage.database, run=f"{ACTS}.{act}", arguments=given)
    stage.reset(act)
    expected, before = stage.outcome_of(act, given), ""
    stage.reset(act)
    before = stage.rows()
    # One more than there are: after the last, before all of them are committed.
    for number in range(1, whole["statements"] + 2):
        struck = stage.nursery(database=stage.database, run=f"{ACTS}.{act}", arguments=given, statement=number)
        assert (struck["code"], stage.rows()) == (-9, before)
    assert stage.outcome_of(act, given) == expected
