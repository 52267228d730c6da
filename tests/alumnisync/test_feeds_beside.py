"""A platform of records and a feed of changes that both keep the same contact's phone: nothing flips."""

from __future__ import annotations

import pytest

from connectors.systems.memory import Store
from mappings.models import Sync
from tests.alumnisync.feed_scene import GENEROUS, FeedWorld
from tests.factories import PAIRS, World, connect, person_type

pytestmark = pytest.mark.django_db

FIRST, SECOND, THIRD = "+15735550101", "+15735550102", "+15735550103"


class Beside(World):
    """Another sync, of a platform in both directions, with the CRM of a feed."""

    def __init__(self, feed: FeedWorld) -> None:
        name = f"beside {feed.sync.name}"
        self.left, self.right = Store(person_type()), feed.right
        self.sync = Sync.objects.create(name=name, state=Sync.State.LIVE, guards=GENEROUS)
        self.connections = {"left": connect(self.left, name), "right": feed.connections["right"]}
        self.version = self.add_version(PAIRS, {}, {"key_field": "crm_id"})


def both() -> tuple[FeedWorld, Beside, str, str]:
    """Somebody of whom the platform says the first phone, and the CRM none."""
    feed = FeedWorld()
    platform = Beside(feed)
    ada = feed.contact("x1", email="ada@example.org", first="", last="Byron", crm_id="")
    user = platform.left.put("person", {"first": "", "email": "ada@example.org", "last": "Byron", "phone": FIRST})
    platform.go()
    return feed, platform, ada, user


def phones(platform: Beside, ada: str, user: str) -> tuple[str, str]:
    return platform.left.values("person", user)["phone"], platform.right.values("person", ada)["phone"]


def rest(*worlds: World) -> None:
    """Whatever runs now, in whatever order, writes nothing and asks nothing."""
    written = [world.writes() for world in worlds]
    for world in (*worlds, *reversed(worlds)):
        done = world.run()
        assert (done["state"], done["conflicts"], done["reviews"]) == ("done", 0, 0), done
    assert [world.writes() for world in worlds] == written


def test_what_came_last_stays_whoever_brought_it() -> None:
    feed, platform, ada, user = both()
    assert phones(platform, ada, user) == (FIRST, FIRST)
    feed.told("x1", phone=SECOND)
    feed.run()
    platform.run()
    assert phones(platform, ada, user) == (SECOND, SECOND)
    rest(feed, platform)
    platform.left.alter("person", user, {"phone": THIRD})
    platform.run()
    feed.run()
    assert phones(platform, ada, user) == (THIRD, THIRD)
    rest(platform, feed)


def test_both_at_once_end_in_one_question_and_no_to_and_fro() -> None:
    feed, platform, ada, user = both()
    feed.told("x1", phone=SECOND)
    platform.left.alter("person", user, {"phone": THIRD})
    feed.run()
    assert platform.run()["conflicts"] == 1
    before = phones(platform, ada, user)
    assert before == (THIRD, SECOND)
    for world in (feed, platform, feed, platform):
        world.run()
    assert phones(platform, ada, user) == before


def test_a_row_that_was_applied_is_not_sent_again_over_what_the_platform_said_since() -> None:
    feed, platform, ada, user = both()
    feed.told("x1", phone=SECOND)
    feed.run()
    platform.run()
    platform.left.alter("person", user, {"phone": THIRD})
    platform.run()
    # Of something else, by the same person.
    feed.told("x1", first="Augusta")
    feed.run()
    assert phones(platform, ada, user) == (THIRD, THIRD)
    platform.run()
    assert platform.left.values("person", user)["first"] == "Augusta"
    rest(feed, platform)
