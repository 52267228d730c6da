"""What somebody says of a web service: judged with its place, stored without its secrets, said again as it was."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.conf import settings

from connectors.models import Connection
from connectors.registry import connectors
from connectors.systems.rest.description import flat_of, nested, read_objects
from connectors.systems.rest.objects import ObjectsField
from mappings.setup.dumping import dump_setup
from mappings.setup.loading import known_setup, load
from mappings.setup.reading import Known, read_setup
from mappings.setup.sections import SetupError

SECRET = "pass:word/nobody+sees"
FILE = """
connections:
  - name: CRM
    system: rest
    settings:
      base_url: https://crm.example.edu/v1
      auth: {type: basic, username: sync, password: "${CRM_PASSWORD}"}
      objects:
        person:
          list:   {path: /people, params: {_sort: last_modified}, records: data}
          paging: {type: page, param: page, first: 1, size_param: per_page, size: 100}
          id: id
          changed_since: {param: _since, field: last_modified, format: raw}
          deleted: {field: deleted, value: true}
          read:   {path: "/people/{id}", record: data}
          find:   {param: "{field}"}
          create: {method: POST, path: /people, wrap: data}
          update: {method: PATCH, path: "/people/{id}", wrap: data}
          version: {field: last_modified, header: If-Match, quoted: true}
          fields: [{name: email, label: E-mail, kind: email}]
