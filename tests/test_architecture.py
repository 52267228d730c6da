"""The rules of the layout, so that they hold without anybody remembering them."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterable, Iterator
from fnmatch import fnmatch
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib import admin
from django.contrib.auth.models import User
from django.db import models
from django.test import RequestFactory

from alumnisync.models import ChangeRecord, Conflict, Link, Review, SyncRun
from connectors.registry import connectors

ROOT = Path(settings.BASE_DIR)
APPS = ("connectors", "mappings", "alumnisync")
"""Each may import from those before it."""
PURE = (
    "connectors/records.py",
    "mappings/rules.py",
    "mappings/kinds/*.py",
    "mappings/transforms.py",
    "mappings/paths.py",
    "mappings/translate.py",
    "alumnisync/engine/merge.py",
    "alumnisync/engine/plan.py",
    "alumnisync/engine/reverting.py",
    "alumnisync/engine/guard.py",
    "alumnisync/engine/usual.py",
    "alumnisync/engine/identity.py",
)
IMPURE = ("django", "django_countries", "django_q", "environ", "import_export", "requests", "unfold")
REQUIRED = {
    *APPS,
    ".ci",
    ".env.example",
    ".gitignore",
    ".pre-commit-config.yaml",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "LICENSE",
    "Makefile",
    "README.md",
    "docs",
    "manage.py",
    "pyproject.toml",
    "requirements-dev.txt",
    "requirements.txt",
    "tests",
}
OPTIONAL = {"templates"}
NO_VENDORS = {"memory", "rest", "spreadsheet", "sql"}
"""Systems called by a common word, which may be used anywhere."""
LONGEST = 500
# Where somebody comes in from outside: a browser, a command line, another program.
ENTRANCES = ("admin", "command", "dashboard", "forms", "management", "navigation", "settings", "urls", "views", "wsgi")
FROM_OUTSIDE = ("django.contrib.admin", "django.core.management", "django.http", "django.shortcuts", "unfold")


def sources(*folders: str) -> list[Path]:
    """Python files, paths from the root."""
    found = [path.relative_to(ROOT) for folder in folders for path in (ROOT / folder).rglob("*.py")]
    return sorted(path for path in found if "migrations" not in path.parts)


def imports(path: Path) -> Iterator[str]:
    """Every module a file imports, and every name it imports from one, with dots."""
    for node in ast.walk(ast.parse((ROOT / path).read_text())):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{name.name}" for name in node.names)


def imported(files: Iterable[Path], *packages: str) -> set[tuple[str, str]]:
    """Which of the files import what of these packages, or of anything in them."""
    inside = tuple(f"{package}." for package in packages)
    found = {(str(file), module) for file in files for module in imports(file)}
    return {(file, module) for file, module in found if f"{module}.".startswith(inside)}


def file_of(module: str) -> Path | None:
    """The file of one of our modules."""
    path = Path(*module.split("."))
    for candidate in (path.with_suffix(".py"), path / "__init__.py"):
        if module.startswith(APPS) and (ROOT / candidate).is_file():
            return candidate
    return None


def reached(start: Path) -> set[Path]:
    """A file and all of ours that it imports, directly or not."""
    found, waiting = set(), {start}
    while waiting:
        path = waiting.pop()
        found.add(path)
        waiting |= {file for module in imports(path) if (file := file_of(module))} - found
    return found


@pytest.mark.parametrize("app", APPS)
def test_imports_go_one_way(app: str) -> None:
    assert not imported(sources(app), *APPS[APPS.index(app) + 1 :])


@pytest.mark.parametrize("pattern", PURE)
def test_pure_files_know_neither_django_nor_http(pattern: str) -> None:
    files = {file for path in ROOT.glob(pattern) for file in reached(path.relative_to(ROOT))}
    assert files
    assert not imported(files, *IMPURE)


def test_no_system_is_named_outside_its_own_files() -> None:
    kinds = [kind for kind in connectors().values() if kind.name not in NO_VENDORS]
    # However it is spelled: alumni_spaces, Alumni Spaces, AlumniSpaces.
    names = {re.sub(r"[^a-z0-9]", "", text.lower()) for kind in kinds for text in (kind.name, kind.label)}
    at_home = ("connectors/systems/*", "connectors/sandbox/*", "mappings/presets/*", "alumnisync/demo*")
    named = {
        (str(path), name)
        for path in sources(*APPS)
        if not any(fnmatch(str(path), pattern) for pattern in at_home)
        for name in names
        if name in re.sub(r"[^a-z0-9]", "", (ROOT / path).read_text().lower())
    }
    assert names
    assert not named


def test_what_decides_can_be_called_without_browser_or_command_line() -> None:
    deciding = [path for path in sources(*APPS) if not set(path.with_suffix("").parts) & set(ENTRANCES)]
    assert not imported(deciding, *FROM_OUTSIDE)


def test_entrances_write_nothing_together_themselves() -> None:
    entrances = [path for path in sources(*APPS) if set(path.with_suffix("").parts) & set(ENTRANCES)]
    assert not imported(entrances, "django.db.transaction")


def test_people_never_pass_through_import_export() -> None:
    assert not imported(sources("alumnisync", "connectors"), "import_export")


def test_the_top_of_the_repository_holds_nothing_without_a_reason() -> None:
    # Not what lies in the folder: an office keeps its setup file and its notes there as well.
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True)
    if not listed.stdout:
        pytest.skip("not in a clone of the repository")
    assert {path.split("/")[0] for path in listed.stdout.splitlines()} - OPTIONAL == REQUIRED


def test_no_file_is_too_long_to_be_read() -> None:
    lengths = {path: len((ROOT / path).read_text().splitlines()) for path in sources(*APPS, "tests")}
    assert not {path: length for path, length in lengths.items() if length > LONGEST}


@pytest.mark.parametrize("model", [SyncRun, ChangeRecord, Conflict, Review, Link])
def test_only_the_engine_writes_its_rows(model: type[models.Model], rf: RequestFactory) -> None:
    request = rf.get("/")
    request.user = User(is_superuser=True, is_active=True)
    page = admin.site._registry[model]
    assert not page.has_add_permission(request)
    assert not page.has_change_permission(request)
    assert not page.has_delete_permission(request)
    assert "delete_selected" not in page.get_actions(request)
