"""Queries for the newest of millions of rows that follow the index of the most selective condition.

Query planners often choose a worse index, so the other conditions are written such that no index fits them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, func, select
from sqlalchemy.orm import InstrumentedAttribute

FEW = 5000
"""Number of rows that can be scanned one by one."""

OUT_OF_ORDER = timedelta(hours=1)
"""How late a row may be stored after a newer one, for example by a server that could not reach the database."""

Number = InstrumentedAttribute[int]


def newest(connection: Connection, number: Number, conditions: Sequence[ColumnElement[bool]], limit: int) -> Sequence[int]:
    """Return the numbers of the newest rows that meet all conditions, newest first."""
    return connection.execute(select(number).where(*conditions).order_by(number.desc()).limit(limit)).scalars().all()


def size(connection: Connection, number: Number, condition: ColumnElement[bool], most: int = FEW) -> int:
    """Return how many rows meet a condition, counted up to ``most``."""
    some = select(number).where(condition).limit(most).subquery()
    return connection.execute(select(func.count()).select_from(some)).scalar_one()


def apart(column: InstrumentedAttribute[Any]) -> ColumnElement[Any]:
    """Return a column as an expression that no index covers, so that the query does not follow the column's index."""
    return func.coalesce(column, column, type_=column.type)


def led(
    connection: Connection, number: Number, named: Sequence[tuple[InstrumentedAttribute[Any], object]]
) -> tuple[list[ColumnElement[bool]], int]:
    """Return equality conditions, of which only the most selective can use an index.

    Args:
        connection: Connection for counting rows.
        number: Column of the order.
        named: Columns and their values; each column has an index together with ``number``.

    Returns:
        The conditions, and how many rows meet the most selective one, counted up to ``FEW``; ``FEW`` without conditions.
    """
    sizes = [size(connection, number, column == value) for column, value in named]
    leader = sizes.index(min(sizes)) if sizes else None
    conditions = [(column if at == leader else apart(column)) == value for at, (column, value) in enumerate(named)]
    return conditions, min(sizes, default=FEW)


def span(
    connection: Connection, number: Number, at: InstrumentedAttribute[datetime], since: datetime | None, until: datetime | None
) -> Iterator[ColumnElement[bool]]:
    """Yield conditions on the indexed time ``at``, and bounds of ``number``, which grows with time except for ``OUT_OF_ORDER``."""
    if since is not None:
        yield apart(at) >= since
        earlier = select(number).where(at < since - OUT_OF_ORDER).order_by(at.desc()).limit(1)
        first = connection.execute(earlier).scalar_one_or_none()
        if first is not None:
            yield number > first
    if until is not None:
        yield apart(at) < until
        later = select(number).where(at >= until + OUT_OF_ORDER).order_by(at).limit(1)
        last = connection.execute(later).scalar_one_or_none()
        if last is not None:
            yield number < last


def values(connection: Connection, column: InstrumentedAttribute[str], most: int) -> Iterator[str]:
    """Yield up to ``most`` distinct non-empty values of a column that begins an index, with one index lookup each."""
    last = ""
    for _ in range(most):
        found = connection.execute(select(func.min(column)).where(column > last)).scalar_one_or_none()
        if found is None:
            return
        yield found
        last = found
