"""The settings of a connection: the environment in them, and what becomes of secrets."""

from __future__ import annotations

import pytest

from connectors.storing import secret_fields
from mappings.setup.reading import Known, read_setup
from mappings.setup.sections import SetupError
from tests.mappings.setup_example import ToyConnector, mistakes, register

HEAD = 'connections:\n- name: C\n  system: toy\n  settings: {base_url: "https://x.example.edu", api_key: '


@pytest.fixture(autouse=True)
def _systems(monkeypatch: pytest.MonkeyPatch) -> None:
    register(monkeypatch)


def read(settings: str, **environment: str) -> tuple[dict[str, object], dict[str, str]]:
    setup = read_setup(f"{HEAD}{settings}}}\n", environment, Known())
    return setup.connections[0].settings, setup.connections[0].secrets


def test_a_variable_may_be_a_part_of_a_text_and_deep_inside() -> None:
    settings, secrets = read('"pre-${KEY}-post", auth: {users: ["${USER}", 3]}', KEY="k", USER="u")
    assert secrets == {"api_key": "pre-k-post"}
    assert settings["auth"] == {"users": ["u", 3]}


def test_two_dollars_stand_for_the_braces_themselves() -> None:
    assert read('"$${KEY}"')[1] == {"api_key": "${KEY}"}


def test_what_a_variable_holds_is_not_filled_in_again() -> None:
    assert read('"${KEY}"', KEY="${OTHER}")[1] == {"api_key": "${OTHER}"}


def test_an_empty_variable_is_as_good_as_none() -> None:
    text = f'{HEAD}"${{KEY}}"}}\n'
    told = "line 4: “api_key” takes “KEY” from the environment, where it is not set or empty."
    assert mistakes(text) == [told]
    with pytest.raises(SetupError, match="takes “KEY” from the environment"):
        read('"${KEY}"', KEY="")


def test_a_secret_of_digits_stays_a_text() -> None:
    assert read("007")[1] == {"api_key": "007"}


def test_only_what_was_given_is_kept() -> None:
    settings, secrets = read("x, mode:, password:")
    assert settings == {"base_url": "https://x.example.edu"}
    assert secrets == {"api_key": "x"}


def test_a_connection_without_settings_is_told_what_it_needs() -> None:
    assert mistakes("connections:\n- {name: C, system: toy}\n") == [
        "line 2: a toy connection needs “base_url”.",
        "line 2: a toy connection needs “api_key”.",
    ]


def test_the_form_says_what_is_secret() -> None:
    assert set(secret_fields(ToyConnector)) == {"api_key", "password"}
