"""After a run the source's own totals are compared with what was read of it and what is recorded."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from alumnisync.engine.missed import MOST_NAMED
from alumnisync.engine.reconcile import MOST_SAID, differences
from alumnisync.models import SyncRun
from alumnisync.naming import names_of
from alumnisync.reconciled import Line, reconciled
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


def test_what_the_system_counts_and_does_not_list_is_said_to_have_no_name(monkeypatch: pytest.MonkeyPatch) -> None:
    office = Office()
    there, _ = office.person("Ada")
    office.give(there, "10.00")
    monkeypatch.setattr(office.vault, "totals", lambda *asked: {"settled": Total(2, Decimal("15.00"))})
    office.run_both()
    nameless = "Its own list shows 1 with 10 of this, so which others it counts can't be said."
    assert f"status settled: the system counts 2 with 15, and 1 with 10 was read. {nameless}" in last_run().progress
    said = told("status: settled")
    assert said.says == ["Vault counts 1 record more than was read; the amounts differ by 5.00.", nameless]
    assert said.which == []


def told(what: str) -> Line:
    """A line of the run's page."""
    shown = reconciled(last_run(), names_of(last_run().version))
    assert shown is not None
    assert not shown.is_fine
    return next(one for one in shown.lines if one.what == what)


def causes(of: str) -> dict[str, list[str]]:
    """Which transactions make the difference of a status."""
    return {name: named["ids"] for name, named in line(of)["missed"].items() if named["count"]}


def hide(office: Office, *ids: str) -> None:
    """They were stored late under an early time: no poll for changes brings them."""
    rows = office.vault.rows["transaction"]
    rows.update({id: replace(rows[id], modified=0) for id in ids})


def test_what_was_never_read_is_named() -> None:
    office = Office()
    there, _ = office.person("Ada")
    office.give(there, "10.00")
    office.run_both()
    late = office.give(there, "7.00")
    hide(office, late)
    office.run()
    assert (causes("settled"), line("settled")["unnamed"]) == ({"unread": [late]}, "")
    assert f"and 1 with 10 was read. It has, and we never read: {late}." in "\n".join(last_run().progress)
    (which,) = told("status: settled").which
    assert (which.title, [one.id for one in which.ones], which.more) == ("In Vault, never read", [late], "")
    assert "What was never read is read once it is saved anew in Vault." in told("status: settled").says


def test_what_is_no_longer_there_or_there_otherwise_is_named() -> None:
    office = Office()
    there, _ = office.person("Ada")
    lost, moved, altered = (office.give(there, value) for value in ("10.00", "7.00", "5.00"))
    office.give(there, "1.00", status="pending", fund="ART")
    office.run_both()
    office.vault.lose("transaction", lost)
    office.vault.alter("transaction", moved, {"status": "refunded"})
    office.vault.alter("transaction", altered, {"value": "6.00"})
    hide(office, moved, altered)
    office.run()
    assert causes("settled") == {"vanished": [lost], "otherwise": [moved, altered]}
    assert causes("refunded") == {"otherwise": [moved]}
    assert line("pending")["missed"] == {}
    assert all(one["unnamed"] == "" for one in kept()["lines"])


def test_the_list_is_read_anew_only_where_something_differs() -> None:
    office = Office()
    there, _ = office.person("Ada")
    office.give(there)
    office.run_both()
    polls = [call for call in office.vault.calls if call[:2] == ("poll", "transaction")]
    office.run()
    assert [call for call in office.vault.calls if call[:2] == ("poll", "transaction")] == [*polls, polls[0]]


def test_a_list_that_repeats_itself_names_nothing_twice() -> None:
    office = Office()
    there, _ = office.person("Ada")
    office.run_both()
    late = [office.give(there) for _ in range(MOST_NAMED + 2)]
    hide(office, *late)
    office.vault.repeat_pages = True
    office.run()
    named = line("settled")["missed"]["unread"]
    assert (named["count"], sorted(named["ids"])) == (MOST_NAMED + 2, sorted(late)[:MOST_NAMED])
    assert f" and {MOST_NAMED + 2 - MOST_SAID} more." in "\n".join(last_run().progress)


def test_a_list_that_cannot_be_read_anew_stops_nothing() -> None:
    office = Office()
    there, _ = office.person("Ada")
    office.run_both()
    hide(office, office.give(there))
    office.vault.fail(Temporary("Vault is busy."), "poll", every=2, times=None)
    office.run()
    assert line("settled")["missed"] == {}
    assert line("settled")["unnamed"].endswith("could not be read once more. Vault is busy.")
    assert last_run().state == "done"


def test_it_takes_a_statement_a_page_to_read_the_list_anew() -> None:
    office = Office()
    there, _ = office.person("Ada")
    office.run_both()
    office.vault.page_size = 200
    counts = []
    for more in (1, 30):
        hide(office, *(office.give(there) for _ in range(more)))
        with CaptureQueriesContext(connection) as captured:
            office.run()
        counts.append(sum("connectors_remoterecord" in one["sql"] for one in captured))
    assert line("settled")["missed"]["unread"]["count"] == 31
    assert counts[0] == counts[1]


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
