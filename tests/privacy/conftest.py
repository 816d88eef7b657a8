"""A database with one account."""

from __future__ import annotations

import pytest

from facemeld.accounts.store import AccountStore
from facemeld.db.database import Database
from facemeld.privacy.store import PrivacyStore
from tests.db.state import SettableClock, account_store, clock, database, database_file, small_files_only, vault

__all__ = ["account_id", "account_store", "clock", "database", "database_file", "small_files_only", "store", "vault"]


@pytest.fixture
def account_id(account_store: AccountStore) -> int:
    """An account named acme."""
    return account_store.create("acme", actor="test").id


@pytest.fixture
def store(database: Database, clock: SettableClock) -> PrivacyStore:
    """Consents and receipts in ``database``."""
    return PrivacyStore(database, clock)
