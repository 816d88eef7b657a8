"""Accounts, their keys, credit and charges, the vault that encrypts secrets, and the audit log."""

from facemeld.accounts.charges import ChargeState, ChargeStore, Operation, Release, Reserve, Settle
from facemeld.accounts.errors import AccountError, AccountExists, AccountInvalid, AccountNotFound, KeyNotFound, VaultError
from facemeld.accounts.policy import Network, Rates, includes, parse_actions, parse_networks, parse_rate, parse_rates
from facemeld.accounts.store import UNLIMITED, AccountChange, AccountStore
from facemeld.accounts.types import (
    AccessKey,
    Account,
    AccountState,
    CallPolicy,
    KeyKind,
    NewKey,
    NewTemporaryKey,
    Package,
    StoredCredential,
)
from facemeld.accounts.vault import KeyVault
from facemeld.db.audit import AuditEntry, AuditLog

__all__ = [
    "UNLIMITED",
    "AccessKey",
    "Account",
    "AccountChange",
    "AccountError",
    "AccountExists",
    "AccountInvalid",
    "AccountNotFound",
    "AccountState",
    "AccountStore",
    "AuditEntry",
    "AuditLog",
    "CallPolicy",
    "ChargeState",
    "ChargeStore",
    "KeyKind",
    "KeyNotFound",
    "KeyVault",
    "Network",
    "NewKey",
    "NewTemporaryKey",
    "Operation",
    "Package",
    "Rates",
    "Release",
    "Reserve",
    "Settle",
    "StoredCredential",
    "VaultError",
    "includes",
    "parse_actions",
    "parse_networks",
    "parse_rate",
    "parse_rates",
]
