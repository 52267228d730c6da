from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from alumnisync.engine import key_index
from alumnisync.engine import match as step
from alumnisync.engine.keys import fold
from alumnisync.engine.match import Matched, match, unmatched
from alumnisync.models import ChangeRecord, Link, Match, MatchKey, Member, Progress, SyncRun
from connectors.models import Connection, Cursor, RemoteRecord
from mappings.models import MappingVersion, Sync
from mappings.rules import MatchRule, Rules, Side, SideRules

L, R = Side.LEFT, Side.RIGHT
EMAIL = MatchRule({L: ("email",), R: ("Email",)})
PHONE = MatchRule({L: ("phone",), R: ("Phone",)})
NOW = timezone.now()

pytestmark = pytest.mark.django_db


class Office:
    """A sync of invented people, whose records are put down here as polling would."""

    def __init__(self) -> None:
        self.sync = Sync.objects.create(name="alumni-crm")
        version = MappingVersion.objects.create(sync=self.sync, number=1)
        self.run = SyncRun.objects.create(sync=self.sync, version=version)
        account = Connection.objects.create(name="Both", system="memory")
        self.cursors = {side: Cursor.objects.create(connection=account, object_type=side.value) for side in Side}
        self.rules = self.rule()
        self.outside: set[int] = set()
        self.beats = 0

    def rule(self, *, key_right: str = "", pilot: Iterable[str] = ()) -> Rules:
        sides = {L: SideRules("user"), R: SideRules("Contact", key_field=key_right)}
        self.rules = Rules(sides=sides, pairs=(), match=(EMAIL, PHONE), pilot=frozenset(pilot))
        return self.rules

    def land(self, side: Side, remote_id: str, **values: Any) -> RemoteRecord:
        """The record as it is now, under the next change number."""
        cursor = self.cursors[side]
        cursor.change_no += 1
        cursor.save()
        return RemoteRecord.objects.update_or_create(
            cursor=cursor,
            remote_id=remote_id,
            defaults={
                "values": {name if side is L else name.capitalize(): value for name, value in values.items()},
                "fingerprint": b"",
                "change_no": cursor.change_no,
                "landed_at": timezone.now(),
            },
        )[0]

    def upto(self) -> dict[Side, int]:
        return {side: cursor.change_no for side, cursor in self.cursors.items()}

    def match(self, beat: Callable[[], None] | None = None) -> Matched:
        return match(
            self.run,
            self.rules,
            self.cursors,
            self.upto(),
            in_scope=self.in_scope,
            canonical=lambda side, path: fold,
            beat=beat or self.beat,
        )

    def in_scope(self, side: Side, record: RemoteRecord) -> bool:
        assert self.cursors[side].pk == record.cursor_id
        return record.pk not in self.outside

    def beat(self) -> None:
        self.beats += 1

    def plan(self) -> None:
        for side, upto in self.upto().items():
            Progress.objects.update_or_create(sync=self.sync, side=side, defaults={"planned_to": upto})

    def creatable(self, side: Side) -> list[str]:
        chunks = unmatched(self.sync, side, self.rules, self.cursors[side], self.upto()[side], in_scope=self.in_scope)
        return [record.remote_id for chunk in chunks for record in chunk]

    def decide(self, choice: str, chosen: RemoteRecord | None = None) -> Match:
        question = Match.objects.get(state=Match.State.OPEN)
        question.state, question.choice, question.chosen = Match.State.DECIDED, choice, chosen
        question.decided_at = timezone.now()
        question.save()
        return question


@pytest.fixture
def office() -> Office:
    return Office()


def proposals(state: str = Link.State.PROPOSED) -> set[tuple[str, ...]]:
    return {
        tuple(link.members.order_by("side").values_list("record__remote_id", flat=True))
        for link in Link.objects.filter(state=state)
    }


def questions() -> list[tuple[str, list[str]]]:
    return [
        (one.record.remote_id, sorted(one.candidates.values_list("remote_id", flat=True)))
        for one in Match.objects.filter(state=Match.State.OPEN)
    ]


def activate() -> None:
    Link.objects.update(state=Link.State.ACTIVE)


def rows() -> tuple[list[Any], ...]:
    return (
        list(Link.objects.values_list("pk", "rule").order_by("pk")),
        list(Member.objects.values_list("link", "side", "record").order_by("pk")),
        list(Match.objects.values_list("pk", "record", "rule", "reason", "state", "candidates").order_by("pk")),
        list(MatchKey.objects.values_list("pk", "side", "rule", "record").order_by("pk")),
    )


