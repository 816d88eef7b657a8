"""An account with an activity, and the stores of the catalogue."""

from __future__ import annotations

from pathlib import Path

import pytest

from facemeld.accounts.store import AccountStore
from facemeld.db.database import Database
from facemeld.materials.activities import ActivityStore
from facemeld.materials.files import MaterialFiles
from facemeld.materials.store import MaterialStore
from facemeld.materials.types import Activity
from tests.db.state import SettableClock, account_store, clock, database, database_file, small_files_only, vault

__all__ = ["account_store", "clock", "database", "database_file", "small_files_only", "vault"]


@pytest.fixture
def account_id(account_store: AccountStore) -> int:
    """An account named acme."""
    return account_store.create("acme", actor="test").id


@pytest.fixture
def stranger_id(account_store: AccountStore, account_id: int) -> int:
    """Another account."""
    return account_store.create("stranger", actor="test").id


@pytest.fixture
def activities(database: Database, clock: SettableClock) -> ActivityStore:
    """Activities in ``database``."""
    return ActivityStore(database, clock)


@pytest.fixture
def activity(activities: ActivityStore, account_id: int) -> Activity:
    """An activity of acme, with defaults 30 and 70."""
    return activities.create(account_id, "portraits", actor="test", shape_degree=30, feature_degree=70)


@pytest.fixture
def files(tmp_path: Path) -> MaterialFiles:
    """Files of ``materials``."""
    return MaterialFiles(tmp_path / "materials")


@pytest.fixture
def materials(database: Database, files: MaterialFiles, clock: SettableClock) -> MaterialStore:
    """Materials in ``database``."""
    return MaterialStore(database, files, clock)
