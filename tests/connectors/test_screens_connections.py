"""Connections in the browser: made, edited and checked against stand-ins; their secrets are seen nowhere."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.contrib.sessions.models import Session
from django.db import connection as database
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django.utils.html import strip_tags
from pytest_django import DjangoAssertNumQueries

from connectors.described import remember
from connectors.models import Connection, Cursor, SeenField
from connectors.records import Field, NeedsAttention, ObjectType, Temporary
from connectors.sandbox.server import start
from connectors.sandbox.stand_in import StandIn
from mappings.setup.dumping import dump_setup
from mappings.setup.loading import known_setup, load
from mappings.setup.reading import read_setup
from tests.mappings.setup_example import ToyConnector, keep, register

pytestmark = pytest.mark.django_db

MOST_STATEMENTS = 15
OTHER_SECRET = "another-secret-nobody-sees"
BLOCK = re.compile(r"</?(?:dd|dt|h2|li|p|span|summary|td)\b[^>]*>")


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connectors.http.FIRST_WAIT", 0.0001)
    register(monkeypatch)


@pytest.fixture
def crm() -> Iterator[StandIn]:
    with start("salesforce", people=5, read_only=["MobilePhone"]) as there:
        yield there


def url(name: str, *args: object) -> str:
    return reverse(f"admin:connectors_connection_{name}", args=args)


def words(answer: Any) -> str:
    """What a person reads of the page's own part."""
    _, _, content = answer.content.decode().partition('id="content"')
    return " ".join(unescape(strip_tags(BLOCK.sub(" ", content))).split())


def entered(there: StandIn, **changed: str) -> dict[str, str]:
    return {"connection-name": "CRM", **there.settings, "requests_per_second": "100000", **changed}


def connect(client: Client, there: StandIn) -> Connection:
    answer = client.post(url("add_system", there.system), entered(there))
    assert answer.status_code == 302
    return Connection.objects.get()


def toy(client: Client, **secrets: str) -> Connection:
    row = keep("Toy", "toy", {"api_key": "k-12345", **secrets})
    row.settings = {"base_url": "https://toy.example.org"}
    row.save()
    return row


def control(page: Any, name: str) -> str:
    found = re.search(rf'<(?:input|select|textarea)[^>]* name="{name}"[^>]*>', page.content.decode())
    assert found
    return found[0]


def member(client: Client, *permissions: str) -> Client:
    person = User.objects.create_user("somebody", is_staff=True)
    person.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client.force_login(person)
    return client


# Making one


def test_a_system_is_chosen_by_what_it_is(admin_client: Client) -> None:
    said = words(admin_client.get(url("add")))
    assert "Salesforce A CRM, with or without" in said
    assert "360Alumni An alumni network" in said
    assert "Memory (for tests)" in said


def test_the_system_for_tests_is_offered_only_where_it_is_allowed(admin_client: Client, settings: Any) -> None:
    settings.ALLOW_MEMORY_SYSTEM = False
    assert "Memory" not in words(admin_client.get(url("add")))
    assert admin_client.get(url("add_system", "memory")).status_code == 404
    assert admin_client.post(url("add_system", "memory"), {"connection-name": "M", "store": "x"}).status_code == 404
    assert admin_client.get(url("add_system", "unheard")).status_code == 404
    assert not Connection.objects.exists()


def test_the_form_says_what_to_ask_for_and_explains_every_setting(admin_client: Client) -> None:
    page = admin_client.get(url("add_system", "salesforce"))
    assert "What to ask for An external client app" in words(page)
    assert "The consumer key of the external client app." in words(page)
    assert 'list="time-zones"' in control(page, "time_zone")
    assert 'value="America/New_York"' in page.content.decode()
    assert 'autocomplete="new-password"' in control(page, "client_secret")


def test_wrong_input_is_refused_and_kept_but_for_secrets(admin_client: Client, crm: StandIn) -> None:
    secret = crm.settings["client_secret"]
    wrong = entered(crm, base_url="ftp://crm.example.org", time_zone="Missouri", **{"connection-name": ""})
    page = admin_client.post(url("add_system", "salesforce"), wrong)
    assert page.status_code == 200
    assert "Nothing is stored yet" in words(page)
    assert "Address: An address must look like https://example.org/api" in words(page)
    assert "“Missouri” is not a time zone" in words(page)
    assert 'value="ftp://crm.example.org"' in control(page, "base_url")
    assert 'value="sandbox-client"' in control(page, "client_id")
    assert "value" not in control(page, "client_secret")
    assert secret not in page.content.decode()
    # What is wrong there must not hide behind a closed fold.
    assert re.search(r'<details class="as-details" open>\s*<summary>Advanced', page.content.decode())
    assert not Connection.objects.exists()