"""
SETTINGS = yaml.safe_load(FILE)["connections"][0]["settings"]


def read(text: str, **environment: str) -> Any:
    return read_setup(text, {"CRM_PASSWORD": SECRET, **environment}, Known())


def mistakes(text: str) -> list[str]:
    with pytest.raises(SetupError) as caught:
        read(text)
    return list(caught.value.mistakes)


def with_auth(auth: str) -> str:
    return FILE.replace('{type: basic, username: sync, password: "${CRM_PASSWORD}"}', auth)


@pytest.mark.django_db
def test_a_setup_file_loads_and_is_said_again_without_its_secrets() -> None:
    load(read_setup(FILE, {"CRM_PASSWORD": SECRET}, known_setup()), activate=lambda version: True)
    row = Connection.objects.get()
    assert row.secrets == {"auth_password": SECRET}
    assert SECRET not in str(row.settings)
    dumped = dump_setup()
    assert SECRET not in dumped
    again = yaml.safe_load(dumped)["connections"][0]
    assert again["settings"] == {**SETTINGS, "auth": {**SETTINGS["auth"], "password": "${CRM_AUTH_PASSWORD}"}}
    setup = read_setup(dumped, {"CRM_AUTH_PASSWORD": SECRET}, known_setup())
    report = load(setup, activate=lambda version: True, preview=True)
    assert (report.unchanged, report.is_changed) == (["connection CRM"], False)
    assert row.open().settings["auth_password"] == SECRET


@pytest.mark.django_db
def test_another_way_of_signing_in_forgets_the_old_secret() -> None:
    load(read_setup(FILE, {"CRM_PASSWORD": SECRET}, known_setup()), activate=lambda version: True)
    bearer = with_auth('{type: bearer, token: "${CRM_PASSWORD}"}')
    load(read_setup(bearer, {"CRM_PASSWORD": "0070"}, known_setup()), activate=lambda version: True)
    row = Connection.objects.get()
    assert row.secrets == {"auth_token": "0070"}
    assert "auth_username" not in row.settings


@pytest.mark.parametrize(
    ("auth", "sentence"),
    [
        ("{type: basic, username: sync}", "line 7: a rest connection needs “auth” → “password”."),
        ("{type: bearer, token: x, name: y}", "line 7: “auth” → “name” has no meaning beside the other settings"),
        ("{type: none, token: x}", "line 7: “auth” → “token” has no meaning beside the other settings"),
        ("{type: magic}", "line 7: “auth” → “type”: Select a valid choice."),
        ("{type: bearer, tokem: x}", "line 7: “tokem” is not a setting of “auth”; did you mean “token”?"),
        ("none", "line 7: “auth” is written as names with values"),
        ("{type: bearer, token: ''}", "line 7: “auth” → “token”: The sign-in of type bearer needs it."),
        ("{type: bearer, token: '${NOT_SET}'}", "line 7: “token” takes “NOT_SET” from the environment"),
        ("{type: oauth2, token_url: 'ftp://x', client_id: a, client_secret: b}", "An address must look like"),
    ],
)
def test_wrong_sign_ins_are_told_with_their_line(auth: str, sentence: str) -> None:
    assert any(sentence in mistake for mistake in mistakes(with_auth(auth)))


@pytest.mark.parametrize("address", ["http://127.0.0.1/token", "http://169.254.169.254/token"])
def test_tokens_are_not_asked_for_inside_this_network(address: str, settings: Any) -> None:
    settings.ALLOW_PRIVATE_ADDRESSES = False
    auth = f"{{type: oauth2, token_url: '{address}', client_id: a, client_secret: b}}"
    (mistake,) = mistakes(with_auth(auth))
    assert mistake.startswith("line 7: “auth” → “token_url”: ")


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("path: /people,", "paht: /people,", "person, list, paht: “paht” is no setting here; there are: path"),
        ("list:   {path: /people, ", "list:   {", "person, list, path: This field is required."),
        ("type: page,", "type: pages,", "person, paging, type: Select a valid choice."),
        ("param: page, ", "", "person, paging, param: Paging of type page needs it."),
        ("type: page,", "type: link_header,", "person, paging, param: It has no meaning with paging of type link"),
        ("size_param: per_page, ", "", "person, paging, size_param: To choose the page's size"),
        ('"/people/{id}", record', "/people/1, record", "person, read, path: Write {id} once"),
        ("path: /people,", "path: 'https://other.example/people',", "Write only what follows the connection's address"),
        ("path: /people,", "path: /../people,", "Write only what follows the connection's address"),
        ("field: last_modified, format", "format", "both the parameter and the field are needed"),
        ('read:   {path: "/people/{id}", record: data}', "", "A record is read before it is changed"),
        ("kind: email}", "knd: email}", "“knd” is nothing that is said of a field"),
        ("id: id\n", "idd: id\n", "“idd” is no setting here"),
        ("deleted: {field: deleted, value: true}", "deleted: deleted", "It is written as names with values"),
    ],
)
def test_wrong_descriptions_are_told_with_their_place(old: str, new: str, sentence: str) -> None:
    assert old in FILE
    found = mistakes(FILE.replace(old, new, 1))
    assert any(sentence in mistake and mistake.startswith("line 8: ") for mistake in found), found


def test_a_typed_description_is_told_with_its_line() -> None:
    text = "person:\n  list: {path: /people}\n  paging:\n    type: page\n"
    errors = ObjectsField().to_python
    with pytest.raises(Exception, match="Line 3, person, paging, param: Paging of type page needs it"):
        errors(text)
    with pytest.raises(Exception, match="Line 2: this can't be read"):
        errors("person:\n  - list: }{")
    with pytest.raises(Exception, match="Write each kind of record by its name"):
        errors("just words")


def test_what_looks_like_a_date_stays_a_text() -> None:
    dated = "person: {list: {path: /p, params: {from: 2026-01-01}}}"
    assert ObjectsField().clean(dated)["person"]["list"]["params"] == {"from": "2026-01-01"}


def test_the_form_says_what_the_file_says() -> None:
    parts = SETTINGS["objects"]["person"]
    flat = flat_of(parts)
    assert flat["paging_size"] == 100
    found, wrong = read_objects({"person": parts})
    assert wrong == []
    about = found["person"]
    assert (about.deleted_value, about.version_quoted, about.fields_[0].kind) == ("true", True, "email")
    assert nested({"list_path": "/people", "paging_type": "none", "id": "id", "find_value": "{value}"}) == {
        "list": {"path": "/people"},
        "id": "id",
    }


def test_the_secrets_are_those_of_the_sign_in() -> None:
    from connectors.storing import secret_fields

    assert set(secret_fields(connectors()["rest"])) == {
        "auth_password",
        "auth_token",
        "auth_value",
        "auth_client_secret",
    }


def test_the_page_s_example_is_a_setup_file() -> None:
    page = (Path(settings.BASE_DIR) / "docs/systems/rest.md").read_text()
    (example,) = re.findall(r"```yaml\n(.*?)```", page, re.S)
    setup = read(example)
    assert setup.connections[0].secrets == {"auth_password": SECRET}
