"""The compact set of ids keeps what a set keeps."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from alumnisync.engine import seen
from alumnisync.engine.seen import SMALLEST, SeenIds

IDS = st.text(max_size=3)


@given(st.lists(st.tuples(st.booleans(), IDS), max_size=200), st.lists(IDS))
def test_it_holds_what_a_set_holds(steps: list[tuple[bool, str]], others: list[str]) -> None:
    ids, usual = SeenIds(), set[str]()
    for is_added, id in steps:
        (ids.add if is_added else ids.discard)(id)
        (usual.add if is_added else usual.discard)(id)
        assert len(ids) == len(usual)
    for id in [*others, *(id for _, id in steps)]:
        assert (id in ids) == (id in usual)


def test_it_grows() -> None:
    ids = SeenIds()
    for number in range(3 * SMALLEST):
        ids.add(str(number))
        ids.add(str(number))
    assert len(ids) == 3 * SMALLEST
    assert all(str(number) in ids for number in range(3 * SMALLEST))
    assert not any(str(number) in ids for number in range(3 * SMALLEST, 4 * SMALLEST))


def test_it_takes_few_bytes() -> None:
    ids = SeenIds()
    for number in range(100_000):
        ids.add(str(number))
    assert len(ids._slots) * ids._slots.itemsize <= 100_000 * 32


def test_hashes_that_meet_in_a_slot_are_told_apart() -> None:
    ids = SeenIds()
    for number in range(1, 400):
        ids._put(number * SMALLEST)
    assert ids._used == 399
    assert seen._hash("a") != 0