def test_an_address_inside_this_network_is_refused_at_its_field(admin_client: Client, settings: Any) -> None:
    settings.ALLOW_PRIVATE_ADDRESSES = False
    given = {"connection-name": "CRM", "base_url": "http://127.0.0.1:1", "client_id": "a", "client_secret": "b"}
    said = words(admin_client.post(url("add_system", "salesforce"), given))
    assert "Address: 127.0.0.1 is an address inside this network." in said
    assert not Connection.objects.exists()


def test_a_name_is_taken_once(admin_client: Client, crm: StandIn) -> None:
    connect(admin_client, crm)
    page = admin_client.post(url("add_system", "salesforce"), entered(crm))
    assert "There is a connection of this name already." in words(page)
    assert Connection.objects.count() == 1


def test_only_what_was_given_is_stored_and_secrets_are_encrypted(admin_client: Client, crm: StandIn) -> None:
    row = connect(admin_client, crm)
    expected = {"base_url": crm.url, "client_id": "sandbox-client", "api_version": "60.0"}
    assert row.settings == {**expected, "requests_per_second": 100000.0}
    assert row.secrets == {"client_secret": crm.settings["client_secret"]}
    with database.cursor() as cursor:
        cursor.execute("SELECT secrets, settings FROM connectors_connection")
        stored = " ".join(map(str, cursor.fetchone()))
    assert crm.settings["client_secret"] not in stored
    assert stored.startswith("gAAAA")


def test_what_is_stored_is_what_a_setup_file_says(admin_client: Client, crm: StandIn) -> None:
    connect(admin_client, crm)
    environment = {"CRM_CLIENT_SECRET": crm.settings["client_secret"]}
    report = load(read_setup(dump_setup(), environment, known_setup()), activate=lambda version: True, preview=True)
    assert (report.unchanged, report.is_changed) == (["connection CRM"], False)


def test_storing_a_setup_files_connection_unchanged_changes_nothing(admin_client: Client) -> None:
    text = (
        "connections: [{name: CRM, system: salesforce, settings: {base_url: 'https://crm.example.org', "
        "client_id: me, client_secret: '${S}', timeout: 30, keep_fields: [Nickname__c]}}]"
    )
    setup = read_setup(text, {"S": OTHER_SECRET}, known_setup())
    load(setup, activate=lambda version: True)
    row = Connection.objects.get()
    before = dict(row.settings)
    page = admin_client.get(url("edit", row.pk)).content.decode()
    sent = {name: unescape(value) for name, value in re.findall(r'name="([\w-]+)" value="([^"]*)"', page)}
    admin_client.post(url("edit", row.pk), {**sent, "keep_fields": "Nickname__c"})
    row = Connection.objects.get()
    assert (row.settings, row.secrets) == (before, {"client_secret": OTHER_SECRET})
    assert not LogEntry.objects.exists()


# Checking it


def test_a_check_says_who_we_are_and_what_is_there(admin_client: Client, crm: StandIn) -> None:
    row = connect(admin_client, crm)
    before = words(admin_client.get(url("change", row.pk)))
    assert "Not checked yet" in before
    assert "will be listed here after a check" in before
    said = words(admin_client.post(url("check", row.pk)))
    assert "It works: signed in at Awesome University." in said
    assert "Production or test Test" in said
    assert "Signed in as sync@example.edu" in said
    assert "of 100,000 calls used" in said
    named = re.search(
        r"Create and change records; \d+ fields only to look at 5 The first that was read: ([^<]+?) Acc", said
    )
    assert named
    assert named[1] in {row["Name"] for row in crm.records["Contact"].values()}
    assert "One more kind of record is known by its name only" in said
    after = words(admin_client.get(url("change", row.pk)))
    assert "Works" in after
    assert "Contacts Contact" in after
    # Whose name it was is shown once and kept nowhere.
    assert named[1] not in after


