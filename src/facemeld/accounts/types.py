"""Value types of accounts and their keys."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


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
    """What a key may be used for: calls of the API, or only the console."""

    API = "api"
    CONSOLE = "console"


@dataclass(frozen=True, slots=True)
class Account:
    """A customer of the service."""

    id: int
    name: str
    state: AccountState
    created_at: datetime


@dataclass(frozen=True, slots=True)
class AccessKey:
    """A key as it may be shown: without its secret."""

    secret_id: str
    account_id: int
    account_name: str
    kind: KeyKind
    enabled: bool
    created_at: datetime
    last_used_at: datetime | None


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key at the only moment at which its secret is shown."""

    secret_id: str
    secret_key: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class StoredCredential:
    """What the verification of a signature needs to know about a SecretId."""

    secret_id: str
    secret_key: str = field(repr=False)
    enabled: bool
    kind: KeyKind
    account_id: int
    account_name: str
    account_state: AccountState
