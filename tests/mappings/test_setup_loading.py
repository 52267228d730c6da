"""A setup file into the database: what is written, what is told, and what is left alone."""

from __future__ import annotations

import pytest
from django.db import connection as database

from connectors.models import Connection
from mappings.models import FieldMapping, MappingVersion, Sync, SyncSide, ValueMap
from mappings.setup.loading import Report, known_setup, load
from mappings.setup.reading import read_setup
from mappings.versions import activate
from tests.mappings.setup_example import ENVIRONMENT, EXAMPLE, changed, register

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _systems(monkeypatch: pytest.MonkeyPatch) -> None:
    register(monkeypatch)


def put(text: str = EXAMPLE, *, preview: bool = False, **environment: str) -> Report:
    setup = read_setup(text, {**ENVIRONMENT, **environment}, known_setup())
    return load(setup, activate=activate, preview=preview)


def versions() -> list[tuple[int, str]]:
    return list(MappingVersion.objects.order_by("number").values_list("number", "state"))


def test_a_new_file_makes_everything() -> None:
    report = put()
    assert report.created == ["connection Alumni platform", "connection CRM", "sync alumni-crm"]
    assert (report.updated, report.unchanged) == ({}, [])
    sync = Sync.objects.get()
    assert (sync.name, sync.state, sync.schedule, sync.tolerance) == ("alumni-crm", "live", "0 1 * * *", 5)
    assert sync.guards == {"changed": {"floor": 50, "share": 0.05}}
    assert versions() == [(1, "active")]


def test_the_rows_say_what_the_file_says() -> None:
    put()
    assert list(FieldMapping.objects.values_list("left", flat=True))[:3] == ["first_name", "email", "phone"]
    phone = FieldMapping.objects.get(left="phone")
    assert (phone.kind, str(phone.region), phone.to_left, phone.on_blank) == ("phone", "US", "off", "ask")
    assert FieldMapping.objects.get(left="email").keep_old == {"right": "Previous_Email__c"}
    status = FieldMapping.objects.select_related("value_map").get(left="status")
    assert status.value_map is not None
    assert status.value_map.pairs == [["active", "Active"], ["lost", "Lost alum"]]
    right = SyncSide.objects.select_related("connection").get(side="right")
    assert (right.connection.name, right.object_type, right.create) == ("CRM", "Contact", "review")


def test_a_new_version_was_approved_by_nobody() -> None:
    put()
    assert MappingVersion.objects.get().approved_at is None


def test_secrets_are_encrypted_and_never_among_the_settings() -> None:
    put()
    row = Connection.objects.get(name="CRM")
    assert row.secrets == {"api_key": "s-456"}
    assert "s-456" not in str(row.settings)
    with database.cursor() as cursor:
        cursor.execute("SELECT secrets FROM connectors_connection")
        assert not any("s-456" in secrets for (secrets,) in cursor.fetchall())


def test_loading_twice_changes_nothing() -> None:
    put()
    report = put()
    assert not report.is_changed
    assert report.unchanged == ["connection Alumni platform", "connection CRM", "sync alumni-crm"]
    assert versions() == [(1, "active")]


def test_the_order_of_pairs_is_no_change_of_the_rules() -> None:
    put()
    lines = EXAMPLE.splitlines(keepends=True)
    first, second = lines[23:25]
    assert not put(EXAMPLE.replace(first + second, second + first)).is_changed


def test_a_preview_tells_the_same_and_changes_nothing() -> None:
    assert put(preview=True).created == ["connection Alumni platform", "connection CRM", "sync alumni-crm"]
    assert not Connection.objects.exists()
    put()
    changes = (
        ("to_right: review, to_left: off}", "to_right: automatic, to_left: off}"),
        ("tolerance: 5", "tolerance: 6"),
    )
    told = put(changed(*changes), preview=True).updated
    assert versions() == [(1, "active")]
    assert Sync.objects.get().tolerance == 5
    assert told == put(changed(*changes)).updated


def test_a_change_of_rules_makes_a_new_version_in_force() -> None:
    put()
    report = put(changed(("on_blank: ask", "on_blank: carry"), ("create: review", "create: automatic")))
    assert report.updated == {
        "sync alumni-crm": [
            "right side: create: review → automatic",
            "field pair phone ↔ Phone: on_blank: ask → carry",
            "version 2: in force, shown as a preview first",
        ]
    }
    assert versions() == [(1, "retired"), (2, "active")]


def test_pairs_and_value_maps_that_come_and_go_are_told() -> None:
    put()
    gone = "      - {left: phone, right: Phone, kind: phone, region: US, to_left: off, on_blank: ask}\n"
    report = put(changed((gone, "      - {left: fax, right: Fax}\n"), ("[lost, ", "[missing, ")))
    assert report.updated["sync alumni-crm"] == [
        "field pair phone ↔ Phone: removed",
        'value map status: pairs: [["active", "Active"], ["lost", "Lost alum"]] → '
        '[["active", "Active"], ["missing", "Lost alum"]]',
        "field pair fax ↔ Fax: added",
        "version 2: in force, shown as a preview first",
    ]


