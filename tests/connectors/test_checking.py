"""Who we are at a system: remembered, and refused when it is suddenly somebody else."""

from __future__ import annotations

import pytest

from connectors.checking import check, verify
from connectors.models import Connection
from connectors.records import Identity, NeedsAttention, Temporary
from tests.mappings.setup_example import ToyConnector, keep, register

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _systems(monkeypatch: pytest.MonkeyPatch) -> None:
    register(monkeypatch)


def connection() -> Connection:
    return Connection.objects.filter(name="CRM").first() or keep("CRM", "toy", {"api_key": "k"})


def test_the_first_organisation_is_remembered() -> None:
    assert verify(connection()) == ToyConnector.identity
    row = connection()
    assert row.identity["organisation"] == "org-1"
    assert row.identity["environment"] == "test"
    assert row.checked_at is not None
    assert row.attention == ""


def test_another_organisation_is_refused_and_the_first_stays_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    verify(connection())
    monkeypatch.setattr(ToyConnector, "identity", Identity("org-2", "Copy"))
    with pytest.raises(NeedsAttention) as refused:
        verify(connection())
    assert refused.value.message == (
        "CRM leads to Copy (org-2), but before to Example University (org-1). Nothing is read or sent. "
        "Correct its settings; for another organisation make a new connection."
    )
    assert connection().identity["organisation"] == "org-1"
    assert connection().attention == refused.value.message


def test_the_same_organisation_may_change_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    verify(connection())
    monkeypatch.setattr(ToyConnector, "identity", Identity("org-1", "Renamed University"))
    verify(connection())
    assert connection().identity["label"] == "Renamed University"


def test_what_a_person_must_do_is_kept_until_it_works_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ToyConnector, "trouble", NeedsAttention("The key has expired. Enter a new one."))
    with pytest.raises(NeedsAttention):
        verify(connection())
    assert connection().attention == "The key has expired. Enter a new one."
    assert connection().identity == {}
    monkeypatch.setattr(ToyConnector, "trouble", None)
    verify(connection())
    assert connection().attention == ""


def test_trouble_that_passes_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    verify(connection())
    before = connection().checked_at
    monkeypatch.setattr(ToyConnector, "trouble", Temporary("No answer within 30 seconds."))
    with pytest.raises(Temporary):
        verify(connection())
    assert connection().checked_at == before
    assert connection().attention == ""


def test_a_system_that_is_not_installed_needs_a_person() -> None:
    row = Connection.objects.create(name="Old", system="forgotten")
    with pytest.raises(NeedsAttention, match="Old connects to “forgotten”, which this installation does not have"):
        verify(row)
    row.refresh_from_db()
    assert "forgotten" in row.attention


def test_an_open_connector_is_used_and_left_open(monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[ToyConnector] = []
    monkeypatch.setattr(ToyConnector, "close", lambda self: closed.append(self))
    row = connection()
    opened = row.open()
    verify(row, opened)
    assert closed == []
    verify(row)
    assert len(closed) == 1


def test_a_check_counts_the_kinds_of_record() -> None:
    checked = check(connection())
    assert (checked.identity.organisation, checked.object_types) == ("org-1", 2)
