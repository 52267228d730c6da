"""What a clone of the repository promises to whoever installs it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from django.conf import settings
from django.core.management import call_command
from django.core.management.utils import get_random_secret_key

from tests import postgres

ROOT = Path(settings.BASE_DIR)
EXAMPLE = (ROOT / ".env.example").read_text()
DOCUMENTED = dict(re.findall(r"^([A-Z_]+)=(.*)$", EXAMPLE, re.MULTILINE))


def run(*command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *command],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-dev.txt"])
def test_every_dependency_is_pinned_and_has_a_reason(name: str) -> None:
    lines = (ROOT / name).read_text().splitlines()
    wanted = [line for line in lines if line and not line.startswith(("#", "-r "))]
    assert wanted
    assert [line for line in wanted if not re.fullmatch(r"[\w\[\],-]+==\S+ +# \S.*", line)] == []


def test_the_installed_packages_fit_together() -> None:
    checked = run("-m", "pip", "check")
    assert checked.returncode == 0, checked.stdout


def test_every_setting_is_documented_and_every_documented_one_is_read() -> None:
    read = re.findall(r"env(?:iron)?\.\w+\(\s*\"([A-Z_]+)\"", (ROOT / "alumnisync/settings.py").read_text())
    assert set(DOCUMENTED) == set(read)


def test_every_documented_setting_is_explained() -> None:
    """Each group of variables has its comment right above it."""
    assert not re.search(r"(\A|\n\n)[A-Z_]+=", EXAMPLE)


def test_the_documented_production_settings_are_safe() -> None:
    checked = check_deploy(SECRET_KEY=get_random_secret_key())
    assert checked.returncode == 0, checked.stderr


def test_without_https_the_deployment_check_complains() -> None:
    assert "security.W012" in check_deploy(HTTPS="false", SECRET_KEY="x").stderr


def check_deploy(**environment: str) -> subprocess.CompletedProcess[str]:
    keys = {"ALUMNISYNC_ENCRYPTION_KEYS": Fernet.generate_key().decode()}
    production = {**DOCUMENTED, **keys, "DJANGO_SETTINGS_MODULE": "alumnisync.settings"}
    return run("manage.py", "check", "--deploy", "--fail-level=INFO", **{**production, **environment})


@pytest.mark.django_db
def test_the_migrations_say_what_the_models_say() -> None:
    call_command("makemigrations", check=True, dry_run=True, verbosity=0)


def test_the_changelog_begins_with_what_is_not_yet_released() -> None:
    headings = re.findall(r"^## (.+)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert headings[0] == "Unreleased"


def test_the_newest_postgresql_is_taken(tmp_path: Path) -> None:
    for version in ("9.6", "15", "17"):
        (tmp_path / version / "bin").mkdir(parents=True)
        (tmp_path / version / "bin" / "initdb").touch()
    assert postgres.newest_binaries(tmp_path) == tmp_path / "17" / "bin"


@pytest.mark.parametrize(("ci", "code"), [("true", 1), ("", 0)])
def test_a_missing_postgresql_is_said_and_fails_the_build(
    ci: str, code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(postgres, "INSTALLED", tmp_path)
    monkeypatch.setenv("CI", ci)
    monkeypatch.delenv("DATABASE_URL")
    assert postgres.main(["false"]) == code
    assert capsys.readouterr().out == postgres.NOT_FOUND


def test_a_given_database_is_used_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgres://somewhere/else")
    says = "import os, sys; sys.exit(os.environ['DATABASE_URL'] != 'postgres://somewhere/else')"
    assert postgres.main([sys.executable, "-c", says]) == 0


def test_every_way_to_check_is_one_command() -> None:
    assert os.access(ROOT / ".ci" / "run", os.X_OK)
    assert (ROOT / ".ci" / "run").read_text().rstrip().endswith("exec make test")