def test_pairs_are_proposed_couples_asked_about_and_the_rest_may_be_created(office: Office) -> None:
    office.land(L, "a1", email="ann@x.org")
    office.land(R, "c1", email=" Ann@X.org")
    for side, first in ((L, "u1"), (L, "u2"), (R, "v1"), (R, "v2")):
        office.land(side, first, email="us@x.org")
    office.land(L, "new", email="new@x.org")
    office.land(R, "other")
    assert office.match() == Matched(1, 1, [])
    assert proposals() == {("a1", "c1")}
    assert Link.objects.get().rule == "email ↔ Email"
    assert questions() == [("u1", ["u2", "v1", "v2"])]
    assert Match.objects.get().side == L
    assert (office.creatable(L), office.creatable(R)) == (["new"], ["other"])
    assert office.beats >= 2


def test_running_again_changes_nothing(office: Office) -> None:
    for side in Side:
        office.land(side, f"{side}1", email="ann@x.org")
        office.land(side, f"{side}2", email=["us@x.org", "we@x.org"])
        office.land(side, f"{side}3", email="us@x.org")
    first, before = office.match(), rows()
    assert office.match() == first
    assert rows() == before
    office.plan()
    assert office.match() == first
    assert rows() == before


@pytest.mark.parametrize("stop", range(1, 9))
def test_a_killed_match_ends_the_same_when_run_again(
    office: Office, monkeypatch: pytest.MonkeyPatch, stop: int
) -> None:
    monkeypatch.setattr(key_index, "CHUNK", 2)
    monkeypatch.setattr(step, "CHUNK", 2)
    for number in range(4):
        for side in Side:
            office.land(side, f"{side}{number}", email=f"{number // 3}@x.org", phone=number)
    left = [stop]

    def die() -> None:
        left[0] -= 1
        if not left[0]:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        office.match(die)
    office.match()
    assert proposals() == {("left3", "right3")}
    assert questions() == [("left0", ["left1", "left2", "right0", "right1", "right2"])]
    assert (office.creatable(L), office.creatable(R)) == ([], [])


def test_an_active_link_is_left_alone_and_blocks(office: Office) -> None:
    office.land(L, "a1", email="ann@x.org")
    office.land(R, "c1", email="ann@x.org")
    office.match()
    activate()
    office.land(L, "a2", email="ann@x.org")
    office.match()
    assert proposals(Link.State.ACTIVE) == {("a1", "c1")}
    assert questions() == [("a2", ["a1", "c1"])]
    assert office.creatable(L) == []


@pytest.mark.parametrize("how", ["gone", "out", "unreadable"])
def test_who_is_gone_unreadable_or_out_of_scope_blocks(office: Office, how: str) -> None:
    office.land(L, "a1", email="ann@x.org")
    there = office.land(R, "c1", email="ann@x.org")
    if how == "out":
        office.outside.add(there.pk)
    else:
        there.gone_at = NOW if how == "gone" else None
        there.problem = "No text." if how == "unreadable" else ""
        there.save()
    office.match()
    assert (proposals(), questions()) == (set(), [("a1", ["c1"])])
    assert (office.creatable(L), office.creatable(R)) == ([], [])


def test_a_gone_record_keeps_its_keys_though_its_values_went(office: Office) -> None:
    there = office.land(R, "c1", email="ann@x.org")
    office.match()
    office.plan()
    there = office.land(R, "c1")
    there.gone_at = NOW
    there.save()
    office.land(L, "a1", email="ann@x.org")
    office.match()
    assert questions() == [("a1", ["c1"])]


def test_a_proposal_stays_the_same_row_or_goes(office: Office) -> None:
    office.land(L, "a1", email="ann@x.org")
    office.land(R, "c1", email="ann@x.org", phone=1)
    office.match()
    office.plan()
    link = Link.objects.get()
    office.land(L, "a1", email="other@x.org", phone=1)
    office.match()
    assert Link.objects.get().pk == link.pk
    assert Link.objects.get().rule == "phone ↔ Phone"
    office.land(L, "a1", email="other@x.org", phone=2)
    office.match()
    assert proposals() == set()
    assert (office.creatable(L), office.creatable(R)) == (["a1"], ["c1"])


def test_a_proposal_that_goes_to_somebody_else_frees_the_first(office: Office) -> None:
    office.land(L, "a1", email="ann@x.org")
    office.land(R, "c1", email="ann@x.org")
    office.match()
    office.plan()
    office.land(L, "a1", email="bob@x.org")
    office.land(R, "c2", email="bob@x.org")
    office.match()
    assert proposals() == {("a1", "c2")}
    assert office.creatable(R) == ["c1"]


