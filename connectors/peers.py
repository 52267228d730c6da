"""Whom we may talk to: the address of the connected socket decides, so a name that changes can't slip by."""

from __future__ import annotations

import ipaddress
import socket
from ssl import SSLCertVerificationError
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    MaxRetryError,
    NameResolutionError,
    NewConnectionError,
)

from connectors.deadline import TimedResponse
from connectors.records import ConnectorError, NeedsAttention, Temporary

METADATA_ADDRESSES = frozenset({"100.100.100.200", "168.63.129.16", "fd00:ec2::254"})
"""Where clouds hand out credentials, beside the link-local 169.254.169.254."""
TRANSLATED = ipaddress.ip_network("64:ff9b::/96")
"""IPv6 addresses that a NAT64 gateway turns into the IPv4 address in their last 32 bits (RFC 6052)."""

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def refuse_address(text: str, host: str) -> None:
    """Raise NeedsAttention unless connections may go to this numeric address.

    Private and loopback ones may where ALLOW_PRIVATE_ADDRESSES is set; link-local, multicast and the
    metadata services of clouds never.
    """
    address = _inner(ipaddress.ip_address(text.partition("%")[0]))
    never = address.is_link_local or address.is_multicast or address.is_unspecified
    if never or str(address) in METADATA_ADDRESSES:
        raise NeedsAttention(f"Connections may never point to {host}. Correct the connection's address.")
    if not address.is_global and not settings.ALLOW_PRIVATE_ADDRESSES:
        raise NeedsAttention(
            f"{host} is an address inside this network. Correct the connection's address, or set "
            "ALLOW_PRIVATE_ADDRESSES=true if connections may point there."
        )


def host_of(base_url: str) -> str:
    """The host of a usable address; else NeedsAttention."""
    try:
        parts = urlsplit(base_url)
        is_usable = parts.scheme in ("http", "https") and not parts.username and parts.port != 0
    except ValueError:
        is_usable = False
    if not is_usable or not parts.hostname:
        raise NeedsAttention("An address must look like https://example.org/api, without a user name in it.")
    return parts.hostname


def is_same_place(before: str, after: str) -> bool:
    """Whether two addresses have one scheme, host and port, or the second is the first made secure."""
    old, new = urlsplit(before), urlsplit(after)
    if (old.scheme, old.netloc.lower()) == (new.scheme, new.netloc.lower()):
        return True
    # To the secure address of the same host our key may go; back, or to another port, it may not.
    is_upgrade = (old.scheme, new.scheme) == ("http", "https") and old.hostname == new.hostname
    return is_upgrade and {old.port, new.port} <= {None, 80, 443}


def connect_failure(problem: Exception, host: str, label: str) -> ConnectorError | None:
    """Why no connection came about; None where one did, so that a request may have been sent."""
    # The HTTP library packs the reason into its own error, and that into another.
    cause = problem.args[0] if problem.args else None
    reason = cause.reason if isinstance(cause, MaxRetryError) else None
    if not isinstance(reason, ConnectTimeoutError):
        return None
    looked_up = reason.__cause__
    if isinstance(looked_up, socket.gaierror) and looked_up.errno != socket.EAI_AGAIN:
        return NeedsAttention(f"There is no host called {host}. Check the address of {label}.")
    if isinstance(reason, NameResolutionError):
        return Temporary(f"The name {host} of {label} could not be looked up. Try again later.")
    if _is_certificate_failure(reason):
        return NeedsAttention(f"{host} doesn't prove that it is {label}: its certificate is not valid.")
    return Temporary(f"{label} can't be reached at {host}. Try again later.")


class PeerCheckingAdapter(HTTPAdapter):
    """Connects only where `refuse_address` lets it."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _TLSPool}


def _inner(address: Address) -> Address:
    """The IPv4 address that an IPv6 one carries, if it carries one."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in TRANSLATED:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else address)


def _checked(connected: socket.socket, host: str) -> socket.socket:
    # After connecting and before a byte is sent: a name looked up twice may give two addresses.
    try:
        refuse_address(connected.getpeername()[0], host)
    except BaseException:
        connected.close()
        raise
    return connected


def _is_certificate_failure(reason: BaseException | None) -> bool:
    while reason and not isinstance(reason, SSLCertVerificationError):
        reason = reason.__cause__
    return reason is not None


class _Connection(HTTPConnection):
    response_class = TimedResponse

    def _new_conn(self) -> socket.socket:
        return _checked(super()._new_conn(), self.host)


class _TLSConnection(HTTPSConnection):
    response_class = TimedResponse

    def _new_conn(self) -> socket.socket:
        return _checked(super()._new_conn(), self.host)

    def connect(self) -> None:
        """Whatever fails up to here failed before a request was sent, and says so by its type."""
        try:
            super().connect()
        except NewConnectionError:
            raise
        except (OSError, HTTPError) as error:
            raise NewConnectionError(self, "No secure connection") from error


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _TLSPool(HTTPSConnectionPool):
    ConnectionCls = _TLSConnection
