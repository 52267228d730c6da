"""Alumni Spaces against its stand-in."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from connectors.sandbox.server import start
from tests.connectors.alumni_spaces import VaultBench
from tests.connectors.contract import Bench, ConnectorContract


@pytest.fixture(autouse=True)
def _near_and_quick(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.ALLOW_PRIVATE_ADDRESSES = True
    monkeypatch.setattr("connectors.http.FIRST_WAIT", 0.0001)


class TestPeople(ConnectorContract):
    @pytest.fixture
    def bench(self) -> Iterator[Bench]:
        with start("alumni_spaces", people=3) as there:
            yield VaultBench(there, "person", ("gender", "birthday"))


class TestTransactions(ConnectorContract):
    @pytest.fixture
    def bench(self) -> Iterator[Bench]:
        with start("alumni_spaces", people=3) as there:
            yield VaultBench(there, "transaction", ("method", "type", "contentID"))
