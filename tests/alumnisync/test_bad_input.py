"""Bad input gets a clear sentence and loses nothing: against the stand-ins, over HTTP, as people would meet it."""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Iterator
from contextlib import suppress
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import connection

from alumnisync.models import SyncRun
from connectors.http import Http
from connectors.models import Connection, RemoteRecord
from connectors.sandbox.server import StandIn, start
from mappings.models import MappingVersion, Sync

pytestmark = pytest.mark.django_db(transaction=True)

WRONG = "wrong-key-tbd-7391"
WRONG_CONFIGURATION = 2
DEMO = (Path(settings.BASE_DIR) / "connectors" / "sandbox" / "demo.yaml").read_text(encoding="utf-8")


class Office:
    """Two stand-ins, the demo's setup, and somebody at a shell."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, there: dict[str, StandIn]) -> None:
        self.file, self.monkeypatch, self.there = folder / "setup.yaml", monkeypatch, there
        self.printed = ""
        for system, stand_in in there.items():
            for name, value in stand_in.settings.items():
                monkeypatch.setenv(f"{system}_{name}".upper(), str(value))

    def say(self, *words: str) -> tuple[int, str]:
        """Exit code and standard output of a command; all it prints is kept."""
        out, err = StringIO(), StringIO()
        code = 0
        try:
            call_command(*words, stdout=out, stderr=err)
        except SystemExit as end:
            code = int(end.code or 0)
        self.printed += out.getvalue() + err.getvalue()
        return code, out.getvalue() + err.getvalue()

    def load(self, *changes: tuple[str, str]) -> tuple[int, str]:
        """Load the demo's setup with other words in it."""
        text = DEMO
        for before, after in changes:
            assert before in text
            text = text.replace(before, after, 1)
        self.file.write_text(text, encoding="utf-8")
        return self.say("load_setup", str(self.file))

    def sync(self, *words: str) -> tuple[int, dict[str, Any]]:
        out, code = StringIO(), 0
        try:
            call_command("sync", "directory-crm", "--json", *words, stdout=out, stderr=StringIO())
        except SystemExit as end:
            code = int(end.code or 0)
        self.printed += out.getvalue()
        found = json.loads(out.getvalue())
        assert isinstance(found, dict)
        return code, found

    def carry_on(self) -> dict[str, Any]:
        """A run as it should be, approved where it asks for it."""
        assert self.load()[0] == 0
        code, did = self.sync()
        return self.sync("--approve", str(did["run"]))[1] if code == 3 else did

    def holds_nowhere(self, secret: str) -> None:
        """That a text is in nothing that was printed, nor readable in any row."""
        assert secret not in self.printed
        # Past the models, which would decrypt what is meant to be read by nobody.
        with connection.cursor() as cursor:
            for table in connection.introspection.table_names(cursor):
                cursor.execute(f'SELECT * FROM "{table}"')  # noqa: S608
                for row in cursor.fetchall():
                    assert secret.encode() not in b" ".join(_bytes(value) for value in row), table


def _bytes(value: Any) -> bytes:
    if not isinstance(value, bytes | memoryview):
        return repr(value).encode()
    with suppress(zlib.error):
        return zlib.decompress(value)
    return bytes(value)


@pytest.fixture(autouse=True)
def _nobody_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    defaults = Http.__init__.__kwdefaults__
    assert defaults is not None
    monkeypatch.setitem(defaults, "sleep", lambda seconds: None)


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Office]:
    left, right = (start(system, people=8) for system in ("alumni360", "salesforce"))
    with left, right:
        office = Office(tmp_path, monkeypatch, {left.system: left, right.system: right})
        office.load()
        first = office.carry_on()
        assert (first["state"], first["stamped"]["right"]) == ("done", 8)
        yield office


def is_one_clear_sentence(text: str) -> bool:
    return bool(re.match(r"[A-Z0-9“].{20,}[.?]$", text.strip(), re.DOTALL)) and "Traceback" not in text


