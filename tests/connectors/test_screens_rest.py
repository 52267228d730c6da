"""A web service described in the browser: typed part by part, tried before it is stored, edited afterwards."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.urls import reverse
from django.utils.html import strip_tags

from connectors.models import Connection
from connectors.sandbox.rest import SECRET
from connectors.sandbox.server import start
from connectors.systems.rest import Rest
from mappings.setup.loading import known_setup, load
from mappings.setup.reading import read_setup
from tests.connectors.rest import There

pytestmark = pytest.mark.django_db

ADD = reverse("admin:connectors_connection_add_system", args=["rest"])


@pytest.fixture(autouse=True)
def _near_and_quick(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.ALLOW_PRIVATE_ADDRESSES = True
    monkeypatch.setattr("connectors.http.FIRST_WAIT", 0.0001)


@pytest.fixture
def there() -> Iterator[There]:
    with start("rest", people=15, page_size=12, paging="next_url", auth="query", since="iso") as there:
        assert isinstance(there, There)
        yield there


def entered(there: There, **changed: str) -> dict[str, str]:
    """What somebody types; a name that begins with person_ is one of the first kind's."""
    typed = {
        "connection-name": "Service",
        "base_url": there.settings["base_url"],
        "auth_type": "query",
        "auth_name": "api_key",
        "auth_value": SECRET,
        "requests_per_second": "100000",
        "person_name": "person",
        "person_label": "People",
        "person_list_path": "/people",
        "person_list_params": "status = active\n\n",
        "person_list_records": "data",
        "person_paging_type": "next_url",
        "person_paging_field": "links.next",
        "person_id": "id",
        "person_changed_since_param": "since",
        "person_changed_since_field": "updated",
        "person_changed_since_format": "iso",
        "person_deleted_field": "deleted",
        "person_deleted_value": "true",
        "person_read_path": "/people/{id}",
        "person_read_record": "data",
        "person_fields_": "first_name, First name\nemail, E-mail, email\nclass_year, , text, read only",
        "objects-1-name": "",
        "objects-1-list_path": "",
        **changed,
    }
    return {name.replace("person_", "objects-0-", 1) if "-" not in name else name: it for name, it in typed.items()}


def words(answer: Any) -> str:
    _, _, content = answer.content.decode().partition('id="content"')
    return " ".join(unescape(strip_tags(re.sub(r"</?(?:td|th|li|p|span|h2|summary)\b[^>]*>", " ", content))).split())


def sent_back(page: str) -> dict[str, str]:
    """The form as a browser would send it again, untouched and without what is hidden."""
    form = page[page.index('<form method="post" class="as-stack as-card"') :]
    typed = {name: unescape(value) for name, value in re.findall(r'name="([\w-]+)" value="([^"]*)"', form)}
    typed |= {
        name: unescape(text).lstrip("\n")
        for name, text in re.findall(r'<textarea name="([\w-]+)"[^>]*>([^<]*)</textarea>', form)
    }
    for name, options in re.findall(r'<select name="([\w-]+)".*?>(.*?)</select>', form, re.S):
        chosen = re.search(r'value="([^"]*)" selected', options)
        typed[name] = chosen[1] if chosen else ""
    for tag in re.findall(r'<input type="checkbox"[^>]*>', form):
        if "checked" in tag and (found := re.search(r'name="([\w-]+)"', tag)):
            typed[found[1]] = "on"
    way = typed.get("objects-0-paging_type", "none")
    hidden = re.findall(r'name="([\w-]+)"[^>]*data-when="([\w-]+)=([\w ]*)"', form)
    return {
        name: value
        for name, value in typed.items()
        if not any(name == each and way not in ways.split() for each, by, ways in hidden if by.startswith("objects-0"))
        and name not in ("try", "csrfmiddlewaretoken")
    }


def test_what_is_typed_is_stored_as_a_setup_file_says_it(admin_client: Client, there: There) -> None:
    assert admin_client.post(ADD, entered(there)).status_code == 302
    row = Connection.objects.get()
    assert row.secrets == {"auth_value": SECRET}
    assert row.settings["objects"] == {
        "person": {
            "label": "People",
            "list": {"path": "/people", "params": {"status": "active"}, "records": "data"},
            "paging": {"type": "next_url", "field": "links.next"},
            "id": "id",
            "changed_since": {"param": "since", "field": "updated"},
            "deleted": {"field": "deleted"},
            "read": {"path": "/people/{id}", "record": "data"},
            "fields": [
                {"name": "first_name", "label": "First name"},
                {"name": "email", "label": "E-mail", "kind": "email"},
                {"name": "class_year", "kind": "text", "writable": False},
            ],
        }
    }
    assert admin_client.post(reverse("admin:connectors_connection_check", args=[row.pk])).status_code == 200


def test_the_form_explains_every_part(admin_client: Client) -> None:
    page = admin_client.get(ADD)
    said = words(page)
    assert "The first kind of record" in said
    assert "Reading only what changed is much faster" in said
    assert 'data-when="objects-0-paging_type=page offset cursor"' in page.content.decode()
    assert 'data-when="auth_type=oauth2"' in page.content.decode()


