"""How much work a database does, as SQLite itself counts it: unlike seconds, the same on every machine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import event

from facemeld.db.database import Database

GRAIN = 10


@dataclass
class Steps:
    """Instructions of SQLite's machine, a row that is looked at takes several."""

    count: int = 0


@contextmanager
def counted(database: Database) -> Iterator[Steps]:
    """Count the steps of everything that is asked of a database within a block."""
    steps = Steps()

    def watch(connection: Any, *_: object) -> None:
        connection.set_progress_handler(step, GRAIN)

    def step() -> int:
        steps.count += GRAIN
        return 0

    database.engine.dispose()
    event.listen(database.engine, "connect", watch)
    try:
        yield steps
    finally:
        event.remove(database.engine, "connect", watch)
        database.engine.dispose()
