"""Two systems full of hostile records over HTTP, with a sync between them: what runs make of them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db.models import Q

from alumnisync.engine.faults import is_fault
from alumnisync.models import ChangeRecord, Conflict, Link, Match, Member, Review
from connectors.models import RemoteRecord
from connectors.sandbox.stand_in import Answer
from mappings.models import Sync
from mappings.rules import Side
from mappings.translate import Reading, Translator, same
from mappings.versions import rules_of
from tests.alumnisync.hostile import IDS, Hostile
from tests.alumnisync.scene import ON_ALUMNI, ON_CRM
from tests.alumnisync.test_faults import Office

USER_FIELDS = (
    "first_name", "last_name", "phone", "birthdate", "class_year", "job_title", "no_email", "addresses", "nickname",
)  # fmt: skip
CONTACT_FIELDS = ("FirstName", "LastName", "Phone", "Class_Year__c", "Title", "MailingCity", "Nickname__c")
PAIRS: tuple[dict[str, Any], ...] = (
    {"left": "birthdate", "right": "Birthdate", "kind": "date"},
    {"left": "class_year", "right": "Class_Year__c"},
    {"left": "job_title", "right": "Title", "to_right": "review", "first_meeting": "ask"},
    {"left": "nickname", "right": "Nickname__c", "on_blank": "ask"},
    {"left": "no_email", "right": "HasOptedOutOfEmail", "kind": "consent", "restricted_when": True},
    {"left": "addresses[Home].city", "right": "MailingCity", "group": "home"},
    {"left": "addresses[Home].country", "right": "MailingCountry", "kind": "country", "group": "home"},
)
EMAIL = {Side.LEFT: "email", Side.RIGHT: "Email"}
"""What they are matched by, and the one field of people that nobody spoils."""
ONLY_HERE = 20
"""One of so many users has no contact, and the other way round."""
STRANGE_ID = 25
UNREADABLE = "of a record that can't be read now"


class HostileOffice(Office):
    """An office whose two systems hold hostile records of `people` people."""

    def __init__(self, folder: Path, people: int, seed: int) -> None:
        super().__init__(folder, people=(0, 0, 0), seed=seed, concurrency=4, timeout=30)
        self.people, self.hostile = people, Hostile(seed)
        self.scene.left.records[ON_ALUMNI] = dict(self._users())
        for number in range(people):
            if number % ONLY_HERE:
                self._hire(number)

    def setup(self) -> dict[str, Any]:
        """The setup file's content, with more fields."""
        setup = self.scene.setup()
        setup["syncs"][0]["fields"] += PAIRS
        return setup

    def edit(self) -> None:
        """A hostile day's work on both sides."""
        draw = self.hostile.draw
        for key, user in list(self.scene.left.records[ON_ALUMNI].items()):
            if draw.randrange(4) == 0:
                self.scene.left.records[ON_ALUMNI][key] = self.hostile.spoil(user, USER_FIELDS)
        for contact in self.scene.right.ids(ON_CRM):
            if draw.randrange(4) == 0:
                spoilt = self.hostile.spoil({}, CONTACT_FIELDS, texts_only=True)
                self.scene.right.change(ON_CRM, contact, **spoilt)

    def run(self) -> dict[str, Any]:
        """A run, let through where it is held."""
        told = self.sync(code=None)
        if told["state"] == "held":
            told = self.sync("--approve", str(told["run"]), code=None)
        return told

    def _users(self) -> Iterator[tuple[str, dict[str, Any]]]:
        keys: set[str] = set()
        made = {"created_at": "2026-01-01 00:00:00", "updated_at": "2026-01-01 00:00:00"}
        for number in range(self.people):
            user = {"user_id": f"u{number}", **self.scene.user(number), "enabled": 1, **made, "addresses": []}
            if number % STRANGE_ID == 0:
                user["user_id"] = self._strange_id(number)
            id = user["user_id"]
            key = id if isinstance(id, str) and id not in keys else f"u{number}"
            keys.add(key)
            yield key, self.hostile.spoil(user, USER_FIELDS)

    def _strange_id(self, number: int) -> Any:
        """An id that no system should give, one that somebody else has, or has but for upper and lower case."""
        return self.hostile.draw.choice((*IDS, f"u{number + 1}", f"U{number + 2}"))

    def _hire(self, number: int) -> None:
        contact = self.scene.right.create(ON_CRM, self.scene.contact(number))
        self.scene.right.change(ON_CRM, contact, **self.hostile.spoil({}, CONTACT_FIELDS, texts_only=True))


