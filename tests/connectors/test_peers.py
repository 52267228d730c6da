"""Whom we may talk to, and why a connection didn't come about."""

from __future__ import annotations

import socket
from ipaddress import ip_address
from typing import Any

import pytest
from django.test import override_settings
from hypothesis import given
from hypothesis import strategies as st

from connectors.peers import host_of, is_same_place, refuse_address
from connectors.records import (
    NeedsAttention,
    Temporary,
)
from tests.connectors.servers import OK, failure, raiser, serving, session


@pytest.fixture(autouse=True)
def _near(settings: Any) -> None:
    settings.ALLOW_PRIVATE_ADDRESSES = True


@pytest.mark.parametrize(
    ("before", "after", "is_same"),
    [
        ("https://a.org/x", "https://A.org/y", True),
        ("http://a.org/x", "https://a.org/x", True),
        ("https://a.org/x", "http://a.org/x", False),
        ("https://a.org/x", "https://b.org/x", False),
        ("https://a.org/x", "https://a.org:8443/x", False),
        ("http://a.org/x", "https://a.org:8443/x", False),
    ],
)
def test_the_same_place(before: str, after: str, is_same: bool) -> None:
    assert is_same_place(before, after) is is_same


def test_loopback_is_refused_unless_allowed(settings: Any) -> None:
    settings.ALLOW_PRIVATE_ADDRESSES = False
    with serving(OK) as server:
        error = failure(lambda: session(server.url).get("x"))
        assert isinstance(error, NeedsAttention)
        assert "ALLOW_PRIVATE_ADDRESSES" in error.message
        assert not server.seen


def test_a_name_that_leads_inside_is_refused(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.ALLOW_PRIVATE_ADDRESSES = False
    with serving(OK) as server:
        there = (socket.AF_INET, socket.SOCK_STREAM, 6, "", server.server_address)
        monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **options: [there])
        error = failure(lambda: session("http://crm.example.org").get("x"))
    assert isinstance(error, NeedsAttention)
    assert "crm.example.org" in error.message
    assert not server.seen


def test_a_secure_connection_is_checked_as_well(settings: Any) -> None:
    settings.ALLOW_PRIVATE_ADDRESSES = False
    with socket.create_server(("127.0.0.1", 0)) as server:
        error = failure(lambda: session(f"https://127.0.0.1:{server.getsockname()[1]}").get("x"))
    assert "ALLOW_PRIVATE_ADDRESSES" in error.message


PRIVATE = ["10.1.2.3", "172.16.0.1", "192.168.1.1", "127.0.0.1", "100.64.0.1", "::1", "fd12::1", "::ffff:10.0.0.1"]
NEVER = ["169.254.169.254", "fe80::1%eth0", "224.0.0.1", "0.0.0.0", "168.63.129.16", "fd00:ec2::254"]  # noqa: S104
NEVER += ["64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::1", "::ffff:169.254.169.254"]


@pytest.mark.parametrize("address", PRIVATE)
def test_private_addresses_need_leave(settings: Any, address: str) -> None:
    refuse_address(address, "x")
    settings.ALLOW_PRIVATE_ADDRESSES = False
    with pytest.raises(NeedsAttention):
        refuse_address(address, "x")


@pytest.mark.parametrize("address", NEVER)
def test_some_addresses_are_never_allowed(address: str) -> None:
    with pytest.raises(NeedsAttention):
        refuse_address(address, "x")


@given(st.ip_addresses())
def test_no_address_passes_that_is_not_global(address: Any) -> None:
    with override_settings(ALLOW_PRIVATE_ADDRESSES=False):
        try:
            refuse_address(str(address), "x")
        except NeedsAttention:
            return
    assert ip_address(str(address)).is_global


def test_an_unknown_host_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", raiser(socket.gaierror(socket.EAI_NONAME, "not known")))
    error = failure(lambda: session("https://crm.example.invalid").get("x"))
    assert isinstance(error, NeedsAttention)
    assert error.message == "There is no host called crm.example.invalid. Check the address of The CRM."


def test_names_that_can_not_be_looked_up_now_are_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", raiser(socket.gaierror(socket.EAI_AGAIN, "try again")))
    error = failure(lambda: session("https://crm.example.invalid").get("x"))
    assert isinstance(error, Temporary)
    assert "crm.example.invalid" in error.message


def test_a_refused_connection_is_temporary_even_for_a_write() -> None:
    waits: list[float] = []
    with socket.create_server(("127.0.0.1", 0)) as closed:
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
    error = failure(lambda: session(url, waits).send("POST", "x", json={}))
    assert isinstance(error, Temporary)
    assert len(waits) == 4


def test_a_failed_handshake_is_temporary_even_for_a_write() -> None:
    with serving(OK) as server:
        error = failure(lambda: session(server.url.replace("http", "https")).send("POST", "x", json={}))
    assert isinstance(error, Temporary)


@pytest.mark.parametrize(
    "address", ["", "example.org", "ftp://example.org", "https://", "https://me:pw@example.org", "https://a:x/"]
)
def test_an_address_that_is_none(address: str) -> None:
    with pytest.raises(NeedsAttention, match="must look like"):
        host_of(address)
