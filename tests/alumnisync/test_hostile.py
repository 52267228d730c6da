"""Hostile records from poll to export: nothing breaks, nothing is executed, everything is right or set aside.

ALUMNISYNC_SEED=7 ALUMNISYNC_PEOPLE=50000 .venv/bin/python -m pytest tests/alumnisync/test_hostile.py -m torture
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from alumnisync import drift
from alumnisync.models import ChangeRecord, Conflict, Match, Review
from connectors.models import RemoteRecord
from mappings.models import Sync
from tests.alumnisync.hostile import CODE, EVALUATED, executed_in
from tests.alumnisync.hostile_office import HostileOffice, faults, plain_json, unaccounted, unexplained
from tests.alumnisync.hostile_pages import formulas_in, looked_at
from tests.seeded import SEED, figures

__all__ = ["plain_json"]

pytestmark = [pytest.mark.django_db, pytest.mark.slow, pytest.mark.usefixtures("plain_json")]

FEW, MANY = 150, int(os.environ.get("ALUMNISYNC_PEOPLE") or 5_000)
"""People, each of them with a record on either side."""
PAGES_OF_EACH = {FEW: 2, MANY: 15}
"""How many objects of each kind are looked at, by their own pages."""


@pytest.fixture
def office(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HostileOffice]:
    monkeypatch.setattr("connectors.http.FIRST_WAIT", 0.0005)
    office = HostileOffice(tmp_path, request.param, SEED)
    yield office
    office.scene.stop()


@pytest.mark.long
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
    assert drift.make(Sync.objects.get(), by="pat").unknown == 0
    aside = ChangeRecord.objects.filter(state="set_aside").count()
    # Else the records were too tame to tell anything.
    waiting = [model._default_manager.exists() for model in (Conflict, Review, Match)]
    assert (waiting, aside > 0, RemoteRecord.objects.exclude(problem="").exists()) == ([True] * 3, True, True)
    seen = looked_at(admin_client, PAGES_OF_EACH[office.people])
    became = ", ".join(f"{count:,} {why}" for why, count in tally.most_common())
    figures(
        record_property,
        f"{2 * office.people:,} hostile records: {RemoteRecord.objects.exclude(problem='').count():,} unreadable, "
        f"{aside:,} changes set aside; of the fields {became}; {seen:,} pages and files looked at",
    )


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