def test_mistakes_are_told_by_the_words_of_the_form(admin_client: Client, there: There) -> None:
    wrong = entered(there, person_paging_field="", person_changed_since_field="", person_list_params="nonsense")
    page = admin_client.post(ADD, wrong)
    said = words(page)
    assert "person – Pages of the list – Where the answer says what follows: Paging of type next_url needs" in said  # noqa: RUF001
    assert "person – What changed – Field with the time of change: To read only what changed" in said  # noqa: RUF001
    assert "person – The list – Always sent with it: Write one a line, like status = active" in said  # noqa: RUF001
    assert 'name="objects-0-list_path" value="/people"' in page.content.decode()
    assert SECRET not in page.content.decode()
    assert not Connection.objects.exists()


def test_a_kind_without_a_name_is_told(admin_client: Client, there: There) -> None:
    assert "Give each kind of record a name" in words(admin_client.post(ADD, entered(there, person_name="")))


def test_another_kind_is_added_and_one_removed(admin_client: Client, there: There) -> None:
    admin_client.post(ADD, entered(there))
    row = Connection.objects.get()
    edit = reverse("admin:connectors_connection_edit", args=[row.pk])
    more = {"objects-1-name": "gift", "objects-1-list_path": "/gifts", "objects-0-remove": "on"}
    assert admin_client.post(edit, entered(there, auth_value="", **more)).status_code == 302
    row.refresh_from_db()
    assert row.settings["objects"] == {"gift": {"list": {"path": "/gifts"}}}
    assert row.secrets == {"auth_value": SECRET}


def test_storing_it_unchanged_changes_nothing(admin_client: Client, there: There) -> None:
    given = dict(there.settings)
    text = (
        f"connections: [{{name: S, system: rest, settings: {{base_url: '{given['base_url']}', auth: "
        "{type: query, name: api_key, value: '${S}'}, objects: {person: {list: {path: /people, params: "
        "{a: 1}, records: data}, paging: {type: page, param: page, first: 1}, id: id, "
        "create: {method: POST, path: /people}}}}}]"
    )
    load(read_setup(text, {"S": SECRET}, known_setup()), activate=lambda version: True)
    row = Connection.objects.get()
    before = dict(row.settings)
    edit = reverse("admin:connectors_connection_edit", args=[row.pk])
    answer = admin_client.post(edit, sent_back(admin_client.get(edit).content.decode()))
    assert answer.status_code == 302, words(answer)[:1500]
    row.refresh_from_db()
    assert (row.settings, row.secrets) == (before, {"auth_value": SECRET})
    assert not LogEntry.objects.exists()


def test_another_sign_in_takes_the_old_secret_away(admin_client: Client, there: There) -> None:
    admin_client.post(ADD, entered(there))
    row = Connection.objects.get()
    edit = reverse("admin:connectors_connection_edit", args=[row.pk])
    assert admin_client.post(edit, entered(there, auth_type="none", auth_value="")).status_code == 302
    row.refresh_from_db()
    assert row.secrets == {}


def test_it_is_tried_before_it_is_stored(admin_client: Client, there: There, caplog: Any) -> None:
    changes = {"person_list_params": "", "try": "yes"}
    page = admin_client.post(ADD, entered(there, **changes))
    said = words(page)
    assert "It works: 127.0.0.1 answers" in said
    assert "12 records in the first page; a next page follows." in said
    assert there.records["person"]["1"]["email"] in said
    assert "It can read only what changed. It can't create records or change records or look records up." in said
    assert not Connection.objects.exists()
    assert SECRET not in page.content.decode() + caplog.text


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"person_list_path": "/nobody"}, "The list at /nobody can't be read."),
        ({"person_list_records": "items"}, "is no list under “items”. It has: data, links."),
        ({"auth_value": "wrong"}, "127.0.0.1 doesn't accept our key (401)."),
        ({"person_id": "number"}, "without an id under “number”"),
    ],
)
def test_a_trial_says_what_is_wrong(admin_client: Client, there: There, changed: dict[str, str], sentence: str) -> None:
    page = admin_client.post(ADD, entered(there, **{"person_list_params": "", "try": "yes", **changed}))
    assert sentence in words(page)
    assert SECRET not in page.content.decode()


def test_a_stored_secret_serves_a_trial(admin_client: Client, there: There) -> None:
    admin_client.post(ADD, entered(there))
    edit = reverse("admin:connectors_connection_edit", args=[Connection.objects.get().pk])
    page = admin_client.post(edit, entered(there, auth_value="", person_list_params="", **{"try": "yes"}))
    assert "a next page follows" in words(page)
    assert Connection.objects.get().settings["objects"]["person"]["list"]["params"] == {"status": "active"}


def test_what_reading_uses_up_is_not_tried(admin_client: Client, there: There, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Rest, "may_look", False)
    page = admin_client.post(ADD, entered(there, **{"try": "yes"}))
    assert "nothing is read just to try it" in words(page)
    assert there.counts["requests"] == 0
