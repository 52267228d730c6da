"""The connector described by settings alone, against servers that nobody here wrote."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.core.management import call_command

from connectors.models import Connection
from connectors.records import Gone, NeedsAttention, Record, Rejected, Stale, Write
from connectors.systems.rest import Rest
from mappings.setup.loading import known_setup, load
from mappings.setup.reading import read_setup
from tests.connectors.rest_servers import DATASETTE_SECRET, KINTO_PASSWORD, Foreign, datasette, kinto

pytestmark = [pytest.mark.django_db, pytest.mark.xdist_group("foreign servers")]

KINTO = "/buckets/crm/collections/people/records"


@pytest.fixture(autouse=True)
def _near(settings: Any) -> None:
    settings.ALLOW_PRIVATE_ADDRESSES = True


@pytest.fixture(scope="module")
def kinto_there(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Foreign]:
    with kinto(tmp_path_factory.mktemp("kinto")) as there:
        yield there


@pytest.fixture(scope="module")
def datasette_there(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Foreign]:
    with datasette(tmp_path_factory.mktemp("datasette")) as there:
        yield there


@pytest.fixture(params=["Kinto", "Datasette"])
def running(request: pytest.FixtureRequest) -> tuple[str, Foreign]:
    return request.param, request.getfixturevalue(f"{request.param.lower()}_there")


@pytest.fixture
def system(running: tuple[str, Foreign]) -> Rest:
    name, there = running
    empty(name, there)
    connector = connect(name, there)
    assert isinstance(connector, Rest)
    return connector


def connect(name: str, there: Foreign) -> Any:
    """Stored by a setup file and opened, as in production."""
    given = {**there.settings, "requests_per_second": 100_000}
    text = yaml.safe_dump({"connections": [{"name": name, "system": "rest", "settings": given}]})
    load(read_setup(text, {}, known_setup()), activate=lambda version: True)
    return Connection.objects.get(name=name).open()


def empty(name: str, there: Foreign) -> None:
    if name == "Kinto":
        there.call("DELETE", KINTO)
        return
    for row in there.call("GET", "/people.json?_size=max&_shape=objects")["rows"]:
        there.call("POST", f"/people/{row['id']}/-/delete", json={})


def person(number: int) -> dict[str, Any]:
    return {"first_name": f"Ann{number}", "last_name": "Example", "email": f"ann{number}@example.org"}


def people(system: Rest, count: int) -> list[str]:
    outcomes = [next(iter(system.write("person", [Write(None, person(number))]))) for number in range(count)]
    assert [outcome.error for outcome in outcomes] == [None] * count
    return [outcome.id for outcome in outcomes]


def polled(system: Rest, cursor: Any = None) -> tuple[list[Record], Any]:
    pages = list(system.poll("person", cursor, ["email"]))
    cursors = [page.cursor for page in pages if page.cursor is not None]
    assert not any(page.complete for page in pages)
    return [record for page in pages for record in page.records], cursors[-1] if cursors else cursor


def one(system: Rest, id: str) -> Record:
    (record,) = system.read("person", [id], ["email"])
    return record


def update(system: Rest, id: str, version: str = "", **values: Any) -> Any:
    (outcome,) = system.write("person", [Write(id, values, version=version)])
    return outcome.error


def test_says_who_and_what_is_there(system: Rest) -> None:
    people(system, 1)
    assert system.check().label == "127.0.0.1"
    (described,) = system.describe()
    assert {"id", "first_name", "email"} <= {field.name for field in described.fields}
    assert described.can_create
    assert described.can_find("email")
    assert not described.whole_lists


def test_every_page_comes(system: Rest) -> None:
    ids = people(system, 8)
    records, _ = polled(system)
    assert sorted(record.id for record in records) == sorted(ids)
    assert {record.values["email"] for record in records} == {person(number)["email"] for number in range(8)}


def test_only_changes_come_afterwards(system: Rest, running: tuple[str, Foreign]) -> None:
    ids = people(system, 7)
    _, cursor = polled(system)
    assert cursor
    assert update(system, ids[2], first_name="Altered") is None
    records, later = polled(system, json.loads(json.dumps(cursor)))
    assert {record.id: record.values["first_name"] for record in records}[ids[2]] == "Altered"
    if running[0] == "Kinto":
        # Its marks are told apart to the last: nothing comes twice.
        assert [record.id for record in records] == [ids[2]]
        assert polled(system, later) == ([], later)


def test_deletions_are_reported_where_they_can_be(system: Rest, running: tuple[str, Foreign]) -> None:
    name, there = running
    if name != "Kinto":
        pytest.skip("keeps nothing of what was deleted")
    ids = people(system, 4)
    _, cursor = polled(system)
    there.call("DELETE", f"{KINTO}/{ids[1]}")
    (record,), _ = polled(system, cursor)
    assert (record.id, record.deleted) == (ids[1], True)
    assert list(system.read("person", ids[:2], [])) == [one(system, ids[0])]


def test_records_are_read_found_and_missed(system: Rest) -> None:
    ids = people(system, 4)
    assert one(system, ids[3]).values["email"] == "ann3@example.org"
    found = list(system.find("person", "email", ["nobody@example.org", "ann2@example.org"]))
    assert [record.id for record in found] == [ids[2]]
    unknown = "9" * 6 if ids[0].isdecimal() else "unknown-id"
    assert list(system.read("person", [unknown], [])) == []
    assert isinstance(update(system, unknown, first_name="New"), Gone)


def test_updates_touch_only_what_they_were_given(system: Rest) -> None:
    first, second = people(system, 2)
    before = one(system, second).values
    assert update(system, first, first_name="Zoë 山田", last_name=None) is None
    after = one(system, first).values
    assert (after["first_name"], after["last_name"], after["email"]) == ("Zoë 山田", None, "ann0@example.org")
    assert one(system, second).values == before


def test_what_is_refused_is_refused_alone(system: Rest, running: tuple[str, Foreign]) -> None:
    if running[0] == "Kinto":
        (id,) = people(system, 1)
        version = one(system, id).version
        assert update(system, id, version, first_name="Theirs") is None
        assert isinstance(update(system, id, version, first_name="Ours"), Stale)
        assert one(system, id).values["first_name"] == "Theirs"
        return
    bad, good = system.write("person", [Write(None, {"first_name": None}), Write(None, person(1))])
    assert isinstance(bad.error, Rejected)
    assert good.error is None


def test_a_wrong_key_is_told_and_seen_nowhere(running: tuple[str, Foreign], caplog: pytest.LogCaptureFixture) -> None:
    name, there = running
    secret = {"Kinto": "password", "Datasette": "token"}[name]
    wrong = {**there.settings, "auth": {**there.settings["auth"], secret: "wrong-key-nobody-sees"}}
    system = connect(name, Foreign(wrong, there.client))
    (outcome,) = refused(system)
    assert isinstance(outcome, NeedsAttention)
    assert "wrong-key-nobody-sees" not in outcome.message + caplog.text


def refused(system: Rest) -> list[Exception]:
    try:
        return [outcome.error for outcome in system.write("person", [Write(None, person(1))]) if outcome.error]
    except NeedsAttention as error:
        return [error]


SYNC = """
syncs:
  - name: people
    left: {connection: Kinto, object: person}
    right: {connection: Datasette, object: person, create: automatic}
    match: [[email, email]]
    fields:
      - {left: first_name, right: first_name, kind: text}
      - {left: last_name, right: last_name, kind: text}
      - {left: email, right: email, kind: email}
