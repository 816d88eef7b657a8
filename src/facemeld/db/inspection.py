"""Integrity checks and consistent copies of SQLite databases, and repairs of the counter of ids."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import select

from facemeld.db.database import LOCK_SECONDS, Database
from facemeld.db.errors import DatabaseUnavailable
from facemeld.db.files import PRIVATE_FILE
from facemeld.db.models import SnowflakeRow

_MOST_FAULTS = 20


@dataclass(frozen=True, slots=True)
class FileState:
    """State of a SQLite file.

    Attributes:
        faults: Results of ``PRAGMA integrity_check`` and ``PRAGMA foreign_key_check``; empty if the database is sound.
        journal: Journal mode; Facemeld sets ``wal``.
        wal_bytes: Size of the write-ahead log.
    """

    faults: tuple[str, ...]
    journal: str
    wal_bytes: int


def inspect_file(file: Path) -> FileState:
    """Check a whole SQLite file.

    Raises:
        DatabaseUnavailable: it cannot be opened.
    """
    with _opened(file) as connection:
        try:
            faults = [str(row[0]) for row in connection.execute(f"PRAGMA integrity_check({_MOST_FAULTS})")]
            foreign = [f"row {row[1]} of {row[0]} refers to nothing in {row[2]}" for row in connection.execute("PRAGMA foreign_key_check")]
            journal = str(connection.execute("PRAGMA journal_mode").fetchone()[0])
        except sqlite3.DatabaseError as error:
            return FileState((str(error),), "unknown", 0)
    try:
        wal_bytes = Path(f"{file}-wal").stat().st_size
    except FileNotFoundError:
        wal_bytes = 0
    return FileState((*(fault for fault in faults if fault != "ok"), *foreign[:_MOST_FAULTS]), journal, wal_bytes)


def use_wal(file: Path) -> None:
    """Set WAL mode, and empty the log as far as readers allow.

    Raises:
        DatabaseUnavailable: the file cannot be changed, or is in use in another mode.
    """
    with _opened(file) as connection:
        try:
            mode = connection.execute("PRAGMA journal_mode=WAL").fetchone()[0]
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        except sqlite3.Error as error:
            raise DatabaseUnavailable(f"the database {file} must be writable, got: {error}") from error
    if mode != "wal":
        raise DatabaseUnavailable(f"the journal mode of {file} must become wal, it stays {mode}")


def snapshot(source: Path, target: Path) -> None:
    """Copy one consistent state of a SQLite database into a new file without a log; durable on return.

    Readers and writers of ``source`` may continue. ``target`` must not exist yet.

    Raises:
        DatabaseUnavailable: the source cannot be read or the target cannot be written.
    """
    try:
        os.close(os.open(target, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, PRIVATE_FILE))
        with _opened(source) as connection, closing(sqlite3.connect(target)) as copy:
            connection.backup(copy)
            copy.execute("PRAGMA journal_mode=DELETE")
        descriptor = os.open(target, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except (sqlite3.Error, OSError) as error:
        raise DatabaseUnavailable(f"the database {source} must be readable and {target} writable, got: {error}") from error


def last_snowflake(database: Database) -> int | None:
    """Return the last id handed out; None if the counter is missing."""
    with database.connect() as connection:
        return connection.execute(select(SnowflakeRow.last)).scalar_one_or_none()


def raise_snowflake(database: Database, least: int) -> None:
    """Make the next id larger than ``least``; create the counter if it is missing."""
    with database.transaction() as session:
        counter = session.get(SnowflakeRow, 1)
        if counter is None:
            session.add(SnowflakeRow(id=1, last=least))
        else:
            counter.last = max(counter.last, least)


@contextmanager
def _opened(file: Path) -> Iterator[sqlite3.Connection]:
    try:
        connection = sqlite3.connect(file.absolute().as_uri() + "?mode=rw", uri=True, timeout=LOCK_SECONDS)
    except sqlite3.Error as error:
        raise DatabaseUnavailable(f"the database {file} must be readable, got: {error}") from error
    with closing(connection):
        yield connection
