"""What a value is: how each kind of it is read into its canonical form, compared and written.

Pure: no Django. Two raw values are equal where their canonical forms are; formatting is never a change.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from mappings.kinds import answers, contacts, numbers, places, references, texts, times
from mappings.kinds.base import Kind, Linked, Options, Unreadable, is_blank, options_for, refuse_crossing, text_of

__all__ = ["Kind", "Linked", "Options", "Unreadable", "is_blank", "kinds", "options_for", "refuse_crossing", "text_of"]

_KINDS = MappingProxyType(
    {
        kind.name: kind
        for kind in (
            texts.TEXT,
            contacts.EMAIL,
            contacts.PHONE,
            places.COUNTRY,
            places.STATE,
            times.DATE,
            times.DATETIME,
            numbers.NUMBER,
            numbers.MONEY,
            answers.YES_NO,
            answers.CHOICE,
            contacts.URL,
            texts.LIST,
            answers.CONSENT,
            answers.DECEASED,
            references.REFERENCE,
        )
    }
)


def kinds() -> Mapping[str, Kind]:
    """Every kind by the name that setup files use."""
    return _KINDS
