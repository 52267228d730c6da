"""Everything held about a person as one JSON document."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest

from alumnisync.privacy.export import export
from alumnisync.privacy.holdings import HOLDINGS
from alumnisync.privacy.person import person_of
from tests.alumnisync.erasing import COMMENT, EARLIER, PLANTED, held, story
from tests.alumnisync.test_erasing import two
from tests.alumnisync.walk import digest, moved

pytestmark = pytest.mark.django_db


def document(world: Any, left: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(b"".join(export(person_of(held(world, "left", left)))))
    return found


def test_all_that_is_held_is_in_it_by_readable_names(caplog: Any) -> None:
    world, left, right = story()
    caplog.clear()
    caplog.set_level(logging.DEBUG)
    before = digest()

    found = document(world, left)

    text = json.dumps(found, ensure_ascii=False)
    for value in (*PLANTED.values(), *EARLIER, COMMENT, left, right):
        assert value in text, value
    assert {one["system"] for one in found["Records, as last read"]} == {
        connection.name for connection in world.connections.values()
    }
    (last_name,) = found["To review"]
    assert last_name["what each side held"]["left"]["last|last"] == "Ploverhurst"
    changes = [
        one for one in found["Changes, made and planned"] for field in one["fields"] if field["field"] == "phone"
    ]
    assert changes
    assert all(one["sync"] == world.sync.name and one["run"] for one in changes)
    assert found["Links, with what was last agreed"][0]["last agreed, by field pair"]["first|first"]
    assert not caplog.records
    assert moved(before) == []


def test_every_kind_of_row_with_words_for_it_has_its_place() -> None:
    world, [(left, _), *_] = two()

    found = document(world, left)

    assert {one.name for one in HOLDINGS if one.tell} <= found.keys()
    assert found["Rows of a feed"] == []


def test_it_comes_row_by_row() -> None:
    world, left, _ = story()

    pieces = list(export(person_of(held(world, "left", left))))

    assert len(pieces) > 20
    assert max(map(len, pieces)) < len(b"".join(pieces)) / 3
    json.loads(b"".join(pieces))
