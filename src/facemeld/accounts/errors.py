"""What can go wrong with accounts, keys and the vault."""

from facemeld.db import StateError


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