def test_a_question_stays_the_same_row_while_it_holds(office: Office) -> None:
    office.land(L, "a1", email="us@x.org")
    office.land(L, "a2", email="us@x.org")
    office.match()
    office.plan()
    question = Match.objects.get()
    office.land(R, "c1", email="us@x.org")
    office.match()
    assert Match.objects.get().pk == question.pk
    assert questions() == [("a1", ["a2", "c1"])]
    office.plan()
    office.land(L, "a2", email="own@x.org")
    office.match()
    assert Match.objects.get().state == Match.State.CLOSED
    assert proposals() == {("a1", "c1")}
    assert office.creatable(L) == ["a2"]


def test_those_only_shown_in_a_question_are_decided_about_when_it_falls_apart(office: Office) -> None:
    office.land(L, "a1", email=["b@x.org", "c@x.org"])
    office.land(L, "a2", email="b@x.org")
    office.land(R, "c1", email="b@x.org")
    office.match()
    office.plan()
    office.land(L, "a1", email="away@x.org")
    office.match()
    assert (proposals(), questions()) == ({("a2", "c1")}, [])


def test_a_question_about_somebody_linked_meanwhile_is_closed(office: Office) -> None:
    first = office.land(L, "a1", email="us@x.org")
    office.land(L, "a2", email="us@x.org")
    office.match()
    link = Link.objects.create(sync=office.sync, state=Link.State.ACTIVE)
    Member.objects.create(sync=office.sync, link=link, side=L, record=first)
    office.match()
    assert questions() == [("a2", ["a1"])]


def test_changes_after_the_snapshot_wait(office: Office) -> None:
    office.land(L, "a1", email="ann@x.org")
    office.land(R, "c1", email="ann@x.org")
    upto = {L: 1, R: 0}
    found = match(
        office.run,
        office.rules,
        office.cursors,
        upto,
        in_scope=office.in_scope,
        canonical=lambda side, path: fold,
        beat=office.beat,
    )
    assert found.linked == 0
    assert office.match().linked == 1


def test_what_was_planned_is_not_looked_at_again_unless_a_create_is_unfinished(office: Office) -> None:
    source = office.land(L, "a1", email="ann@x.org")
    office.match()
    office.plan()
    assert office.creatable(L) == []
    change = ChangeRecord.objects.create(
        run=office.run, kind=ChangeRecord.Kind.CREATE, side=R, source=source, state=ChangeRecord.State.HELD
    )
    office.match()
    assert office.creatable(L) == ["a1"]
    ChangeRecord.objects.filter(pk=change.pk).update(state=ChangeRecord.State.DONE)
    assert office.creatable(L) == []


def test_the_proposal_of_a_create_gives_way_to_a_found_partner(office: Office) -> None:
    source = office.land(L, "a1", email="ann@x.org")
    link = Link.objects.create(sync=office.sync)
    Member.objects.create(sync=office.sync, link=link, side=L, record=source)
    office.match()
    assert Link.objects.get() == link
    office.land(R, "c1", email="ann@x.org")
    office.match()
    assert proposals() == {("a1", "c1")}


def test_a_new_version_of_the_rules_replaces_the_keys(office: Office) -> None:
    office.land(L, "a1", email="ann@x.org", phone=1)
    office.land(R, "c1", email="bob@x.org", phone=1)
    office.match()
    assert proposals() == {("a1", "c1")}
    office.rules = Rules(sides=office.rules.sides, pairs=(), match=(EMAIL,))
    office.match()
    assert proposals() == set()
    assert set(MatchKey.objects.values_list("rule", flat=True)) == {"email ↔ Email"}


def test_a_crowded_key_is_told_once_and_without_its_value(office: Office) -> None:
    for number in range(6):
        office.land(L, f"a{number}", email="none@x.org")
    office.land(R, "c1", email="none@x.org")
    told = office.match().ignored_keys
    assert len(told) == 1
    assert told[0].startswith("email ↔ Email: 1 value")
    assert "none@x.org" not in told[0]
    assert questions() == []


def test_the_id_written_by_a_create_links_its_source(office: Office) -> None:
    office.rule(key_right="Crm")
    office.land(L, "a1")
    office.land(R, "c1", crm="a1")
    office.land(R, "c2", crm="nobody")
    office.match()
    assert (proposals(), questions()) == ({("a1", "c1")}, [("c2", [])])
    assert Link.objects.get().rule == "key:right"


def test_link_as_decided(office: Office) -> None:
    office.land(L, "a1", email="us@x.org")
    office.land(R, "c1", email="us@x.org")
    there = office.land(R, "c2", email="us@x.org")
    office.match()
    office.plan()
    office.decide("link", there)
    office.match()
    assert proposals() == {("a1", "c2")}
    assert Link.objects.get().rule == "person"
    assert questions() == [("c1", ["a1", "c2"])]
    before = rows()
    office.match()
    assert rows() == before


