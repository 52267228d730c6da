"""After a run the source's own totals are compared with what was read of it and what is recorded."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from alumnisync.engine.reconcile import differences
from alumnisync.models import SyncRun
from alumnisync.naming import names_of
from alumnisync.reconciled import reconciled
from connectors.records import Temporary, Total
from mappings.models import SyncSide
from tests.alumnisync.gifts import Office

pytestmark = pytest.mark.django_db


def line(of: str, by: str = "status") -> dict[str, Any]:
    """What the last run of the gifts says of one status, or fund."""
    return next(one for one in kept()["lines"] if (one["by"], one["value"]) == (by, of))


def kept() -> dict[str, Any]:
    return last_run().counts["reconciliation"]  # type: ignore[no-any-return]


def last_run() -> SyncRun:
    return SyncRun.objects.filter(sync__name="gifts").latest("pk")


def test_what_agrees_is_counted_and_added_up_exactly() -> None:
    office = Office()
    there, _ = office.person("Ada")
    for value in ("0.10", "0.20", "1000000000000000.01"):
        office.give(there, value)
    office.give(there, "5.00", status="pending", fund="ART")
    office.run_both()
    three = {"count": 3, "sum": "1000000000000000.31"}
    settled = line("settled")
    assert {name: settled[name] for name in ("there", "read", "wanted", "recorded")} == dict.fromkeys(
        ("there", "read", "wanted", "recorded"), three
    )
    assert line("LAB", "fund")["recorded"] == three
    assert line("pending")["there"] == {"count": 1, "sum": "5"}
    assert line("pending")["wanted"] == {"count": 0, "sum": "0"}
    assert list(differences(kept()["lines"])) == []


def test_a_gift_that_waits_is_named() -> None:
    office = Office()
    there, _ = office.person("Ada")
    stranger, _ = office.person("Bo", linked=False)
    office.give(there, "10.00")
    waits = office.give(stranger, "20.50")
    office.run_both()
    settled = line("settled")
    assert settled["apart"] == [waits]
    assert (settled["wanted"], settled["recorded"]) == ({"count": 2, "sum": "30.5"}, {"count": 1, "sum": "10"})
    assert "status settled: 2 with 30.5 is to be recorded, and 1 with 10 is; they differ in 1." in last_run().progress


def test_a_changed_amount_and_a_refund_are_named_although_the_counts_agree() -> None:
    office = Office()
    there, _ = office.person("Ada")
    changed, refunded = office.give(there, "10.00"), office.give(there, "7.00")
    office.run_both()
    office.vault.alter("transaction", changed, {"value": "11.00"})
    office.vault.alter("transaction", refunded, {"status": "refunded"})
    office.run()
    assert line("settled")["apart"] == [changed]
    assert line("refunded")["apart"] == [refunded]
    assert line("refunded")["recorded"] == {"count": 1, "sum": "7"}


def test_what_the_system_counts_and_we_never_read_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    office = Office()
    there, _ = office.person("Ada")
    office.give(there, "10.00")
    monkeypatch.setattr(office.vault, "totals", lambda *asked: {"settled": Total(2, Decimal("15.00"))})
    office.run_both()
    assert "status settled: the system counts 2 with 15, and 1 with 10 was read." in last_run().progress
    told = reconciled(last_run(), names_of(last_run().version))
    assert told is not None
    assert not told.is_fine
    said = next(one for one in told.lines if one.what == "status: settled")
    assert said.says == ["Vault counts 1 record more than was read; the amounts differ by 5.00."]


def test_a_system_that_does_not_tell_its_totals_stops_nothing() -> None:
    office = Office()
    there, _ = office.person("Ada")
    office.give(there)
    office.vault.fail(Temporary("Vault is busy."), "totals", times=None)
    office.run_both()
    assert kept() == {"side": "left", "problem": "Vault is busy.", "lines": []}
    assert len(office.gifts()) == 1


def test_a_narrowed_side_is_not_compared() -> None:
    office = Office()
    office.run_both()
    SyncSide.objects.filter(object_type="transaction").update(narrow="settled only")
    office.run()
    assert "narrowed" in kept()["problem"]


def test_a_preview_and_an_ordinary_sync_compare_nothing() -> None:
    office = Office()
    office.run_both()
    office.run(preview=True)
    assert "reconciliation" not in last_run().counts
    assert "reconciliation" not in SyncRun.objects.filter(sync__name="people").latest("pk").counts


def test_it_takes_as_many_statements_for_many_gifts_as_for_one() -> None:
    office = Office()
    there, _ = office.person("Ada")
    office.give(there)
    office.run_both()
    office.run()
    counts = []
    for more in (0, 6):
        for _ in range(more):
            office.give(there)
        office.run()
        office.run()
        with CaptureQueriesContext(connection) as captured:
            office.run()
        counts.append(sum("connectors_remoterecord" in one["sql"] for one in captured))
    assert counts[0] == counts[1]
