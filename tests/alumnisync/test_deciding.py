"""Deciding one or many: what was seen counts, and nothing else."""

from __future__ import annotations

import pytest

from alumnisync.choosing import linkable, taken_of
from alumnisync.deciding import (
    all_wanted,
    decide_many,
    mark_of,
    settle_person,
    settle_question,
    ticked,
)
from alumnisync.inbox.wanted import Wanted
from alumnisync.models import Conflict, Match, Review
from alumnisync.review import Refusal
from connectors.described import remember
from tests.alumnisync.inbox import HOME, both_changed, look_alikes, tick, to_review
from tests.factories import PAIRS, World, person_type

pytestmark = pytest.mark.django_db


def settle(row: Conflict | Review, choice: str, comment: str = "", **texts: str) -> None:
    settle_question(row, choice, seen=mark_of(row), by="pat", comment=comment, texts=texts)


def test_a_decision_is_kept_with_who_when_and_why_and_the_next_run_writes_it() -> None:
    world, ((left, right),) = both_changed()
    (conflict,) = world.conflicts()
    settle(conflict, "right", "asked her")
    conflict.refresh_from_db()
    assert (conflict.state, conflict.decided_by, conflict.comment) == ("decided", "pat", "asked her")
    assert conflict.decided_at is not None
    world.run()
    assert world.left.values("person", left)["last"] == "King-0"
    assert world.right.values("person", right)["last"] == "King-0"


def test_what_changed_since_it_was_seen_is_not_decided() -> None:
    world, ((left, _),) = both_changed()
    (conflict,) = world.conflicts()
    seen = mark_of(conflict)
    world.left.alter("person", left, {"last": "Lovelace"})
    world.run()
    with pytest.raises(Refusal, match="changed since you opened"):
        settle_question(conflict, "left", seen=seen, by="pat", texts={})
    assert world.conflicts()[0].choice == ""


def test_what_somebody_else_decided_meanwhile_is_not_decided_over() -> None:
    world, _ = both_changed()
    (conflict,) = world.conflicts()
    seen = mark_of(conflict)
    settle(conflict, "left")
    with pytest.raises(Refusal, match="changed since you opened"):
        settle_question(conflict, "right", seen=seen, by="kim", texts={})
    conflict.refresh_from_db()
    assert (conflict.choice, conflict.decided_by) == ("left", "pat")
    settle(conflict, "right")
    conflict.refresh_from_db()
    assert conflict.choice == "right"


def test_what_was_settled_meanwhile_is_refused_in_words() -> None:
    world, ((_, right),) = both_changed()
    (conflict,) = world.conflicts()
    world.right.alter("person", right, {"last": "Byron-0"})
    world.run()
    with pytest.raises(Refusal, match="closed already"):
        settle(conflict, "left")


def test_an_own_value_is_read_by_the_format_of_the_field() -> None:
    world = World()
    left, right = world.pair_up(phone="+1 573 555 0100")
    world.go()
    world.left.alter("person", left, {"phone": "+1 573 555 0101"})
    world.right.alter("person", right, {"phone": "+1 573 555 0102"})
    world.run()
    (conflict,) = world.conflicts()
    with pytest.raises(Refusal, match="can't be used"):
        settle(conflict, "value", **{"phone|phone": "no number"})
    with pytest.raises(Refusal, match="Type the value"):
        settle(conflict, "value", **{"phone|phone": "  "})
    settle(conflict, "value", **{"phone|phone": "(573) 555-0103"})
    world.run()
    assert world.left.values("person", left)["phone"] == "+15735550103"
    assert world.right.values("person", right)["phone"] == "+15735550103"


def test_an_own_value_that_is_too_long_for_a_field_is_refused() -> None:
    world, _ = both_changed()
    for connection in world.connections.values():
        remember(connection, (person_type(),))
    with pytest.raises(Refusal, match="81 characters"):
        settle(world.conflicts()[0], "value", **{"last|last": "x" * 81})


def test_a_mistyped_e_mail_address_is_not_sent_to_both_systems() -> None:
    world = World(match=[[["first"], ["first"]]])
    left, right = world.pair_up()
    world.go()
    world.left.alter("person", left, {"email": "ada@example.org"})
    world.right.alter("person", right, {"email": "ada@example.com"})
    world.run()
    with pytest.raises(Refusal, match="no e-mail address"):
        settle(world.conflicts()[0], "value", **{"email|email": "ada at example"})
    settle(world.conflicts()[0], "value", **{"email|email": "ada@example.net"})
    world.run()
    assert {world.left.values("person", left)["email"], world.right.values("person", right)["email"]} == {
        "ada@example.net"
    }


def test_a_group_takes_an_own_value_for_each_field() -> None:
    world, ((left, right),) = both_changed(pairs=(*PAIRS[1:], *HOME))
    settle(Conflict.objects.get(unit="home"), "value", **{"city|city": "Vichy", "zip|zip": "65580"})
    world.run()
    for store, pk in ((world.left, left), (world.right, right)):
        assert (store.values("person", pk)["city"], store.values("person", pk)["zip"]) == ("Vichy", "65580")


