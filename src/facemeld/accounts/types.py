"""Value types of accounts: keys, credit, rates, networks and permissions, their form as text, and their errors."""

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
    """An account or key is not as the caller expected."""


class AccountExists(AccountError):
    """The name of a new account is taken."""


class AccountInvalid(AccountError):
    """A name or state is not allowed."""


class AccountNotFound(AccountError):
    """There is no such account."""


class KeyNotFound(AccountError):
    """There is no such SecretId."""


class VaultError(StateError):
    """The master key is missing, unsafe or not the right one."""


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


class AccountState(StrEnum):
    """Whether an account may use the service; every state but ``normal`` has its own ``ResourceUnavailable`` code."""

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
    """What a key may be used for."""

    API = "api"
    """Calls of the API."""
    CONSOLE = "console"
    """The console only."""
    TEMPORARY = "temporary"
    """Calls of the API, with a token and for a while, on behalf of another key."""


@dataclass(frozen=True, slots=True)
class Account:
    """A customer of the service.

    Attributes:
        state: What the operator set; an account that has used up its credit is answered as in arrears all the same.
        balance: Calls left besides the packages; None for an account that is not counted at all.
        auto_open: Whether the service is opened by the first call: without credit, that fails for want of balance.
        rates: The account's own rates, which go before those of the settings.
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
        action: The only action that it pays for; None for every one.
        calls: How many calls it held at first.
        used: How many of them are used up or reserved by calls under way.
        expires_at: From when on it pays for nothing; None for never.
    """

    id: int
    action: str | None
    calls: int
    used: int
    expires_at: datetime | None
    created_at: datetime

    def remaining(self, now: datetime) -> int:
        """How many calls it still pays for."""
        return 0 if self.expires_at is not None and self.expires_at <= now else max(self.calls - self.used, 0)


@dataclass(frozen=True, slots=True)
class AccessKey:
    """A key as it may be shown: without its secret.

    Attributes:
        actions: The only actions that it may call; None for all.
        parent_id: For a temporary key, the key on whose behalf it acts.
        expires_at: For a temporary key, its end.
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
    """A key at the only moment at which its secret is shown."""

    secret_id: str
    secret_key: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class NewTemporaryKey:
    """A temporary key at the only moment at which its secret and its token are shown."""

    secret_id: str
    secret_key: str = field(repr=False)
    token: str = field(repr=False)
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class CallPolicy:
    """What a key and its account may do, as one read of the database saw it.

    Attributes:
        account_id: The account.
        state: What the operator set.
        metered: Whether calls use up credit.
        auto_open: See ``Account``.
        rates: The account's own rates.
        allowed: Networks that calls must come from; empty for all.
        denied: Networks that calls must not come from.
        actions: The only actions that the key may call; None for all.
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
    """What the verification of a signature needs to know about a SecretId.

    Attributes:
        token: For a temporary key, the token that must come with it.
        expires_at: For a temporary key, its end.
        policy: What the key and its account may do.
    """

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
"""The balance of an account that is not counted."""


Balance: TypeAlias = int | Literal["unlimited"]


@dataclass(frozen=True, slots=True)
class AccountChange:
    """What to change about an account; None leaves a field as it is.

    Attributes:
        state: Whether the account may use the service.
        balance: Calls left besides the packages, or ``unlimited`` for an account that is not counted.
        auto_open: See ``Account``.
        rates: Rates to change, by name; the others stay.
        allowed: New list of networks that calls must come from; empty for all.
        denied: New list of networks that calls must not come from.
    """

    state: AccountState | None = None
    balance: Balance | None = None
    auto_open: bool | None = None
    rates: Mapping[str, RateChange] = field(default_factory=dict)
    allowed: Sequence[Network] | None = None
    denied: Sequence[Network] | None = None
