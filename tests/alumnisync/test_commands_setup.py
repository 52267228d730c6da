"""load_setup, dump_setup and check_connection as people and scripts meet them: streams and exit codes."""

from __future__ import annotations

import json
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command
from django.core.management.base import SystemCheckError
from django.db.migrations.executor import MigrationExecutor
from django.db.utils import OperationalError

from alumnisync import command, versions
from alumnisync.models import Progress
from connectors.models import Connection
from connectors.records import Identity, NeedsAttention, Temporary
from mappings.models import MappingVersion, Sync
from tests.mappings.setup_example import ENVIRONMENT, EXAMPLE, ToyConnector, changed, keep, register

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _systems(monkeypatch: pytest.MonkeyPatch) -> None:
    register(monkeypatch)
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)


def run(*words: str) -> tuple[int, str, str]:
    """Exit code, standard output, standard error."""
    out, err = StringIO(), StringIO()
    try:
        call_command(*words, stdout=out, stderr=err)
    except SystemExit as end:
        return int(end.code or 0), out.getvalue(), err.getvalue()
    return 0, out.getvalue(), err.getvalue()


def run_json(*words: str) -> tuple[int, dict[str, Any]]:
    code, out, _ = run(*words, "--json")
    found = json.loads(out)
    assert isinstance(found, dict)
    return code, found


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "setup.yaml"
    path.write_text(EXAMPLE, encoding="utf-8")
    return path


def test_a_file_is_loaded_and_told_in_words(file: Path) -> None:
    assert run("load_setup", str(file)) == (
        0,
        "new: connection Alumni platform\nnew: connection CRM\nnew: sync alumni-crm\n",
        "",
    )
    assert run("load_setup", str(file)) == (0, "nothing to change\n", "")


def test_a_change_is_told_in_words(file: Path) -> None:
    run("load_setup", str(file))
    file.write_text(changed(("tolerance: 5", "tolerance: 6")), encoding="utf-8")
    assert run("load_setup", str(file))[1] == "changed: sync alumni-crm\n  tolerance: 5 → 6\n"


def test_the_json_object_says_the_same(file: Path) -> None:
    names = ["connection Alumni platform", "connection CRM", "sync alumni-crm"]
    expected = {"changed": True, "preview": False, "created": names, "updated": [], "unchanged": [], "notes": []}
    assert run_json("load_setup", str(file)) == (0, expected)
    assert run_json("load_setup", str(file)) == (0, {**expected, "changed": False, "created": [], "unchanged": names})
    file.write_text(changed(("tolerance: 5", "tolerance: 6")), encoding="utf-8")
    assert run_json("load_setup", str(file))[1]["updated"] == [
        {"name": "sync alumni-crm", "changes": ["tolerance: 5 → 6"]}
    ]


def test_a_preview_shows_the_difference_and_changes_nothing(file: Path) -> None:
    code, found = run_json("load_setup", str(file), "--preview")
    assert (code, found["changed"], found["preview"]) == (0, True, True)
    assert not Connection.objects.exists()


def test_mistakes_are_told_on_standard_error_and_nothing_is_changed(file: Path) -> None:
    file.write_text(changed(("kind: email", "kind: emial"), ("timeout: 12", "timeuot: 12")), encoding="utf-8")
    code, out, err = run("load_setup", str(file))
    assert (code, out) == (2, "")
    assert err == (
        f"{file} was not loaded and nothing was changed:\n"
        "  line 4: “timeuot” is not a setting of a toy connection; did you mean “timeout”?\n"
        "  line 25: “emial” is not a kind of value; did you mean “email”?\n"
    )
    assert not Connection.objects.exists()


def test_mistakes_are_a_list_in_the_json_object(file: Path) -> None:
    file.write_text("syncz: []\n", encoding="utf-8")
    code, found = run_json("load_setup", str(file))
    assert code == 2
    assert found["mistakes"] == ["line 1: “syncz” is not a setting of a setup file; did you mean “syncs”?"]


