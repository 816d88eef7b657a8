"""The database: schema, transactions, several processes."""

from __future__ import annotations

import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_mock_engine, func, make_url, select, text
from sqlalchemy.exc import IntegrityError

from facemeld.db.audit import AuditLog
from facemeld.db.database import HEAD_REVISION, Database, configuration, first_of, next_snowflake
from facemeld.db.errors import DatabaseUnavailable, DatabaseUrlInvalid, SchemaMismatch, utc_now
from facemeld.db.models import AccountRow, ActivityRow, Base
from tests.tables import table

UPGRADE = "import sys; from facemeld.db.database import Database; database = Database(sys.argv[1]); database.upgrade(); database.close()"


def test_the_migrations_make_exactly_the_tables_of_the_models(database: Database) -> None:
    with database.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, Base.metadata) == []


def test_the_constant_names_the_newest_migration() -> None:
    assert ScriptDirectory.from_config(configuration()).get_current_head() == HEAD_REVISION


def test_the_tables_can_be_written_for_postgresql() -> None:
    statements: list[str] = []
    dialect = make_url("postgresql://").get_dialect()()
    engine = create_mock_engine("postgresql://", lambda sql, *_, **__: statements.append(str(sql.compile(dialect=dialect))))
    Base.metadata.create_all(engine, checkfirst=False)
    created = [statement for statement in statements if "CREATE TABLE" in statement]
    assert len(created) == len(Base.metadata.tables)
    assert any("BIGSERIAL" in statement for statement in created)


def test_an_upgrade_may_be_repeated_and_keeps_what_is_stored(database: Database, account_id: int) -> None:
    database.upgrade()
    with database.session() as session:
        assert session.get_one(AccountRow, account_id).name == "acme"


def test_a_database_of_a_newer_version_is_refused(database: Database) -> None:
    with database.transaction() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(SchemaMismatch, match="9999"):
        database.upgrade()


def test_processes_that_start_at_once_upgrade_once(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'shared.db'}"
    starts = [subprocess.Popen([sys.executable, "-W", "error", "-c", UPGRADE, url]) for _ in range(4)]
    assert [start.wait(timeout=60) for start in starts] == [0] * 4
    database = Database(url)
    assert database.revision() == HEAD_REVISION
    assert database.next_snowflake() > 0
    database.close()


def test_the_files_are_private_and_durable(database: Database, database_file: Path) -> None:
    with database.connect() as connection:
        pragmas = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar_one() for name in ("journal_mode", "synchronous", "foreign_keys")
        }
    assert pragmas == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}
    assert {stat.S_IMODE(file.stat().st_mode) for file in database_file.parent.glob(f"{database_file.name}*")} == {0o600}


def test_a_path_with_odd_characters_works(tmp_path: Path) -> None:
    database = Database.at(tmp_path / "50% of ?it#" / "ünïcode db.sqlite")
    database.upgrade()
    assert database.revision() == HEAD_REVISION
    database.close()


@table("url", ["", "no url", "sqlite://", "sqlite:///:memory:"])
def test_a_url_that_cannot_be_shared_is_refused(url: str) -> None:
    with pytest.raises(DatabaseUrlInvalid):
        Database(url)


def test_a_folder_that_cannot_be_written_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DatabaseUnavailable, match="must be writable"):
        Database.at(tmp_path / "file" / "facemeld.db").upgrade()


def test_a_failed_transaction_stores_nothing(database: Database) -> None:
    def interrupted() -> None:
        with database.transaction() as session:
            session.add(AccountRow(name="ghost", state="normal", created_at=utc_now()))
            session.flush()
            raise InterruptedError

    with pytest.raises(InterruptedError):
        interrupted()
    with database.session() as session:
        assert session.scalars(select(func.count()).select_from(AccountRow)).one() == 0


def test_a_reading_session_stores_nothing(database: Database, account_id: int) -> None:
    with database.session() as session:
        session.get_one(AccountRow, account_id).name = "renamed"
    with database.session() as session:
        assert session.get_one(AccountRow, account_id).name == "acme"


def test_threads_write_at_the_same_time(database: Database) -> None:
    log = AuditLog(database)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: log.record("test", "test.act", str(number)), range(80)))
    assert {entry.subject for entry in log.entries(limit=200)} == {str(number) for number in range(80)}


def test_readers_do_not_wait_for_a_writer(database: Database, account_id: int) -> None:
    with database.transaction() as writing:
        writing.get_one(AccountRow, account_id).name = "renamed"
        writing.flush()
        with database.session() as reading:
            assert reading.get_one(AccountRow, account_id).name == "acme"


def test_a_database_that_stays_locked_is_reported(database: Database, database_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("facemeld.db.database.LOCK_SECONDS", 0.05)
    impatient = Database.at(database_file)
    with database.transaction() as writing:
        next_snowflake(writing, utc_now())
        with pytest.raises(DatabaseUnavailable, match="locked"):
            impatient.next_snowflake()
    assert impatient.next_snowflake() > 0
    impatient.close()


def test_foreign_keys_hold(database: Database) -> None:
    now = utc_now()
    fields = {"name": "x", "description": "", "published": True, "disabled": False, "shape_degree": 1, "feature_degree": 1}
    with pytest.raises(IntegrityError), database.transaction() as session:
        session.add(ActivityRow(id=first_of(now), account_id=4711, created_at=now, updated_at=now, **fields))


@pytest.mark.parametrize("statement", ["UPDATE audit_log SET actor = 'forger'", "DELETE FROM audit_log"])
def test_the_audit_log_can_only_grow(database: Database, statement: str) -> None:
    log = AuditLog(database)
    log.record("cli:root", "test.act", "subject", {"count": 1})
    with pytest.raises(IntegrityError, match="append-only"), database.transaction() as session:
        session.execute(text(statement))
    (entry,) = log.entries()
    assert (entry.actor, entry.act, entry.subject, entry.detail) == ("cli:root", "test.act", "subject", {"count": 1})


def test_the_audit_log_is_read_page_by_page_newest_first(database: Database) -> None:
    log = AuditLog(database)
    for number in range(5):
        log.record("cli:root", f"act.{number}", "even" if number % 2 == 0 else "odd")
    first = log.entries(limit=2)
    assert [entry.act for entry in first] == ["act.4", "act.3"]
    assert [entry.act for entry in log.entries(before=first[-1].id)] == ["act.2", "act.1", "act.0"]
    assert [entry.act for entry in log.entries(subject="odd")] == ["act.3", "act.1"]