def test_ten_at_once_are_decided_and_written() -> None:
    world, ids = both_changed(11)
    *ten, last = world.conflicts()
    tally = decide_many(ticked(Conflict, map(tick, ten)), "left", by="pat", comment="a bulk load")
    assert (tally.decided, tally.problems) == (10, [])
    world.go()
    names = [world.right.values("person", right)["last"] for _, right in ids]
    assert names == [*(f"Byron-{number}" for number in range(10)), "King-10"]
    assert [one.pk for one in world.conflicts()] == [last.pk]
    assert Conflict.objects.filter(comment="a bulk load", decided_by="pat").count() == 10


def test_those_ticked_that_moved_are_left_out_and_told() -> None:
    world, ids = both_changed(3)
    ticks = [*map(tick, world.conflicts()), "rubbish", "99999999999999999999.x", "x.y"]
    world.left.alter("person", ids[0][0], {"last": "Lovelace"})
    world.run()
    batch = ticked(Conflict, ticks)
    assert len(batch.rows) == 2
    assert "have changed since you looked" in batch.left_out[0]


def test_one_that_can_not_be_decided_keeps_none_of_the_others_back() -> None:
    world, _ = both_changed(2)
    first, second = world.conflicts()
    batch = ticked(Conflict, [tick(first), tick(second)])
    Conflict.objects.filter(pk=first.pk).update(state="closed")
    tally = decide_many(batch, "left", by="pat")
    assert tally.decided == 1
    assert "closed already" in tally.problems[0]
    second.refresh_from_db()
    assert second.state == "decided"


def test_many_at_once_take_only_what_is_offered_for_many() -> None:
    world, _ = both_changed(1)
    tally = decide_many(ticked(Conflict, map(tick, world.conflicts())), "value", by="pat")
    assert tally.decided == 0
    assert "can't be chosen for many" in tally.problems[0]


def test_a_pattern_is_decided_only_as_it_was_counted_and_seen() -> None:
    world, _ = both_changed(3)
    wanted = Wanted(Conflict, of="last|last", sync=world.sync.pk)
    batch = all_wanted(wanted, 3)
    assert (batch.people, batch.fields, len(batch.rows)) == (3, 3, 3)
    with pytest.raises(Refusal, match="There were 4 when you looked, and there are 3 now"):
        all_wanted(wanted, 4)
    assert all_wanted(wanted, 3, batch.mark).mark == batch.mark
    with pytest.raises(Refusal, match="changed since"):
        all_wanted(wanted, 3, "another")
    assert [*all_wanted(Wanted(Conflict, of="nothing"), 0).rows] == []


def test_a_pattern_of_a_great_many_goes_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    both_changed(3)
    monkeypatch.setattr("alumnisync.deciding.MOST_AT_ONCE", 2)
    batch = all_wanted(Wanted(Conflict), 3)
    assert (len(batch.rows), batch.beyond) == (2, 1)


def test_a_review_is_let_through_or_refused() -> None:
    world, ids = to_review(2)
    first, second = world.reviews()
    settle(first, "approve", "it is so")
    settle(second, "refuse", "it is not")
    with pytest.raises(Refusal, match="closed already"):
        settle(second, "approve")
    world.run()
    assert world.right.values("person", ids[0][1])["last"] == "Byron"
    assert world.right.values("person", ids[1][1])["last"] != "Byron"
    assert [*Review.objects.order_by("pk").values_list("comment", flat=True)] == ["it is so", "it is not"]


def test_a_review_knows_two_choices_and_waits_with_its_run() -> None:
    world, _ = to_review()
    (review,) = world.reviews()
    with pytest.raises(Refusal, match="let it through or to refuse"):
        settle(review, "left")
    Review.objects.update(state="held")
    review.refresh_from_db()
    with pytest.raises(Refusal, match=f"on hold with run {review.run_id}"):
        settle(review, "approve")


def test_a_possible_match_is_linked_with_the_one_that_was_chosen() -> None:
    world = look_alikes()
    match = Match.objects.get(state="open")
    candidate = next(one for one in (match.record, *match.candidates.all()) if one.values["first"] == "Anna")
    settle_person(match, "link", seen=mark_of(match), by="pat", comment="phoned", candidate=str(candidate.pk))
    match.refresh_from_db()
    assert (match.choice, match.chosen, match.decided_by, match.comment) == ("link", candidate, "pat", "phoned")
    world.go()
    assert {pair[1] for pair in world.linked()} == {candidate.remote_id}


def test_a_record_is_linked_neither_within_its_own_system_nor_with_whom_is_linked_or_gone() -> None:
    look_alikes()
    match = Match.objects.get(state="open")
    other = next(one for one in match.candidates.all() if one.cursor_id != match.record.cursor_id)
    assert linkable(match, other, []) == ""
    assert "linked with somebody else" in linkable(match, other, [other.pk])
    assert "same system" in linkable(match, match.record, [])
    other.gone_at = match.created_at
    assert "no longer found" in linkable(match, other, [])
    assert taken_of(match) == set()


def test_several_candidates_are_decided_one_by_one() -> None:
    look_alikes()
    tally = decide_many(ticked(Match, map(tick, Match.objects.filter(state="open"))), "link", by="pat")
    assert tally.decided == 0
    assert "Open it and choose" in tally.problems[0]
    tally = decide_many(ticked(Match, map(tick, Match.objects.filter(state="open"))), "never", by="pat")
    assert tally.decided == 1
    assert Match.objects.get().choice == "never"