@pytest.fixture
def plain_json(monkeypatch: pytest.MonkeyPatch) -> None:
    """The stand-ins say what no careful program would: half characters, numbers of any length, deep lists."""

    def content(answer: Answer) -> bytes:
        return answer.raw or (b"" if answer.status in (204, 304) else json.dumps(answer.body, default=str).encode())

    monkeypatch.setattr(Answer, "content", property(content))


def faults() -> list[str]:
    """What was taken for a fault of ours."""
    reasons = set(ChangeRecord.objects.values_list("reason", flat=True))
    problems = set(RemoteRecord.objects.values_list("problem", flat=True))
    return [text for text in reasons | problems if is_fault(text) or "because of a fault" in text]


def unaccounted() -> list[str]:
    """Records that are neither linked, nor asked about, nor set aside, nor of people who are left alone."""
    asked = Q(pk__in=Match.objects.values("record")) | Q(pk__in=Match.candidates.through.objects.values("remoterecord"))
    waits = RemoteRecord.objects.filter(problem="", gone_at=None, memberships=None).exclude(asked)
    return [one.remote_id for one in waits.select_related("cursor") if not _is_left_alone(one)]


def _is_left_alone(record: RemoteRecord) -> bool:
    """Nobody who is not to be contacted is ever created, and the record over there can't be read, or isn't there.

    Whoever has a readable record with the same e-mail over there is to be linked, restricted or not.
    """
    side = Side.LEFT if record.cursor.object_type == ON_ALUMNI else Side.RIGHT
    version = Sync.objects.get().active_version()
    assert version is not None
    consent = next(pair for pair in rules_of(version).pairs if pair.kind == "consent")
    is_restricted = Translator(consent, {}).read(side, record.values).value == "restricted"
    there = RemoteRecord.objects.filter(problem="", gone_at=None).exclude(cursor=record.cursor)
    return is_restricted and record.values[EMAIL[side]] not in {one.values.get(EMAIL[side.other]) for one in there}


def unexplained() -> tuple[Counter[str], list[str]]:
    """What became of each field of each linked person; and the fields that differ without a reason."""
    links = Link.objects.filter(state=Link.State.ACTIVE).select_related("sync")
    records = {(one.link_id, Side(one.side)): one.record for one in Member.objects.select_related("record")}
    waiting = _waiting()
    version = links[0].sync.active_version()
    assert version is not None
    translators = {pair.key: Translator(pair, {}) for pair in rules_of(version).pairs}
    tally, found = Counter[str](), []
    for link in links:
        both = [records[link.pk, side] for side in Side]
        for key, translator in translators.items():
            read = [translator.read(side, record.values) for side, record in zip(Side, both, strict=True)]
            why = next((UNREADABLE for one in both if one.problem), "") or _why(read, link, translator, waiting)
            tally[why] += 1
            if why == "unknown":
                changes = list(link.changes.order_by("-pk").values_list("state", "kind", "reason")[:3])
                raws = [f"{one.raw!r:.80}" for one in read]
                found.append(f"{link.pk} {key}: {raws}, base {link.bases.get(key)!r:.200}, {changes!r:.300}")
    return tally, found


def _why(read: list[Reading], link: Link, translator: Translator, waiting: set[tuple[int, str]]) -> str:
    if same(*read):
        return "equal"
    if (link.pk, translator.pair.key) in waiting:
        return "waits for a person, or set aside"
    if not all(one.is_readable for one in read):
        return "not to be read at the first meeting"
    # Both sides had it when they met, or were blanked, and nobody has changed it since.
    base = link.bases.get(translator.pair.key, {})
    bases = [translator.read_raw(side, base.get(side.value)) for side in Side]
    is_unmoved = base and all(map(same, bases, read))
    return "left as they were met, or blank kept" if is_unmoved else "unknown"


def _waiting() -> set[tuple[int, str]]:
    """(link, pair) of everything that is open."""
    asked = [
        (question.link_id, pair)
        for model in (Conflict, Review)
        for question in model._default_manager.filter(state__in=("open", "held"))
        for pair in {*question.shown.get("left", {}), *question.shown.get("right", {})}
    ]
    aside = ChangeRecord.objects.filter(state__in=ChangeRecord.UNFINISHED, link__isnull=False)
    rows = aside.values_list("link_id", "fields__pair")
    return {*asked, *((link, pair) for link, pair in rows if link and pair)}
