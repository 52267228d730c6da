"""feed_days after a restore, and receiver_token for who calls us."""

from __future__ import annotations

from datetime import UTC, datetime
from io import StringIO

import pytest
from django.core.management import call_command

from alumnisync.restoring import feed_days
from connectors.models import AccessToken, Connection, Cursor, FeedRow
from connectors.receiving.tokens import holder
from tests.alumnisync.feed_scene import FeedWorld
from tests.alumnisync.test_commands_setup import run, run_json

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 28, 3, tzinfo=UTC)


def polled(world: FeedWorld, started: datetime | None, time_zone: str = "America/New_York") -> str:
    connection = world.connections["left"]
    Connection.objects.filter(pk=connection.pk).update(settings={**connection.settings, "time_zone": time_zone})
    Cursor.objects.filter(connection=connection).update(poll_started_at=started)
    return connection.name


def test_the_days_since_the_last_poll_are_to_be_read_again_by_the_feeds_own_clock() -> None:
    world = FeedWorld()
    name = polled(world, datetime(2026, 11, 21, 2, tzinfo=UTC))
    (days,) = feed_days(NOW)
    # Both moments are still the day before on campus.
    assert (days.connection, str(days.first), str(days.last)) == (name, "2026-11-20", "2026-11-27")
    code, told, _ = run("feed_days")
    assert code == 0
    assert f"{name}, People (person): from 2026-11-20 to " in told
    assert "not processed" in told


def test_a_feed_whose_first_poll_never_ended_goes_by_the_rows_it_brought() -> None:
    world = FeedWorld()
    world.told("x1", last="King")
    world.run()
    polled(world, None)
    FeedRow.objects.update(landed_at=datetime(2026, 11, 25, 12, tzinfo=UTC))
    (days,) = feed_days(NOW)
    assert str(days.first) == "2026-11-25"


def test_of_a_feed_that_was_never_read_everything_is_to_be_read() -> None:
    polled(FeedWorld(), None)
    (days,) = feed_days(NOW)
    assert days.first is None
    code, told = run_json("feed_days")
    (feed,) = told["feeds"]
    assert (code, feed["from"], feed["object_type"], feed["time_zone"]) == (0, None, "person", "America/New_York")
    assert "everything up to" in run("feed_days")[1]


def test_without_a_feed_nothing_is_to_be_read_again() -> None:
    assert run_json("feed_days") == (0, {"feeds": []})
    assert "nothing has to be read again" in run("feed_days")[1]


@pytest.fixture
def clubs() -> Connection:
    settings = {"client_id": "C-77", "club_ids": ["12", "13"]}
    return Connection.objects.create(name="Clubs", system="intouch_receiver", settings=settings)


def test_a_token_is_made_for_a_club_and_printed_once(clubs: Connection) -> None:
    out = StringIO()
    call_command("receiver_token", "Clubs", "12", stdout=out)
    token = out.getvalue().splitlines()[-1]
    found = holder(token)
    assert found is not None
    assert (found.connection, found.place, found.made_by) == (clubs, "12", "the command line")
    code, told = run_json("receiver_token", "Clubs", "13")
    assert (code, told["place"], holder(told["token"]) is not None) == (0, "13", True)
    assert AccessToken.objects.count() == 2


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("Clubs", "99"), "There is no club “99” in the settings of Clubs. There: 12, 13."),
        (("Club", "12"), "There is no connection “Club”"),
        (("Vault", "12"), "There is no place “12” in the settings of Vault. There: none."),
    ],
)
def test_who_has_no_such_club_is_told_which_there_are(clubs: Connection, words: tuple[str, str], said: str) -> None:
    Connection.objects.create(name="Vault", system="alumni_spaces")
    code, out, err = run("receiver_token", *words)
    assert (code, out) == (2, "")
    assert said in err
    assert not AccessToken.objects.exists()
