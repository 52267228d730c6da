"""The settings of a connection to AlumnIQ."""

from __future__ import annotations

from urllib.parse import urlsplit

from django import forms
from django.core.exceptions import ValidationError

from connectors.base import AddressField, ConnectorSettings, SecretField

ON_READ = "on_read"


def encrypted(value: str) -> None:
    address = urlsplit(value)
    if address.scheme == "http" and address.hostname not in ("127.0.0.1", "localhost"):
        raise ValidationError("AlumnIQ's key travels in the address: it must begin with https://.")


class AlumniqSettings(ConnectorSettings):
    """How to get in, from when on to read, and when rows are acknowledged."""

    base_url = AddressField(
        label="Address",
        validators=[encrypted],
        help_text="Your AlumnIQ domain with /api/v1/index.cfm behind it: https://example.alumniq.com/api/v1/index.cfm. "
        "The test system's begins with qa-: https://qa-example.alumniq.com/api/v1/index.cfm.",
    )
    api_key = SecretField(
        label="API key",
        help_text="Made in AlumnIQ's admin under Security > API Keys. It is good for about a year.",
    )
    key_email = forms.EmailField(
        label="E-mail address of the key",
        required=False,
        help_text="Whoever is responsible for the key in AlumnIQ. Needed only to renew the key from here.",
    )
    start_date = forms.DateField(
        label="First day to read",
        required=False,
        help_text="Changes of this day and later are read, like 2026-09-01. Leave it empty for the last 30 days. "
        "Another day here makes the next run read again from that day. Days are counted by the campus's clock, so set "
        "the time zone to that of the campus.",
    )
    acknowledge = forms.ChoiceField(
        label="When AlumnIQ is told that a change is handled",
        required=False,
        initial="handled",
        choices=[
            ("handled", "once it is handled here (recommended)"),
            (ON_READ, "when it is read: what is lost on the way is lost for good"),
        ],
        help_text="Careful with the second: AlumnIQ then strikes changes off its list while it sends them. If the "
        "connection breaks at that moment, nobody has them any more. No first look at the records is possible with it.",
    )
