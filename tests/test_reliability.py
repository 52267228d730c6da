"""The page about what is promised names only what there is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.conf import settings

ROOT = Path(settings.BASE_DIR)
PAGE = (ROOT / "docs" / "reliability.md").read_text()
NAMED = sorted(set(re.findall(r"`((?:tests|docs)/[\w./]+)`", PAGE)))
COMMANDS = sorted(set(re.findall(r"`[^`]*?make (\w+)`", PAGE)))


def test_every_file_it_names_is_there() -> None:
    assert NAMED
    assert [name for name in NAMED if not (ROOT / name).exists()] == []


def test_every_promise_names_a_test_and_every_command_is_one() -> None:
    promises = PAGE.partition("## The promises")[2].partition("## What is not promised")[0].split("\n\n**")[1:]
    assert [promise for promise in promises if not re.search(r"`tests/[\w./]+`", promise)] == []
    targets = re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert COMMANDS == ["long", "test", "torture"]
    assert set(COMMANDS) <= set(targets)


@pytest.mark.parametrize("name", [name for name in NAMED if Path(name).name.startswith("test_")])
def test_every_test_it_names_holds_tests(name: str) -> None:
    assert re.search(r"^def test_|^class Test", (ROOT / name).read_text(), re.MULTILINE)
