"""Kinds text and list."""

from __future__ import annotations

import unicodedata
from collections.abc import Hashable
from typing import Any

from mappings.kinds.base import Kind, Options, is_blank, text_of


def fold_text(text: str, *, case_matters: bool = True) -> str:
    """Text as it is compared: Unicode NFC, trimmed, every run of white space one space."""
    # The check for ASCII makes the common case several times faster.
    composed = text if text.isascii() else unicodedata.normalize("NFC", text)
    folded = " ".join(composed.split())
    return folded if case_matters else unicodedata.normalize("NFC", folded.casefold())


def _read_text(raw: Any, options: Options) -> Hashable:
    return fold_text(text_of(raw), case_matters=options.case_matters)


def _write_text(value: str, raw: Any, options: Options) -> str:
    return text_of(raw)


def _read_list(raw: Any, options: Options) -> Hashable:
    items = [fold_text(text_of(item), case_matters=options.case_matters) for item in _split(raw)]
    return frozenset(items) or None


def _write_list(value: frozenset[str], raw: Any, options: Options) -> Any:
    items: dict[str, Any] = {}
    for item in _split(raw):
        items.setdefault(fold_text(text_of(item), case_matters=options.case_matters), item)
    kept = list(items.values())
    if isinstance(raw, list):
        return kept
    joined = ";".join(text_of(item).strip() for item in kept)
    # A single item with a comma in it would be read back as several.
    return f"{joined};" if len(kept) == 1 and "," in joined else joined


def _split(raw: Any) -> list[Any]:
    if isinstance(raw, list):
        items = raw
    else:
        text = text_of(raw)
        items = list(text.split(";" if ";" in text else ","))
    return [item for item in items if not is_blank(item)]


TEXT = Kind("text", _read_text, _write_text)
LIST = Kind("list", _read_list, _write_list)