def test_a_decision_to_link_somebody_taken_is_asked_about_anew(office: Office) -> None:
    office.land(L, "a1", email="us@x.org")
    office.land(R, "c1", email="us@x.org")
    there = office.land(R, "c2", email="us@x.org")
    office.match()
    old = office.decide("link", there)
    office.outside.add(there.pk)
    office.match()
    assert questions() == [("a1", ["c1", "c2"])]
    assert Match.objects.get(pk=old.pk).state == Match.State.CLOSED


def test_create_as_decided(office: Office) -> None:
    office.land(L, "a1", email="us@x.org")
    office.land(L, "a2", email="us@x.org")
    office.match()
    office.plan()
    office.decide("create")
    office.match()
    assert questions() == [("a2", ["a1"])]
    assert office.creatable(L) == ["a1"]


def test_never_is_remembered_after_its_question_is_closed(office: Office) -> None:
    office.land(L, "a1", email="us@x.org")
    there = office.land(R, "c1", email="us@x.org")
    office.land(R, "c2", email="us@x.org")
    office.match()
    office.decide("never", there)
    office.match()
    assert questions() == [("a1", ["c1", "c2"])]
    office.land(R, "c2", email="own@x.org")
    office.match()
    assert (proposals(), questions()) == (set(), [])
    assert (office.creatable(L), office.creatable(R)) == (["a1"], ["c1", "c2"])


def test_never_holds_for_whom_the_other_was_linked_with(office: Office) -> None:
    one = office.land(L, "a1", email="us@x.org")
    office.land(R, "c1", email="us@x.org")
    blocked = office.land(R, "c2", email="us@x.org")
    office.match()
    office.decide("never")
    office.plan()
    RemoteRecord.objects.filter(pk=blocked.pk).delete()
    made = office.land(R, "c3", email="us@x.org")
    link = Link.objects.create(sync=office.sync, state=Link.State.ACTIVE)
    for side, record in ((L, one), (R, made)):
        Member.objects.create(sync=office.sync, link=link, side=side, record=record)
    office.match()
    assert questions() == []


def test_ignore_holds_for_all_shown_until_they_change(office: Office) -> None:
    office.land(L, "a1", email="us@x.org")
    office.land(L, "a2", email="us@x.org")
    office.match()
    office.plan()
    old = office.decide("ignore")
    office.match()
    assert (questions(), office.creatable(L)) == ([], [])
    RemoteRecord.objects.filter(remote_id="a1").update(landed_at=NOW + timedelta(days=1), change_no=9)
    office.cursors[L].change_no = 9
    office.match()
    assert Match.objects.get(pk=old.pk).state == Match.State.CLOSED
    assert questions() == [("a1", ["a2"])]


def test_a_pilot_takes_in_the_partners_of_its_people_and_nobody_else(office: Office) -> None:
    office.rule(pilot=["a1", "a3"])
    for number in (1, 2):
        office.land(L, f"a{number}", email=f"{number}@x.org")
        office.land(R, f"c{number}", email=f"{number}@x.org")
    office.land(L, "a3")
    office.land(L, "a4")
    office.match()
    assert proposals() == {("a1", "c1")}
    assert (office.creatable(L), office.creatable(R)) == (["a3"], [])


def test_two_syncs_do_not_meet(office: Office) -> None:
    office.land(L, "a1", email="ann@x.org")
    office.land(R, "c1", email="ann@x.org")
    office.match()
    activate()
    other = Sync.objects.create(name="other")
    version = MappingVersion.objects.create(sync=other, number=1)
    office.run = SyncRun.objects.create(sync=other, version=version)
    office.match()
    assert Link.objects.filter(sync=other, state=Link.State.PROPOSED).count() == 1


def statements_of_a_match(office: Office, start: int, count: int) -> int:
    for number in range(start, start + count):
        office.land(L, f"a{number}", email=f"{number}@x.org", phone=number)
        office.land(R, f"c{number}", email=f"{number}@x.org", phone=number)
        office.land(L, f"u{number}", email=f"u{number}@x.org")
        office.land(L, f"w{number}", email=f"u{number}@x.org")
    with CaptureQueriesContext(
        connection,
    ) as seen:
        found = office.match()
    assert (found.linked, found.matches) == (count, count)
    activate()
    Match.objects.all().delete()
    office.plan()
    return len(seen)


def test_statements_do_not_grow_with_the_people_of_a_chunk(office: Office) -> None:
    assert statements_of_a_match(office, 0, 5) == statements_of_a_match(office, 100, 40)


def test_statements_grow_with_chunks_only(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(key_index, "CHUNK", 10)
    monkeypatch.setattr(step, "CHUNK", 10)
    one, two, four = (statements_of_a_match(office, start, count) for start, count in ((0, 10), (50, 20), (90, 40)))
    assert four - two == 2 * (two - one)
