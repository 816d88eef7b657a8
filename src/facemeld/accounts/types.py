"""Value types of accounts, their keys and their credit."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType

from facemeld.accounts.policy import Network, Rates


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
