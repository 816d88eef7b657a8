"""Usage records in the database: adding, searching, summing and purging them."""

from __future__ import annotations

import heapq
import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, case, delete, func, insert, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from facemeld.db.database import Database
from facemeld.db.models import ConsentRow, UsageRow
from facemeld.db.newest import FEW, apart, led, newest, span, values
from facemeld.usage.types import CallFilter, Grouping, Usage, UsageTotal

_NAMED_AT_ONCE = 500
"""Requests in one statement; databases limit the number of parameters."""

_MOST_CODES = 500

PURGED_AT_ONCE = 5000
"""Rows deleted in one transaction, so that calls do not wait long."""


class UsageStore:
    """Usage records in a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, records: Sequence[Usage]) -> None:
        """Store records durably, all or none.

        Raises:
            DatabaseUnavailable: none was stored.
        """
        if records:
            with self._database.transaction() as session:
                deleted = _deleted(session, [usage.request_id for usage in records if usage.consent])
                rows = [{name: getattr(usage, name) for name in Usage.__dataclass_fields__} for usage in records]
                for row in rows:
                    if row["request_id"] in deleted:
                        row["consent"] = ""
                session.execute(insert(UsageRow), rows)

    def records(
        self,
        *,
        account_id: int | None = None,
        since: datetime | None = None,
        request_id: str | None = None,
        mark: int | None = None,
        before: int | None = None,
        limit: int = 100,
    ) -> tuple[tuple[int, Usage], ...]:
        """Return records with their ids, newest first.

        Args:
            account_id: Limits them to an account.
            since: Limits them to calls from this moment on.
            request_id: Limits them to a call.
            mark: Limits them to the call whose result carries this invisible mark, the first 64 bits of its request id.
            before: Limits them to smaller ids: the last id of the previous page.
            limit: Size of the page, at least 1.
        """
        query = select(UsageRow).where(*_scope(account_id, since)).order_by(UsageRow.id.desc()).limit(limit)
        if request_id is not None:
            query = query.where(UsageRow.request_id == request_id)
        if mark is not None:
            # A range of whole ids, so that the index is used with any collation.
            first, last = uuid.UUID(int=mark << 64), uuid.UUID(int=(mark + 1 << 64) - 1)
            query = query.where(UsageRow.request_id.between(str(first), str(last)))
        if before is not None:
            query = query.where(UsageRow.id < before)
        with self._database.session() as session:
            return tuple((row.id, _usage(row)) for row in session.scalars(query))

    def totals(self, by: Grouping, *, account_id: int | None = None, since: datetime | None = None) -> tuple[UsageTotal, ...]:
        """Return totals in the order of their groups, of one account or all, over calls from ``since`` on."""
        group = self._group(by)
        query = (
            select(
                group.label("group"),
                func.count().label("calls"),
                _count(UsageRow.code != "").label("failed"),
                _count(UsageRow.charged.is_(True)).label("charged"),
                func.sum(UsageRow.faces).label("faces"),
                func.sum(UsageRow.bytes_in).label("bytes_in"),
                func.sum(UsageRow.bytes_out).label("bytes_out"),
                func.avg(UsageRow.milliseconds).label("milliseconds"),
            )
            .where(*_scope(account_id, since))
            .group_by(group)
            .order_by(group)
        )
        with self._database.connect() as connection:
            return tuple(_total(row) for row in connection.execute(query).mappings())

    def purge(self, before: datetime) -> int:
        """Delete records older than a moment and return their number."""
        oldest = select(UsageRow.id).where(UsageRow.at < before).limit(PURGED_AT_ONCE)
        count = 0
        while True:
            with self._database.transaction() as session:
                gone = session.scalars(delete(UsageRow).where(UsageRow.id.in_(oldest)).returning(UsageRow.id)).all()
            count += len(gone)
            if len(gone) < PURGED_AT_ONCE:
                return count

    def _group(self, by: Grouping) -> ColumnElement[Any]:
        match by:
            case Grouping.DAY if self._database.engine.dialect.name == "sqlite":
                return func.date(UsageRow.at)
            case Grouping.DAY:
                return func.to_char(func.timezone("UTC", UsageRow.at), "YYYY-MM-DD")
            case Grouping.ACTION:
                return UsageRow.action.expression
            case Grouping.CODE:
                return UsageRow.code.expression


class UsageSearch:
    """Searches the usage records of a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find(self, wanted: CallFilter, *, before: int | None = None, limit: int) -> tuple[tuple[int, Usage], ...]:
        """Return matching records with their ids, newest first; ``before`` is the last id of the previous page."""
        with self._database.connect() as connection:
            numbers = self._numbers(connection, wanted, before, limit)
        with self._database.session() as session:
            rows = session.scalars(select(UsageRow).where(UsageRow.id.in_(numbers)).order_by(UsageRow.id.desc()))
            return tuple((row.id, _usage(row)) for row in rows)

    def codes(self) -> tuple[str, ...]:
        """Return all error codes of recorded calls."""
        with self._database.connect() as connection:
            return tuple(values(connection, UsageRow.code, _MOST_CODES))

    def _numbers(self, connection: Connection, wanted: CallFilter, before: int | None, limit: int) -> Sequence[int]:
        rest = [*span(connection, UsageRow.id, UsageRow.at, wanted.since, wanted.until)]
        if before is not None:
            rest.append(UsageRow.id < before)
        named = _named(wanted)
        conditions, leading = led(connection, UsageRow.id, named)
        if wanted.failed and not wanted.code and leading >= FEW:
            # The index yields the newest of each code in order; all failures together would have to be sorted.
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
    """Return indexed columns with their wanted values. Success is left out, because it matches nearly all records."""
    pairs = ((UsageRow.code, wanted.code or None), (UsageRow.project_id, wanted.project_id), (UsageRow.account_id, wanted.account_id))
    return [(column, value) for column, value in pairs if value is not None]


def _deleted(session: Session, requests: list[str]) -> set[str]:
    """Return the calls whose results were deleted before their records arrived; a deletion that begins now waits for the records."""
    deleted: set[str] = set()
    for start in range(0, len(requests), _NAMED_AT_ONCE):
        named = ConsentRow.request_id.in_(requests[start : start + _NAMED_AT_ONCE])
        rows = session.execute(select(ConsentRow.request_id, ConsentRow.deleted_at).where(named).with_for_update())
        deleted.update(row.request_id for row in rows if row.deleted_at is not None)
    return deleted


def _count(condition: ColumnElement[bool]) -> ColumnElement[int]:
    return func.sum(case((condition, 1), else_=0))


def _scope(account_id: int | None, since: datetime | None) -> list[ColumnElement[bool]]:
    wanted: list[ColumnElement[bool]] = []
    if account_id is not None:
        wanted.append(UsageRow.account_id == account_id)
    if since is not None:
        wanted.append(UsageRow.at >= since)
    return wanted


def _usage(row: UsageRow) -> Usage:
    fields = {name: getattr(row, name) for name in Usage.__dataclass_fields__}
    return Usage(**{**fields, "incoming": tuple(row.incoming)})


def _total(row: Any) -> UsageTotal:
    numbers = {name: int(row[name]) for name in ("calls", "failed", "charged", "faces", "bytes_in", "bytes_out")}
    return UsageTotal(group=row["group"], milliseconds=round(float(row["milliseconds"]), 1), **numbers)
