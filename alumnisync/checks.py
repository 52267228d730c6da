"""What must be set before anything starts; `manage.py help` goes on without it."""

from __future__ import annotations

from typing import Any

from cryptography.fernet import Fernet
from django.conf import settings
from django.core.checks import CheckMessage, Error, register
from django.core.exceptions import ImproperlyConfigured

NO_SECRET_KEY = Error(
    "SECRET_KEY is not set, so nobody's sign-in would be safe.",
    hint="Copy .env.example to .env and fill it in as it says there.",
    id="alumnisync.E001",
)
NO_ENCRYPTION_KEY = Error(
    "ALUMNISYNC_ENCRYPTION_KEYS is not set, so the connections' secrets can't be kept.",
    hint="Copy .env.example to .env and fill it in as it says there.",
    id="alumnisync.E002",
)
BAD_ENCRYPTION_KEY = Error(
    "ALUMNISYNC_ENCRYPTION_KEYS holds a key that can't be used: each must be 32 bytes in URL-safe base64.",
    hint=".env.example says how to make one. A key that was in use before is still needed.",
    id="alumnisync.E003",
)


@register
def check_secret_key(**options: Any) -> list[CheckMessage]:
    try:
        key = settings.SECRET_KEY
    except ImproperlyConfigured:
        # Django itself refuses to hand out an empty one.
        key = ""
    return [] if key else [NO_SECRET_KEY]


@register
def check_encryption_keys(**options: Any) -> list[CheckMessage]:
    keys = settings.ALUMNISYNC_ENCRYPTION_KEYS
    if not keys:
        return [NO_ENCRYPTION_KEY]
    return [] if all(is_fernet_key(key) for key in keys) else [BAD_ENCRYPTION_KEY]


def is_fernet_key(key: str) -> bool:
    try:
        Fernet(key)
    except ValueError:
        return False
    return True
