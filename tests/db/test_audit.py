"""The audit log's chain: who changes the file behind the program's back is found out."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facemeld.db.audit import GENESIS, AuditLog, entry_hash, record
from facemeld.db.database import Database
from tests.db.state import SettableClock
from tests.tables import table

WRITE = """
import sys
from facemeld.db.audit import AuditLog; from facemeld.db.database import Database
database = Database(sys.argv[1])
for number in range(25):
    AuditLog(database).record("test", "test.act", str(number))
database.close()
"""
DETAILS = st.dictionaries(st.text(max_size=5), st.one_of(st.none(), st.booleans(), st.integers(-(2**63), 2**63), st.text(max_size=20)))
FIELDS: dict[str, Any] = {
    "number": 7,
    "at": datetime(2026, 7, 1, 12, 30, 0, 5, tzinfo=UTC),
    "actor": "cli:root",
    "act": "key.create",
    "subject": "AKID",
    "detail": {"b": 1, "a": None},
    "previous": GENESIS,
}


@pytest.fixture
def log(database: Database, clock: SettableClock) -> AuditLog:
    """Six entries."""
    log = AuditLog(database, clock)
    for number in range(6):
        clock.advance(seconds=1)
        log.record("cli:root", "test.act", f"subject {number}", {"count": number})
    return log


@contextmanager
def tampering(file: Path) -> Iterator[sqlite3.Connection]:
    """The file opened by somebody who knows about the triggers."""
    with closing(sqlite3.connect(file)) as connection:
        for act in ("UPDATE", "DELETE"):
            connection.execute(f"DROP TRIGGER audit_log_refuse_{act}")
        yield connection
        connection.commit()


def test_the_form_that_is_hashed_never_changes() -> None:
    assert entry_hash(**FIELDS) == "afc151f93e5d88a9366d451c32bb5cc86c96c6aca67632ff93bafcfa9835dbe7"


def test_a_moment_in_another_zone_is_the_same_moment() -> None:
    there = FIELDS["at"].astimezone(timezone(timedelta(hours=8)))
    assert entry_hash(**{**FIELDS, "at": there}) == entry_hash(**FIELDS)


@table(
    ("name", "value"),
    [
        ("number", 8),
        ("at", FIELDS["at"] + timedelta(microseconds=1)),
        ("actor", "cli:roo"),
        ("act", "key.delete"),
        ("subject", ""),
        ("detail", {"a": None, "b": True}),
        ("previous", "1" + GENESIS[1:]),
    ],
)
def test_every_part_of_an_entry_counts(name: str, value: Any) -> None:
    assert entry_hash(**{**FIELDS, name: value}) != entry_hash(**FIELDS)


def test_whatever_is_recorded_holds_when_it_is_read_back(database: Database, clock: SettableClock) -> None:
    log = AuditLog(database, clock)

    @given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=60), DETAILS)
    def hold(subject: str, detail: dict[str, Any]) -> None:
        detail = {name.encode("utf-8", "replace").decode(): value for name, value in detail.items()}
        log.record("test", "test.act", subject, detail)

    hold()
    assert log.verify().sound


def test_an_untouched_log_holds(database: Database, log: AuditLog) -> None:
    verdict = log.verify()
    assert (verdict.sound, verdict.entries, verdict.head, verdict.bad) == (True, 6, log.head(), None)
    assert AuditLog(database).verify(log.head().hash).sound


def test_an_empty_log_holds(database: Database) -> None:
    log = AuditLog(database)
    assert (log.head().id, log.head().hash) == (0, GENESIS)
    assert log.verify().sound
    assert log.verify(GENESIS).sound
    assert not log.verify("1" * 64).sound


@pytest.mark.parametrize(
    ("statement", "bad"),
    [
        ("UPDATE audit_log SET actor = 'forger' WHERE id = 3", 3),
        ("UPDATE audit_log SET act = 'test.ac' WHERE id = 1", 1),
        ("UPDATE audit_log SET subject = 'other' WHERE id = 6", 6),
        ("UPDATE audit_log SET at = datetime(at, '+1 second') WHERE id = 4", 4),
        ("UPDATE audit_log SET detail = '{}' WHERE id = 2", 2),
        ("UPDATE audit_log SET detail = '{' WHERE id = 4", 4),
        ("UPDATE audit_log SET detail = '[]' WHERE id = 4", 4),
        ("UPDATE audit_log SET detail = 'null' WHERE id = 4", 4),
        ("UPDATE audit_log SET at = 'yesterday' WHERE id = 4", 4),
        ("UPDATE audit_log SET hash = previous WHERE id = 4", 4),
        ("UPDATE audit_log SET previous = '' WHERE id = 1", 1),
        ("DELETE FROM audit_log WHERE id = 1", 2),
        ("DELETE FROM audit_log WHERE id IN (3, 4)", 5),
        ("UPDATE audit_log SET id = id + 100 WHERE id > 3", 104),
        ("INSERT INTO audit_log SELECT 7, at, actor, act, subject, detail, previous, hash FROM audit_log WHERE id = 6", 7),
    ],
)
def test_tampering_is_found_at_the_first_bad_entry(log: AuditLog, database_file: Path, statement: str, bad: int) -> None:
    with tampering(database_file) as connection:
        connection.execute(statement)
    verdict = log.verify()
    assert (verdict.sound, verdict.bad) == (False, bad)
    assert verdict.fault
    assert verdict.head.id < bad


def test_entries_that_changed_places_are_found(log: AuditLog, database_file: Path) -> None:
    with tampering(database_file) as connection:
        for old, new in ((2, 99), (3, 2), (99, 3)):
            connection.execute("UPDATE audit_log SET id = ? WHERE id = ?", (new, old))
    assert log.verify().bad == 2


def test_the_anchor_shows_that_the_end_was_cut_off(log: AuditLog, database_file: Path) -> None:
    earlier = log.head().hash
    log.record("cli:root", "test.act", "the last")
    latest = log.head().hash
    with tampering(database_file) as connection:
        connection.execute("DELETE FROM audit_log WHERE subject = 'the last'")
    assert log.verify().sound
    assert log.verify(earlier).sound
    verdict = log.verify(latest)
    assert (verdict.sound, verdict.bad, verdict.entries) == (False, None, 6)
    assert "anchor" in verdict.fault


def test_the_anchor_shows_that_the_log_was_made_anew(log: AuditLog, database_file: Path) -> None:
    anchor = log.head().hash
    with tampering(database_file) as connection:
        connection.execute("DELETE FROM audit_log")
    for number in range(6):
        log.record("cli:root", "test.act", f"subject {number}", {"count": number})
    assert log.verify().sound
    assert not log.verify(anchor).sound


def test_entries_of_one_transaction_follow_each_other_and_vanish_with_it(database: Database, clock: SettableClock) -> None:
    log = AuditLog(database, clock)
    with database.transaction() as session:
        record(session, clock(), "test", "act.one", "x")
        record(session, clock(), "test", "act.two", "x")

    def interrupted() -> None:
        with database.transaction() as session:
            record(session, clock(), "test", "act.three", "x")
            raise InterruptedError

    with pytest.raises(InterruptedError):
        interrupted()
    log.record("test", "act.four", "x")
    assert [entry.act for entry in log.entries()] == ["act.four", "act.two", "act.one"]
    assert log.verify().sound


def test_processes_that_write_at_once_make_one_chain(database: Database, database_file: Path) -> None:
    command = [sys.executable, "-W", "error", "-c", WRITE, f"sqlite:///{database_file}"]
    writers = [subprocess.Popen(command) for _ in range(2)]
    assert [writer.wait(timeout=60) for writer in writers] == [0, 0]
    assert (AuditLog(database).verify().sound, AuditLog(database).verify().entries) == (True, 50)