def test_a_file_that_can_t_be_read_is_told(tmp_path: Path) -> None:
    code, _, err = run("load_setup", str(tmp_path / "none.yaml"))
    assert (code, err) == (2, f"{tmp_path / 'none.yaml'} can't be read: No such file or directory.\n")
    (tmp_path / "latin.yaml").write_bytes("name: é".encode("latin-1"))
    assert "is not a text file in UTF-8" in run("load_setup", str(tmp_path / "latin.yaml"))[2]


def test_a_file_with_a_byte_order_mark_is_read(file: Path) -> None:
    file.write_bytes(b"\xef\xbb\xbf" + EXAMPLE.encode())
    assert run("load_setup", str(file))[0] == 0


def test_an_unused_value_map_is_noted(file: Path) -> None:
    file.write_text(changed(("value_map: status, ", "")), encoding="utf-8")
    assert "Value map “status” is used by no field pair and was left out." in run("load_setup", str(file))[1]


def test_new_rules_are_planned_for_everybody(file: Path) -> None:
    run("load_setup", str(file))
    Progress.objects.create(sync=Sync.objects.get(), side="left", planned_to=500)
    run("load_setup", str(file))
    assert Progress.objects.get().planned_to == 500
    file.write_text(changed(("on_blank: ask", "on_blank: carry")), encoding="utf-8")
    run("load_setup", str(file))
    assert Progress.objects.get().planned_to == 0


def test_activating_twice_resets_nothing(file: Path) -> None:
    run("load_setup", str(file))
    Progress.objects.create(sync=Sync.objects.get(), side="left", planned_to=500)
    other = Sync.objects.create(name="other")
    Progress.objects.create(sync=other, side="left", planned_to=7)
    version = MappingVersion.objects.get()
    assert not versions.activate(version)
    assert sorted(Progress.objects.values_list("planned_to", flat=True)) == [7, 500]


