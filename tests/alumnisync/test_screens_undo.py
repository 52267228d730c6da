"""Undoing on the pages: asked for on a run, a person or a field, shown, approved, and the records that were created."""

from __future__ import annotations

import json
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from alumnisync.engine import created, reverting
from alumnisync.engine.queued import work
from alumnisync.models import ChangeRecord, Review, SyncRun
from alumnisync.roles import EDITORS, OPERATORS
from tests.alumnisync.inbox import decide, page_of, signed_in
from tests.alumnisync.runs_made import as_role, at, newest, page, text_of, told
from tests.alumnisync.test_undo_created import Maker
from tests.alumnisync.undos import Office

pytestmark = pytest.mark.django_db


@pytest.fixture
def operator(client: Client) -> Client:
    return as_role(client, OPERATORS)


def ask(client: Client, run: SyncRun, **narrowed: Any) -> SyncRun:
    """Press the button, and let a worker carry out what it asks for."""
    answer = client.post(at("undo", run), narrowed, follow=True)
    assert answer.status_code == 200
    asked = SyncRun.objects.latest("pk")
    work(asked.pk)
    asked.refresh_from_db()
    return asked


def made(**values: Any) -> tuple[Office, SyncRun]:
    office = Office()
    return office, SyncRun.objects.get(pk=office.carried(**values))


def test_a_run_is_undone_from_its_page(operator: Client) -> None:
    office, run = made(last="Lovelace", first="Augusta")
    assert "Undo…" in page(operator, run)
    text = text_of(operator.get(at("undo", run)))
    assert "The whole run" in text
    assert "It changed 1 record." in text
    shown = ask(operator, run)
    text = page(operator, shown)
    assert "needs your OK" in text
    assert f"Undoes Run {run.pk}" in text
    assert "1 record changed" in text
    assert "put exactly this back" in text_of(operator.get(at("approve", shown)))
    assert "You may undo the run again" in text_of(operator.get(at("reject", shown)))
    operator.post(at("approve", shown))
    work(shown.pk)
    assert office.held("right")["first"] == "Ada"
    assert "put back: its run was undone" in page(operator, shown)


def test_what_is_left_alone_is_listed_with_why(operator: Client) -> None:
    office, run = made(last="Lovelace", first="Augusta")
    office.edit("right", last="King")
    shown = ask(operator, run)
    text = page(operator, shown)
    assert f"What is left as it is, and why {reverting.EDITED}" in text
    line = ChangeRecord.objects.get(run=shown, state="left_alone")
    narrowed = page(operator, shown, f"?like={line.pk}")
    assert "Lovelace" not in narrowed
    assert "King" in narrowed
    office.edit("left", first="Mary")
    reject = operator.post(at("reject", shown), {"why": "Not now."}, follow=True)
    assert reject.status_code == 200
    assert "Not now." in page(operator, newest(office))


def test_one_person_or_one_field_is_undone_from_a_change(operator: Client) -> None:
    office, run = made(last="Lovelace", first="Augusta")
    change = ChangeRecord.objects.get(run=run, kind="update")
    answer = operator.get(reverse("admin:alumnisync_changerecord_change", args=[change.pk]))
    links = dict(answer.context["undo_links"])
    assert list(links) == ["Undo all of this person…", "Undo first…", "Undo last…"]
    text = text_of(operator.get(links["Undo last…"]))
    assert "Only: person-" in text
    shown = ask(operator, run, person=change.link_id, unit="last|last")
    assert shown.only == {"links": [change.link_id], "units": ["last|last"]}
    assert "of it only: person-" in page(operator, shown)
    operator.post(at("approve", shown))
    work(shown.pk)
    assert (office.held("right")["last"] == "Lovelace", office.held("right")["first"]) == (False, "Augusta")


def test_a_field_is_undone_from_the_table_by_fields(operator: Client) -> None:
    _, run = made(last="Lovelace")
    content = operator.get(at("change", run)).content.decode()
    assert f"{at('undo', run)}?unit=last%7Clast" in content
    text = text_of(operator.get(at("undo", run) + "?unit=first|first"))
    assert "there is nothing to undo" in text


def test_what_can_not_be_undone_is_said_where_it_stands(operator: Client) -> None:
    _, run = made(last="Lovelace")
    shown = ask(operator, run)
    answer = operator.post(at("undo", run), follow=True)
    (sentence,) = told(answer)
    assert f"run {shown.pk} waits for your OK" in sentence
    assert answer.redirect_chain[-1][0] == at("change", shown)
    assert "Undo…" not in page(operator, shown)


