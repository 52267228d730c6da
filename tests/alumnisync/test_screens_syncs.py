"""The page of a sync: all of its settings come through it unchanged, mistakes stand at their fields."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from alumnisync.models import SyncRun
from connectors.described import remember
from connectors.models import Connection
from connectors.records import Field, ObjectType
from mappings.models import MappingVersion, Sync
from mappings.setup.contents import Contents
from mappings.setup.editing import newest_contents, says_the_same
from mappings.setup.loading import load
from mappings.versions import activate, draft_of
from tests.alumnisync.test_screens_syncs_form import Fields, form_of
from tests.mappings.setup_example import read, register

pytestmark = pytest.mark.django_db
State = MappingVersion.State

EVERYTHING = """\
connections:
  - {name: Alumni platform, system: toy, settings: {base_url: "https://a.example.edu", api_key: k}}
  - {name: CRM, system: toy, settings: {base_url: "https://b.example.edu", api_key: k}}
syncs:
  - name: alumni-crm
    state: live
    left:
      connection: Alumni platform
      object: user
      create: automatic
      several: true
      gone: ignore
      filter: "a = 1\\nand b = 2"
      on_create: {enabled: 1, note: "1", vip: true, tags: [a, b], none: null, said: "two words"}
      deactivate: {enabled: 0}
    right: {connection: CRM, object: Contact, key_field: Alumni_Id__c, create: review, gone: review,
            scope: "record['Alumnus__c']\\n  and not record['Dead__c']\\n"}
    schedule: "30 6 * * 1-5"
    time_zone: America/New_York
    alerts: [data-team@example.edu, second@example.edu]
    tolerance: 5
    match:
      - [email, Email]
      - [[last_name, class_year], [LastName, Class_Year__c]]
    guards: {changed: {floor: 50, share: 0.05}, list: {share: 0.125}, gone: {floor: 0}}
    pilot: ["003B", "003A"]
    fields:
      - {left: first_name, right: FirstName, kind: text, to_right: review, to_left: fill, first_meeting: ask}
      - {left: email, right: Email, kind: email, to_left: off, keep_old: Previous_Email__c, conflict: left}
      - {left: phone, right: Phone, kind: phone, region: US, to_left: off, on_blank: ask}
      - {left: class_year, right: Class_Year__c, to_right: review, read_left: "value|trim|replace('#','')",
         write_left: "value|upper", read_right: " value|trim ", write_right: "value|lower"}
      - {left: "addresses[Home].city", right: MailingCity, group: home_address, on_blank: carry}
      - {left: "addresses[Home].country", right: MailingCountry, kind: country, group: home_address, on_blank: carry}
      - {left: status, right: Status__c, kind: choice, value_map: status, on_invalid: skip_field, conflict: newest}
      - {left: rank, right: Rank__c, kind: number, on_invalid: use_default, default: {left: 0, right: "0"}}
      - {left: giving, right: Giving__c, kind: money, currency: USD, on_invalid: use_default, default: "none \\" given"}
      - {left: no_email, right: HasOptedOutOfEmail, kind: consent, restricted_when: {left: true, right: "yes"}}
value_maps:
  - {name: status, unmapped: use_default, default: {left: lost, right: "Lost alum"},
     pairs: [[active, Active], [lost, "Lost alum"], ["01", "no"]]}
"""


@pytest.fixture
def sync(monkeypatch: pytest.MonkeyPatch) -> Sync:
    register(monkeypatch)
    load(read(EVERYTHING), activate=activate)
    return Sync.objects.get()


def as_role(client: Client, role: str) -> Client:
    user = User.objects.create_user(role.lower(), is_staff=True)
    user.groups.add(Group.objects.get(name=role))
    client.force_login(user)
    return client


@pytest.fixture
def edith(client: Client) -> Client:
    """Somebody who may edit rules, and no more."""
    return as_role(client, "Editors")


def address(sync: Sync, name: str = "change") -> str:
    return reverse(f"admin:mappings_sync_{name}", args=[sync.pk])


def page(client: Client, sync: Sync) -> Fields:
    """The page's form as it stands."""
    answer = client.get(address(sync))
    assert answer.status_code == 200
    return form_of(answer)


def send(client: Client, sync: Sync, fields: Fields, **changes: Any) -> Any:
    return client.post(address(sync, "save"), {**fields, **{k.replace("__", "-"): v for k, v in changes.items()}})


def row_of(fields: Fields, left: str) -> str:
    """The prefix of the field pair with this field."""
    return next(
        name.removesuffix("-left")
        for name, value in fields.items()
        if re.fullmatch(r"pair-\w+-left", name) and value == [left]
    )


def saved(sync: Sync) -> Contents:
    return newest_contents(sync)


def text_of(answer: Any) -> str:
    return re.sub(r"\s+", " ", answer.content.decode())


def test_every_setting_survives_the_page(edith: Client, sync: Sync) -> None:
    before, head = saved(sync), Sync.objects.values().get()
    answer = send(edith, sync, page(edith, sync))
    assert answer.status_code == 302, re.findall(r'role="alert">.*?</div>', text_of(answer))
    assert says_the_same(saved(sync), before)
    assert Sync.objects.values().get() == head
    assert sync.versions.count() == 1


def test_a_changed_pair_makes_a_draft_by_whoever_changed_it(edith: Client, sync: Sync) -> None:
    fields = page(edith, sync)
    row = row_of(fields, "email")
    answer = edith.post(address(sync, "save"), {**fields, f"{row}-to_right": "review"}, follow=True)
    draft = draft_of(sync)
    assert draft is not None
    assert (draft.number, draft.created_by) == (2, "editors")
    assert saved(sync).pairs["email|Email"]["to_right"] == "review"
    assert "Saved as draft 2" in text_of(answer)
    assert "1 difference from what is in force" in text_of(answer)


def test_a_draft_is_edited_again_and_keeps_its_number(edith: Client, sync: Sync) -> None:
    for word in ("review", "fill"):
        fields = page(edith, sync)
        send(edith, sync, {**fields, f"{row_of(fields, 'email')}-to_right": [word]})
    assert sync.versions.count() == 2
    assert saved(sync).pairs["email|Email"]["to_right"] == "fill"


def test_rows_keep_the_order_they_have_on_the_page(edith: Client, sync: Sync) -> None:
    fields = page(edith, sync)
    send(edith, sync, {**fields, "pair": fields["pair"][::-1], "rule": fields["rule"][::-1]})
    assert next(iter(saved(sync).pairs)) == "no_email|HasOptedOutOfEmail"
    assert saved(sync).match[1] == [["email"], ["Email"]]


def test_the_blank_rows_at_the_end_add_without_javascript(edith: Client, sync: Sync) -> None:
    fields = page(edith, sync)
    added = {
        "pair-new-left": "nick",
        "pair-new-right": "Nickname__c",
        "rule-new-fields_agree-0": "nick",
        "rule-new-fields_agree-1": "Nickname__c",
        "map-new-name": "title",
        "map-new-pairs-0": "Dr",
        "map-new-pairs-1": "Doctor",
    }
    assert set(added) <= set(fields)
    assert send(edith, sync, {**fields, **added}).status_code == 302
    contents = saved(sync)
    assert list(contents.pairs)[-1] == "nick|Nickname__c"
    assert contents.pairs["nick|Nickname__c"]["to_right"] == "off"
    assert contents.match[-1] == [["nick"], ["Nickname__c"]]
    assert contents.value_maps["title"]["pairs"] == [["Dr", "Doctor"]]


def test_a_row_that_is_ticked_is_removed(edith: Client, sync: Sync) -> None:
    fields = page(edith, sync)
    send(edith, sync, {**fields, f"{row_of(fields, 'phone')}-remove": "yes", "rule-1-remove": "yes"})
    assert "phone|Phone" not in saved(sync).pairs
    assert saved(sync).match == [[["email"], ["Email"]]]


@pytest.mark.quick(5)
@pytest.mark.parametrize(
    ("cell", "wrong", "sentence"),
    [
        ("right-scope", "record[", "“Who takes part”"),
        ("right-connection", "Nowhere", "There is no connection “Nowhere”"),
        ("head-time_zone", "Mars", "“Mars” is not a time zone"),
        ("head-alerts", "nobody", "“nobody” is not an e-mail address"),
        ("head-tolerance", "few", "“Tolerance” is a whole number from 0 up, not “few”"),
        ("guards-list_share", "200", "“Share” is a part of all people"),
        ("guards-list_floor", "-1", "“People” is a whole number from 0 up"),
        ("pair-1-kind", "nonsense", "“nonsense” is not a kind of value"),
        ("pair-1-conflict", "right", "decided by “ask” or “Alumni platform”, not by “CRM”"),
        ("pair-2-region", "Atlantis", "“Atlantis” is not a country"),
        ("pair-3-write_left", "record['x']", "“Clean-up when writing to Alumni platform”"),
        ("pair-0-right", "Email", "Email in CRM is written by two field pairs"),
        ("pair-5-on_blank", "ask", "“When a value was removed” is ask here and carry at addresses[Home].city"),
        ("pair-9-restricted_when_left", "", "“Restricted when” needs a value for Alumni platform and for CRM"),
        ("map-0-default_left", "", "has no default for Alumni platform"),
        ("rule-0-fields_agree-0", "", "compares 0 in Alumni platform with 1 in CRM; both sides"),
    ],
)
def test_a_mistake_is_told_in_the_page_s_words_and_keeps_what_was_typed(
    edith: Client, sync: Sync, cell: str, wrong: str, sentence: str
) -> None:
    fields = page(edith, sync)
    assert cell in fields
    answer = send(edith, sync, {**fields, cell: [wrong, *fields[cell][1:]]})
    assert answer.status_code == 200
    shown = text_of(answer).replace("&#x27;", "'")
    assert sentence in shown
    assert "Nothing was saved yet" in shown
    assert re.search(r"\b(left|right|line \d)", " ".join(re.findall(r'class="as-error">(.*?)<', shown))) is None
    assert form_of(answer)[cell][0] == wrong
    assert sync.versions.count() == 1


def test_a_mistake_stands_at_its_field(edith: Client, sync: Sync) -> None:
    fields = page(edith, sync)
    shown = text_of(send(edith, sync, {**fields, "pair-1-kind": "nonsense", "pair-2-region": "Atlantis"}))
    assert re.search(r'name="pair-1-kind".{0,2000}?</select><span class="as-error">“nonsense”', shown)
    assert re.search(r'<a class="as-link" href="#id_pair-1-kind">“nonsense”', shown)
    # What is folded away is opened where something is wrong in it.
    assert re.search(r'id="pair-2".*?<details class="as-details" open>.*?“Atlantis”', shown)


def test_a_page_that_was_sent_with_a_mistake_can_be_mended_and_sent(edith: Client, sync: Sync) -> None:
    fields = page(edith, sync) | {
        "pair-new-left": ["nick"],
        "pair-new-right": ["Nickname__c"],
        "pair-new-kind": ["odd"],
    }
    again = form_of(send(edith, sync, fields))
    assert again["pair"].count("new") == 1
    assert send(edith, sync, again | {"pair-new-kind": ["text"]}).status_code == 302
    assert saved(sync).pairs["nick|Nickname__c"]["kind"] == "text"


def test_of_two_who_edit_at_once_the_second_keeps_what_she_typed(edith: Client, sync: Sync) -> None:
    first, second = page(edith, sync), page(edith, sync)
    row = row_of(first, "email")
    send(edith, sync, first | {f"{row}-to_right": ["review"]})
    answer = send(edith, sync, second | {f"{row}-to_right": ["fill"], "head-at": ["09:15"]})
    assert "saved these rules while you were working on them" in text_of(answer)
    again = form_of(answer)
    assert (again[f"{row}-to_right"], again["head-at"], again["edit"]) == (["fill"], ["09:15"], second["edit"])
    assert saved(sync).pairs["email|Email"]["to_right"] == "review"
    sync.refresh_from_db()
    assert sync.schedule == "30 6 * * 1-5"


@pytest.mark.quick(2)
@pytest.mark.parametrize(
    ("chosen", "cron"),
    [
        ({"head-rhythm": "never"}, ""),
        ({"head-rhythm": "daily", "head-at": "23:05"}, "5 23 * * *"),
        ({"head-rhythm": "hourly", "head-at": "00:20"}, "20 * * * *"),
        ({"head-rhythm": "weekly", "head-at": "08:00", "head-day": "5"}, "0 8 * * 5"),
        ({"head-rhythm": "cron", "head-cron": "*/10 * * * *"}, "*/10 * * * *"),
    ],
)
def test_when_it_runs_is_chosen_in_words(edith: Client, sync: Sync, chosen: Fields, cron: str) -> None:
    assert send(edith, sync, {**page(edith, sync), **chosen}).status_code == 302
    sync.refresh_from_db()
    assert sync.schedule == cron
    assert send(edith, sync, page(edith, sync)).status_code == 302
    sync.refresh_from_db()
    assert sync.schedule == cron


def test_a_country_may_be_typed_by_its_name(edith: Client, sync: Sync) -> None:
    fields = page(edith, sync)
    send(edith, sync, {**fields, f"{row_of(fields, 'phone')}-region": "Canada"})
    assert saved(sync).pairs["phone|Phone"]["region"] == "CA"


def test_fields_that_the_systems_have_are_offered(edith: Client, sync: Sync) -> None:
    fields = (Field("Email", "E-mail", "email", kind="email"), Field("Rank__c", "Rank", options=("A", "B")))
    crm = Connection.objects.get(name="CRM")
    remember(crm, [ObjectType("Contact", "Contacts", fields), ObjectType("Gift", "Gifts")])
    shown = text_of(edith.get(address(sync)))
    offered = re.search(r'<datalist id="fields-right">(.*?)</datalist>', shown)
    assert offered is not None
    assert '<option value="Email" label="E-mail · email" data-kind="email">' in offered[1]
    assert "Rank · e.g. A, B" in offered[1]
    assert re.search(r'<datalist id="kinds-right">.*?value="Gift" label="Gifts"', shown)


def test_a_viewer_sees_it_all_and_changes_nothing(client: Client, sync: Sync) -> None:
    vera = as_role(client, "Viewers")
    shown = text_of(vera.get(address(sync)))
    assert "<fieldset" in shown
    assert re.search(r"<fieldset[^>]* disabled>", shown)
    assert 'value="addresses[Home].city"' in shown
    assert "Save as draft" not in shown
    assert 'name="pair" value="new"' not in shown
    for name in ("save", "preview", "run", "on", "off", "discard"):
        assert vera.post(address(sync, name)).status_code == 403, name
    assert vera.get(reverse("admin:mappings_sync_add")).status_code == 403


def test_the_page_itself_takes_no_post_and_its_buttons_no_get(admin_client: Client, sync: Sync) -> None:
    assert admin_client.post(address(sync)).status_code == 403
    for name in ("preview", "run", "on", "off", "discard"):
        assert admin_client.get(address(sync, name)).status_code == 405, name
    assert admin_client.get(address(sync, "save")).headers["Location"] == address(sync)


def test_an_editor_previews_but_neither_runs_nor_switches(edith: Client, sync: Sync) -> None:
    shown = text_of(edith.get(address(sync)))
    assert address(sync, "preview") in shown
    assert address(sync, "run") not in shown
    assert address(sync, "off") not in shown
    assert {edith.post(address(sync, name)).status_code for name in ("run", "on", "off")} == {403}


def test_a_draft_is_discarded_by_its_button(edith: Client, sync: Sync) -> None:
    fields = page(edith, sync)
    send(edith, sync, {**fields, f"{row_of(fields, 'email')}-to_right": "fill"})
    stale = edith.post(address(sync, "discard"), {"number": "2", "edit": "7"}, follow=True)
    assert "was not discarded" in text_of(stale)
    answer = edith.post(address(sync, "discard"), {"number": "2", "edit": "0"}, follow=True)
    assert "The draft is discarded." in text_of(answer)
    assert draft_of(sync) is None
    gone = edith.post(address(sync, "discard"), {"number": "2", "edit": "0"}, follow=True)
    assert "no draft to discard" in text_of(gone)


def test_the_page_stays_cheap(edith: Client, sync: Sync, django_assert_max_num_queries: DjangoAssertNumQueries) -> None:
    fields = page(edith, sync)
    send(edith, sync, {**fields, f"{row_of(fields, 'email')}-to_right": "fill"})
    with django_assert_max_num_queries(17):
        assert edith.get(address(sync)).status_code == 200
    wrong = page(edith, sync) | {"pair-1-kind": ["odd"]}
    with django_assert_max_num_queries(17):
        assert send(edith, sync, wrong).status_code == 200


def test_three_hundred_field_pairs_are_shown_and_saved(
    edith: Client, sync: Sync, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    fields = page(edith, sync)
    keys = [f"many{number}" for number in range(290)]
    fields["pair"] += keys
    for key in keys:
        fields |= {f"pair-{key}-left": [f"l_{key}"], f"pair-{key}-right": [f"R_{key}"], f"pair-{key}-to_left": ["off"]}
    assert send(edith, sync, fields).status_code == 302
    assert len(saved(sync).pairs) == 300
    with django_assert_max_num_queries(17):
        full = page(edith, sync)
    before = saved(sync)
    assert send(edith, sync, full).status_code == 302
    assert says_the_same(saved(sync), before)


def new(client: Client, **said: str) -> Any:
    given = {"name": "gifts", "left_connection": "CRM", "left_object": "Gift", "right_connection": "CRM"}
    return client.post(reverse("admin:mappings_sync_add"), {**given, "right_object": "Note", **said})


def test_a_new_sync_is_made_in_two_steps(edith: Client, sync: Sync) -> None:
    first = new(edith)
    assert "Start from" in text_of(first)
    assert "There are no ready-made rules for these two kinds of record." in text_of(first)
    assert not Sync.objects.filter(name="gifts").exists()
    made = new(edith, start="empty")
    gifts = Sync.objects.get(name="gifts")
    assert made.headers["Location"] == address(gifts)
    draft = draft_of(gifts)
    assert draft is not None
    assert (gifts.state, draft.created_by) == (Sync.State.DRAFT, "editors")
    assert send(edith, gifts, page(edith, gifts)).status_code == 302
    assert gifts.versions.get().edit == 0


def test_a_new_sync_starts_from_what_fits_both_systems(
    edith: Client, sync: Sync, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, ...]] = []

    class Ready:
        name, label, about = "ready", "Two toys", "Names go both ways."

        def contents(self, left: str, right: str) -> Contents:
            asked.append((left, right))
            sides = {"left": {"connection": left, "object": "Gift"}, "right": {"connection": right, "object": "Note"}}
            pair = {"left": "name", "right": "Name", "kind": "text", "to_left": "off", "to_right": "automatic"}
            return Contents(sides=sides, pairs={"name|Name": pair})

    def fitting(*records: str) -> list[Ready]:
        asked.append(records)
        return [Ready()]

    monkeypatch.setattr("mappings.forms.new.presets_for", fitting)
    assert "Names go both ways." in text_of(new(edith))
    new(edith, start="ready")
    assert asked[0] == ("toy", "Gift", "toy", "Note")
    assert asked[-1] == ("CRM", "CRM")
    assert saved(Sync.objects.get(name="gifts")).pairs["name|Name"]["to_right"] == "automatic"


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ({"name": "my gifts!"}, "Use letters, digits, - and _ only, like alumni-crm."),
        ({"name": "alumni-crm"}, "There is a sync called alumni-crm already."),
        ({"right_object": "Gift"}, "Both are the same records."),
        ({"left_connection": ""}, "Choose a connection."),
        ({"left_object": "Contact", "left_connection": "CRM"}, "another “The system&#x27;s own filter”"),
    ],
)
def test_a_new_sync_that_can_t_be_is_not_made(edith: Client, sync: Sync, said: Fields, sentence: str) -> None:
    in_force = sync.active_version()
    assert in_force is not None
    in_force.sides.filter(side="right").update(narrow="a = 1")
    assert sentence in text_of(new(edith, start="empty", **said))
    assert Sync.objects.count() == 1


