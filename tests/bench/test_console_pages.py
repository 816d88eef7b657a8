"""What the benchmark of the console's pages calls a whole read of a large table, and a small run of it."""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from bench.console_pages import main
from bench.console_plans import LARGE, Plans, Statement, distinct, read_statements

ROWS = LARGE + 1000


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    """A large table and a small one."""
    with closing(sqlite3.connect(":memory:")) as connection:
        for name, rows in (("calls", ROWS), ("users", 10)):
            connection.execute(f"CREATE TABLE {name} (id INTEGER PRIMARY KEY, code TEXT, account INTEGER)")
            connection.executemany(f"INSERT INTO {name} VALUES (?, ?, ?)", ((n, f"code {n % 7}", n % 50) for n in range(rows)))
        connection.execute("CREATE INDEX by_code ON calls (code, id)")
        yield connection


@pytest.mark.parametrize(
    ("sql", "parameters", "whole"),
    [
        ("SELECT * FROM calls WHERE account = ?", (3,), ("calls",)),
        ("SELECT * FROM calls WHERE account = ? ORDER BY id DESC LIMIT 5", (99,), ("calls",)),
        ("SELECT count(*) FROM calls WHERE code > ?", ("",), ()),
        ("SELECT code, count(*) FROM calls GROUP BY code", (), ("calls",)),
        ("SELECT * FROM calls ORDER BY id DESC LIMIT 25", (), ()),
        ("SELECT * FROM calls WHERE account = ? ORDER BY id DESC LIMIT 5", (3,), ()),
        ("SELECT * FROM calls WHERE code = ? ORDER BY id DESC LIMIT 25", ("code 1",), ()),
        ("SELECT * FROM users WHERE account = ?", (3,), ()),
        ("UPDATE users SET code = ?", ("",), ()),
    ],
)
def test_a_whole_read_is_told_from_one_that_ends(
    connection: sqlite3.Connection, sql: str, parameters: tuple[object, ...], whole: tuple[str, ...]
) -> None:
    assert Plans(connection).explain(Statement(sql, parameters)).whole == whole


def test_only_complete_lines_of_the_record_are_read(tmp_path: Path) -> None:
    record = tmp_path / "record"
    record.write_text('{"sql": "BEGIN", "parameters": []}\n{"sql": "SELECT a", "parameters": [1]}\n{"sql": "SEL')
    found, place = read_statements(record, 0)
    assert found == [Statement("SELECT a", (1,))]
    with record.open("a") as file:
        file.write('ECT b", "parameters": []}\n')
    assert read_statements(record, place)[0] == [Statement("SELECT b", ())]


def test_lists_of_parameters_count_as_one() -> None:
    statements = [Statement("SELECT 1 WHERE a IN (?, ?)", (1, 2)), Statement("SELECT 1 WHERE a IN (?, ?, ?)", (1, 2, 3))]
    assert list(distinct(statements).values()) == [statements]


@pytest.mark.slow
def test_all_pages_of_a_small_installation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Every page answers, is drawn whole before it is sent, and reads no large table from end to end."""
    size = ["--materials", "6000", "--calls", "12000", "--results", "200"]
    monkeypatch.setattr(
        sys, "argv", ["console_pages", "--folder", str(tmp_path), *size, "--rounds", "1", "--pause", "0", "--limit", "20000"]
    )
    assert main() == 0, capsys.readouterr().out
