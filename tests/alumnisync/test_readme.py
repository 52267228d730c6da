"""What README.md shows works as it stands: its setup file, its commands and options, and its tables."""

from __future__ import annotations

import json
import re
import shlex
from io import StringIO
from pathlib import Path

import pytest
import yaml
from django.conf import settings
from django.core.management import call_command, get_commands, load_command_class

from alumnisync.command import Exit
from connectors.models import Connection
from mappings.kinds import kinds
from mappings.models import FieldMapping, MappingVersion, Sync, SyncSide

ROOT = Path(settings.BASE_DIR)
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```yaml\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
COMMANDS = [shlex.split(line) for line in re.findall(r"^    (?:\.venv/bin/python )?manage\.py (.+)$", README, re.M)]
INVENTED = {"A360_KEY": "k-invented", "SF_ID": "id-invented", "SF_SECRET": "s-invented"}


def load(path: Path, *words: str) -> dict[str, object]:
    out = StringIO()
    call_command("load_setup", str(path), "--json", *words, stdout=out)
    found: dict[str, object] = json.loads(out.getvalue())
    return found


@pytest.fixture
def setup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, value in INVENTED.items():
        monkeypatch.setenv(name, value)
    path = tmp_path / "setup.yaml"
    path.write_text(BLOCKS[0], encoding="utf-8")
    return path


@pytest.mark.django_db
def test_the_setup_file_shown_loads_as_it_stands(setup: Path) -> None:
    assert load(setup, "--preview")["changed"] is True
    assert not Connection.objects.exists()
    assert load(setup)["notes"] == []
    assert load(setup)["changed"] is False
    assert Sync.objects.get().state == Sync.State.LIVE
    assert MappingVersion.objects.get().state == MappingVersion.State.ACTIVE


def test_every_variable_of_the_setup_file_is_one_that_is_told_about() -> None:
    assert set(re.findall(r"\$\{(\w+)\}", BLOCKS[0])) == set(INVENTED)
    assert all(README.count(name) > 1 for name in INVENTED)


def test_the_commands_shown_exist_and_take_what_is_given_to_them() -> None:
    assert {words[0] for words in COMMANDS} >= {"migrate", "load_setup", "check_connection", "sync"}
    for name, *words in COMMANDS:
        load_command_class(get_commands()[name], name).create_parser("manage.py", name).parse_args(words)


def test_the_commands_shown_name_what_is_in_the_setup_file() -> None:
    loaded = yaml.safe_load(BLOCKS[0])
    names = {each["name"] for part in ("connections", "syncs") for each in loaded[part]}
    shown = {words[1] for words in COMMANDS if words[0] in ("check_connection", "sync")}
    assert shown == names


def test_the_exit_codes_are_all_told() -> None:
    assert [int(code) for code in re.findall(r"^\| ([0-9]) \|", README, re.M)] == list(Exit)


def test_the_kinds_are_all_told() -> None:
    row = next(line for line in README.splitlines() if line.startswith("| `kind` |"))
    assert set(row.split("|")[2].replace(",", " ").split()) == set(kinds())


def test_the_files_it_leads_to_are_there() -> None:
    links = re.findall(r"\]\(([^)#:]+)\)", README)
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []


@pytest.mark.django_db
def test_the_example_of_the_demo_loads_without_notes(monkeypatch: pytest.MonkeyPatch) -> None:
    path = ROOT / "connectors" / "sandbox" / "demo.yaml"
    for name in re.findall(r"\$\{(\w+)\}", path.read_text(encoding="utf-8")):
        monkeypatch.setenv(name, "https://stand-in.example.org" if "URL" in name else "invented")
    assert load(path)["notes"] == []
    assert load(path)["changed"] is False


@pytest.mark.django_db
@pytest.mark.parametrize("word", ["off", "false", "no", '"off"', "Off"])
def test_off_is_the_word_also_where_yaml_reads_it_as_false(setup: Path, word: str) -> None:
    text = BLOCKS[0].replace("right: Phone,", f"right: Phone, to_left: {word},")
    setup.write_text(text.replace("object: user}", f"object: user, create: {word}}}"), encoding="utf-8")
    load(setup)
    pair = FieldMapping.objects.get(right="Phone")
    assert (pair.to_left, pair.to_right) == ("off", "automatic")
    assert SyncSide.objects.get(side="left").create == "off"