def test_without_two_connections_the_page_says_what_to_do(edith: Client) -> None:
    shown = text_of(edith.get(reverse("admin:mappings_sync_add")))
    assert "A sync needs two systems to keep in step." in shown
    assert reverse("admin:connectors_connection_changelist") in shown


def test_the_list_names_both_systems_and_offers_a_new_sync(
    edith: Client, sync: Sync, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_max_num_queries(15):
        shown = text_of(edith.get(reverse("admin:mappings_sync_changelist")))
    assert "Alumni platform ↔ CRM" in shown
    assert f'href="{reverse("admin:mappings_sync_add")}"' in shown
    assert address(sync) in shown


def test_the_list_offers_a_viewer_nothing(client: Client, sync: Sync) -> None:
    shown = text_of(as_role(client, "Viewers").get(reverse("admin:mappings_sync_changelist")))
    assert reverse("admin:mappings_sync_add") not in shown


def test_a_preview_leads_to_its_run_and_a_refusal_back(admin_client: Client, sync: Sync) -> None:
    answer = admin_client.post(address(sync, "preview"))
    run = SyncRun.objects.get()
    assert (run.kind, run.requested_by) == (SyncRun.Kind.PREVIEW, "admin")
    assert answer.headers["Location"] == reverse("admin:alumnisync_syncrun_change", args=[run.pk])
    again = admin_client.post(address(sync, "run"), follow=True)
    assert again.redirect_chain[-1][0] == address(sync)
    assert f"Run {run.pk} is under way already." in text_of(again)


def test_a_sync_is_paused_and_switched_on_again(admin_client: Client, sync: Sync) -> None:
    assert "is paused. It sends nothing." in text_of(admin_client.post(address(sync, "off"), follow=True))
    sync.refresh_from_db()
    assert sync.state == Sync.State.PAUSED
    answer = admin_client.post(address(sync, "on"), follow=True)
    sync.refresh_from_db()
    assert sync.state == Sync.State.LIVE, text_of(answer)


def test_the_hour_is_chosen_as_a_time(edith: Client, sync: Sync) -> None:
    assert re.search(r'<input name="head-at" value="06:30"[^>]* type="time"', text_of(edith.get(address(sync))))
