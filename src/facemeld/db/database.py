"""Opens the database, hands out sessions and ids, and brings the schema up to date."""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, Engine, create_engine, event, inspect, select, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DatabaseError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session, sessionmaker
from sqlalchemy.pool import ConnectionPoolEntry

from facemeld.db.errors import Clock, DatabaseUnavailable, DatabaseUrlInvalid, SchemaMismatch, utc_now
from facemeld.db.files import PRIVATE_FILE, make_folder
from facemeld.db.models import SnowflakeRow

if TYPE_CHECKING:
    from alembic.config import Config

HEAD_REVISION = "0005"
"""The newest migration. Known here, so that an up-to-date database opens without loading Alembic, which takes 70 ms."""

LOCK_SECONDS = 15
"""How long a statement waits for another writer of the same SQLite file."""

_PATIENCE_SECONDS = 1

_WRITING = "facemeld_writing"

_ADVISORY_LOCK = 0x666D656C64  # any number that other programs on the same PostgreSQL server are unlikely to lock

MIGRATIONS = Path(__file__).parent / "migrations"

EPOCH_MS = 1288834974657

SERIAL_BITS = 22

LARGEST = 2**63 - 1

_UNIX_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_COUNTER_ROW = 1


class Database:
    """One database, SQLite or another that SQLAlchemy supports, shared by all stores and threads of a process.

    SQLite runs in WAL mode with ``synchronous=FULL``: commits survive a power cut, and readers do not wait for writers.

    Args:
        url: SQLAlchemy URL, such as ``sqlite:////var/lib/facemeld/facemeld.db``.
        clock: Returns the current time in UTC.

    Raises:
        DatabaseUrlInvalid: the URL is malformed or names a database in memory, which other processes cannot see.
    """

    def __init__(self, url: str, clock: Clock = utc_now) -> None:
        self._clock = clock
        self._url = _parse(url)
        self._file = Path(self._url.database or "").absolute() if self._url.get_backend_name() == "sqlite" else None
        options = {"timeout": LOCK_SECONDS} if self._file else {}
        self._engine = create_engine(self._url, connect_args=options, pool_size=10, max_overflow=40, pool_pre_ping=not self._file)
        if self._file:
            event.listen(self._engine, "connect", _set_up_connection)
            event.listen(self._engine, "begin", _begin)
        self._readers = sessionmaker(self._engine, expire_on_commit=False)
        self._writers = sessionmaker(self._engine.execution_options(**{_WRITING: True}), expire_on_commit=False)

    @classmethod
    def at(cls, file: Path, clock: Clock = utc_now) -> Database:
        """Return the SQLite database in a file, which ``upgrade`` creates."""
        return cls(URL.create("sqlite", database=str(file.absolute())).render_as_string(hide_password=False), clock)

    @property
    def file(self) -> Path | None:
        """The file of a SQLite database; None for a database server."""
        return self._file

    @property
    def engine(self) -> Engine:
        """The engine, for frequent reads without a session."""
        return self._engine

    @contextmanager
    def session(self) -> Iterator[Session]:
        """A read-only session that sees one consistent state.

        Raises:
            DatabaseUnavailable: the database cannot be reached or is locked for too long.
        """
        with _translated(), self._readers() as session:
            yield session

    @contextmanager
    def connect(self) -> Iterator[Connection]:
        """A read-only connection, cheaper than a session, with the same guarantees."""
        with _translated(), self._engine.connect() as connection:
            yield connection

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """A session that is committed at the end of the block, or rolled back on an exception; durable after the block.

        Raises:
            DatabaseUnavailable: the database cannot be reached, is locked for too long or is full.
        """
        with _translated(), self._writers.begin() as session:
            yield session

    def next_snowflake(self) -> int:
        """Return a new id, larger than all earlier ones of any process."""
        with self.transaction() as session:
            return next_snowflake(session, self._clock())

    def revision(self) -> str | None:
        """Return the migration of the database; None if it is empty or does not exist yet."""
        if self._file and not self._file.exists():
            return None
        with self.connect() as connection:
            if not inspect(connection).has_table("alembic_version"):
                return None
            return connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one_or_none()

    def upgrade(self) -> None:
        """Create the database or upgrade it to the newest schema; several processes may do so at once.

        Raises:
            SchemaMismatch: a newer version of Facemeld has already changed the schema.
            DatabaseUnavailable: the database cannot be reached or created.
        """
        if self.revision() == HEAD_REVISION:
            return
        with self._exclusive(), _translated():
            if self._file:
                with closing(sqlite3.connect(self._file, timeout=LOCK_SECONDS)) as plain:
                    plain.execute("PRAGMA journal_mode=WAL")
            with self._engine.execution_options(**{_WRITING: True}).connect() as connection:
                migrate(connection)

    def clear_history(self) -> bool:
        """Clear SQLite's write-ahead log, which still contains overwritten pages.

        Returns:
            False if the database was too busy; SQLite clears the log later. True for other databases, which manage their own history.
        """
        if self._file is None:
            return True
        with _translated(), self._engine.connect() as connection:
            plain = connection.connection.driver_connection
            if not isinstance(plain, sqlite3.Connection):
                raise TypeError(f"the driver of SQLite must be sqlite3, got {type(plain).__name__}")
            plain.execute(f"PRAGMA busy_timeout={int(_PATIENCE_SECONDS * 1000)}")
            try:
                busy, _, _ = plain.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            except sqlite3.OperationalError:
                # Locked for too long, or the disk is full; no stored data is lost.
                return False
            finally:
                plain.execute(f"PRAGMA busy_timeout={int(LOCK_SECONDS * 1000)}")
        return not busy

    def close(self) -> None:
        """Close all idle connections."""
        self._engine.dispose()

    @contextmanager
    def _exclusive(self) -> Iterator[None]:
        """Keep other processes from migrating the same database during a block."""
        if self._file is None:
            with _translated(), self._engine.connect() as connection:
                if connection.dialect.name == "postgresql":
                    connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ADVISORY_LOCK})
                yield
            return
        try:
            make_folder(self._file.parent)
            # SQLite would apply the umask; its write-ahead log gets the mode of the file.
            os.close(os.open(self._file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, PRIVATE_FILE))
            descriptor = os.open(f"{self._file}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, PRIVATE_FILE)
        except OSError as error:
            raise DatabaseUnavailable(f"the database file {self._file} must be writable, got: {error.strerror}") from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)


