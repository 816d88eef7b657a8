"""Fixtures that the tests of all rooms with state share."""

from __future__ import annotations

import os
import random
import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from facemeld.accounts.store import AccountStore
from facemeld.accounts.vault import KeyVault
from facemeld.db.database import Database


@dataclass
class SettableClock:
    """A clock that stands still until a test moves it."""

    now: datetime = datetime(2026, 7, 1, 12, 30, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **duration: float) -> None:
        self.now += timedelta(**duration)


@pytest.fixture
def clock() -> SettableClock:
    """Noon and a half on the first of July 2026."""
    return SettableClock()


@pytest.fixture
def database_file(tmp_path: Path) -> Path:
    """Where ``database`` is."""
    return tmp_path / "facemeld.db"


@pytest.fixture
def database(migrated_file: Path, database_file: Path, clock: SettableClock) -> Iterator[Database]:
    """An empty database of the newest schema."""
    shutil.copy(migrated_file, database_file)
    database = Database.at(database_file, clock)
    yield database
    database.close()


@pytest.fixture
def vault() -> KeyVault:
    """A vault with a fixed master key."""
    return KeyVault.from_secret("a master secret of the tests, long enough")


@pytest.fixture
def account_store(database: Database, vault: KeyVault, clock: SettableClock) -> AccountStore:
    """Accounts in ``database``."""
    return AccountStore(database, vault, clock)


@pytest.fixture
def small_files_only() -> Iterator[None]:
    """Writing past 4 KiB fails as on a full disk: the system itself refuses it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def promised_until_killed(script: str, *arguments: str, seed: int) -> list[str]:
    """Run a script that prints a line for each thing it promises, and kill it without warning soon after the first line.

    Returns:
        The complete lines that it had printed.
    """
    command = [sys.executable, "-W", "error", "-u", "-c", script, *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        first = process.stdout.readline()
        pause = random.Random(seed).uniform(0.02, 0.3)
        try:
            process.wait(timeout=pause)
        except subprocess.TimeoutExpired:
            os.kill(process.pid, signal.SIGKILL)
        rest = process.stdout.read()
        errors = process.stderr.read().decode()
    assert process.returncode == -signal.SIGKILL, errors
    # What follows the last line break was cut off by the kill.
    return (first + rest).decode().split("\n")[:-1]
