"""Fixtures of a database with accounts."""

from tests.db.state import account_store, clock, database, database_file, small_files_only, vault

__all__ = ["account_store", "clock", "database", "database_file", "small_files_only", "vault"]
