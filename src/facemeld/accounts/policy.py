"""What an operator allows an account and its keys: rates, networks and actions, and their form as text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from types import MappingProxyType
from typing import Literal, TypeAlias

from facemeld.accounts.errors import AccountInvalid

Network: TypeAlias = IPv4Network | IPv6Network
Rates: TypeAlias = Mapping[str, int | None]
"""Name of an action, optionally behind a version and a colon, or of a scope, to calls a second; None for unlimited."""

RateChange: TypeAlias = int | Literal["default"] | None
"""A new rate: calls a second, None for unlimited, ``default`` to follow the settings again."""

LARGEST_RATE = 1_000_000
_RATE_NAME = re.compile(r"(?:\d{4}-\d{2}-\d{2}:)?[A-Za-z][A-Za-z0-9]{0,47}")
_ACTION_NAME = re.compile(r"[A-Z][A-Za-z0-9]{0,63}")
_UNLIMITED = "unlimited"


@lru_cache(maxsize=4096)
def parse_rates(text: str) -> Rates:
    """Read rates such as ``FuseFace=20,account=unlimited``.

    Raises:
        AccountInvalid: a part is not of the form ``NAME=CALLS``.
    """
    rates: dict[str, int | None] = {}
    for part in filter(None, (piece.strip() for piece in text.split(","))):
        name, separator, value = (piece.strip() for piece in part.partition("="))
        if not separator:
            raise AccountInvalid(f"a rate must have the form NAME=CALLS, got {part!r}")
        change = parse_rate(name, value)
        if change != "default":
            rates[name] = change
    return MappingProxyType(rates)


def parse_rate(name: str, value: str) -> RateChange:
    """Read one rate: a number of calls a second, ``unlimited`` or ``default``.

    Raises:
        AccountInvalid: the name or the value has another form.
    """
    if not _RATE_NAME.fullmatch(name):
        raise AccountInvalid(f"a rate must name an action, account, global or address, got {name!r}")
    if value == _UNLIMITED:
        return None
    if value == "default":
        return "default"
    if not re.fullmatch(r"[0-9]{1,7}", value) or not 1 <= int(value) <= LARGEST_RATE:
        raise AccountInvalid(f"the rate of {name} must be 1 to {LARGEST_RATE} calls a second, unlimited or default, got {value!r}")
    return int(value)


def format_rates(rates: Rates) -> str:
    """The text that ``parse_rates`` reads back."""
    return ",".join(f"{name}={_UNLIMITED if rate is None else rate}" for name, rate in sorted(rates.items()))


@lru_cache(maxsize=4096)
def parse_networks(text: str) -> tuple[Network, ...]:
    """Read addresses and networks, comma separated, such as ``192.0.2.7,2001:db8::/32``.

    Raises:
        AccountInvalid: a part is neither.
    """
    networks: list[Network] = []
    for part in filter(None, (piece.strip() for piece in text.split(","))):
        try:
            networks.append(ip_network(part))
        except ValueError as error:
            raise AccountInvalid(f"an address list must hold IP addresses and networks, got {part!r}") from error
    return tuple(networks)


def format_networks(networks: Iterable[Network]) -> str:
    """The text that ``parse_networks`` reads back."""
    return ",".join(str(network) for network in networks)


@lru_cache(maxsize=4096)
def includes(networks: tuple[Network, ...], address: str) -> bool:
    """Whether an address lies in one of the networks; IPv4 inside IPv6 counts as IPv4, what is no address lies in none."""
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if parsed.version == 6 and parsed.ipv4_mapped is not None:
        parsed = parsed.ipv4_mapped
    return any(parsed in network for network in networks)


@lru_cache(maxsize=4096)
def parse_actions(text: str) -> frozenset[str]:
    """Read names of actions, comma separated.

    Raises:
        AccountInvalid: a part cannot be the name of an action.
    """
    names = frozenset(filter(None, (piece.strip() for piece in text.split(","))))
    for name in names:
        if not _ACTION_NAME.fullmatch(name):
            raise AccountInvalid(f"an action's name must be letters and digits and begin with a capital, got {name!r}")
    return names


def format_actions(names: Iterable[str]) -> str:
    """The text that ``parse_actions`` reads back."""
    return ",".join(sorted(names))
