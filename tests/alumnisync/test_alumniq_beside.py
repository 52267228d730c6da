"""360Alumni and AlumnIQ over HTTP, each in its own sync, say the phone of one contact: nothing flips or is lost."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from alumnisync.models import Conflict
from alumnisync.review import decide
from connectors.sandbox.server import StandIn, start
from tests.alumnisync.alumniq_scene import CONTACT, NAME, AlumniqScene
from tests.alumnisync.scene import ON_ALUMNI, digits

pytestmark = [pytest.mark.django_db, pytest.mark.long]

PLATFORM = "platform"
FIRST, SECOND, THIRD, FOURTH, FIFTH = (f"+1573555010{number}" for number in range(1, 6))


class Beside(AlumniqScene):
    """A third system, the platform, whose sync keeps the same contacts' phones; `to_left` is its way back."""

    def __init__(self, to_left: str) -> None:
        super().__init__()
        self.to_left = to_left
        self.platform = start("alumni360", people=0)
        ada = self.user(1)
        self.ada = self.platform.create(ON_ALUMNI, {**ada, "phone": FIRST})
        self.hired = self.hire("x1", Email=ada["email"], Phone=None)

    def both(self) -> dict[str, StandIn]:
        return {**super().both(), self.platform.system: self.platform}

    def setup(self) -> dict[str, Any]:
        made = super().setup()
        platform = {
            "name": PLATFORM,
            "left": {"connection": "alumni360", "object": ON_ALUMNI, "key_field": "record_id", "create": "off"},
            "right": {"connection": "salesforce", "object": CONTACT, "create": "off"},
            "match": [["email", "Email"]],
            "fields": [{"left": "phone", "right": "Phone", "kind": "phone", "region": "US", "to_left": self.to_left}],
        }
        return {**made, "syncs": [*made["syncs"], platform]}

    def phones(self) -> tuple[str, str]:
        """At the platform and in the CRM."""
        said = self.platform.records[ON_ALUMNI][self.ada]["phone"], self.held(self.hired)["workphone"]
        return f"+1{digits('phone', said[0])}", f"+1{digits('phone', said[1])}"

    def says(self, phone: str) -> None:
        self.platform.change(ON_ALUMNI, self.ada, phone=phone)

    def rest(self) -> None:
        """Whatever runs now, in whatever order, writes nothing and asks nothing new."""
        before, asked = self.written(), Conflict.objects.filter(state="open").count()
        for name in (NAME, PLATFORM, PLATFORM, NAME):
            done = self.run(name)
            assert (done["state"], done["set_aside"], done["reviews"]) == ("done", 0, 0), done
        assert (self.written(), Conflict.objects.filter(state="open").count()) == (before, asked)

    def written(self) -> tuple[Any, ...]:
        return self.counted(), self.puts(), self.phones()


@pytest.fixture(params=["off", "automatic"], ids=["one way", "both ways"])
def beside(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Beside]:
    monkeypatch.setattr("connectors.http.FIRST_WAIT", 0.0005)
    scene = Beside(request.param)
    scene.load(tmp_path)
    for name in (PLATFORM, NAME):
        scene.run(name)
    yield scene
    scene.stop()


def test_one_after_the_other_the_last_word_stays(beside: Beside) -> None:
    assert beside.phones() == (FIRST, FIRST)
    beside.told("x1", workphone=SECOND)
    for name in (NAME, PLATFORM, NAME, PLATFORM):
        beside.run(name)
    assert beside.phones() == (SECOND if beside.to_left == "automatic" else FIRST, SECOND)
    beside.rest()
    beside.says(THIRD)
    beside.run(PLATFORM)
    if beside.to_left == "off":
        # The platform never took the second, so that it can't have been corrected there: a person says which.
        decide(Conflict.objects.get(state="open"), "left", by="pat")
        beside.run(PLATFORM)
    assert beside.phones() == (THIRD, THIRD)
    beside.rest()
    assert set(beside.feed.marked.values()) == {1}


@pytest.mark.parametrize("order", [(NAME, PLATFORM), (PLATFORM, NAME)], ids=["the feed first", "the platform first"])
def test_both_at_once_end_in_one_question_that_shows_both(beside: Beside, order: tuple[str, str]) -> None:
    beside.told("x1", workphone=FIRST)
    for name in (*order, *order):
        beside.run(name)
    beside.told("x1", workphone=FOURTH)
    beside.says(FIFTH)
    for name in (*order, *order):
        beside.run(name)
    question = Conflict.objects.get(state="open")
    assert question.link.sync.name == order[1]
    assert beside.phones() == (FIFTH, FOURTH if order[0] == NAME else FIFTH)
    beside.rest()
    decide(question, "left", by="pat")
    for name in (*order, *order):
        beside.run(name)
    first, second = (FIFTH, FIFTH) if order[1] == PLATFORM else (FOURTH, FOURTH)
    assert beside.phones() == (first if beside.to_left == "automatic" else FIFTH, second)
    assert not Conflict.objects.filter(state="open")
    beside.rest()
    assert set(beside.feed.marked.values()) == {1}
