"""Secrets at rest: encrypted with the first of the installation's keys, readable with any of them."""

from __future__ import annotations

import json
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
