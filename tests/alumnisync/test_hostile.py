"""Hostile records from poll to export: nothing breaks, nothing is executed, everything is right or set aside.

ALUMNISYNC_SEED=7 ALUMNISYNC_PEOPLE=50000 .venv/bin/python -m pytest tests/alumnisync/test_hostile.py -m torture
"""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest
from django.apps import apps
from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client
from django.urls import NoReverseMatch, reverse
from openpyxl import load_workbook

from alumnisync.models import ChangeRecord, Conflict, Match, Review, SyncRun
from connectors.cells import FORMULA
from connectors.models import Connection, RemoteRecord
from tests.alumnisync.hostile import CODE, EVALUATED, LARGE, executed_in
from tests.alumnisync.hostile_office import HostileOffice, faults, plain_json, unaccounted, unexplained
from tests.seeded import SEED, figures

__all__ = ["plain_json"]

pytestmark = [pytest.mark.django_db, pytest.mark.slow, pytest.mark.usefixtures("plain_json")]

FEW, MANY = 150, int(os.environ.get("ALUMNISYNC_PEOPLE") or 5_000)
"""People, each of them with a record on either side."""
PAGES_OF_EACH = {FEW: 3, MANY: 15}
"""How many objects of each kind are looked at, by their own pages."""
MODELS = ("alumnisync", "connectors", "mappings")


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connectors.http.FIRST_WAIT", 0.0005)


@pytest.fixture
def office(request: pytest.FixtureRequest, tmp_path: Path, quick: None) -> Iterator[HostileOffice]:
    office = HostileOffice(tmp_path, request.param, SEED)
    yield office
    office.scene.stop()


@pytest.mark.parametrize("office", [FEW, pytest.param(MANY, marks=pytest.mark.torture)], indirect=True)
def test_hostile_records_go_through_everything(
    office: HostileOffice, admin_client: Client, record_property: Callable[[str, Any], None]
) -> None:
    told = [office.run()]
    office.edit()
    told += [office.run(), office.run()]
    assert [one["reason"] for one in told if one["state"] not in ("done", "partial")] == []
    assert faults() == []
    assert unaccounted() == []
    tally, unknown = unexplained()
    assert unknown == []
    aside = ChangeRecord.objects.filter(state="set_aside").count()
    # Else the records were too tame to tell anything.
    waiting = [model._default_manager.exists() for model in (Conflict, Review, Match)]
    assert (waiting, aside > 0, RemoteRecord.objects.exclude(problem="").exists()) == ([True] * 3, True, True)
    pages = pages_seen(admin_client, PAGES_OF_EACH[office.people])
    seen = len(list(pages)) + len(list(files_seen(admin_client)))
    became = ", ".join(f"{count:,} {why}" for why, count in tally.most_common())
    figures(
        record_property,
        f"{2 * office.people:,} hostile records: {RemoteRecord.objects.exclude(problem='').count():,} unreadable, "
        f"{aside:,} changes set aside; of the fields {became}; {seen:,} pages and files looked at",
    )


def pages_seen(client: Client, of_each: int) -> Iterator[str]:
    """Every list, and pages of objects drawn by the seed; none of them runs anything."""
    secrets = (settings.SECRET_KEY, User.objects.get().password)
    for address in (reverse("admin:index"), *addresses(of_each)):
        answer = client.get(address, follow=True)
        assert answer.status_code == 200, address
        assert executed_in(answer.content.decode(), secrets) == [], address
        yield address
    for connection in Connection.objects.all():
        for kind in connection.known_object_types.all():
            at = reverse("admin:connectors_connection_look", args=[connection.pk])
            page = client.post(at, {"name": kind.name}, follow=True).content.decode()
            assert executed_in(page, secrets) == []
            yield at


def addresses(of_each: int) -> Iterator[str]:
    draw = Random(SEED)
    for model in (model for app in MODELS for model in apps.get_app_config(app).get_models()):
        name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        keys = list(model._default_manager.values_list("pk", flat=True))
        for query in ("", "?q=%3Cscript%3Ehostile()", "?state=closed", "?p=2"):
            yield from known(f"{name}_changelist", query)
        for pk in draw.sample(keys, min(len(keys), of_each)):
            for page in ("change", "object_type"):
                yield from known(f"{name}_{page}", "", pk)


def known(name: str, query: str, *given: Any) -> Iterator[str]:
    """The address, where there is one."""
    try:
        yield reverse(name, args=given) + query
    except NoReverseMatch:
        return


def files_seen(client: Client) -> Iterator[str]:
    """Every file with people's data: each cell is text."""
    for run in SyncRun.objects.all():
        for form in ("csv", "xlsx"):
            answer: Any = client.get(reverse("admin:alumnisync_syncrun_download", args=[run.pk, form]))
            content = b"".join(answer.streaming_content)
            assert formulas_in(content, form) == []
            yield form
    for connection in Connection.objects.all():
        for kind in connection.known_object_types.all():
            at = reverse("admin:connectors_connection_look", args=[connection.pk])
            answer = client.post(at, {"name": kind.name, "form": "csv"})
            assert formulas_in(answer.content, "csv") == []
            yield at


def formulas_in(content: bytes, form: str) -> list[str]:
    """The cells that a spreadsheet would work out."""
    if form == "csv":
        csv.field_size_limit(10 * LARGE)
        rows = csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""))
        return [cell for row in rows for cell in row if cell.startswith(FORMULA)]
    book = load_workbook(io.BytesIO(content), read_only=True)
    return [str(cell.value) for sheet in book for row in sheet for cell in row if cell.data_type in ("f", "e")]


@pytest.mark.parametrize(
    ("page", "count"),
    [
        (f"<p>{{{{ 7919 * 7907 }}}} &lt;script&gt;{CODE})</p><a title='{CODE})'>", 0),
        (f"<script>{CODE})</script>", 1),
        (f"<img onerror='{CODE})'>", 1),
        (f'<div x-data="{{a: {CODE})}}">', 1),
        ("<a href='javascript:hostile()'>", 1),
        (f"<p>{EVALUATED}</p>", 1),
    ],
)
def test_what_runs_in_a_page_is_noticed(page: str, count: int) -> None:
    assert len(executed_in(page)) == count


def test_a_formula_in_a_file_is_noticed() -> None:
    assert formulas_in(b'"=1+1",b\r\n', "csv") == ["=1+1"]
