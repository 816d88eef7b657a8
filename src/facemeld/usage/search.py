"""Finds records of calls among millions: every search follows one index and reads little more than it returns."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, func, select
from sqlalchemy.orm import InstrumentedAttribute

from facemeld.db.database import Database
from facemeld.db.models import UsageRow
from facemeld.usage.types import Usage

OUT_OF_ORDER = timedelta(hours=1)
"""How much later than a younger one a record may be stored, such as by a server that could not reach the database."""

_MOST_CODES = 500

_FEW = 5000
"""Records that can be looked through one by one."""


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
            return tuple(_codes(connection))

    def _numbers(self, connection: Connection, wanted: CallFilter, before: int | None, limit: int) -> Sequence[int]:
        rest = [*_span(connection, wanted), *([] if before is None else [UsageRow.id < before])]
        named = _named(wanted)
        sizes = [_size(connection, column == value) for column, value in named]
        if wanted.failed and not wanted.code and min(sizes, default=_FEW) >= _FEW:
            # The newest of each code come from the index one after the other; all failures together would have to be sorted.
            others = [_apart(column) == value for column, value in named]
            found = [_newest(connection, [UsageRow.code == code, *others, *rest], limit) for code in _codes(connection)]
            return heapq.nlargest(limit, (number for numbers in found for number in numbers))
        leader = sizes.index(min(sizes)) if sizes else None
        conditions = [(column if number == leader else _apart(column)) == value for number, (column, value) in enumerate(named)]
        if wanted.code == "":
            conditions.append(_apart(UsageRow.code) == "")
        elif wanted.failed:
            conditions.append(_apart(UsageRow.code) != "")
        return _newest(connection, [*conditions, *rest], limit)


def _named(wanted: CallFilter) -> Sequence[tuple[InstrumentedAttribute[Any], object]]:
    """Columns with an index and what is wanted of them. Success is no such thing: nearly all records would be found."""
    pairs = ((UsageRow.code, wanted.code or None), (UsageRow.project_id, wanted.project_id), (UsageRow.account_id, wanted.account_id))
    return [(column, value) for column, value in pairs if value is not None]


def _size(connection: Connection, condition: ColumnElement[bool]) -> int:
    """How many records meet a condition, counted up to ``_FEW``: the most telling one leads, whatever the database would guess."""
    some = select(UsageRow.id).where(condition).limit(_FEW).subquery()
    return connection.execute(select(func.count()).select_from(some)).scalar_one()


def _apart(column: InstrumentedAttribute[Any]) -> ColumnElement[Any]:
    """A column as an expression that no index holds."""
    return func.coalesce(column, column, type_=column.type)


def _span(connection: Connection, wanted: CallFilter) -> Iterator[ColumnElement[bool]]:
    """Conditions on the time: exact ones, and bounds of the numbers, which grow with the time but for ``OUT_OF_ORDER``."""
    if wanted.since is not None:
        yield _apart(UsageRow.at) >= wanted.since
        earlier = select(UsageRow.id).where(UsageRow.at < wanted.since - OUT_OF_ORDER).order_by(UsageRow.at.desc()).limit(1)
        first = connection.execute(earlier).scalar_one_or_none()
        if first is not None:
            yield UsageRow.id > first
    if wanted.until is not None:
        yield _apart(UsageRow.at) < wanted.until
        later = select(UsageRow.id).where(UsageRow.at >= wanted.until + OUT_OF_ORDER).order_by(UsageRow.at).limit(1)
        last = connection.execute(later).scalar_one_or_none()
        if last is not None:
            yield UsageRow.id < last


def _newest(connection: Connection, conditions: Sequence[ColumnElement[bool]], limit: int) -> Sequence[int]:
    return connection.execute(select(UsageRow.id).where(*conditions).order_by(UsageRow.id.desc()).limit(limit)).scalars().all()


def _codes(connection: Connection) -> Iterator[str]:
    """The codes of errors, each found from the one before it in the index."""
    last = ""
    for _ in range(_MOST_CODES):
        code = connection.execute(select(func.min(UsageRow.code)).where(UsageRow.code > last)).scalar_one_or_none()
        if code is None:
            return
        yield code
        last = code


def _usage(row: UsageRow) -> Usage:
    fields = {name: getattr(row, name) for name in Usage.__dataclass_fields__}
    return Usage(**{**fields, "incoming": tuple(row.incoming)})
