"""Somebody is found by name in the inbox, and the name stays out of every address."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from alumnisync.admin.questions import NOBODY_FITS, TOO_MANY_FIT
from alumnisync.inbox import finding, wanted
from alumnisync.inbox.finding import found_by
from alumnisync.inbox.wanted import Wanted
from alumnisync.models import Conflict, Match
from alumnisync.roles import VIEWERS
from tests.alumnisync.inbox import address, both_changed, look_alikes, signed_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def vera() -> Client:
    return signed_in(VIEWERS)


def find(client: Client, typed: str, **said: str) -> Any:
    return client.post(address(Conflict, "find"), {"name": typed, **said}, follow=True)


def test_whoever_has_all_the_words_is_found_on_either_side() -> None:
    both_changed(3)
    (first, second, _) = Conflict.objects.order_by("pk")
    assert found_by(Wanted(Conflict), "ADA byron-0") == [first.pk]
    assert found_by(Wanted(Conflict), "king-1") == [second.pk]
    assert found_by(Wanted(Conflict), "ada king-1 byron-0") == []
    assert found_by(Wanted(Conflict), "  ") == []
    assert found_by(Wanted(Conflict, state="closed"), "ada") == []


def test_a_possible_match_is_found_by_the_record_and_by_those_it_may_be() -> None:
    look_alikes(2)
    pks = list(Match.objects.order_by("pk").values_list("pk", flat=True))
    assert found_by(Wanted(Match), "rays1@example.org") == [pk for pk in pks if pk in found_by(Wanted(Match), "rays1")]
    assert found_by(Wanted(Match), "anna") == pks


def test_the_list_shows_those_found_and_no_name_is_in_its_address(vera: Client) -> None:
    both_changed(3)
    page = find(vera, "byron-1", state="open")
    (at, _status) = page.redirect_chain[-1]
    assert at == address(Conflict, "changelist") + f"?chosen={Conflict.objects.order_by('pk')[1].pk}"
    text = page.content.decode()
    assert "1 field that both changed · 1 person" in text
    assert "Show all" in text
    assert text.count('aria-label="Tick') == 0
    assert [mark for mark in ("-0<", "-1<", "-2<") if mark in text] == ["-1<"]


def test_nobody_and_too_many_are_told(vera: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    both_changed(3)
    nobody = find(vera, "nobody at all").content.decode()
    assert NOBODY_FITS in nobody
    assert "3 fields that both changed" in nobody
    for module in (finding, wanted):
        monkeypatch.setattr(module, "MOST_CHOSEN", 2)
    monkeypatch.setattr("alumnisync.admin.questions.MOST_CHOSEN", 2)
    many = find(vera, "ada").content.decode()
    assert TOO_MANY_FIT in many
    assert "2 fields that both changed" in many


def test_the_search_is_narrowed_by_what_the_list_is_narrowed_to(vera: Client) -> None:
    both_changed(2)
    page = find(vera, "ada", of="phone|phone")
    assert NOBODY_FITS in page.content.decode()


def test_looking_never_finds_by_address(vera: Client) -> None:
    assert vera.get(address(Conflict, "find")).status_code == 405


@pytest.mark.parametrize("chosen", ["x", "1.x.2", "99999999999999999999", "." * 500])
def test_an_address_that_makes_no_sense_is_no_error(vera: Client, chosen: str) -> None:
    both_changed()
    assert vera.get(address(Conflict, "changelist"), {"chosen": chosen}).status_code == 200
