"""The database as a setup file: it can be loaded again, and it holds no secret."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.models import Connection
from mappings.models import FieldMapping, MappingVersion, Sync, ValueMap
from mappings.setup.contents import contents_of, store
from mappings.setup.dumping import dump_setup
from mappings.setup.loading import Report, known_setup, load
from mappings.setup.reading import read_setup
from mappings.versions import activate
from tests.mappings.setup_example import ENVIRONMENT, EXAMPLE, changed, keep, register

pytestmark = pytest.mark.django_db
DUMPED = {"ALUMNI_PLATFORM_API_KEY": "k-123", "CRM_API_KEY": "s-456"}


@pytest.fixture(autouse=True)
def _systems(monkeypatch: pytest.MonkeyPatch) -> None:
    register(monkeypatch)


def put(text: str, environment: dict[str, str] | None = None) -> Report:
    setup = read_setup(text, environment or ENVIRONMENT, known_setup())
    return load(setup, activate=activate)


def test_nothing_is_dumped_of_nothing() -> None:
    assert dump_setup() == "{}\n"


def test_what_was_dumped_loads_and_changes_nothing() -> None:
    put(EXAMPLE)
    assert not put(dump_setup(), DUMPED).is_changed


def test_what_was_dumped_makes_the_same_in_an_empty_database() -> None:
    put(EXAMPLE)
    dumped = dump_setup()
    before = contents_of(MappingVersion.objects.get())
    FieldMapping.objects.all().delete()
    Sync.objects.all().delete()
    Connection.objects.all().delete()
    put(dumped, DUMPED)
    assert contents_of(MappingVersion.objects.get()) == before
    assert dump_setup() == dumped


def test_no_secret_is_dumped_and_the_variables_are_named_on_top() -> None:
    put(EXAMPLE)
    dumped = dump_setup()
    assert "k-123" not in dumped
    assert "s-456" not in dumped
    assert dumped.startswith(
        "# No secret is in this file. Before it is loaded, the environment needs:\n"
        "#   ALUMNI_PLATFORM_API_KEY: api_key of Alumni platform\n"
        "#   CRM_API_KEY: api_key of CRM\n"
        "connections:\n"
    )
    assert "api_key: '${CRM_API_KEY}'" in dumped or "api_key: ${CRM_API_KEY}" in dumped


def test_defaults_are_left_out_and_a_pair_takes_one_line() -> None:
    put(EXAMPLE)
    dumped = dump_setup()
    assert "  - {left: first_name, right: FirstName, kind: text, to_left: 'off', to_right: review}\n" in dumped
    assert "conflict" not in dumped
    assert "several" not in dumped


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        ("to_left: off, keep_old: Old", "to_left: 'off', keep_old: Old}"),
        ("on_invalid: use_default, default: 7", "on_invalid: use_default, default: 7}"),
        ("kind: consent, restricted_when: true", "kind: consent, restricted_when: true}"),
        (
            "kind: money, currency: USD, currency_field: code, to_left: off",
            "to_left: 'off', currency: USD, currency_field: code}",
        ),
        ("kind: reference, through: alumni-crm", "kind: reference, through: alumni-crm}"),
    ],
)
def test_what_is_the_same_for_both_sides_is_dumped_once(settings: str, line: str) -> None:
    put(changed(("kind: choice, value_map: status, on_invalid: set_aside", settings)))
    assert line in dump_setup()
    assert not put(dump_setup(), DUMPED).is_changed


@pytest.mark.parametrize(
    "settings",
    [
        "keep_old: {left: old, right: Old}",
        "keep_old: {left: old}",
        "on_invalid: use_default, default: {left: 1, right: true}",
        "on_invalid: use_default, default: {left: ~, right: ~}",
        "to_left: off, to_right: off, on_invalid: use_default, default: x",
        "kind: consent, restricted_when: {left: 1, right: true}",
        "kind: money, currency: USD, currency_field: {left: code}",
    ],
)
def test_what_differs_by_side_is_dumped_by_side(settings: str) -> None:
    put(changed(("kind: choice, value_map: status, on_invalid: set_aside", settings)))
    assert not put(dump_setup(), DUMPED).is_changed


def test_books_are_dumped_as_such() -> None:
    put(changed(("create: review,", "create: review, write_once: true,")))
    assert "write_once: true" in dump_setup()
    assert not put(dump_setup(), DUMPED).is_changed


def test_a_dump_of_settings_with_braces_is_read_as_it_was() -> None:
    put(changed(("timeout: 12", 'auth: {find: "$${field}"}')))
    assert Connection.objects.get(name="Alumni platform").settings["auth"] == {"find": "${field}"}
    assert not put(dump_setup(), DUMPED).is_changed


def test_two_secrets_never_share_a_variable() -> None:
    for name in ("A b", "A-b", "360 é"):
        keep(name, "toy", {"api_key": name})
    placeholders = [each["settings"]["api_key"] for each in yaml.safe_load(dump_setup())["connections"]]
    assert sorted(placeholders) == ["${A_B_API_KEY_2}", "${A_B_API_KEY}", "${_360_E_API_KEY}"]


def test_the_secrets_of_a_system_that_is_gone_stay_secret() -> None:
    keep("Old", "forgotten", {"token": "t-1"})
    assert "t-1" not in dump_setup()
    assert "${OLD_TOKEN}" in dump_setup()


def test_a_sync_without_sides_is_named_and_left_out() -> None:
    Sync.objects.create(name="begun")
    assert dump_setup() == "# Sync begun has no two sides yet and was left out.\n{}\n"


def test_a_draft_sync_is_dumped_as_its_newest_draft() -> None:
    put(changed(("state: live", "state: draft")))
    dumped = dump_setup()
    assert "state: draft" in dumped
    assert not put(dumped, DUMPED).is_changed


def test_two_value_maps_of_one_name_are_dumped_under_two() -> None:
    put(EXAMPLE)
    other = Sync.objects.create(name="other", state=Sync.State.LIVE)
    version = store(other, contents_of(MappingVersion.objects.get()))
    ValueMap.objects.filter(version=version).update(pairs=[["a", "b"]])
    activate(version)
    maps = {each["name"]: each["pairs"] for each in yaml.safe_load(dump_setup())["value_maps"]}
    assert maps == {"status": [["active", "Active"], ["lost", "Lost alum"]], "status of other": [["a", "b"]]}


OPTION = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=12)
CONSTANT = st.none() | st.booleans() | st.integers(-(10**9), 10**9) | OPTION | st.lists(OPTION, max_size=2)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    # Options paired once each: pairs that cross are refused.
    options=st.lists(st.tuples(OPTION, OPTION), max_size=3, unique_by=(lambda pair: pair[0], lambda pair: pair[1])),
    constant=CONSTANT,
    scope=st.sampled_from(["", "record.x"]),
)
def test_whatever_a_version_holds_its_dump_changes_nothing(
    options: list[tuple[str, str]], constant: object, scope: str
) -> None:
    put(EXAMPLE)
    sync = Sync.objects.get()
    wanted = contents_of(sync.versions.get(state="active"))
    wanted.value_maps["status"]["pairs"] = [list(each) for each in options]
    wanted.sides["left"] |= {"on_create": {"x": constant}, "scope": scope}
    activate(store(sync, wanted))
    assert not put(dump_setup(), DUMPED).is_changed
