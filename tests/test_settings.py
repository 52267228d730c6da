"""Settings that keep a promise made elsewhere."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

ROOT = Path(settings.BASE_DIR)


def settings_with(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """What `code` says in a process of its own, with this environment and nothing else."""
    start = "import django; from django.conf import settings; django.setup()\n"
    return subprocess.run(
        [sys.executable, "-c", start + code],
        cwd=ROOT,
        env={"DJANGO_SETTINGS_MODULE": "alumnisync.settings", "SECRET_KEY": "x", **environment},
        capture_output=True,
        text=True,
        check=True,
    )


def shown(name: str, **environment: str) -> str:
    return settings_with(f"print(repr(settings.{name}))", **environment).stdout.strip()


@pytest.mark.quick(2)
@pytest.mark.parametrize(
    ("name", "variable"),
    [
        ("DATABASES", "DATABASE_URL"),
        ("Q_CLUSTER", "BROKER_URL"),
        ("EMAIL_BACKEND", "EMAIL_URL"),
        ("ALLOWED_HOSTS", "ALLOWED_HOSTS"),
        ("TIME_ZONE", "TIME_ZONE"),
        ("SECURE_SSL_REDIRECT", "HTTPS"),
    ],
)
def test_a_variable_left_empty_means_its_default(name: str, variable: str) -> None:
    assert shown(name, **{variable: " "}) == shown(name)


def test_mail_and_log_leave_standard_output_alone() -> None:
    said = settings_with(
        "import logging; from django.core.mail import send_mail\n"
        "send_mail('Subject line', 'Text', None, ['someone@example.org'])\n"
        "logging.getLogger('alumnisync.engine').info('a run began')\n"
        "logging.getLogger('django.request').error('a page failed')\n"
        "logging.getLogger('django-q').error('a task failed')\n"
    )
    assert said.stdout == ""
    assert "Subject line" in said.stderr
    assert "From: alumnisync@localhost" in said.stderr
    for line in ("INFO a run began", "ERROR a page failed", "a task failed"):
        assert said.stderr.count(line) == 1


def test_mail_goes_to_the_server_that_is_set() -> None:
    url = "smtp+tls://user:password@mail.example.org:587"
    assert shown("EMAIL_BACKEND", EMAIL_URL=url) == "'django.core.mail.backends.smtp.EmailBackend'"
    assert shown("EMAIL_HOST", EMAIL_URL=url) == "'mail.example.org'"
    assert shown("EMAIL_USE_TLS", EMAIL_URL=url) == "True"


def test_the_queue_takes_the_database_or_redis() -> None:
    assert "'orm': 'default'" in shown("Q_CLUSTER")
    redis = shown("Q_CLUSTER", BROKER_URL="redis://localhost:6379/0")
    assert "'redis': 'redis://localhost:6379/0'" in redis
    assert "'orm'" not in redis


def test_a_secret_key_is_taken_as_it_is() -> None:
    assert shown("SECRET_KEY", SECRET_KEY="$x#y") == "'$x#y'"


@pytest.mark.django_db
def test_behind_a_proxy_only_https_is_served(client: Any, settings: Any) -> None:
    settings.SECURE_SSL_REDIRECT = True
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    assert client.get("/admin/login/").headers["Location"] == "https://testserver/admin/login/"
    assert client.get("/admin/login/", headers={"x-forwarded-proto": "https"}).status_code == 200


def test_https_settings_are_on_unless_said_otherwise() -> None:
    names = ("SECURE_SSL_REDIRECT", "SESSION_COOKIE_SECURE", "CSRF_COOKIE_SECURE")
    assert [shown(name) for name in names] == ["True"] * 3
    assert [shown(name, HTTPS="false") for name in names] == ["False"] * 3
    assert shown("SECURE_PROXY_SSL_HEADER", HTTPS="false") == "None"