def test_a_number_that_becomes_true_is_a_change() -> None:
    put()
    assert put(changed(("enabled: 1", "enabled: true"))).updated["sync alumni-crm"][0] == (
        'left side: on_create: {"enabled": 1} → {"enabled": true}'
    )


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("tolerance: 5", "tolerance: 6", "tolerance: 5 → 6"),
        ('schedule: "0 1 * * *"', "", "schedule: 0 1 * * * → nothing"),
        ("America/New_York", "America/Chicago", "time_zone: America/New_York → America/Chicago"),
        ("floor: 50, ", "", 'guards: {"changed": {"floor": 50, "share": 0.05}} → {"changed": {"share": 0.05}}'),
        ("state: live", "state: paused", "state: live → paused"),
    ],
)
def test_what_is_no_rule_changes_without_a_new_version(old: str, new: str, told: str) -> None:
    put()
    assert put(changed((old, new))).updated == {"sync alumni-crm": [told]}
    assert versions() == [(1, "active")]


def test_a_changed_secret_is_told_without_its_value() -> None:
    put()
    report = put(CRM_SECRET="another")
    assert report.updated == {"connection CRM": ["api_key: changed"]}
    assert Connection.objects.get(name="CRM").secrets == {"api_key": "another"}


def test_a_changed_setting_is_told_and_the_identity_kept() -> None:
    put()
    Connection.objects.filter(name="CRM").update(identity={"organisation": "org-1"})
    report = put(changed(("https://crm.example.edu", "https://other.example.edu")))
    assert report.updated == {"connection CRM": ["base_url: https://crm.example.edu → https://other.example.edu"]}
    assert Connection.objects.get(name="CRM").identity == {"organisation": "org-1"}


def test_a_secret_that_was_made_here_stays() -> None:
    put()
    row = Connection.objects.get(name="CRM")
    row.secrets = {**row.secrets, "token": "made-here"}
    row.save()
    assert not put().is_changed
    put(CRM_SECRET="another")
    assert Connection.objects.get(name="CRM").secrets == {"api_key": "another", "token": "made-here"}


def test_what_is_not_in_the_file_is_left_alone() -> None:
    put()
    put('connections:\n- {name: New, system: toy, settings: {base_url: "https://n.example.edu", api_key: x}}\n')
    assert Connection.objects.count() == 3
    assert Sync.objects.get().active_version() is not None


def test_a_draft_sync_keeps_a_draft_and_one_only() -> None:
    draft = changed(("state: live", "state: draft"))
    put(draft)
    assert versions() == [(1, "draft")]
    assert not put(draft).is_changed
    report = put(draft.replace("on_blank: ask", "on_blank: carry"))
    assert report.updated["sync alumni-crm"][-1] == "version 2: a new draft"
    assert versions() == [(1, "retired"), (2, "draft")]


def test_a_draft_that_goes_live_unchanged_is_put_in_force_as_it_is() -> None:
    put(changed(("state: live", "state: draft")))
    assert put().updated == {"sync alumni-crm": ["state: draft → live", "version 1: in force"]}
    assert versions() == [(1, "active")]


def test_a_draft_that_goes_live_changed_becomes_a_new_version() -> None:
    put(changed(("state: live", "state: draft"), ("on_blank: ask", "on_blank: carry")))
    put()
    assert versions() == [(1, "draft"), (2, "active")]
    assert not put().is_changed


def test_somebody_s_draft_beside_the_version_in_force_is_no_difference() -> None:
    put()
    sync = Sync.objects.get()
    MappingVersion.objects.create(sync=sync, number=2)
    assert not put().is_changed


def test_a_value_map_that_is_not_used_yet_is_no_difference() -> None:
    put()
    ValueMap.objects.create(version=MappingVersion.objects.get(), name="spare")
    assert not put().is_changed


def test_each_version_has_its_own_value_maps() -> None:
    put()
    put(changed(("on_blank: ask", "on_blank: carry")))
    assert list(ValueMap.objects.order_by("version__number").values_list("name", "version__number")) == [
        ("status", 1),
        ("status", 2),
    ]


def test_a_failure_takes_everything_back() -> None:
    def fail(version: MappingVersion) -> bool:
        raise RuntimeError("the disk is full")

    setup = read_setup(EXAMPLE, ENVIRONMENT, known_setup())
    with pytest.raises(RuntimeError):
        load(setup, activate=fail)
    assert not Connection.objects.exists()
    assert not Sync.objects.exists()
