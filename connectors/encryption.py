"""Secrets at rest: encrypted with the first of the installation's keys, readable with any of them.

And digests that nobody can make without those keys.
"""

from __future__ import annotations

import hmac
import json
from functools import lru_cache
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import models

if TYPE_CHECKING:
    _TextField = models.TextField[Any, Any]
else:
    _TextField = models.TextField


def _cipher() -> MultiFernet:
    if not settings.ALUMNISYNC_ENCRYPTION_KEYS:
        raise ImproperlyConfigured("Set ALUMNISYNC_ENCRYPTION_KEYS: secrets can't be kept without a key.")
    # The first encrypts and each decrypts: so keys are exchanged without a moment when secrets can't be read.
    return MultiFernet([Fernet(key) for key in settings.ALUMNISYNC_ENCRYPTION_KEYS])


def sealed(*parts: str | bytes) -> dict[str, bytes]:
    """16 bytes that tell whether something is this again, under each of the installation's keys, the first one first.

    Name of the key → the digest. It is worth nothing without the key: not even a list of all ids tells whose it is.
    """
    texts = [part.encode("utf-8", "surrogatepass") if isinstance(part, str) else part for part in parts]
    # Each with its length, so that parts can't run into each other.
    message = b"".join(len(text).to_bytes(4, "big") + text for text in texts)
    return {
        name: blake2b(message, key=secret, digest_size=16).digest()
        for name, secret in map(_sealing, settings.ALUMNISYNC_ENCRYPTION_KEYS)
    }


def key_names() -> list[str]:
    """What the installation's keys are called where it is kept which one sealed something."""
    return [_sealing(key)[0] for key in settings.ALUMNISYNC_ENCRYPTION_KEYS]


@lru_cache
def _sealing(key: str) -> tuple[str, bytes]:
    secret = hmac.digest(key.encode(), b"AlumniSync: sealed", "sha256")
    return hmac.digest(secret, b"name", "sha256").hex()[:12], secret


class SecretsField(_TextField):
    """A dict of secrets, stored as one encrypted text."""

    def from_db_value(self, value: str | None, *args: object) -> dict[str, Any]:
        if not value:
            return {}
        try:
            decrypted: dict[str, Any] = json.loads(_cipher().decrypt(value.encode()))
        except InvalidToken as error:
            raise ImproperlyConfigured(
                "A connection's secrets were encrypted with a key that is not in ALUMNISYNC_ENCRYPTION_KEYS. "
                "Add that key, or enter the connection's secrets again."
            ) from error
        return decrypted

    def get_prep_value(self, value: dict[str, Any] | None) -> str:
        return _cipher().encrypt(json.dumps(value).encode()).decode() if value else ""

    def to_python(self, value: Any) -> Any:
        return value
