"""Erasing a person: nothing of them is left in any row, nothing comes back, and the figures stay."""

from __future__ import annotations

import pytest

from alumnisync.privacy.erasing import erase
from tests.alumnisync.erasing import SHARED, held, marks_left, story

pytestmark = pytest.mark.django_db


def test_the_story_leaves_something_of_the_person_in_every_kind_of_row() -> None:
    story()

    places = {place for place, _ in marks_left()}

    assert {
        "connectors_remoterecord.values",
        "alumnisync_link.bases",
        "alumnisync_fieldchange.before",
        "alumnisync_fieldchange.after",
        "alumnisync_fieldchange.source",
        "alumnisync_changerecord.reason",
        "alumnisync_changerecord.settles",
        "alumnisync_conflict.shown",
        "alumnisync_conflict.comment",
        "alumnisync_review.shown",
        "alumnisync_match.comment",
    } <= places


def test_no_value_of_an_erased_person_is_left_in_the_whole_database() -> None:
    world, left, right = story()

    erase(held(world, "left", left), by="pat")

    assert marks_left() == set()
    assert marks_left([left, right]) == set()
    # Somebody else has the same e-mail address, and keeps it.
    assert marks_left([SHARED]) == {("connectors_remoterecord.values", SHARED)}
