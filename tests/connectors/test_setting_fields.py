"""The kinds of setting that several systems ask for: addresses and lists of names."""

from __future__ import annotations

from typing import Any

import pytest
from django import forms
from django.core.exceptions import ValidationError

from connectors.base import AddressField, NamesField


@pytest.mark.parametrize("address", ["https://example.org/api", "http://10.0.0.1:8080", "https://[fd00::1]/"])
def test_an_address_is_taken_as_it_is(address: str, settings: Any) -> None:
    settings.ALLOW_PRIVATE_ADDRESSES = True
    assert AddressField().clean(f" {address} ") == address


@pytest.mark.parametrize(
    ("address", "sentence"),
    [
        ("example.org", "must look like"),
        ("ftp://example.org", "must look like"),
        ("https://me:pw@example.org", "must look like"),
        ("http://10.0.0.1", "is an address inside this network"),
        ("http://[::1]:8000/api", "is an address inside this network"),
        ("http://169.254.169.254/latest", "may never point to"),
    ],
)
def test_an_address_that_is_none_or_may_not_be_is_refused(address: str, sentence: str, settings: Any) -> None:
    settings.ALLOW_PRIVATE_ADDRESSES = False
    with pytest.raises(ValidationError, match=sentence) as refused:
        AddressField().clean(address)
    assert "pw" not in str(refused.value)


@pytest.mark.parametrize(
    ("typed", "names"),
    [
        ("", []),
        (None, []),
        ("nickname", ["nickname"]),
        (" nickname ,maiden_name,, ", ["nickname", "maiden_name"]),
        ("nickname\r\nmaiden_name\n", ["nickname", "maiden_name"]),
        ('["a", "b"]', ["a", "b"]),
        (["a", " b "], ["a", "b"]),
    ],
)
def test_names_are_typed_or_listed(typed: Any, names: list[str]) -> None:
    assert NamesField(required=False).clean(typed) == names


@pytest.mark.parametrize("typed", ['["a"', "[1, 2]", {"a": 1}, [1], 7])
def test_what_is_no_list_of_names_is_refused(typed: Any) -> None:
    with pytest.raises(ValidationError, match="Write names with commas"):
        NamesField(required=False).clean(typed)


def test_names_are_shown_as_they_are_typed() -> None:
    class Example(forms.Form):
        names = NamesField()

    assert ">\na, b</textarea>" in str(Example(initial={"names": ["a", "b"]})["names"])
    assert ">\na; b</textarea>" in str(Example({"names": "a; b"})["names"])
    assert "required" in str(Example({"names": " "}).errors["names"])