def test_secrets_are_seen_nowhere(admin_client: Client, crm: StandIn, caplog: pytest.LogCaptureFixture) -> None:
    row = connect(admin_client, crm)
    pages = [admin_client.post(url("check", row.pk))]
    crm.faults.next("401", times=100)
    pages += [admin_client.post(url("check", row.pk))]
    crm.faults.clear()
    pages += [admin_client.post(url("edit", row.pk), entered(crm, client_secret=OTHER_SECRET, timeout="-1"))]
    pages += [admin_client.post(url("edit", row.pk), entered(crm, client_secret=OTHER_SECRET))]
    pages += [admin_client.post(url("check", row.pk))]
    pages += [admin_client.get(url(name, row.pk)) for name in ("change", "edit", "history")]
    pages += [admin_client.get(url("changelist"))]
    seen = " ".join(page.content.decode() for page in pages) + caplog.text
    seen += " ".join(f"{one.change_message} {one.object_repr}" for one in LogEntry.objects.all())
    seen += " ".join(str(one.get_decoded()) for one in Session.objects.all())
    assert Connection.objects.get().secrets == {"client_secret": OTHER_SECRET}
    assert "client_secret" in seen
    for secret in (crm.settings["client_secret"], OTHER_SECRET, "sandbox-token"):
        assert secret not in seen