def test_the_configuration_is_dumped_to_standard_output_or_a_file(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("load_setup", str(file))
    _, out, _ = run("dump_setup")
    assert "name: alumni-crm" in out
    assert run_json("dump_setup")[1]["setup"] == out
    target = tmp_path / "dumped.yaml"
    assert run("dump_setup", str(target)) == (0, f"Written to {target}.\n", "")
    assert target.read_text(encoding="utf-8") == out
    assert run("load_setup", str(target))[0] == 2
    monkeypatch.setenv("CRM_API_KEY", "s-456")
    monkeypatch.setenv("ALUMNI_PLATFORM_API_KEY", "k-123")
    assert run("load_setup", str(target)) == (0, "nothing to change\n", "")


def test_a_dump_that_can_t_be_written_is_told(tmp_path: Path) -> None:
    code, _, err = run("dump_setup", str(tmp_path / "no" / "where.yaml"))
    assert (code, err) == (2, f"{tmp_path / 'no' / 'where.yaml'} can't be written: No such file or directory.\n")


@pytest.fixture
def crm() -> Connection:
    return keep("CRM", "toy", {"api_key": "k-123"})


def test_a_connection_tells_who_we_are(crm: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    warned = replace(ToyConnector.identity, warnings=("The key expires in 5 days.",))
    monkeypatch.setattr(ToyConnector, "identity", warned)
    assert run("check_connection", "CRM") == (
        0,
        "CRM: signed in at Example University (org-1)\n"
        "Environment: test\n"
        "User: sync@example.edu\n"
        "Kinds of record: 2\n"
        "900 calls left\n"
        "The key expires in 5 days.\n",
        "",
    )
    assert run_json("check_connection", "CRM")[1] == {
        "connection": "CRM",
        "system": "toy",
        "organisation": "org-1",
        "label": "Example University",
        "environment": "test",
        "user": "sync@example.edu",
        "notes": ["900 calls left"],
        "warnings": ["The key expires in 5 days."],
        "object_types": 2,
    }


def test_a_system_that_says_little_is_told_as_it_is(crm: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ToyConnector, "identity", Identity("org-1"))
    assert run("check_connection", "CRM")[1] == (
        "CRM: signed in at org-1\nEnvironment: the system does not say\nKinds of record: 2\n"
    )


def test_an_unknown_connection_gets_the_nearest(crm: Connection) -> None:
    code, out, err = run("check_connection", "CMR")
    assert (code, out, err) == (2, "", "There is no connection “CMR”; did you mean “CRM”?\n")


@pytest.mark.parametrize(
    ("trouble", "code"),
    [(NeedsAttention("The key is refused. Enter it again."), 2), (Temporary("No answer in 30 seconds."), 4)],
)
def test_what_is_wrong_is_told_with_its_code(
    crm: Connection, monkeypatch: pytest.MonkeyPatch, trouble: Exception, code: int
) -> None:
    monkeypatch.setattr(ToyConnector, "trouble", trouble)
    assert run("check_connection", "CRM") == (code, "", f"{trouble}\n")
    assert run_json("check_connection", "CRM") == (code, {"error": str(trouble)})


def test_another_organisation_is_refused(crm: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    run("check_connection", "CRM")
    monkeypatch.setattr(ToyConnector, "identity", Identity("org-2", "Copy"))
    code, _, err = run("check_connection", "CRM")
    assert code == 2
    assert err.startswith("CRM leads to Copy (org-2), but before to Example University (org-1).")


class Said(command.AnsweringCommand):
    """A command that does what a test tells it."""

    requires_system_checks: list[str] = []
    outcome: Exception | command.Answer

    def answer(self, **options: Any) -> command.Answer:
        print("printed by the way")  # noqa: T201 - as a mail backend does
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome


def said(outcome: Exception | command.Answer, *words: str) -> tuple[int, str, str]:
    asked = Said()
    asked.outcome = outcome
    return run(asked, *words)  # type: ignore[arg-type]


def test_what_is_printed_by_the_way_goes_to_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = said(command.Answer({"a": "é"}, ["a"], command.Exit.HELD), "--json")
    assert (code, out) == (3, '{"a": "é"}\n')
    printed = capsys.readouterr()
    assert (printed.out, printed.err) == ("", "printed by the way\n")


def test_without_lines_nothing_is_written() -> None:
    assert said(command.Answer({}, [])) == (0, "", "")


@pytest.mark.parametrize(
    ("error", "code", "sentence"),
    [
        (command.Failure("No."), 2, "No.\n"),
        (ImproperlyConfigured("Set ALUMNISYNC_ENCRYPTION_KEYS."), 2, "Set ALUMNISYNC_ENCRYPTION_KEYS.\n"),
        (
            OperationalError("no such table: x"),
            4,
            "The database can't be used (no such table: x). Run “python manage.py migrate”, or check DATABASE_URL.\n",
        ),
    ],
)
def test_each_failure_has_its_code_and_sentence(error: Exception, code: int, sentence: str) -> None:
    assert said(error) == (code, "", sentence)


def test_a_fault_in_the_program_is_4_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    code, out, err = said(ZeroDivisionError("oops"), "--json")
    assert code == 4
    assert json.loads(out)["error"] == err.strip() == "A fault in the program; what is above tells its makers more."
    assert "ZeroDivisionError" in caplog.text


@pytest.mark.parametrize("error", [CommandError("x"), SystemCheckError("SECRET_KEY is not set.")])
def test_wrong_usage_is_2_also_where_django_finds_it(error: CommandError) -> None:
    code, out, _ = said(error, "--json")
    assert (code, json.loads(out)["error"]) == (2, str(error))


@pytest.mark.parametrize("name", ["web", "worker", "load_setup", "sync", "check_connection"])
def test_a_missing_setting_is_wrong_configuration_and_says_what_to_do(
    name: str, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "ALUMNISYNC_ENCRYPTION_KEYS", [])
    words = [] if name in ("web", "worker") else [str(file)]
    code, found = run_json(name, *words)
    assert code == 2
    assert found["error"].startswith("ALUMNISYNC_ENCRYPTION_KEYS is not set")
    assert found["error"].endswith("Copy .env.example to .env and fill it in as it says there.")


@pytest.mark.parametrize("name", ["web", "worker"])
def test_nothing_is_served_from_a_database_of_another_version(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(MigrationExecutor, "migration_plan", lambda self, targets: ["one more"])
    assert run(name) == (2, "", "The database is not ready for this version. Run “python manage.py migrate”.\n")
