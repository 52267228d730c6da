"""A list that is not whole never means that somebody is gone: cut off, a page missing, changes only, or stopped."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from alumnisync.engine import poll
from alumnisync.engine.run import finish_approved, run_sync
from alumnisync.models import Absence, SyncRun
from alumnisync.review import approve
from alumnisync.versions import activate
from connectors.http import Http
from connectors.records import Temporary
from connectors.sandbox.glitches import play
from connectors.sandbox.stand_in import Answer, Request, StandIn
from mappings.models import Sync
from mappings.setup.loading import known_setup, load
from mappings.setup.reading import read_document
from tests.alumnisync.scene import ON_ALUMNI, ON_CRM, Scene
from tests.factories import World

pytestmark = pytest.mark.django_db

LISTS = poll.LISTS_UNTIL_GONE + 1


def absent() -> list[str]:
    return list(Absence.objects.exclude(state="closed").values_list("kind", flat=True))


class Partial:
    """A world whose right side once brought everybody, and from which one contact vanished since."""

    def __init__(self, **options: Any) -> None:
        guards = {"list": {"floor": 1, "share": 0}} if options.pop("strict", False) else {}
        self.world = World(right_type={"whole_lists": True, **options}, guards=guards)
        self.people = [self.world.pair_up() for _ in range(25)]
        self.world.go()
        self.world.run()

    def lose(self, count: int = 1) -> None:
        for _, right in self.people[:count]:
            self.world.right.lose("person", right)

    def runs(self) -> list[str]:
        return [self.world.run()["state"] for _ in range(LISTS)]


def test_a_whole_list_twice_does_mean_it() -> None:
    partial = Partial()
    partial.lose()
    partial.runs()
    assert absent() == ["missing"]


def test_a_list_that_ends_early_says_nothing_of_who_is_not_in_it() -> None:
    partial = Partial()
    partial.lose()
    partial.world.right.short_lists = 1
    partial.runs()
    assert absent() == []


def test_a_list_that_is_cut_off_by_an_error_says_nothing() -> None:
    partial = Partial()
    partial.lose()
    partial.world.right.fail(Temporary("Cut off."), call="poll", every=2, times=None, raised=True)
    assert "failed" in partial.runs()
    assert absent() == []


def test_who_is_not_among_the_changes_is_not_gone() -> None:
    partial = Partial(whole_lists=False)
    partial.lose()
    partial.world.right.alter("person", partial.people[3][1], {"last": "King"})
    partial.runs()
    assert absent() == []


def test_a_list_that_a_limit_stopped_says_nothing_however_often_it_comes() -> None:
    partial = Partial(strict=True)
    partial.lose(5)
    assert partial.runs() == ["held"] * LISTS
    assert absent() == []


@pytest.fixture
def scene() -> Iterator[Scene]:
    there = Scene()
    try:
        yield there
    finally:
        there.stop()


class Office:
    """The same over real HTTP: a platform that brings its list in pages, and a CRM that reports what changed."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        setup = scene.setup()
        setup["syncs"][0]["guards"] = {"list": {"floor": 3, "share": 0}}
        load(read_document(setup, lambda place: 1, known_setup()), activate=activate)
        self.run(go=True)
        self.run()

    def run(self, *, go: bool = False) -> str:
        run = run_sync(Sync.objects.get(), say=lambda sentence: None)
        if go and run.state == SyncRun.State.HELD:
            approved = approve(run, by="pat")
            assert isinstance(approved, SyncRun)
            run = finish_approved(approved, say=lambda sentence: None)
        return str(run.state)

    def runs(self) -> list[str]:
        return [self.run() for _ in range(LISTS)]


def test_over_http_a_whole_list_twice_means_it_and_a_deletion_or_merger_is_told_apart(scene: Scene) -> None:
    office = Office(scene)
    del scene.left.records[ON_ALUMNI][scene.left.ids(ON_ALUMNI)[0]]
    first, winner, loser, *_ = scene.right.ids(ON_CRM)[1:]
    scene.right.remove(ON_CRM, first)
    scene.right.merge(ON_CRM, winner, loser)  # type: ignore[attr-defined]  # that system can
    creates = dict(scene.counted())
    assert office.runs() == ["done"] * LISTS
    # Who was merged into somebody linked with another person is asked about under possible matches.
    assert sorted(absent()) == ["deleted", "missing"]
    assert {name: count for name, count in scene.counted().items() if "creates" in name} == {
        name: count for name, count in creates.items() if "creates" in name
    }


@pytest.mark.quick(1)
@pytest.mark.parametrize("how", ["cut", "page", "stopped"])
def test_over_http_a_partial_list_says_nothing(scene: Scene, how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # Waiting for another try takes no time here.
    defaults = Http.__init__.__kwdefaults__
    assert defaults
    monkeypatch.setitem(defaults, "sleep", lambda seconds: None)
    office = Office(scene)
    if how == "stopped":
        # So short that a safety limit does not believe it.
        play(scene.left, "empty", ON_ALUMNI, share=0.5)
        assert office.runs() == ["held"] * LISTS
    else:
        scene.left.page_size = 5  # type: ignore[attr-defined]  # that system can
        del scene.left.records[ON_ALUMNI][scene.left.ids(ON_ALUMNI)[0]]
        spoil(scene.left, how)
        assert set(office.runs()) == {"failed"}
    assert absent() == []


def spoil(there: StandIn, how: str) -> None:
    """The first page comes whole, the list never does: its other pages are cut off, or not answered at all."""
    whole = there.answer

    def answer(request: Request) -> Answer:
        answered = whole(request)
        is_first = request.query.get("page", "1") == "1"
        if request.method != "GET" or is_first:
            return answered
        return replace(answered, cut=True) if how == "cut" else Answer(500, {"message": "Internal error"})

    there.answer = answer  # type: ignore[method-assign]  # as if its server were another


def test_over_http_who_is_not_among_the_changes_is_not_gone(scene: Scene) -> None:
    office = Office(scene)
    scene.right.change(ON_CRM, scene.right.ids(ON_CRM)[3], FirstName="Augusta")
    office.runs()
    assert absent() == []
