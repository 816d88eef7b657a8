"""Finds records of calls among millions: every search follows one index and reads little more than it returns."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select
from sqlalchemy.orm import InstrumentedAttribute

from facemeld.db.database import Database
from facemeld.db.models import UsageRow
from facemeld.db.newest import FEW, apart, led, newest, span, values
from facemeld.usage.types import Usage

_MOST_CODES = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class CallFilter:
    """Which calls are wanted; what is None does not matter.

    Attributes:
        account_id: Calls of this account.
        project_id: Calls that named this activity.
        code: Calls that ended with this code; empty for success.
        failed: Only calls that ended with any error.
        since: Calls from this moment on.
        until: Calls before this moment.
    """

    account_id: int | None = None
    project_id: str | None = None
    code: str | None = None
    failed: bool = False
    since: datetime | None = None
    until: datetime | None = None


class UsageSearch:
    """Searches the usage records of a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find(self, wanted: CallFilter, *, before: int | None = None, limit: int) -> tuple[tuple[int, Usage], ...]:
        """Records with their numbers, newest first.

        Args:
            wanted: Which calls.
            before: Only records with a smaller number: the last one of the page before.
            limit: Size of the page, at least 1.
        """
        with self._database.connect() as connection:
            numbers = self._numbers(connection, wanted, before, limit)
        with self._database.session() as session:
            rows = session.scalars(select(UsageRow).where(UsageRow.id.in_(numbers)).order_by(UsageRow.id.desc()))
            return tuple((row.id, _usage(row)) for row in rows)

    def codes(self) -> tuple[str, ...]:
        """All codes of errors that calls ended with."""
        with self._database.connect() as connection:
            return tuple(values(connection, UsageRow.code, _MOST_CODES))

    def _numbers(self, connection: Connection, wanted: CallFilter, before: int | None, limit: int) -> Sequence[int]:
        rest = [*span(connection, UsageRow.id, UsageRow.at, wanted.since, wanted.until)]
        if before is not None:
            rest.append(UsageRow.id < before)
        named = _named(wanted)
        conditions, leading = led(connection, UsageRow.id, named)
        if wanted.failed and not wanted.code and leading >= FEW:
            # The newest of each code come from the index one after the other; all failures together would have to be sorted.
            others = [apart(column) == value for column, value in named]
            codes = values(connection, UsageRow.code, _MOST_CODES)
            found = [newest(connection, UsageRow.id, [UsageRow.code == code, *others, *rest], limit) for code in codes]
            return heapq.nlargest(limit, (number for numbers in found for number in numbers))
        if wanted.code == "":
            conditions.append(apart(UsageRow.code) == "")
        elif wanted.failed:
            conditions.append(apart(UsageRow.code) != "")
        return newest(connection, UsageRow.id, [*conditions, *rest], limit)


def _named(wanted: CallFilter) -> Sequence[tuple[InstrumentedAttribute[Any], object]]:
    """Columns with an index and what is wanted of them. Success is no such thing: nearly all records would be found."""
    pairs = ((UsageRow.code, wanted.code or None), (UsageRow.project_id, wanted.project_id), (UsageRow.account_id, wanted.account_id))
    return [(column, value) for column, value in pairs if value is not None]


def _usage(row: UsageRow) -> Usage:
    fields = {name: getattr(row, name) for name in Usage.__dataclass_fields__}
    return Usage(**{**fields, "incoming": tuple(row.incoming)})
