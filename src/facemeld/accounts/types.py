"""Accounts, keys, credit, rates, networks and permissions: value types, their text form, and errors."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from types import MappingProxyType
from typing import Literal, TypeAlias

from facemeld.db.errors import StateError


class AccountError(StateError):
    """A request about an account or key cannot be carried out."""


class AccountExists(AccountError):
    """An account of this name exists."""


class AccountInvalid(AccountError):
    """A value is not allowed."""


class AccountNotFound(AccountError):
    """The account does not exist."""


class KeyNotFound(AccountError):
    """The SecretId does not exist or is disabled."""


class VaultError(StateError):
    """The master key is missing, unsafe or wrong."""


Network: TypeAlias = IPv4Network | IPv6Network
Rates: TypeAlias = Mapping[str, int | None]
"""Calls a second by scope, ``Action`` or ``version:Action``; None for unlimited."""

RateChange: TypeAlias = int | Literal["default"] | None
"""A new rate: calls a second, None for unlimited, or ``default`` to remove the account's own rate."""

LARGEST_RATE = 1_000_000
_RATE_NAME = re.compile(r"(?:\d{4}-\d{2}-\d{2}:)?[A-Za-z][A-Za-z0-9]{0,47}")
_ACTION_NAME = re.compile(r"[A-Z][A-Za-z0-9]{0,63}")
_UNLIMITED = "unlimited"


@lru_cache(maxsize=4096)
def parse_rates(text: str) -> Rates:
    """Parse rates such as ``FuseFace=20,account=unlimited``.

    Raises:
        AccountInvalid: a part does not have the form ``NAME=CALLS``.
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
    """Parse a rate: calls a second, ``unlimited`` or ``default``.

    Raises:
        AccountInvalid: the name or value is malformed.
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
    """Return rates as text for ``parse_rates``."""
    return ",".join(f"{name}={_UNLIMITED if rate is None else rate}" for name, rate in sorted(rates.items()))


@lru_cache(maxsize=4096)
def parse_networks(text: str) -> tuple[Network, ...]:
    """Parse comma-separated addresses and networks such as ``192.0.2.7,2001:db8::/32``.

    Raises:
        AccountInvalid: a part is neither an address nor a network.
    """
    networks: list[Network] = []
    for part in filter(None, (piece.strip() for piece in text.split(","))):
        try:
            networks.append(ip_network(part))
        except ValueError as error:
            raise AccountInvalid(f"an address list must hold IP addresses and networks, got {part!r}") from error
    return tuple(networks)


def format_networks(networks: Iterable[Network]) -> str:
    """Return networks as text for ``parse_networks``."""
    return ",".join(str(network) for network in networks)


@lru_cache(maxsize=4096)
def includes(networks: tuple[Network, ...], address: str) -> bool:
    """Whether an address lies in one of the networks; IPv4-mapped IPv6 addresses count as IPv4, malformed ones lie in none."""
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if parsed.version == 6 and parsed.ipv4_mapped is not None:
        parsed = parsed.ipv4_mapped
    return any(parsed in network for network in networks)


@lru_cache(maxsize=4096)
def parse_actions(text: str) -> frozenset[str]:
    """Parse comma-separated names of actions, or raise ``AccountInvalid`` if one is malformed."""
    names = frozenset(filter(None, (piece.strip() for piece in text.split(","))))
    for name in names:
        if not _ACTION_NAME.fullmatch(name):
            raise AccountInvalid(f"an action's name must be letters and digits and begin with a capital, got {name!r}")
    return names


def format_actions(names: Iterable[str]) -> str:
    """Return names of actions as text for ``parse_actions``."""
    return ",".join(sorted(names))


class AccountState(StrEnum):
    """State of an account; every state but ``normal`` has its own ``ResourceUnavailable`` code."""

    NORMAL = "normal"
    FROZEN = "frozen"
    ARREARS = "arrears"
    OPENING = "opening"
    NOT_EXIST = "not_exist"
    RECOVER = "recover"
    STOP_USING = "stop_using"
    DELIVERING = "delivering"
    LOW_BALANCE = "low_balance"
    NOT_READY = "not_ready"
    UNKNOWN = "unknown"


