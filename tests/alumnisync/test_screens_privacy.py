"""The pages of privacy: what is held, exported, erased after the id was typed, and the list of erasures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from alumnisync.models import Erasure, Link, SyncRun
from alumnisync.privacy.erasing import erase
from connectors.models import RemoteRecord
from tests.alumnisync.erasing import held, marks_left, story
from tests.alumnisync.runs_made import as_role, text_of, told
from tests.alumnisync.test_erasing import two

pytestmark = pytest.mark.django_db


def at(name: str, *args: Any) -> str:
    return reverse(f"admin:alumnisync_erasure_{name}", args=args)


@pytest.fixture
def admin(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("ada"))
    return client


def test_from_a_record_and_from_a_linked_person_one_gets_to_what_is_held(admin: Client) -> None:
    world, [(left, right), *_] = two()
    record = held(world, "left", left)
    there = at("person", record.pk)
    link = Link.objects.get(members__record=record)

    assert there in admin.get(reverse("admin:connectors_remoterecord_change", args=[record.pk])).content.decode()
    assert there in admin.get(reverse("admin:alumnisync_link_change", args=[link.pk])).content.decode()
    said = text_of(admin.get(there))

    assert "This person is 2 records" in said
    assert f"{world.connections['right']}: person {right}" in said
    assert "Values before and after changes" in said


def test_the_button_is_not_shown_to_others(client: Client) -> None:
    world, [(left, _), *_] = two()
    record = held(world, "left", left)

    shown = as_role(client, "Operators").get(reverse("admin:connectors_remoterecord_change", args=[record.pk]))

    assert "Privacy…" not in shown.content.decode()
    assert client.get(at("person", record.pk)).status_code == 403
    assert client.get(at("changelist")).status_code == 200
    assert "A record's id" not in text_of(client.get(at("changelist")))


def test_a_person_is_found_by_the_record_s_id(admin: Client) -> None:
    world, [(left, _), *_] = two()
    # Both systems count alike, so there are two of this id.
    shown = admin.post(at("find"), {"id": f" {left} "})

    assert text_of(shown).count(left) == 2
    RemoteRecord.objects.filter(pk=held(world, "right", left).pk).update(remote_id="other")
    assert admin.post(at("find"), {"id": left}).headers["Location"] == at("person", held(world, "left", left).pk)
    assert "No record with this id" in told(admin.post(at("find"), {"id": "nobody"}, follow=True))[0]


def test_the_export_is_a_file_that_is_kept_nowhere(admin: Client) -> None:
    world, [(left, _), *_] = two()

    answer = admin.get(at("export", held(world, "left", left).pk))

    assert "no-store" in answer.headers["Cache-Control"]
    assert left not in answer.headers["Content-Disposition"]
    assert json.loads(b"".join(answer.streaming_content))["Records, as last read"]  # type: ignore[attr-defined]


def test_the_page_before_erasing_names_what_is_left_to_do(admin: Client) -> None:
    world, [(left, right), *_] = two()

    said = text_of(admin.get(at("erase", held(world, "left", left).pk)))

    assert f"{world.connections['left']}: delete {left}" in said
    assert f"{world.connections['right']}: delete {right}" in said
    assert "Sealed digests of the ids" in said
    assert not Erasure.objects.exists()


@pytest.mark.parametrize("typed", ["", "something-else"])
def test_only_who_types_the_id_erases(admin: Client, typed: str) -> None:
    world, [(left, _), *_] = two()

    said = text_of(admin.post(at("erase", held(world, "left", left).pk), {"confirmed": typed}))

    assert "Nothing was erased" in said or "Type the record's id" in said
    assert held(world, "left", left)


def test_erased_by_the_page_nothing_of_the_person_is_left_not_in_its_log_either(admin: Client) -> None:
    world, left, _ = story()

    done = admin.post(
        at("erase", held(world, "left", left).pk), {"confirmed": left, "ticket": "DP-2026-014"}, follow=True
    )

    erasure = Erasure.objects.get()
    assert (erasure.by, erasure.ticket) == ("ada", "DP-2026-014")
    assert "This person is erased here." in told(done)[0]
    assert marks_left() == set()
    assert marks_left([left]) == set()
    assert not LogEntry.objects.exists()


def test_while_a_run_is_under_way_the_page_says_so(admin: Client) -> None:
    world, [(left, _), *_] = two()
    SyncRun.objects.filter(sync=world.sync).update(state="done")
    SyncRun.objects.create(sync=world.sync, version=world.version, state="running", lease_owner="x|1|1")
    record = held(world, "left", left)

    assert "has to be finished first" in text_of(admin.get(at("erase", record.pk)))
    refused = admin.post(at("erase", record.pk), {"confirmed": left}, follow=True)

    assert "has to be finished first" in told(refused)[0]
    assert held(world, "left", left)


def test_what_is_done_by_hand_is_ticked_off_with_a_name(admin: Client) -> None:
    world, [(left, _), *_] = two()
    erasure = erase(held(world, "left", left), by="pat")
    assert "2 things left" in text_of(admin.get(at("changelist")))

    for task in erasure.tasks.all():
        admin.post(at("tick", task.pk))

    assert "nothing left" in text_of(admin.get(at("changelist")))
    assert text_of(admin.get(at("change", erasure.pk))).count("done ada") == 2


def test_a_file_that_was_uploaded_is_named(admin: Client, settings: Any, tmp_path: Path) -> None:
    from connectors import uploads

    settings.FILES_FOLDER = tmp_path
    world, [(left, _), *_] = two()
    connection = world.connections["left"]
    folder = tmp_path / uploads.folder_of(connection)
    folder.mkdir(parents=True)
    (folder / "people.csv").write_text("Id\n1\n")
    type(connection).objects.filter(pk=connection.pk).update(
        system="spreadsheet", settings={"path": uploads.folder_of(connection), "key": "Id"}
    )

    said = text_of(admin.get(at("erase", held(world, "left", left).pk)))

    assert f"delete the person's row in the file {uploads.folder_of(connection)}/people.csv" in said


def test_nothing_there_is_no_page(admin: Client) -> None:
    assert admin.get(at("person", 999)).status_code == 404
    assert "Nobody was erased so far." in text_of(admin.get(at("changelist")))
