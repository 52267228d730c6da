"""What tests of whole runs share."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.alumnisync.killed import Nursery
from tests.alumnisync.reported import unexplained
from tests.factories import World


@pytest.fixture
def all_explained(db: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """However a test's worlds end, the report of differences explains every one of them."""
    worlds: list[World] = []
    make = World.__init__

    def remember(world: World, *args: Any, **options: Any) -> None:
        make(world, *args, **options)
        worlds.append(world)

    monkeypatch.setattr(World, "__init__", remember)
    yield
    assert not [place for world in worlds for place in unexplained(world.sync)]


@pytest.fixture(scope="module")
def nursery() -> Iterator[Nursery]:
    """Where processes are born, to be killed."""
    nursery = Nursery()
    yield nursery
    nursery.close()