class KeyKind(StrEnum):
    """Purpose of a key."""

    API = "api"
    """Calls of the API."""
    CONSOLE = "console"
    """The console only."""
    TEMPORARY = "temporary"
    """Calls of the API for a limited time, with a token and the permissions of another key."""


@dataclass(frozen=True, slots=True)
class Account:
    """A customer of the service.

    Attributes:
        state: As set by the operator; an account without credit is answered as if in arrears.
        balance: Calls left besides the packages; None for an unlimited account.
        auto_open: Whether the first call opens the service, which fails for lack of balance if there is no credit.
        rates: The account's own rates, which override the settings.
        allowed: Networks that calls must come from; empty for all.
        denied: Networks that calls must not come from.
    """

    id: int
    name: str
    state: AccountState
    created_at: datetime
    balance: int | None = None
    auto_open: bool = False
    rates: Rates = field(default_factory=lambda: MappingProxyType({}))
    allowed: tuple[Network, ...] = ()
    denied: tuple[Network, ...] = ()


@dataclass(frozen=True, slots=True)
class Package:
    """Calls bought in advance.

    Attributes:
        action: The only action that it pays for; None for all.
        calls: Calls bought.
        used: Calls charged or reserved.
        expires_at: Its expiry; None for never.
    """

    id: int
    action: str | None
    calls: int
    used: int
    expires_at: datetime | None
    created_at: datetime

    def remaining(self, now: datetime) -> int:
        """Return the number of calls left at a moment."""
        return 0 if self.expires_at is not None and self.expires_at <= now else max(self.calls - self.used, 0)


@dataclass(frozen=True, slots=True)
class AccessKey:
    """A key without its secret.

    Attributes:
        actions: The only actions that it may call; None for all.
        parent_id: The parent of a temporary key.
        expires_at: The expiry of a temporary key.
    """

    secret_id: str
    account_id: int
    account_name: str
    kind: KeyKind
    enabled: bool
    created_at: datetime
    last_used_at: datetime | None
    actions: frozenset[str] | None = None
    parent_id: str | None = None
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class NewKey:
    """A new key with its secret, which is not shown again."""

    secret_id: str
    secret_key: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class NewTemporaryKey:
    """A new temporary key with its secret and token, which are not shown again."""

    secret_id: str
    secret_key: str = field(repr=False)
    token: str = field(repr=False)
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class CallPolicy:
    """Permissions and limits of a key and its account; see ``Account`` and ``AccessKey``.

    Attributes:
        metered: Whether calls use up credit.
    """

    account_id: int
    state: AccountState
    metered: bool
    auto_open: bool
    rates: Rates
    allowed: tuple[Network, ...]
    denied: tuple[Network, ...]
    actions: frozenset[str] | None


@dataclass(frozen=True, slots=True)
class StoredCredential:
    """A key with its secret, as needed to verify a call; ``token`` and ``expires_at`` are those of a temporary key."""

    secret_id: str
    secret_key: str = field(repr=False)
    enabled: bool
    kind: KeyKind
    account_id: int
    account_name: str
    account_state: AccountState
    token: str | None = field(repr=False)
    expires_at: datetime | None
    policy: CallPolicy


UNLIMITED: Literal["unlimited"] = "unlimited"
"""Balance of an account whose calls are not metered."""

Balance: TypeAlias = int | Literal["unlimited"]


@dataclass(frozen=True, slots=True)
class AccountChange:
    """New values of an account's fields, see ``Account``; None leaves a field unchanged.

    Attributes:
        balance: Calls, or ``unlimited``.
        rates: New rates by name; other rates stay.
    """

    state: AccountState | None = None
    balance: Balance | None = None
    auto_open: bool | None = None
    rates: Mapping[str, RateChange] = field(default_factory=dict)
    allowed: Sequence[Network] | None = None
    denied: Sequence[Network] | None = None