"""


def sync(*words: str) -> dict[str, Any]:
    out = StringIO()
    # Rules that nobody has approved yet end with 3.
    with suppress(SystemExit):
        call_command("sync", "people", "--json", *words, stdout=out, stderr=StringIO())
    found = json.loads(out.getvalue())
    assert isinstance(found, dict)
    return found


@pytest.mark.slow
def test_two_of_them_are_kept_in_step(kinto_there: Foreign, datasette_there: Foreign, tmp_path: Path) -> None:
    empty("Kinto", kinto_there)
    empty("Datasette", datasette_there)
    here, there = connect("Kinto", kinto_there), connect("Datasette", datasette_there)
    (tmp_path / "syncs.yaml").write_text(SYNC)
    call_command("load_setup", tmp_path / "syncs.yaml", stdout=StringIO())
    call_command("check_connection", "Kinto", stdout=(said := StringIO()))
    assert "127.0.0.1" in said.getvalue()
    ids = people(here, 7)
    people(there, 2)
    done = sync("--approve", str(sync()["run"]))
    assert (done["state"], done["created"]) == ("done", {"left": 0, "right": 5})
    update(here, ids[0], first_name="Here")
    update(there, next(iter(there.find("person", "email", ["ann5@example.org"]))).id, last_name="There")
    assert sync()["updated"] == {"left": 1, "right": 1}
    assert one(here, ids[5]).values["last_name"] == "There"
    found = list(there.find("person", "email", ["ann0@example.org"]))
    assert [record.values["first_name"] for record in found] == ["Here"]
    again = sync()
    assert (again["updated"], again["created"]) == ({"left": 0, "right": 0}, {"left": 0, "right": 0})
    dumped = StringIO()
    call_command("dump_setup", stdout=dumped)
    assert KINTO_PASSWORD not in dumped.getvalue()
    assert DATASETTE_SECRET not in dumped.getvalue()
    assert datasette_there.settings["auth"]["token"] not in dumped.getvalue()
