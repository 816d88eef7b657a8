"""Accounts, their access keys, the vault that encrypts secrets, and the audit log."""

from facemeld.accounts.errors import AccountError, AccountExists, AccountInvalid, AccountNotFound, KeyNotFound, VaultError
from facemeld.accounts.store import AccountStore
from facemeld.accounts.types import AccessKey, Account, AccountState, KeyKind, NewKey, StoredCredential
from facemeld.accounts.vault import KeyVault
from facemeld.db.audit import AuditEntry, AuditLog

__all__ = [
    "AccessKey",
    "Account",
    "AccountError",
    "AccountExists",
    "AccountInvalid",
    "AccountNotFound",
    "AccountState",
    "AccountStore",
    "AuditEntry",
    "AuditLog",
    "KeyKind",
    "KeyNotFound",
    "KeyVault",
    "NewKey",
    "StoredCredential",
    "VaultError",
]
