"""Sharing a data folder, looking through a database, copying one that is in use, damage that is told as such."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import text

from facemeld.accounts.store import AccountStore
from facemeld.db.database import Database
from facemeld.db.errors import DatabaseUnavailable, FolderUnavailable
from facemeld.db.files import Occupancy, occupied
from facemeld.db.inspection import inspect_file, last_snowflake, raise_snowflake, snapshot, use_wal

HOLD = """
import sys
from pathlib import Path
from facemeld.db.files import Occupancy
held = Occupancy(Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
"""


def test_one_is_alone_until_another_process_comes(tmp_path: Path) -> None:
    with occupied(tmp_path) as first:
        with first.alone() as alone:
            assert alone
        with subprocess.Popen([sys.executable, "-c", HOLD, tmp_path], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
            assert other.stdout is not None
            assert other.stdout.readline() == b"held\n"
            with first.alone() as alone:
                assert not alone
            # The lock goes with its process, however that ends.
            other.kill()
        with first.alone() as alone:
            assert alone


def test_who_comes_while_somebody_is_alone_waits(tmp_path: Path) -> None:
    came = threading.Event()

    def come() -> None:
        with occupied(tmp_path):
            came.set()

    with occupied(tmp_path) as first:
        thread = threading.Thread(target=come)
        with first.alone() as alone:
            assert alone
            thread.start()
            assert not came.wait(0.2)
        assert came.wait(10)
        thread.join()


def test_a_try_that_fails_keeps_the_own_share(tmp_path: Path) -> None:
    with occupied(tmp_path) as first, occupied(tmp_path) as second:
        with first.alone() as alone:
            assert not alone
        with second.alone() as alone:
            assert not alone


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(FolderUnavailable, match="must be writable"):
        Occupancy(tmp_path / "file" / "data")


def test_a_copy_is_one_state_of_a_database_in_use(
    tmp_path: Path, database: Database, database_file: Path, account_store: AccountStore
) -> None:
    over = threading.Event()

    def work() -> None:
        number = 0
        while not over.is_set():
            number += 1
            # Each transaction adds two rows, so an odd number of them would be half of one.
            with database.transaction() as session:
                for half in "ab":
                    session.execute(
                        text("INSERT INTO accounts (name, state, created_at) VALUES (:name, 'normal', '2026-01-01')"),
                        {"name": f"{number}{half}"},
                    )

    thread = threading.Thread(target=work)
    thread.start()
    try:
        for number in range(5):
            target = tmp_path / f"copy{number}"
            snapshot(database_file, target)
            with closing(sqlite3.connect(target)) as copy:
                assert copy.execute("SELECT count(*) FROM accounts").fetchone()[0] % 2 == 0
            state = inspect_file(target)
            assert (state.faults, state.journal, state.wal_bytes) == ((), "delete", 0)
            assert target.stat().st_mode & 0o777 == 0o600
            assert not Path(f"{target}-wal").exists()
    finally:
        over.set()
        thread.join()


def test_a_copy_writes_over_nothing(tmp_path: Path, database: Database, database_file: Path) -> None:
    (tmp_path / "taken").write_text("mine")
    with pytest.raises(DatabaseUnavailable):
        snapshot(database_file, tmp_path / "taken")
    assert (tmp_path / "taken").read_text() == "mine"
    with pytest.raises(DatabaseUnavailable):
        snapshot(tmp_path / "missing", tmp_path / "copy")


def test_the_log_is_emptied_and_the_mode_set(database: Database, database_file: Path) -> None:
    assert inspect_file(database_file).journal == "wal"
    database.close()
    with closing(sqlite3.connect(database_file)) as plain:
        plain.execute("PRAGMA journal_mode=DELETE")
    assert inspect_file(database_file).journal == "delete"
    use_wal(database_file)
    state = inspect_file(database_file)
    assert (state.journal, state.wal_bytes) == ("wal", 0)


def test_damage_is_told_as_a_database_that_cannot_answer(database: Database, database_file: Path, account_store: AccountStore) -> None:
    account_store.create("acme", actor="test")
    database.close()
    use_wal(database_file)
    with database_file.open("r+b") as file:
        size = file.seek(0, 2)
        file.seek(4096)
        file.write(b"\xff" * (size - 4096))
    assert inspect_file(database_file).faults
    with pytest.raises(DatabaseUnavailable):
        account_store.accounts()
    database_file.write_bytes(b"no database at all" * 1000)
    database.close()
    assert inspect_file(database_file).faults == ("file is not a database",)
    with pytest.raises(DatabaseUnavailable):
        account_store.accounts()


def test_the_counter_goes_up_and_never_down(database: Database) -> None:
    last = database.next_snowflake()
    raise_snowflake(database, last + 100)
    assert last_snowflake(database) == last + 100
    raise_snowflake(database, 5)
    assert last_snowflake(database) == last + 100
    assert database.next_snowflake() == last + 101
    with database.transaction() as session:
        session.execute(text("DELETE FROM snowflakes"))
    assert last_snowflake(database) is None
    raise_snowflake(database, 7)
    assert last_snowflake(database) == 7
