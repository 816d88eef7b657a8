"""Decide which URLs and addresses of strangers may be fetched: one strict reading, pure functions, no network.

The standard library's ``is_global`` lets several non-public ranges through, and URL libraries accept spellings that resolvers read
differently; that is why ranges and spellings are listed here. Sources: the IANA registries of special-purpose IPv4 and IPv6
addresses, RFC 5214 (ISATAP), RFC 6052 and 8215 (NAT64), RFC 3879 (site-local).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Literal, TypeAlias, cast
from urllib.parse import quote, urljoin

import idna

from facemeld.media.errors import DownloadFailed, IllegalUrl

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

MAX_URL_CHARS = 2048
_URL = re.compile(r"(?P<scheme>https?)://(?P<authority>[^/?#]+)(?P<target>[^#]*)(?:#.*)?\Z", re.IGNORECASE)
_AUTHORITY = re.compile(r"(?P<host>\[[^\[\]]*\]|[^\[\]:]+)(?::(?P<port>[0-9]{0,5}))?\Z")
_FORBIDDEN = re.compile(r"[\x00-\x20\x7f-\xa0\\\u2028\u2029\ud800-\udfff]")
_DEFAULT_PORTS = {"http": 80, "https": 443}
_KEPT_IN_TARGET = "/?:@!$&'()*+,;=%~-._[]"


class RefusedHost(ValueError):
    """A host that must not be connected to; the message says why."""


def parse_host(host: str) -> str | Address:
    """Read the host of a URL, accepting only its canonical spelling.

    Args:
        host: a name, an IPv4 address of four decimal numbers, or an IPv6 address in brackets.

    Returns:
        The address, or the name in lower-case ASCII (internationalised names in their ``xn--`` form).

    Raises:
        RefusedHost: the spelling is another one: a decimal, octal, hexadecimal or shortened address, full-width digits or dots, a
            zone id, a trailing dot, a percent escape, brackets around anything but IPv6.
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
    # Resolvers treat a name whose last part is a number as an address (WHATWG URL, "ends in a number checker").
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
    """Return whether an address belongs to one of the networks."""
    parsed = ip_address(address)
    return any(parsed.version == network.version and parsed in network for network in networks)


def refusal(address: Address | str, allow: Sequence[Network] = ()) -> str | None:
    """Return why an address must not be connected to, or None when it may be.

    Args:
        address: an address, or its text as a resolver returns it.
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
    """Return whether an address is globally reachable unicast and does not embed an address that is not."""
    if isinstance(address, IPv6Address):
        return _is_public_v6(address)
    return not any(address in network for network in _BLOCKED_V4)


def _is_public_v6(address: IPv6Address) -> bool:
    if address.scope_id is not None:
        return False
    if address in _NAT64:
        # Networks without IPv4 reach public IPv4 hosts through this prefix, so the embedded address decides.
        return is_public(IPv4Address(int(address) & 0xFFFFFFFF))
    if address not in _GLOBAL_UNICAST_V6 or any(address in network for network in _BLOCKED_V6):
        return False
    return (int(address) >> 32 & 0xFFFFFFFF) not in _ISATAP_MARKS


@dataclass(frozen=True, slots=True)
class Url:
    """An absolute http or https URL; ``target`` is the path with its query, escaped to ASCII."""

    scheme: Literal["http", "https"]
    host: str | Address
    port: int
    target: str

    @property
    def host_text(self) -> str:
        """The host as written in a URL or a ``Host`` header."""
        text = str(self.host)
        return f"[{text}]" if ":" in text else text

    @property
    def authority(self) -> str:
        """The host, with the port where it is not the scheme's default."""
        return self.host_text if self.port == _DEFAULT_PORTS[self.scheme] else f"{self.host_text}:{self.port}"

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}{self.target}"


def parse_url(text: str) -> Url:
    """Parse a URL.

    Raises:
        IllegalUrl: the text is not an absolute http or https URL with a host, is longer than 2048 characters, or has characters
            that are not allowed in a URL.
        DownloadFailed: the URL is well-formed but has credentials or an unusual spelling of its host, which are never fetched.
    """
    if len(text) > MAX_URL_CHARS:
        raise IllegalUrl(f"a URL must have at most {MAX_URL_CHARS} characters, got {len(text)}")
    if _FORBIDDEN.search(text):
        raise IllegalUrl("a URL must not have spaces, control characters or backslashes, got some")
    found = _URL.match(text)
    if found is None:
        raise IllegalUrl("a URL must be absolute, http or https, and name a host, got something else")
    if "@" in found["authority"]:
        raise DownloadFailed("the URL has credentials")
    authority = _AUTHORITY.match(found["authority"])
    if authority is None:
        raise IllegalUrl("a URL must have a host and at most one port, got something else")
    scheme = cast(Literal["http", "https"], found["scheme"].lower())
    port = int(authority["port"] or _DEFAULT_PORTS[scheme])
    if not 1 <= port <= 65535:
        raise IllegalUrl(f"a port must be 1-65535, got {port}")
    try:
        host = parse_host(authority["host"])
    except RefusedHost as error:
        raise DownloadFailed(str(error)) from error
    target = found["target"] if found["target"].startswith("/") else "/" + found["target"]
    return Url(scheme, host, port, quote(target, safe=_KEPT_IN_TARGET))


def follow(base: Url, location: str) -> Url:
    """Return the URL that a redirect from ``base`` leads to.

    Raises:
        DownloadFailed: it is not a URL that may be fetched.
    """
    try:
        return parse_url(urljoin(str(base), location))
    except (IllegalUrl, ValueError) as error:
        raise DownloadFailed(f"redirected from {base.host_text} to an illegal URL: {error}") from error