def test_only_operators_see_the_button(client: Client) -> None:
    _, run = made(last="Lovelace")
    as_role(client, EDITORS)
    assert "Undo…" not in page(client, run)
    assert client.get(at("undo", run)).status_code == 403


def test_records_that_were_created_are_asked_about_in_the_inbox(operator: Client) -> None:
    office = Maker(right={"deactivate": {"status": "off"}})
    run = SyncRun.objects.get(pk=office.made)
    assert "It created 1 record." in text_of(operator.get(at("undo", run)))
    shown = ask(operator, run)
    assert "The run had created 1 new record" in page(operator, shown)
    assert created.ASKED in page(operator, shown)
    operator.post(at("approve", shown))
    work(shown.pk)
    review = Review.objects.get(unit="created")
    reviewer = signed_in("Reviewers")
    text = page_of(reviewer, review)
    for words in ("Unlink it", "Switch it off", "Leave it as it is", "Record that was created", "was undone"):
        assert words in text
    listed = reviewer.get(reverse("admin:alumnisync_review_changelist"))
    assert listed.context["many"] == {}
    listed = reviewer.get(reverse("admin:alumnisync_review_changelist") + f"?sync={office.sync.pk}&of=created")
    assert list(listed.context["many"]) == ["unlink", "deactivate", "leave"]
    decide(reviewer, review, "deactivate")
    review.refresh_from_db()
    assert (review.state, review.choice) == ("decided", "deactivate")
    assert "Switch it off" in page_of(reviewer, review)
    office.run()
    assert office.right.values("person", office.record)["status"] == "off"


def test_switching_off_is_not_offered_where_the_rules_do_not_say_how() -> None:
    office = Maker()
    office.undone(office.made)
    text = page_of(signed_in("Reviewers"), Review.objects.get(unit="created"))
    assert "Unlink it" in text
    assert "Switch it off" not in text


def answer(*words: str) -> tuple[int, dict[str, Any], str]:
    """Exit code, the JSON object and standard error of `undo`."""
    out, err = StringIO(), StringIO()
    try:
        call_command("undo", *words, "--json", stdout=out, stderr=err)
    except SystemExit as end:
        return int(end.code or 0), json.loads(out.getvalue()), err.getvalue()
    return 0, json.loads(out.getvalue()), err.getvalue()


def test_the_command_shows_first_and_puts_back_when_it_is_approved() -> None:
    office, run = made(last="Lovelace", first="Augusta")
    office.edit("right", first="Mary")
    code, shown, _ = answer(str(run.pk))
    assert (code, shown["state"], shown["undoes"], shown["put_back"]) == (3, "held", run.pk, {"left": 0, "right": 1})
    assert shown["left_alone"] == [{"reason": reverting.EDITED, "count": 1}]
    code, done, _ = answer(str(run.pk), "--approve")
    assert (code, done["run"], done["state"], done["updated"]["right"]) == (0, shown["run"], "done", 1)
    assert answer(str(run.pk), "--approve")[0] == 2


def test_the_command_takes_one_person_and_one_field() -> None:
    office, run = made(last="Lovelace", first="Augusta")
    assert answer(str(run.pk), "--person", "nobody")[0] == 2
    assert "wrote no field" in answer(str(run.pk), "--field", "phone")[1]["error"]
    code, shown, _ = answer(str(run.pk), "--person", office.people[0][0], "--field", "last")
    assert (code, SyncRun.objects.get(pk=shown["run"]).only["units"]) == (3, ["last|last"])
    code, done, _ = answer(str(shown["run"]), "--approve")
    assert (code, done["put_back"]["right"], office.held("right")["first"]) == (0, 1, "Augusta")


def test_the_command_refuses_in_words() -> None:
    office, run = made(last="Lovelace")
    assert answer("9999")[:2] == (2, {"error": "There is no run 9999."})
    answer(str(run.pk))
    code, told_, err = answer(str(run.pk))
    assert (code, told_["error"]) == (2, err.strip().splitlines()[-1])
    assert "waits for your OK" in told_["error"]
    assert office.held("right")["last"] == "Lovelace"


def test_the_command_tells_people_what_to_do_next() -> None:
    _, run = made(last="Lovelace")
    out = StringIO()
    with pytest.raises(SystemExit):
        call_command("undo", str(run.pk), stdout=out, stderr=StringIO())
    shown = SyncRun.objects.latest("pk")
    assert f"Put it back with: python manage.py undo {shown.pk} --approve" in out.getvalue()
    assert "records that would be put back: left 0, right 1" in out.getvalue()
