"""Who we are at a system: remembered, and refused when it is suddenly somebody else."""

from __future__ import annotations

import pytest

from connectors.checking import check, describe_type, standing, verify
from connectors.described import recall
from connectors.models import Connection
from connectors.records import Field, Identity, NeedsAttention, ObjectType, Page, Record, Temporary
from connectors.systems.memory import Store
from tests.factories import connect, person_type
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


def test_a_check_keeps_what_the_system_says_of_its_records(monkeypatch: pytest.MonkeyPatch) -> None:
    people = ObjectType("person", "People", (Field("name"),))
    monkeypatch.setattr(ToyConnector, "types", (people, ObjectType("gift", "Gifts")))
    checked = check(connection())
    assert checked.described == (people,)
    # A command line has no use for a look, which costs calls.
    assert checked.looks == ()
    assert recall(connection(), "person") == people
    assert connection().known_object_types.count() == 2


def test_fields_are_asked_for_only_of_the_organisation_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ToyConnector, "types", (ObjectType("gift", "Gifts", (Field("amount"),)),))
    assert describe_type(connection(), "gift").fields == (Field("amount"),)
    assert recall(connection(), "gift") is not None
    monkeypatch.setattr(ToyConnector, "types", (ObjectType("gift", "Gifts", (Field("price"),)),))
    monkeypatch.setattr(ToyConnector, "identity", Identity("org-2"))
    with pytest.raises(NeedsAttention, match="but before to"):
        describe_type(connection(), "gift")
    kept = recall(connection(), "gift")
    assert kept is not None
    assert kept.fields == (Field("amount"),)


def test_a_kind_that_is_not_shown_is_told_without_blaming_the_connection() -> None:
    with pytest.raises(NeedsAttention, match="CRM has no unheard, or doesn't show it"):
        describe_type(connection(), "unheard")
    assert connection().attention == ""


def test_how_a_connection_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    assert standing(connection()) == "unchecked"
    verify(connection())
    assert standing(connection()) == "works"
    monkeypatch.setattr(ToyConnector, "trouble", NeedsAttention("Expired."))
    with pytest.raises(NeedsAttention):
        verify(connection())
    assert standing(connection()) == "attention"
    assert standing(Connection(name="Old", system="forgotten")) == "attention"


# A look at the records


def store(count: int) -> Store:
    there = Store(person_type(whole_lists=True), page_size=10)
    for number in range(count):
        there.put("person", {"first": f"Ann{number}", "last": "Example", "email": "ann@example.org"})
    return there


@pytest.mark.parametrize(
    ("count", "seen", "is_all"), [(0, 0, True), (3, 3, True), (10, 10, True), (20, 20, True), (35, 20, False)]
)
def test_a_look_counts_two_pages_at_most(count: int, seen: int, is_all: bool) -> None:
    (look,) = check(connect(store(count), "there"), look=True).looks
    assert (look.object_type, look.count, look.is_all) == ("person", seen, is_all)
    assert look.first == ("Ann0 Example" if count else "")
    assert "Ann0" not in repr(look)


def test_records_that_cannot_be_read_are_told_and_spoil_nothing_else() -> None:
    there = store(3)
    there.fail(NeedsAttention("This user may not read people."), "poll")
    checked = check(connect(there, "there"), look=True)
    assert checked.looks[0].problem == "This user may not read people."
    assert checked.identity.organisation == there.organisation


def test_a_feed_is_not_used_up_by_a_look(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ToyConnector, "types", (ObjectType("change", "Changes", (Field("name"),)),))
    monkeypatch.setattr(ToyConnector, "may_look", False)
    assert check(connection(), look=True).looks == ()


def polled(monkeypatch: pytest.MonkeyPatch, names: list[str], *records: Record) -> tuple[str, str, list[str]]:
    """What a look says of these records, and which fields it asked for."""
    asked: list[str] = []

    def poll(self: ToyConnector, object_type: str, cursor: object, fields: list[str]) -> list[Page]:
        asked.extend(fields)
        return [Page(records)]

    kind = ObjectType("person", "People", tuple(Field(name) for name in names))
    monkeypatch.setattr(ToyConnector, "types", (kind,))
    monkeypatch.setattr(ToyConnector, "poll", poll)
    (look,) = check(connection(), look=True).looks
    return look.first, look.problem, asked


@pytest.mark.parametrize(
    ("names", "asked"),
    [
        (["AssistantName", "FirstName", "LastName", "Name"], ["Name"]),
        (["email", "last_name", "first_name"], ["first_name", "last_name"]),
        (["email"], []),
    ],
)
def test_only_the_name_is_asked_for(monkeypatch: pytest.MonkeyPatch, names: list[str], asked: list[str]) -> None:
    assert polled(monkeypatch, names)[2] == asked


def test_who_has_no_name_is_called_by_their_id(monkeypatch: pytest.MonkeyPatch) -> None:
    assert polled(monkeypatch, ["name"], Record("7", {"name": None}))[0] == "7"


def test_the_first_record_that_can_be_read_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    broken = Record("1", problem="It isn't a person.")
    assert polled(monkeypatch, ["name"], broken, Record("2", {"name": "Ada"}))[:2] == ("Ada", "")
    assert polled(monkeypatch, ["name"], broken)[:2] == ("", "It isn't a person.")


def test_who_was_deleted_is_not_named(monkeypatch: pytest.MonkeyPatch) -> None:
    gone = Record("1", {"name": "Bob"}, deleted=True)
    assert polled(monkeypatch, ["name"], gone, Record("2", {"name": "Ada"}))[0] == "Ada"
    assert polled(monkeypatch, ["name"], gone)[:2] == ("", "")
