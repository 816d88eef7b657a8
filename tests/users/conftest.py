"""The store of users, and an owner made once, because hashing passwords takes its time."""

from __future__ import annotations

import pytest

from facemeld.db.audit import AuditLog
from facemeld.db.database import Database
from facemeld.users.store import UserStore
from facemeld.users.types import Role, User
from tests.db.state import SettableClock, clock, database, database_file

__all__ = ["clock", "database", "database_file"]

PASSWORD = "correct horse battery"


@pytest.fixture
def users(database: Database, clock: SettableClock) -> UserStore:
    """Users in ``database``."""
    return UserStore(database, clock)


@pytest.fixture
def owner(users: UserStore) -> User:
    """An owner with the password ``PASSWORD``."""
    return users.create("ann", PASSWORD, Role.OWNER, actor="test")


@pytest.fixture
def audit(database: Database, clock: SettableClock) -> AuditLog:
    """The log of ``database``."""
    return AuditLog(database, clock)
