"""The page of a sync's differences, and that of a linked person: what they say, and to whom."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse
from openpyxl import load_workbook

from alumnisync import drift
from alumnisync.models import DriftReport, Link
from alumnisync.roles import EDITORS, VIEWERS
from connectors.cells import unescape
from connectors.models import RemoteRecord
from tests.alumnisync.runs_made import as_role, text_of, told
from tests.factories import World

pytestmark = pytest.mark.django_db


def page_of(world: World, name: str = "differences", *args: Any) -> str:
    return reverse(f"admin:mappings_sync_{name}", args=[world.sync.pk, *args])


def person_page(link: Link) -> str:
    return reverse("admin:alumnisync_link_change", args=[link.pk])


def differing() -> tuple[World, Link]:
    """Two people: one differs since they were linked, and by what both sides changed."""
    world = World()
    world.pair_up()
    left = world.left.put("person", {"first": "=Bill", "last": "Gray", "email": "g@example.org", "phone": ""})
    right = world.right.put("person", {"first": "William", "last": "Gray", "email": "g@example.org", "phone": ""})
    world.approve(world.run()["run"])
    world.left.alter("person", left, {"phone": "+15735550101"})
    world.right.alter("person", right, {"phone": "+15735550102"})
    world.run()
    return world, Link.objects.get(sync=world.sync, members__record__remote_id=left, members__side="left")


def test_nothing_was_compared_yet(admin_client: Client) -> None:
    world = World()
    assert "Nothing was compared yet" in text_of(admin_client.get(page_of(world)))


def test_the_page_tells_how_many_where_and_why_and_leads_to_people(admin_client: Client) -> None:
    world, link = differing()
    drift.make(world.sync, by="pat")
    answer = admin_client.get(page_of(world))
    said = text_of(answer)
    for sentence in (
        "2 Linked people compared",
        "1 Different in some field",
        "0 Differences not explained",
        "It differed already when the two were linked",
        "Both sides changed it: it waits for your decision.",
    ):
        assert sentence in said, said
    assert f'href="{person_page(link)}"' in answer.content.decode()
    assert "not explained" in said
    assert 'role="alert"' not in answer.content.decode()


def test_what_is_not_explained_is_said_on_top_and_on_the_start_page(admin_client: Client) -> None:
    world, _ = differing()
    report = drift.make(world.sync, by="pat")
    report.unknown, report.counts["fields"]["last|last"]["unknown"] = 3, 3
    report.save()
    answer = admin_client.get(page_of(world))
    assert "3 of these differences nothing explains" in text_of(answer)
    assert "Differences not explained: 3" in text_of(admin_client.get("/admin/"))


def test_the_button_asks_a_worker_once(client: Client) -> None:
    world, _ = differing()
    as_role(client, EDITORS)
    for _ in range(2):
        answer = client.post(page_of(world, "compare"), follow=True)
    assert "being compared" in " ".join(told(answer))
    assert "under way" in text_of(answer)
    assert DriftReport.objects.count() == 1
    report = DriftReport.objects.get()
    report.problem = "The program is tired."
    report.save()
    assert "could not be made. The program is tired." in text_of(client.get(page_of(world)))


def test_all_differences_go_down_to_be_worked_through(admin_client: Client) -> None:
    world, _ = differing()
    answer = admin_client.get(page_of(world, "differences_download", "csv"))
    text = b"".join(answer.streaming_content).decode().removeprefix("\ufeff")  # type: ignore[attr-defined]
    heading, *rows = [[unescape(cell) for cell in row] for row in csv.reader(io.StringIO(text, newline=""))]
    assert heading[3:6] == ["field", f"{world.sync} left", f"{world.sync} right"]
    assert sorted(row[3:7] for row in rows) == [
        ["first", "=Bill", "William", "first meeting"],
        ["phone", "+15735550101", "+15735550102", "both changed"],
    ]
    assert "'=Bill" in text
    answer = admin_client.get(page_of(world, "differences_download", "xlsx"))
    workbook = load_workbook(io.BytesIO(b"".join(answer.streaming_content)))  # type: ignore[attr-defined]
    assert [row[3].value for row in workbook.active] == ["field", "first", "phone"]
    world.version.state = "draft"
    world.version.save()
    answer = admin_client.get(page_of(world, "differences_download", "csv"), follow=True)
    assert "no rules in force" in " ".join(told(answer))


def test_a_person_is_led_to_with_what_each_field_is_at_and_what_happened(admin_client: Client) -> None:
    world, link = differing()
    answer = admin_client.get(person_page(link))
    said, raw = text_of(answer), answer.content.decode()
    assert "Both sides changed it: it waits for your decision." in said
    (conflict,) = world.conflicts()
    asked = reverse("admin:alumnisync_conflict_change", args=[conflict.pk])
    assert f'href="{asked}"' in raw
    assert "left as they are" in said
    assert "approved by pat" in said
    assert "kept for 1,826 days" in said
    assert f'href="{person_page(link)}"' in admin_client.get(asked).content.decode()
    assert f'href="{person_page(link)}"' in admin_client.get("/admin/alumnisync/link/").content.decode()
    assert " ↔ person-000002" in text_of(admin_client.get("/admin/alumnisync/link/"))
    down = admin_client.get(reverse("admin:alumnisync_link_download", args=[link.pk, "csv"]))
    assert down.status_code == 200


def test_who_takes_no_part_is_said_in_words(admin_client: Client) -> None:
    world, link = differing()
    member = link.members.get(side="right")
    world.right.remove("person", member.record.remote_id)
    world.run()
    assert "A record is no longer found at its system." in text_of(admin_client.get(person_page(link)))


def test_people_are_shown_only_to_those_who_may_see_people(client: Client) -> None:
    world, link = differing()
    drift.make(world.sync, by="pat")
    RemoteRecord.objects.update(values={"name": "Ada"})
    as_role(client, VIEWERS)
    assert "Ada" in text_of(client.get("/admin/alumnisync/link/"))
    assert client.get(person_page(link)).status_code == 200
    assert client.post(page_of(world, "compare")).status_code == 403
    may = Permission.objects.filter(codename__in=("view_sync", "view_driftreport", "view_link"))
    limited = User.objects.create_user("limited", is_staff=True)
    limited.user_permissions.set(may)
    client.force_login(limited)
    assert client.get(person_page(link)).status_code == 403
    assert client.get(reverse("admin:alumnisync_link_download", args=[link.pk, "csv"])).status_code == 403
    assert client.get(page_of(world, "differences_download", "csv")).status_code == 403
    assert "Ada" not in text_of(client.get("/admin/alumnisync/link/"))
    answer = client.get(page_of(world))
    assert answer.status_code == 200
    assert person_page(link) not in answer.content.decode()
