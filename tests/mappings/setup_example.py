"""An invented system and a whole setup file, for the tests of everything that reads or writes one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from django import forms

from connectors.base import Connector, ConnectorSettings, SecretField
from connectors.models import Connection
from connectors.records import Identity, NeedsAttention, ObjectType, Outcome, Page, Record, Write
from connectors.registry import connectors
from mappings.setup.reading import Known, Setup, read_setup
from mappings.setup.sections import SetupError

ENVIRONMENT = {"TOY_KEY": "k-123", "CRM_SECRET": "s-456", "HOST": "toy.example.edu"}


class ToySettings(ConnectorSettings):
    base_url = forms.URLField(assume_scheme="https")
    api_key = SecretField()
    password = SecretField(required=False)
    mode = forms.ChoiceField(required=False, choices=[("full", "full"), ("changes", "changes")])
    start_date = forms.DateField(required=False)
    auth = forms.JSONField(required=False)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if cleaned.get("mode") == "changes" and not cleaned.get("start_date"):
            raise forms.ValidationError("Changes need a start date.")
        return cleaned


class ToyConnector(Connector):
    """Says who it is and has two kinds of record. `trouble` is raised by the next check."""

    name = "toy"
    label = "Toy"
    Settings = ToySettings
    identity = Identity("org-1", "Example University", "test", "sync@example.edu", ("900 calls left",))
    types: tuple[ObjectType, ...] = (ObjectType("person", "People"), ObjectType("gift", "Gifts"))
    trouble: Exception | None = None

    def check(self) -> Identity:
        if self.trouble is not None:
            raise self.trouble
        return self.identity

    def describe(self, object_types: Sequence[str] = ()) -> tuple[ObjectType, ...]:
        return tuple(each for each in self.types if not object_types or each.name in object_types)

    def poll(self, object_type: str, cursor: Any, fields: Sequence[str], *, narrow: str = "") -> Iterator[Page]:
        raise NotImplementedError

    def read(self, object_type: str, ids: Sequence[str], fields: Sequence[str]) -> Iterator[Record]:
        raise NotImplementedError

    def write(self, object_type: str, writes: Sequence[Write]) -> Iterator[Outcome]:
        raise NeedsAttention("A toy can't be written to.")


class DollConnector(ToyConnector):
    name = "doll"
    label = "Doll"


def register(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes the invented systems known for one test."""
    monkeypatch.setitem(connectors(), "toy", ToyConnector)
    monkeypatch.setitem(connectors(), "doll", DollConnector)


def keep(name: str, system: str, secrets: dict[str, str]) -> Connection:
    """A connection in the database with these secrets."""
    row = Connection(name=name, system=system)
    row.secrets = secrets
    row.save()
    return row


EXAMPLE = """\
connections:
  - name: Alumni platform
    system: toy
    settings: {base_url: "https://${HOST}/api", api_key: "${TOY_KEY}", timeout: 12}
  - name: CRM
    system: toy
    settings: {base_url: "https://crm.example.edu", api_key: "${CRM_SECRET}", start_date: 2026-01-05}
syncs:
  - name: alumni-crm
    state: live
    left:  {connection: Alumni platform, object: user, create: off, on_create: {enabled: 1}}
    right: {connection: CRM, object: Contact, key_field: Alumni_Id__c, create: review,
            scope: "record['Alumnus__c']", gone: flag}
    schedule: "0 1 * * *"
    time_zone: America/New_York
    alerts: [data-team@example.edu]
    tolerance: 5
    match:
      - [email, Email]
      - [[last_name, class_year], [LastName, Class_Year__c]]
    guards: {changed: {floor: 50, share: 0.05}}
    pilot: ["003B", "003A"]
    fields:
      - {left: first_name, right: FirstName, kind: text, to_right: review, to_left: off}
      - {left: email, right: Email, kind: email, to_left: off, keep_old: Previous_Email__c}
      - {left: phone, right: Phone, kind: phone, region: US, to_left: off, on_blank: ask}
      - {left: class_year, right: Class_Year__c, to_right: review, read_left: "value|trim|replace('#','')"}
      - {left: "addresses[Home].city", right: MailingCity, group: home_address}
      - {left: "addresses[Home].country", right: MailingCountry, kind: country, group: home_address}
      - {left: status, right: Status__c, kind: choice, value_map: status, on_invalid: set_aside}
      - {left: no_email, right: HasOptedOutOfEmail, kind: consent, restricted_when: true}
value_maps:
  - {name: status, unmapped: set_aside, pairs: [[active, Active], [lost, "Lost alum"]]}
"""


def changed(*replacements: tuple[str, str], text: str = EXAMPLE) -> str:
    """The example with some of its words replaced; each must be in it exactly once."""
    for old, new in replacements:
        assert text.count(old) == 1, f"{old!r} is there {text.count(old)} times"
        text = text.replace(old, new)
    return text


def read(text: str = EXAMPLE, known: Known | None = None) -> Setup:
    return read_setup(text, ENVIRONMENT, known or Known())


def mistakes(text: str, known: Known | None = None) -> list[str]:
    """The sentences a file is refused with."""
    with pytest.raises(SetupError) as refused:
        read(text, known)
    return list(refused.value.mistakes)
