"""Two stand-ins over HTTP that answer wrongly, refuse, expire or are somebody else: nothing lost, nothing twice."""

from __future__ import annotations

from collections.abc import Iterator
from io import StringIO
from typing import Any

import pytest
import yaml
from django.core.management import call_command

from alumnisync.models import ChangeRecord, SyncRun
from connectors.models import Connection
from connectors.sandbox.salesforce.writes import WriteError
from tests.alumnisync.scene import ON_ALUMNI, Scene

pytestmark = [pytest.mark.django_db, pytest.mark.quick(1)]

NAME = "both-ways"
KINDS = ("429", "500", "reset", "lost", "cut", "html", "500_after")


class Office:
    """A scene, and the commands that somebody gives who works with it."""

    def __init__(self, folder: Any, **options: Any) -> None:
        self.scene = Scene(**options)
        file = folder / "setup.yaml"
        file.write_text(yaml.safe_dump(self.setup()))
        call_command("load_setup", str(file), stdout=StringIO(), stderr=StringIO())

    def setup(self) -> dict[str, Any]:
        """The setup file's content."""
        return self.scene.setup()

    def sync(self, *arguments: str, code: int | None = 0) -> dict[str, Any]:
        """A run; with code None, however it ends."""
        out, ended = StringIO(), 0
        try:
            call_command("sync", NAME, "--json", *arguments, stdout=out, stderr=StringIO())
        except SystemExit as end:
            ended = int(end.code or 0)
        assert code in (None, ended), out.getvalue()
        told: dict[str, Any] = yaml.safe_load(out.getvalue())
        return told | {"code": ended}

    def start(self) -> None:
        """The first run, looked at and let through."""
        self.sync("--approve", str(self.sync(code=3)["run"]))

    def is_in_step(self) -> bool:
        return all(person["left"] == person["right"] and person["named"] for person in self.scene.people().values())

    def set(self, name: str, **settings: Any) -> None:
        """Change settings of a connection; a secret where it is one."""
        connection = Connection.objects.get(name=name)
        for key, value in settings.items():
            (connection.secrets if key in connection.secrets else connection.settings)[key] = value
        connection.save()


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connectors.http.FIRST_WAIT", 0.0005)


@pytest.fixture(params=["record_id", ""], ids=["key on both sides", "key on the right"])
def office(request: pytest.FixtureRequest, tmp_path: Any) -> Iterator[Office]:
    office = Office(tmp_path, left_key=request.param)
    yield office
    office.scene.stop()


@pytest.fixture
def started(tmp_path: Any) -> Iterator[Office]:
    office = Office(tmp_path)
    office.start()
    yield office
    office.scene.stop()


def age() -> None:
    """As if the night before the next run had passed."""
    ChangeRecord.objects.filter(state="sending").update(sent_at="2026-01-01T00:00:00Z")


def run_until_quiet(office: Office, runs: int = 5) -> list[dict[str, Any]]:
    told = []
    for _ in range(runs):
        age()
        told.append(office.sync(code=None))
        if office.is_in_step() and told[-1]["set_aside"] == 0:
            break
    return told


def test_a_fifth_of_the_answers_is_wrong(office: Office) -> None:
    for there in office.scene.both().values():
        there.faults.every(5, kinds=KINDS)
    first = office.sync(code=3)
    assert office.sync("--approve", str(first["run"]), code=None)["code"] in (0, 1)
    told = run_until_quiet(office)
    assert office.is_in_step(), told
    assert office.scene.created_twice() == []
    assert sum(there.counts["creates"] for there in office.scene.both().values()) == 8
    for there in office.scene.both().values():
        there.faults.clear()
    counted = office.scene.counted()
    assert office.sync()["set_aside"] == 0
    assert office.scene.counted() == counted


@pytest.mark.quick(3)
@pytest.mark.parametrize("kind", ["lost", "cut", "500_after", "500", "reset", "html"])
def test_every_create_is_answered_wrongly_once(office: Office, kind: str) -> None:
    first = office.sync(code=3)
    office.scene.left.faults.next(kind, times=4, method="POST", path="/api/users")
    office.scene.right.faults.next(kind, times=1, method="PATCH", path="composite/sobjects/Contact")
    office.sync("--approve", str(first["run"]), code=None)
    told = run_until_quiet(office, 2)
    assert office.is_in_step(), told
    assert office.scene.created_twice() == []
    assert office.scene.left.counts["creates"] == office.scene.right.counts["creates"] == 4


