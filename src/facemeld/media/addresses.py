"""Which addresses and host names a stranger's URL may reach: pure functions, no network.

The standard library's ``is_global`` lets several of these through, so the ranges are named here. Sources: the IANA
registries of special-purpose IPv4 and IPv6 addresses, RFC 5214 (ISATAP), RFC 6052 and 8215 (NAT64), RFC 3879 (site-local).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import TypeAlias

import idna

Address: TypeAlias = IPv4Address | IPv6Address
Network: TypeAlias = IPv4Network | IPv6Network

_BLOCKED_V4 = tuple(
    map(
        IPv4Network,
        (
            "0.0.0.0/8",
            "10.0.0.0/8",
            "100.64.0.0/10",  # shared by carriers; some clouds put their metadata service here
            "127.0.0.0/8",
            "168.63.129.16/32",  # the host of virtual machines on one large cloud
            "169.254.0.0/16",  # link-local, metadata services
            "172.16.0.0/12",
            "192.0.0.0/24",
            "192.0.2.0/24",
            "192.88.99.0/24",  # 6to4 relays
            "192.168.0.0/16",
            "198.18.0.0/15",
            "198.51.100.0/24",
            "203.0.113.0/24",
            "224.0.0.0/4",
            "240.0.0.0/4",
        ),
    )
)
_GLOBAL_UNICAST_V6 = IPv6Network("2000::/3")
_NAT64 = IPv6Network("64:ff9b::/96")
_BLOCKED_V6 = tuple(
    map(
        IPv6Network,
        (
            "2001::/23",  # protocol assignments: Teredo (2001::/32), ORCHID, benchmarking ...
            "2001:db8::/32",
            "2002::/16",  # 6to4 carries any IPv4 address
            "3fff::/20",
        ),
    )
)
_ISATAP_MARKS = frozenset({0x00005EFE, 0x02005EFE})
_HOST_NAME = re.compile(r"(?=.{1,253}\Z)[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*\Z")
_NUMBER = re.compile(r"([0-9]+|0x[0-9a-f]*)\Z")
_OTHER_DOTS = re.compile("[\u3002\uff0e\uff61]")


class RefusedHost(ValueError):
    """A host or an address that must not be reached; the message says why."""


def parse_host(host: str) -> str | Address:
    """Read the host of a URL in its one plain spelling.

    Args:
        host: a name, a dotted IPv4 address, or an IPv6 address in brackets.

    Returns:
        The address, or the name in lower-case ASCII (internationalised names in their ``xn--`` form).

    Raises:
        RefusedHost: any other spelling: decimal, octal, hexadecimal or shortened addresses, full-width digits and dots, zone
            ids, trailing dots, percent escapes, brackets around anything but IPv6.
    """
    if host.startswith("["):
        if not host.endswith("]") or "%" in host:
            raise RefusedHost(f"brackets must hold an IPv6 address without zone, got {host}")
        try:
            return IPv6Address(host[1:-1])
        except ValueError as error:
            raise RefusedHost(f"brackets must hold an IPv6 address without zone, got {host}") from error
    name = host.lower() if host.isascii() else _to_ascii(host)
    if not _HOST_NAME.match(name):
        raise RefusedHost(f"a host name must consist of letters, digits, hyphens and single dots, got {host}")
    # Resolvers take names whose last part is a number for an address (WHATWG URL, "ends in a number checker").
    if _NUMBER.match(name.rpartition(".")[2]):
        try:
            return IPv4Address(name)
        except ValueError as error:
            raise RefusedHost(f"an IPv4 address must be written as four decimal numbers, got {host}") from error
    return name


def _to_ascii(host: str) -> str:
    if _OTHER_DOTS.search(host):
        raise RefusedHost(f"the parts of a host name must be separated by full stops, got {host}")
    try:
        # Without the compatibility mapping, so that full-width letters and digits are refused instead of translated.
        return idna.encode(host.lower(), strict=True).decode("ascii")
    except idna.IDNAError as error:
        raise RefusedHost(f"an internationalised host name must be valid IDNA 2008, got {host}") from error


def listed(address: Address | str, networks: Sequence[Network]) -> bool:
    """Whether an address belongs to one of the networks."""
    parsed = ip_address(address)
    return any(parsed.version == network.version and parsed in network for network in networks)


def refusal(address: Address | str, allow: Sequence[Network] = ()) -> str | None:
    """Why an address must not be connected to, or None when it may be.

    Args:
        address: an address, or its text as a resolver gives it.
        allow: networks that may be reached although they are not public, such as a private object store's.
    """
    try:
        parsed = ip_address(address) if isinstance(address, str) else address
    except ValueError:
        return f"{address} is not an address"
    if listed(parsed, allow):
        return None
    return None if is_public(parsed) else f"{parsed} is not a public address"


def is_public(address: Address) -> bool:
    """Whether an address is globally reachable unicast and does not carry one that is not."""
    if isinstance(address, IPv6Address):
        return _is_public_v6(address)
    return not any(address in network for network in _BLOCKED_V4)


def _is_public_v6(address: IPv6Address) -> bool:
    if address.scope_id is not None:
        return False
    if address in _NAT64:
        # Networks without IPv4 reach public IPv4 hosts through this prefix; it is as public as what it carries.
        return is_public(IPv4Address(int(address) & 0xFFFFFFFF))
    if address not in _GLOBAL_UNICAST_V6 or any(address in network for network in _BLOCKED_V6):
        return False
    return (int(address) >> 32 & 0xFFFFFFFF) not in _ISATAP_MARKS
