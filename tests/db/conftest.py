"""A database with one account."""

from __future__ import annotations

import pytest

from facemeld.accounts.store import AccountStore
from tests.db.state import account_store, clock, database, database_file, small_files_only, vault

__all__ = ["account_id", "account_store", "clock", "database", "database_file", "small_files_only", "vault"]


@pytest.fixture
def account_id(account_store: AccountStore) -> int:
    """An account named acme."""
    return account_store.create("acme", actor="test").id