def test_a_wrong_key(office: Office) -> None:
    office.monkeypatch.setenv("ALUMNI360_API_KEY", WRONG)
    office.load()
    code, said = office.say("check_connection", "Alumni directory")
    assert (code, is_one_clear_sentence(said)) == (2, True)
    assert "Enter it again" in said
    kept = RemoteRecord.objects.count()
    assert {code for code, _ in (office.sync(), office.sync("--preview"))} == {4}
    assert RemoteRecord.objects.count() == kept
    office.holds_nowhere(WRONG)
    office.monkeypatch.setenv("ALUMNI360_API_KEY", "sandbox-360-key")
    carries_on(office)
    office.holds_nowhere("sandbox-360-key")


def carries_on(office: Office) -> None:
    """Nothing was lost: what people changed meanwhile is sent, once, and nobody is made twice."""
    left, right = office.there.values()
    before = dict(right.counts)
    left.change("user", left.ids("user")[0], phone="573-555-0142")
    did = office.carry_on()
    assert (did["state"], did["updated"]["right"], did["set_aside"]) == ("done", 1, 0)
    assert (right.counts["updates"] - before["updates"], right.counts["creates"]) == (1, before["creates"])


def test_a_wrong_client_secret(office: Office) -> None:
    office.monkeypatch.setenv("SALESFORCE_CLIENT_SECRET", WRONG)
    office.load()
    code, said = office.say("check_connection", "CRM")
    assert (code, is_one_clear_sentence(said)) == (2, True)
    code, failed = office.sync()
    assert (code, failed["state"], is_one_clear_sentence(failed["reason"])) == (4, "failed", True)
    office.holds_nowhere(WRONG)
    office.monkeypatch.setenv("SALESFORCE_CLIENT_SECRET", office.there["salesforce"].settings["client_secret"])
    carries_on(office)


def test_a_key_that_is_refused_in_the_midst_of_work(office: Office) -> None:
    left = office.there["alumni360"]
    left.change("user", left.ids("user")[1], phone="573-555-0143")
    left.faults.next("401", times=3)
    code, failed = office.sync()
    assert (code, failed["state"]) == (4, "failed")
    left.faults.clear()
    assert office.sync()[1]["updated"]["right"] == 1


def test_an_unknown_host(office: Office) -> None:
    office.monkeypatch.setenv("SALESFORCE_BASE_URL", "http://nowhere.invalid")
    office.load()
    code, said = office.say("check_connection", "CRM")
    assert (code, said) == (2, "There is no host called nowhere.invalid. Check the address of Salesforce.\n")
    assert office.sync()[0] == 4
    office.monkeypatch.setenv("SALESFORCE_BASE_URL", office.there["salesforce"].url)
    carries_on(office)


def test_nobody_listens_there(office: Office, unused_tcp: int) -> None:
    office.monkeypatch.setenv("SALESFORCE_BASE_URL", f"http://127.0.0.1:{unused_tcp}")
    office.load()
    code, said = office.say("check_connection", "CRM")
    assert code in (2, 4)
    assert is_one_clear_sentence(said)
    office.monkeypatch.setenv("SALESFORCE_BASE_URL", office.there["salesforce"].url)
    carries_on(office)


@pytest.fixture
def unused_tcp() -> int:
    with start("alumni360", people=1) as there:
        return int(there.url.rpartition(":")[2])


