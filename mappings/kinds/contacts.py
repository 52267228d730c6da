"""Kinds email, phone and url."""

from __future__ import annotations

from collections.abc import Hashable
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumberFormat

from mappings.kinds.base import Kind, Options, Unreadable, text_of
from mappings.kinds.texts import fold_text


def _read_email(raw: Any, options: Options) -> Hashable:
    # Lower case, not casefold: casefold would make straße@ and strasse@ one mailbox.
    return fold_text(_text(raw, "an e-mail address")).lower()


def _write_trimmed(value: str, raw: Any, options: Options) -> str:
    return text_of(raw).strip()


def _read_phone(raw: Any, options: Options) -> Hashable:
    number = _parse_phone(text_of(raw).strip(), options.region)
    if number:
        return number
    if not options.region:
        raise Unreadable("This is not a valid phone number with a country code, and the field pair names no region.")
    raise Unreadable(f"This is not a valid phone number, neither in {options.region} nor with a country code.")


def _write_phone(value: str, raw: Any, options: Options) -> str:
    return value


# Kept, because one phone is read several times on its way (record, base, other side) and parsing is slow.
@lru_cache(maxsize=50_000)
def _parse_phone(text: str, region: str) -> str:
    """E.164 with the extension, if any, as `;ext=`; "" where it is no valid number."""
    try:
        number = phonenumbers.parse(text, region or None)
    except NumberParseException:
        return ""
    if not phonenumbers.is_valid_number(number):
        return ""
    plain = phonenumbers.format_number(number, PhoneNumberFormat.E164)
    return f"{plain};ext={number.extension}" if number.extension else plain


def _read_url(raw: Any, options: Options) -> Hashable:
    text = fold_text(_text(raw, "a web address"))
    try:
        parts = urlsplit(text if "://" in text else f"https://{text.lstrip('/')}")
    except ValueError as error:
        raise Unreadable("This is not a web address.") from error
    if not parts.netloc or " " in parts.netloc:
        raise Unreadable("This is not a web address.")
    user, at, host = parts.netloc.rpartition("@")
    path = "" if parts.path == "/" else parts.path
    return parts._replace(netloc=f"{user}{at}{host.casefold()}", path=path).geturl()


def _text(raw: Any, what: str) -> str:
    if not isinstance(raw, str):
        raise Unreadable(f"This is not text, so it can't be {what}.")
    return raw


EMAIL = Kind("email", _read_email, _write_trimmed)
PHONE = Kind("phone", _read_phone, _write_phone)
URL = Kind("url", _read_url, _write_trimmed)