def _parse(url: str) -> URL:
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise DatabaseUrlInvalid("the database URL must look like sqlite:///FILE or postgresql+pg8000://USER@HOST/NAME") from error
    if parsed.get_backend_name() == "sqlite" and (parsed.database or ":memory:") == ":memory:":
        raise DatabaseUrlInvalid("the SQLite URL must name a file, got a database in memory")
    return parsed


def _set_up_connection(connection: sqlite3.Connection, _: ConnectionPoolEntry) -> None:
    # The driver would begin transactions too late; _begin does it.
    connection.isolation_level = None
    connection.execute("PRAGMA foreign_keys=ON")
    connection.execute("PRAGMA synchronous=FULL")
    # Deleted data, such as a person's consent reference, must not stay readable in the file.
    connection.execute("PRAGMA secure_delete=ON")


def _begin(connection: Connection) -> None:
    # A transaction that reads first and writes later fails instead of waiting for another writer, so writers lock at once.
    connection.exec_driver_sql("BEGIN IMMEDIATE" if connection.get_execution_options().get(_WRITING) else "BEGIN")


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (OperationalError, InterfaceError) as error:
        raise DatabaseUnavailable(f"the database must answer, got: {error.orig}") from error
    except DatabaseError as error:
        # Subclasses are faults of a statement; the class itself means a damaged SQLite file.
        if type(error) is not DatabaseError:
            raise
        raise DatabaseUnavailable(f"the database must be whole, got: {error.orig}") from error
    except PoolTimeout as error:
        raise DatabaseUnavailable("a connection to the database must be free, got none in time") from error


def configuration(connection: Connection | None = None) -> Config:
    """Return Alembic's configuration for the migrations of this package, run over an open connection."""
    from alembic.config import Config

    config = Config()
    # Alembic's option parser interprets percent signs.
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def migrate(connection: Connection) -> None:
    """Upgrade the schema to the newest migration.

    Raises:
        SchemaMismatch: this version does not know the database's migration.
    """
    from alembic import command
    from alembic.util.exc import CommandError

    try:
        command.upgrade(configuration(connection), "head")
    except CommandError as error:
        raise SchemaMismatch(f"the database must have a schema that this version of Facemeld knows, got: {error}") from error


def first_of(moment: datetime) -> int:
    """Return the smallest snowflake id of a time's millisecond."""
    return ((moment - _UNIX_EPOCH) // timedelta(milliseconds=1) - EPOCH_MS) << SERIAL_BITS


def moment_of(snowflake: int) -> datetime:
    """Return the time of a snowflake id, in UTC, to the millisecond."""
    return _UNIX_EPOCH + timedelta(milliseconds=(snowflake >> SERIAL_BITS) + EPOCH_MS)


def next_snowflake(session: Session, now: datetime) -> int:
    """Return the next id; it is used up when the session commits.

    Args:
        session: A writing session; until it ends, other writers wait for their ids.
        now: The current time. If it is before the time of the last id, ids continue from the last id.

    Raises:
        SchemaMismatch: the counter row is missing.
    """
    counter = session.scalar(select(SnowflakeRow).where(SnowflakeRow.id == _COUNTER_ROW).with_for_update())
    if counter is None:
        raise SchemaMismatch("the table snowflakes must have its counter row, got none; bring the database up to date")
    counter.last = max(counter.last + 1, first_of(now))
    session.flush()
    return counter.last