def test_an_address_inside_the_network_is_refused_where_it_is_not_allowed(office: Office) -> None:
    left = office.there["alumni360"]
    requests = left.counts["requests"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(settings, "ALLOW_PRIVATE_ADDRESSES", False)
        code, said = office.say("check_connection", "Alumni directory")
        assert (code, is_one_clear_sentence(said)) == (2, True)
        assert "ALLOW_PRIVATE_ADDRESSES" in said
        assert office.sync()[0] == 4
    assert left.counts["requests"] == requests
    carries_on(office)


MISTAKES: dict[str, tuple[tuple[str, str], str]] = {
    "spelling of a setting": (("time_zone:", "timezone:"), "line HERE: .*did you mean “time_zone”"),
    "spelling of a kind": (("kind: phone", "kind: phoen"), "line HERE: .*did you mean “phone”"),
    "spelling of a connection": (("connection: CRM", "connection: CMR"), "line HERE: .*did you mean “CRM”"),
    "spelling of a system": (("system: salesforce", "system: salesfroce"), "line HERE: .*did you mean “salesforce”"),
    "spelling of a zone": (("America/New_York", "America/NewYork"), "line HERE: .*did you mean “America/New_York”"),
    "an expression that does not compile": (
        ("right: FirstName}", "right: FirstName, read_left: 'value|trim('}"),
        "line HERE: .*read_left",
    ),
    "a clean-up that is not there": (
        ("right: FirstName}", "right: FirstName, read_left: 'value|trimm'}"),
        "line HERE: .*trim",
    ),
    "a scope that does not compile": (("key_field:", "scope: 'record[', key_field:"), "line HERE: .*scope"),
    "broken YAML": (("syncs:", "syncs"), "line [0-9]+: this can't be read as YAML"),
    "a schedule": (('"0 1 * * *"', '"daily"'), "line HERE: .*not a cron schedule"),
    "an unset variable": (("${SALESFORCE_CLIENT_ID}", "${NEVER_SET}"), "line HERE: .*NEVER_SET.*not set"),
}


@pytest.mark.quick(3)
@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_in_the_setup_file(mistake: str, office: Office) -> None:
    change, sentence = MISTAKES[mistake]
    before = configuration()
    code, said = office.load(change)
    assert code == 2
    assert re.search(sentence.replace("HERE", str(line_of(change[0]))), said), said
    assert "nothing was changed" in said
    assert "Traceback" not in said
    assert configuration() == before
    carries_on(office)


def line_of(text: str) -> int:
    return DEMO[: DEMO.index(text)].count("\n") + 1


def configuration() -> list[Any]:
    return [list(model._default_manager.values()) for model in (Connection, Sync, MappingVersion)]


MISFITS: dict[str, tuple[tuple[str, str], str]] = {
    "a field that is not there": (
        ("right: FirstName}", "right: FristName}"),
        "Contacts on the right has no field “FristName” that we can see; did you mean “FirstName”?",
    ),
    "a field that can't be written": (
        ("{left: email, right: Email, kind: email}", "{left: email, right: CreatedDate}"),
        "“CreatedDate” can't be written by this user",
    ),
    "newest without the times of fields": (
        ("right: FirstName}", "right: FirstName, conflict: newest}"),
        "needs to know when a field was changed",
    ),
}


@pytest.mark.quick(1)
@pytest.mark.parametrize("misfit", MISFITS)
def test_rules_that_a_system_can_t_follow(misfit: str, office: Office) -> None:
    change, sentence = MISFITS[misfit]
    assert office.load(change)[0] == 0
    writes = [dict(there.counts) for there in office.there.values()]
    code, _ = office.sync()
    failed = SyncRun.objects.latest("pk")
    assert (code, failed.state) == (WRONG_CONFIGURATION, "failed")
    assert sentence in failed.reason
    assert is_one_clear_sentence(failed.reason)
    now = [dict(there.counts) for there in office.there.values()]
    assert [counts["updates"] for counts in now] == [counts["updates"] for counts in writes]
    carries_on(office)


def test_a_kind_of_record_that_is_not_there(office: Office) -> None:
    office.load(("object: Contact", "object: Contcat"))
    code, _ = office.sync()
    failed = SyncRun.objects.latest("pk")
    assert code == WRONG_CONFIGURATION
    assert (failed.state, failed.counts["updated"]) == ("failed", {"left": 0, "right": 0})
    assert failed.reason == "CRM has no kind of record called “Contcat”; did you mean “Contact”?"
    carries_on(office)


@pytest.mark.quick(1)
@pytest.mark.parametrize("kind", ["500", "html", "cut"])
def test_a_system_that_is_out_of_order(kind: str, office: Office) -> None:
    office.there["alumni360"].faults.next(kind, times=50)
    code, failed = office.sync()
    assert (code, failed["state"], is_one_clear_sentence(failed["reason"])) == (4, "failed", True)
    office.there["alumni360"].faults.clear()
    carries_on(office)