def test_one_of_200_is_refused_and_the_others_go_through(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    office = Office(tmp_path)
    made = [office.scene.left.create(ON_ALUMNI, office.scene.user(1000 + index)) for index in range(200)]
    writes = office.scene.right.writes  # type: ignore[attr-defined]
    office.scene.left.change(ON_ALUMNI, made[77], last_name="Test")
    monkeypatch.setattr(writes, "_checked", nobody_called_test(writes._checked))
    office.sync("--approve", str(office.sync(code=3)["run"]), code=1)
    assert office.scene.right.counts["creates"] == 203
    aside = ChangeRecord.objects.get(state="set_aside")
    # With the system's own words, less what it repeats of the person.
    assert "Nobody is called …. (FIELD_CUSTOM_VALIDATION_EXCEPTION)" in aside.reason
    assert (aside.source and aside.source.remote_id) == made[77]
    office.scene.left.change(ON_ALUMNI, made[77], last_name="Testerova")
    done = office.sync()
    assert (done["created"]["right"], done["set_aside"]) == (1, 0)
    assert office.is_in_step()
    assert office.scene.created_twice() == []
    office.scene.stop()


def nobody_called_test(checked: Any) -> Any:
    """An organisation's own rule on top of what the system checks."""

    def check(rows: Any, values: Any, *others: Any) -> Any:
        if values.get("LastName") == "Test":
            raise WriteError("FIELD_CUSTOM_VALIDATION_EXCEPTION", "Nobody is called Test.", ("LastName",))
        return checked(rows, values, *others)

    return check


def test_a_wrong_key_is_said_in_words_and_nothing_is_lost(started: Office) -> None:
    started.scene.edit()
    key = Connection.objects.get(name="alumni360").secrets["api_key"]
    started.set("alumni360", api_key="wrong-key-1234")
    counted = started.scene.counted()
    told = started.sync(code=4)
    assert told["state"] == "failed"
    assert "360Alumni doesn't accept our key (401)" in told["reason"]
    assert "wrong-key" not in str(told)
    assert started.scene.counted() == counted
    started.set("alumni360", api_key=key)
    assert started.sync()["updated"] == {"left": 3, "right": 3}


def test_an_unknown_host_is_said_in_words(started: Office) -> None:
    url = Connection.objects.get(name="salesforce").settings["base_url"]
    started.set("salesforce", base_url="https://no-such-host.invalid")
    told = started.sync(code=4)
    assert "no-such-host.invalid" in told["reason"]
    started.set("salesforce", base_url=url)
    assert started.sync()["state"] == "done"


def test_a_key_that_stops_working_in_the_middle_stops_the_run(started: Office) -> None:
    started.scene.edit()
    started.scene.left.faults.next("401", times=50, method="PUT")
    told = started.sync(code=4)
    assert "doesn't accept our key" in told["reason"]
    assert told["created"] == {"left": 4, "right": 4}
    started.scene.left.faults.clear()
    started.sync()
    assert started.scene.created_twice() == []
    assert len([one for one in started.scene.people().values() if one["left"] != one["right"]]) == 1


def test_a_token_that_expires_in_the_middle_is_renewed(started: Office) -> None:
    started.scene.edit()
    started.scene.right.faults.next("401", method="PATCH")
    started.scene.right.faults.next("401", method="POST", path="composite/sobjects")
    assert started.sync()["created"] == {"left": 4, "right": 4}


def test_another_organisation_is_refused(started: Office) -> None:
    other = Scene()
    url = Connection.objects.get(name="alumni360").settings["base_url"]
    started.set("alumni360", base_url=other.left.settings["base_url"])
    told = started.sync(code=4)
    assert "Nothing is read or sent" in told["reason"]
    other.stop()
    started.set("alumni360", base_url=url)
    assert started.sync()["changed"] == {"left": 0, "right": 0}


def test_an_approved_run_that_failed_goes_on_once_the_key_is_right(tmp_path: Any) -> None:
    office = Office(tmp_path)
    first = office.sync(code=3)
    office.scene.left.faults.next("401", times=50, method="POST")
    office.sync("--approve", str(first["run"]), code=4)
    office.scene.left.faults.clear()
    assert office.sync()["run"] == first["run"]
    assert office.is_in_step()
    assert SyncRun.objects.count() == 1
    office.scene.stop()
