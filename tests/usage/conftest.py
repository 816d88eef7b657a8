"""Fixtures of the rooms with state."""

from tests.db.state import account_store, clock, database, database_file, vault

__all__ = ["account_store", "clock", "database", "database_file", "vault"]
