"""export_person, erase_person and erasures at the command line."""

from __future__ import annotations

import json
import stat
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from alumnisync.models import ErasedKey, Erasure, ErasureTask
from alumnisync.privacy.erasing import erase
from connectors.models import ErasedRecord, RemoteRecord
from tests.alumnisync.erasing import held, marks_left
from tests.alumnisync.test_erasing import two

pytestmark = pytest.mark.django_db


def told(*args: str, code: int = 0) -> tuple[str, str]:
    """What a command writes to standard output and standard error."""
    out, err = StringIO(), StringIO()
    if code:
        with pytest.raises(SystemExit) as ended:
            call_command(*args, stdout=out, stderr=err)
        assert ended.value.code == code
    else:
        call_command(*args, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


@pytest.fixture
def somebody() -> tuple[Any, str, str]:
    """The world, the name of a connection, and the id of a person there."""
    world, [(left, _), *_] = two()
    return world, world.connections["left"].name, left


def test_a_preview_says_what_is_held_and_changes_nothing(somebody: Any) -> None:
    _, connection, id = somebody

    out, _ = told("erase_person", connection, id, "--preview")

    assert f"Records, as last read, {connection}: 1" in out
    assert f"By hand in {connection}: delete {id} (person)" in out
    assert not Erasure.objects.exists()


def test_without_a_yes_nothing_is_erased(somebody: Any) -> None:
    world, connection, id = somebody

    _, err = told("erase_person", connection, id, code=2)

    assert "Nothing was erased" in err
    assert held(world, "left", id)


def test_with_a_yes_the_person_is_erased(somebody: Any) -> None:
    _, connection, id = somebody

    out, err = told("erase_person", connection, id, "--yes", "--ticket", "DP-7", "--json")

    data = json.loads(out)
    erasure = Erasure.objects.get(pk=data["erasure"])
    assert erasure.ticket == "DP-7"
    assert erasure.by
    assert {"system": connection, "what": "person", "ids": [id]} in data["by_hand"]
    assert not RemoteRecord.objects.filter(remote_id=id).exists()
    assert not err


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("nowhere", "1"), "There is no connection “nowhere”"),
        (("{connection}", "no-such-id"), "has no record with this id here"),
    ],
)
def test_what_is_not_there_is_said_without_the_id(somebody: Any, args: tuple[str, str], words: str) -> None:
    _, connection, _ = somebody

    _, err = told("erase_person", args[0].format(connection=connection), args[1], "--yes", code=2)

    assert words in err
    assert "no-such-id" not in err


def test_an_export_is_a_new_file_for_its_owner_alone(somebody: Any, tmp_path: Path) -> None:
    _, connection, id = somebody
    path = tmp_path / "person.json"

    told("export_person", connection, id, str(path))

    assert json.loads(path.read_text())["Records, as last read"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    _, err = told("export_person", connection, id, str(path), code=2)
    assert "can't be written" in err


def test_an_export_goes_to_standard_output_alone(somebody: Any) -> None:
    _, connection, id = somebody

    out, err = told("export_person", connection, id)

    assert json.loads(out)["Records, as last read"]
    assert not err
    assert "Leave --json out" in told("export_person", connection, id, "--json", code=2)[1]


def test_after_a_backup_is_restored_everybody_is_erased_again(somebody: Any, tmp_path: Path) -> None:
    world, _, id = somebody
    before = list(RemoteRecord.objects.all())
    path = tmp_path / "erasures.json"
    erase(held(world, "left", id), by="pat", ticket="DP-7")
    told("erasures", "--dump", str(path))
    kept = path.read_text()
    assert id not in kept
    # The backup knows nothing of the erasure, and the person again.
    for model in (ErasedKey, ErasureTask, Erasure, ErasedRecord):
        model._default_manager.all().delete()
    RemoteRecord.objects.bulk_create([row for row in before if row.remote_id == id])
    assert marks_left([id])

    out, _ = told("erasures", "--load", str(path))

    assert "1 erasures were new here; " in out
    assert marks_left([id]) == set()
    assert Erasure.objects.earliest("at").ticket == "DP-7"
    assert ErasedKey.objects.exists()
    again, _ = told("erasures", "--load", str(path))
    assert again.startswith("0 erasures were new here; 0 people were erased again.")


def test_a_file_of_something_else_is_refused_in_words(tmp_path: Path) -> None:
    path = tmp_path / "other.json"
    path.write_text('{"people": []}')
    assert "no file that “erasures --dump” wrote" in told("erasures", "--load", str(path), code=2)[1]
    path.write_text("not json")
    assert "is no JSON file" in told("erasures", "--load", str(path), code=2)[1]


def test_the_list_is_told(somebody: Any) -> None:
    world, _, id = somebody
    erasure = erase(held(world, "left", id), by="pat", ticket="DP-7")

    out, _ = told("erasures")

    assert out.startswith(f"{erasure}: ")
    assert "pat DP-7" in out
