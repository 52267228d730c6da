"""What somebody enters to connect a web service: its address, the sign-in, and the kinds of record there."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from connectors.base import AddressField, ConnectorSettings, SecretField
from connectors.systems.rest.objects import ObjectsField

WAYS: dict[str, tuple[str, tuple[str, ...], tuple[str, ...]]] = {
    "none": ("no sign-in", (), ()),
    "basic": ("user name and password (Basic)", ("username", "password"), ()),
    "bearer": ("a token (Bearer)", ("token",), ()),
    "header": ("a key in a header", ("name", "value"), ()),
    "query": ("a key in the address", ("name", "value"), ()),
    "oauth2": (
        "a client id and secret (OAuth2, client credentials)",
        ("token_url", "client_id", "client_secret"),
        ("scope",),
    ),
}
"""Way of signing in → its words, the settings it needs, and those it may have."""


def _shown(*ways: str) -> dict[str, str]:
    return {"data-when": f"auth_type={' '.join(ways)}"}


class _PlainAddressField(AddressField):
    def validate(self, value: Any) -> None:
        super().validate(value)
        if "?" in value or "#" in value:
            raise ValidationError("Write the address without what follows a ? or #.")


class RestSettings(ConnectorSettings):
    """In a setup file the settings that begin with auth_ stand together: auth: {type: …, username: …}."""

    groups = ("auth",)

    base_url = _PlainAddressField(
        label="Address",
        help_text="Where the interface is, with every part that all its paths begin with: https://crm.example.edu/v1",
    )
    auth_type = forms.ChoiceField(
        label="Sign-in",
        required=False,
        initial="none",
        choices=[(way, words) for way, (words, _, _) in WAYS.items()],
        help_text="How the system wants to know who asks. Its documents say so under “authentication”.",
    )
    auth_username = forms.CharField(
        label="User name", required=False, widget=forms.TextInput(_shown("basic") | {"autocomplete": "off"})
    )
    auth_password = SecretField(label="Password", required=False, widget=forms.PasswordInput(_shown("basic")))
    auth_token = SecretField(label="Token", required=False, widget=forms.PasswordInput(_shown("bearer")))
    auth_name = forms.CharField(
        label="Name of the header or parameter",
        required=False,
        widget=forms.TextInput(_shown("header", "query")),
        help_text="Like X-API-Key, or api_key where it stands in the address.",
    )
    auth_value = SecretField(label="Key", required=False, widget=forms.PasswordInput(_shown("header", "query")))
    auth_token_url = AddressField(
        label="Address that gives out tokens",
        required=False,
        widget=forms.TextInput(_shown("oauth2")),
        help_text="Like https://login.example.edu/oauth2/token",
    )
    auth_client_id = forms.CharField(label="Client id", required=False, widget=forms.TextInput(_shown("oauth2")))
    auth_client_secret = SecretField(
        label="Client secret", required=False, widget=forms.PasswordInput(_shown("oauth2"))
    )
    auth_scope = forms.CharField(
        label="Scope",
        required=False,
        widget=forms.TextInput(_shown("oauth2")),
        help_text="What the token is for, where the system asks for it.",
    )
    objects = ObjectsField(
        label="Kinds of record",
        help_text="What is there, like people or gifts, and how it is read and written. Its documents say so.",
    )

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        way = cleaned.get("auth_type") or "none"
        _, needed, allowed = WAYS.get(way, WAYS["none"])
        for name in needed:
            if not cleaned.get(f"auth_{name}") and f"auth_{name}" not in self.errors:
                self.add_error(f"auth_{name}", f"The sign-in of type {way} needs it.")
        for name in self.base_fields:
            if name.startswith("auth_") and name.removeprefix("auth_") not in ("type", *needed, *allowed):
                # What another way of signing in needed is not kept.
                cleaned[name] = ""
                self.errors.pop(name, None)
        return cleaned
