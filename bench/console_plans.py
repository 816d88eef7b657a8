"""Statements that the console sends to its database, their plans, and the work they take.

``python -m bench.console_plans RECORD serve …`` runs the server and records each statement.
"""

from __future__ import annotations

import json
import re
import sqlite3
import sys
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from sqlalchemy import Connection, Engine, ExecutionContext, event

from facemeld.cli.main import main

LARGE = 5000
"""Rows from which on a table is large."""

_STEP = 50
_SCAN = re.compile(r"SCAN (\w+)")
_QUIET = ("BEGIN", "PRAGMA", "SELECT 1")


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement as the server sent it."""

    sql: str
    parameters: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """The execution of a statement.

    Attributes:
        lines: SQLite's own description.
        steps: Instructions of its machine, to a multiple of ``_STEP``; 0 for what changes something, which is not run again.
        milliseconds: How long all rows took.
        whole: Large tables that are read from end to end.
    """

    lines: tuple[str, ...]
    steps: int
    milliseconds: float
    whole: tuple[str, ...]


def read_statements(file: Path, offset: int) -> tuple[list[Statement], int]:
    """The statements that stand behind a place in the record, without what opens connections; and the place behind them."""
    with file.open("rb") as record:
        record.seek(offset)
        text = record.read()
    complete = text.rpartition(b"\n")[0]
    lines = (json.loads(line) for line in complete.split(b"\n") if line)
    found = [Statement(line["sql"], tuple(line["parameters"])) for line in lines]
    return [one for one in found if not one.sql.startswith(_QUIET)], offset + len(complete) + bool(complete)


class Plans:
    """Explains statements over a database that may be in use.

    Args:
        connection: A connection of its own.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        names = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        self.rows: Mapping[str, int] = {name: connection.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in names}

    def explain(self, statement: Statement) -> Plan:
        """The plan of a statement with its own parameters."""
        lines = tuple(row[3] for row in self._connection.execute(f"EXPLAIN QUERY PLAN {statement.sql}", statement.parameters))
        if not statement.sql.startswith("SELECT"):
            return Plan(lines, 0, 0, ())
        steps = self._steps(statement)
        started = time.perf_counter()
        self._connection.execute(statement.sql, statement.parameters).fetchall()
        took = (time.perf_counter() - started) * 1000
        scanned = {match[1] for line in lines if (match := _SCAN.match(line))}
        # A scan in the order that is asked for ends with the last row of the page: it is no reading from end to end.
        whole = sorted(name for name in scanned if self.rows.get(name, 0) >= LARGE and steps >= self.rows[name])
        return Plan(lines, steps, took, tuple(whole))

    def _steps(self, statement: Statement) -> int:
        calls = 0

        def count() -> int:
            nonlocal calls
            calls += 1
            return 0

        self._connection.set_progress_handler(count, _STEP)
        try:
            self._connection.execute(statement.sql, statement.parameters).fetchall()
        finally:
            self._connection.set_progress_handler(None, 0)
        return calls * _STEP


def distinct(statements: Iterable[Statement]) -> dict[str, list[Statement]]:
    """All statements by their texts, in which lists of parameters count as one."""
    found: dict[str, list[Statement]] = {}
    for one in statements:
        found.setdefault(" ".join(re.sub(r"\?(, \?)+", "?, …", one.sql).split()), []).append(one)
    return found


class Recorder:
    """Writes each statement with its parameters, one JSON object a line, when it has been sent."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        event.listen(Engine, "after_cursor_execute", self.write)

    def write(self, _: Connection, __: Any, sql: str, parameters: Any, ___: ExecutionContext, many: bool) -> None:
        """Write the line; several threads may do so at once, each in one call."""
        line = {"sql": sql, "parameters": [] if many else list(parameters)}
        self._file.write(json.dumps(line, default=repr) + "\n")
        self._file.flush()


if __name__ == "__main__":
    with Path(sys.argv.pop(1)).open("a") as file:
        Recorder(file)
        main()
