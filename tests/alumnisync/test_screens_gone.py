"""The pages of people no longer found: who, where, why and since when, and what somebody may say to it."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from alumnisync.models import Absence
from alumnisync.roles import REVIEWERS, VIEWERS
from alumnisync.waiting import waiting
from tests.alumnisync.runs_made import as_role, text_of, told
from tests.factories import World

pytestmark = pytest.mark.django_db

LIST = "admin:alumnisync_absence_changelist"


@pytest.fixture
def world() -> World:
    """Ada is asked about, since she was deleted; Mary was merged and is only listed."""
    world = World(right={"gone": {"deleted": "review"}})
    _, ada = world.pair_up(first="Ada")
    _, mary = world.pair_up(first="Mary", last="Anning")
    world.pair_up(first="Rosa")
    world.go()
    world.right.remove("person", ada)
    world.right.remove("person", mary, merged_into="person-000077")
    world.run()
    return world


def of(kind: str) -> Absence:
    return Absence.objects.get(kind=kind)


def page(client: Client, row: Absence) -> str:
    return text_of(client.get(reverse("admin:alumnisync_absence_change", args=[row.pk])))


def post(client: Client, name: str, *args: Any, **data: Any) -> Any:
    return client.post(reverse(f"admin:alumnisync_absence_{name}", args=args), data, follow=True)


def test_the_list_says_who_where_why_and_whether_somebody_is_asked(client: Client, world: World) -> None:
    reviewer = as_role(client, REVIEWERS)
    listed = text_of(reviewer.get(reverse(LIST)))
    right = world.connections["right"].name
    ada, mary = (of(kind).record.remote_id for kind in ("deleted", "merged"))
    first, second = (
        listed.index(f"{ada} {right} deleted there"),
        listed.index(f"{mary} {right} merged into person-000077"),
    )
    assert first < listed.index("you are asked") < second < listed.index("listed", second)
    assert waiting()["absences"] == 1
    for query, there, away in (
        ("?kind=merged", mary, ada),
        ("?shown=asked", ada, mary),
        ("?shown=listed", mary, ada),
        (f"?q={ada}", ada, mary),
    ):
        narrowed = text_of(reviewer.get(reverse(LIST) + query)).split("Since Sync State")[-1]
        assert (there in narrowed, away in narrowed) == (True, False), query
    assert "Nobody here fits" in text_of(reviewer.get(reverse(LIST) + "?shown=closed"))


def test_a_page_says_what_each_choice_does_and_never_deletes(client: Client, world: World) -> None:
    said = page(as_role(client, REVIEWERS), of("deleted"))
    left, right = (world.connections[side].name for side in ("left", "right"))
    assert f"No longer found in {right}" in said
    assert f"no new record is made in {right}" in said
    assert f"the record in {left} stays as it is" in said
    assert "Delete" not in said.replace("Deleted there", "")
    assert "by the rules of this sync such people are only listed" in page(client, of("merged"))


def test_the_page_of_the_person_says_so_too(client: Client, world: World) -> None:
    row = of("merged")
    said = text_of(as_role(client, VIEWERS).get(reverse("admin:alumnisync_link_change", args=[row.link_id])))
    assert "no longer found merged into person-000077 there" in said


def test_somebody_decides_and_the_next_run_carries_it_out(client: Client, world: World) -> None:
    reviewer, row = as_role(client, REVIEWERS), of("deleted")
    seen = reviewer.get(reverse("admin:alumnisync_absence_change", args=[row.pk])).context["line"].mark
    answer = post(reviewer, "decide", row.pk, choice="unlink", seen=seen, comment="Asked her.")
    assert told(answer) == ["Decided. The next run carries it out."]
    row.refresh_from_db()
    assert (row.state, row.choice, row.decided_by, row.comment) == ("decided", "unlink", REVIEWERS, "Asked her.")
    answer = post(reviewer, "decide", row.pk, choice="keep", seen=seen)
    assert "has changed since you opened the page" in told(answer)[0]
    assert "Unlinked by Reviewers" in text_of(reviewer.get(reverse(LIST) + "?shown=decided"))
    world.run()
    assert "This is over" in page(reviewer, row) or "Unlinked" in page(reviewer, row)
    assert waiting()["absences"] == 0


def test_several_are_decided_at_once_after_a_look(client: Client, world: World) -> None:
    reviewer = as_role(client, REVIEWERS)
    lines = reviewer.get(reverse(LIST)).context["lines"]
    ticks = [f"{line.row.pk}.{line.mark}" for line in lines]
    asked = post(reviewer, "decide_many", tick=ticks, choice="keep")
    assert "Keep as it is: 2 people" in text_of(asked)
    assert not Absence.objects.exclude(state="open").exists()
    done = post(reviewer, "decide_many", tick=[ticks[0], f"{lines[1].row.pk}.old"], choice="keep", sure="yes")
    assert told(done)[0] == "1 person decided. The next run carries it out."
    assert "has changed since" in told(done)[1]
    assert told(post(reviewer, "decide_many", choice="keep")) == ["Tick at least one first."]


def test_a_viewer_looks_and_decides_nothing(client: Client, world: World) -> None:
    viewer = as_role(client, VIEWERS)
    assert "Those ticked" not in text_of(viewer.get(reverse(LIST)))
    assert "Deciding takes the role Reviewers" in page(viewer, of("deleted"))
    assert post(viewer, "decide", of("deleted").pk, choice="unlink").status_code == 403


def test_what_is_held_with_its_run_leads_to_the_run(client: Client, world: World) -> None:
    row = of("deleted")
    Absence.objects.update(state="held")
    said = page(as_role(client, REVIEWERS), row)
    assert f"So many went at once that run {row.run_id} is on hold" in said
    assert "Unlink" not in said


def test_the_list_takes_as_many_statements_for_many_as_for_few(
    client: Client, world: World, django_assert_max_num_queries: Any
) -> None:
    reviewer = as_role(client, REVIEWERS)
    with django_assert_max_num_queries(18):
        reviewer.get(reverse(LIST))