def test_fields_that_this_user_does_not_see_are_named(admin_client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    fields = (Field("name"), Field("ssn", "Number", readable=False, writable=False), Field("id", writable=False))
    monkeypatch.setattr(ToyConnector, "types", (ObjectType("person", "People", fields, can_create=False),))
    monkeypatch.setattr(ToyConnector, "may_look", False)
    said = words(admin_client.post(url("check", toy(admin_client).pk)))
    assert "Not visible to this user: Number" in said
    assert "Change records, not create them; 1 field only to look at" in said
    assert "not looked at" in said


@pytest.mark.parametrize(
    ("trouble", "sentences"),
    [
        (NeedsAttention("The key has expired."), ("It doesn't work yet", "The key has expired.", "Change settings")),
        (Temporary("No answer."), ("It can't be said now", "No answer.", "Check again in a few minutes.")),
    ],
)
def test_what_went_wrong_is_said_with_what_to_do(
    admin_client: Client, monkeypatch: pytest.MonkeyPatch, trouble: Exception, sentences: tuple[str, ...]
) -> None:
    monkeypatch.setattr(ToyConnector, "trouble", trouble)
    row = toy(admin_client)
    said = words(admin_client.post(url("check", row.pk)))
    assert [sentence for sentence in sentences if sentence not in said] == []
    needs_a_person = isinstance(trouble, NeedsAttention)
    assert ("Needs attention" in words(admin_client.get(url("changelist")))) == needs_a_person
    assert ("The key has expired." in words(admin_client.get(url("change", row.pk)))) == needs_a_person


def test_another_organisation_is_refused(admin_client: Client, crm: StandIn) -> None:
    row = connect(admin_client, crm)
    Connection.objects.update(identity={"organisation": "00D", "label": "Example College"})
    assert "This connection belongs to Example College (00D)." in words(admin_client.get(url("edit", row.pk)))
    said = words(admin_client.post(url("check", row.pk)))
    assert "CRM leads to Awesome University" in said
    assert Connection.objects.get().identity["organisation"] == "00D"


def test_a_system_that_is_gone_is_told(admin_client: Client) -> None:
    row = Connection.objects.create(name="Old", system="forgotten")
    assert "Needs attention This installation does not have its system." in words(admin_client.get(url("changelist")))
    assert "This installation does not have the system “forgotten”" in words(admin_client.get(url("change", row.pk)))
    assert "which this installation does not have" in words(admin_client.post(url("check", row.pk)))
    answer = admin_client.post(url("edit", row.pk), {"connection-name": "New"}, follow=True)
    assert "does not have the system" in answer.content.decode()
    assert Connection.objects.get().name == "Old"


# Its kinds of record


def test_the_fields_of_another_kind_are_asked_for(admin_client: Client, crm: StandIn) -> None:
    row = connect(admin_client, crm)
    admin_client.post(url("check", row.pk))
    assert "Its fields are not known yet." in words(admin_client.get(url("object_type", row.pk, "Organization")))
    answer = admin_client.post(url("describe", row.pk), {"name": "Organization"}, follow=True)
    assert answer.redirect_chain[-1][0] == url("object_type", row.pk, "Organization")
    assert "IsSandbox" in words(answer)
    assert admin_client.post(url("describe", row.pk), {"name": "Unheard__c"}).status_code == 404


def test_a_kind_that_is_no_longer_shown_is_told(admin_client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    row = toy(admin_client)
    remember(row, [ObjectType("secret/kind", "Secret things")])
    answer = admin_client.post(url("describe", row.pk), {"name": "secret/kind"}, follow=True)
    assert "Toy has no secret/kind, or doesn" in answer.content.decode()
    assert admin_client.get(url("object_type", row.pk, "secret/kind")).status_code == 200


def test_fields_are_found_with_how_often_they_are_filled(admin_client: Client) -> None:
    row = toy(admin_client)
    year = Field("Year__c", "Class year", "picklist", "choice", 1255, True, ("2001", "2002"), writable=False)
    remember(row, [ObjectType("person", "People", (Field("Name"), year, Field("Ssn", readable=False)))])
    cursor = Cursor.objects.create(connection=row, object_type="person")
    for name, filled in (("Year__c", 750), ("nickname", 0)):
        SeenField.objects.create(cursor=cursor, name=name, seen=1000, filled=filled, first_seen_at=timezone.now())
    at = url("object_type", row.pk, "person")
    everything = words(admin_client.get(at))
    assert (
        "Class year Year__c picklist choice 1,255 Required 2 2001, 2002 Only to look at 75 % of 1,000 read"
        in everything
    )
    assert "Not visible to this user" in everything
    assert "Seen in records, not described 0 % of 1,000 read" in everything
    found = words(admin_client.get(at, {"q": "CLASS"}))
    assert "Year__c" in found
    assert "nickname" in everything
    assert "nickname" not in found
    assert "No field is called “<b>”" in words(admin_client.get(at, {"q": "<b>"}))
    assert admin_client.get(url("object_type", row.pk, "unheard")).status_code == 404


# Editing it


def test_an_empty_secret_keeps_the_stored_one(admin_client: Client) -> None:
    row = toy(admin_client, password="p-1")
    page = admin_client.get(url("edit", row.pk))
    assert "Stored; leave empty to keep it." in words(page)
    assert "value" not in control(page, "api_key")
    given = {"connection-name": "Toy", "base_url": "https://toy.example.org", "timeout": "12"}
    admin_client.post(url("edit", row.pk), given)
    row = Connection.objects.get()
    assert (row.settings["timeout"], row.secrets) == (12, {"api_key": "k-12345", "password": "p-1"})
    admin_client.post(url("edit", row.pk), {**given, "api_key": OTHER_SECRET})
    assert Connection.objects.get().secrets == {"api_key": OTHER_SECRET, "password": "p-1"}


def test_a_secret_is_removed_where_it_is_not_required(admin_client: Client) -> None:
    row = toy(admin_client, password="p-1")
    page = admin_client.get(url("edit", row.pk)).content.decode()
    assert 'name="forget-password"' in page
    assert 'name="forget-api_key"' not in page
    ticked = {"connection-name": "Toy", "base_url": "https://toy.example.org", "forget-password": "on"}
    admin_client.post(url("edit", row.pk), {**ticked, "password": "p-2"})
    assert Connection.objects.get().secrets["password"] == "p-2"
    admin_client.post(url("edit", row.pk), {**ticked, "forget-api_key": "on"})
    assert Connection.objects.get().secrets == {"api_key": "k-12345"}


def test_json_can_be_read_and_is_kept_as_typed_where_it_is_wrong(admin_client: Client) -> None:
    row = toy(admin_client)
    Connection.objects.update(settings={"base_url": "https://toy.example.org", "auth": {"type": "none"}})
    assert '{\n  "type": "none"\n}' in unescape(admin_client.get(url("edit", row.pk)).content.decode())
    given = {"connection-name": "Toy", "base_url": "https://toy.example.org", "auth": "{type"}
    page = admin_client.post(url("edit", row.pk), given)
    assert "Enter a valid JSON." in words(page)
    assert ">\n{type</textarea>" in page.content.decode()


def test_changed_settings_are_unchecked_and_noted_without_values(admin_client: Client) -> None:
    row = toy(admin_client)
    Connection.objects.update(checked_at=timezone.now(), identity={"organisation": "org-1"})
    given = {"connection-name": "Renamed", "base_url": "https://toy.example.org"}
    admin_client.post(url("edit", row.pk), given)
    assert "Works" in words(admin_client.get(url("changelist")))
    admin_client.post(url("edit", row.pk), {**given, "mode": "full", "api_key": OTHER_SECRET})
    assert "Not checked since it was changed" in words(admin_client.get(url("changelist")))
    noted = [one.get_change_message() for one in LogEntry.objects.order_by("pk")]
    assert noted == ["Changed name.", "Changed mode and api_key."]


def test_what_a_system_says_of_its_settings_together_is_shown(admin_client: Client) -> None:
    given = {"connection-name": "T", "base_url": "https://toy.example.org", "api_key": "k", "mode": "changes"}
    assert "Changes need a start date." in words(admin_client.post(url("add_system", "toy"), given))
    admin_client.post(url("add_system", "toy"), {**given, "start_date": "2026-01-05"})
    assert Connection.objects.get().settings["start_date"] == "2026-01-05"


def test_secrets_that_no_key_opens_are_entered_again(admin_client: Client, settings: Any) -> None:
    row = toy(admin_client)
    settings.ALUMNISYNC_ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    assert "can't be read with this installation's encryption keys" in words(admin_client.get(url("edit", row.pk)))
    assert "encrypted with a key that is not in" in words(admin_client.post(url("check", row.pk)))
    given = {"connection-name": "Toy", "base_url": "https://toy.example.org"}
    assert "Api key: This field is required." in words(admin_client.post(url("edit", row.pk), given))
    admin_client.post(url("edit", row.pk), {**given, "api_key": OTHER_SECRET})
    assert Connection.objects.get().secrets == {"api_key": OTHER_SECRET}


# Who may, and what it costs

BUTTONS = (
    ("changelist", "get", "view"),
    ("change", "get", "view"),
    ("object_type", "get", "view"),
    ("add", "get", "add"),
    ("add_system", "get", "add"),
    ("add_system", "post", "add"),
    ("edit", "get", "change"),
    ("edit", "post", "change"),
    ("check", "post", "change"),
    ("describe", "post", "change"),
)


def at(name: str, row: Connection) -> str:
    args = {"changelist": (), "add": (), "add_system": ("toy",), "object_type": (row.pk, "person")}
    return url(name, *args.get(name, (row.pk,)))


@pytest.mark.parametrize("held", ["", "view", "add", "change"])
def test_every_button_has_its_permission(client: Client, held: str) -> None:
    row = toy(client)
    remember(row, [ObjectType("person", "People", (Field("name"),))])
    member(client, f"{held}_connection")
    refused = {(name, how) for name, how, _ in BUTTONS if getattr(client, how)(at(name, row), {}).status_code == 403}
    # A kind of record that isn't named is not found, by whoever may ask.
    assert refused == {(name, how) for name, how, needed in BUTTONS if needed != held}


def test_who_may_only_look_is_shown_no_buttons(client: Client) -> None:
    row = toy(client)
    remember(row, [ObjectType("person", "People", (Field("name"),)), ObjectType("gift", "Gifts")])
    member(client, "view_connection")
    pages = [client.get(at(name, row)) for name in ("changelist", "change", "object_type")]
    shown = [page.content.decode().partition('id="content"')[2] for page in pages]
    assert [form for page in shown for form in re.findall(r'<form[^>]*method="post"[^>]*connection[^>]*>', page)] == []
    assert [page for page in shown if url("add") in page or url("edit", row.pk) in page] == []
    assert "Known by name only (1)" in words(pages[1])


def test_nothing_changes_by_looking(admin_client: Client) -> None:
    row = toy(admin_client)
    remember(row, [ObjectType("person", "People")])
    before = list(Connection.objects.values("name", "settings", "identity", "checked_at", "attention"))
    codes = {name: admin_client.get(at(name, row)).status_code for name, _, _ in BUTTONS}
    assert {name for name, code in codes.items() if code == 405} == {"check", "describe"}
    assert {code for name, code in codes.items() if name not in ("check", "describe")} == {200}
    assert list(Connection.objects.values("name", "settings", "identity", "checked_at", "attention")) == before


def test_a_form_without_its_token_is_refused(admin_user: User) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(admin_user)
    row = toy(client)
    assert {client.post(at(name, row)).status_code for name in ("add_system", "edit", "check", "describe")} == {403}


@pytest.mark.parametrize("count", [3, 30])
def test_many_connections_cost_what_few_cost(
    admin_client: Client, django_assert_max_num_queries: DjangoAssertNumQueries, count: int
) -> None:
    for number in range(count):
        row = keep(f"CRM {number}", "toy", {"api_key": "k"})
    fields = tuple(Field(f"field{number}") for number in range(count))
    remember(row, [ObjectType(f"kind{number}", f"Kind {number}", fields) for number in range(count)])
    remember(row, [ObjectType(f"other{number}", f"Other {number}") for number in range(count)])
    for address in (url("changelist"), url("change", row.pk), url("edit", row.pk), url("object_type", row.pk, "kind1")):
        with django_assert_max_num_queries(MOST_STATEMENTS):
            assert admin_client.get(address).status_code == 200


def test_an_installation_without_connections_says_how_to_begin(admin_client: Client) -> None:
    assert "Begin with “New connection”" in words(admin_client.get(url("changelist")))
