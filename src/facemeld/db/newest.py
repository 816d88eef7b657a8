"""Finds the newest rows among millions: the condition that fewest rows meet leads along its index, whatever the database would guess."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, func, select
from sqlalchemy.orm import InstrumentedAttribute

FEW = 5000
"""Rows that can be looked through one by one."""

OUT_OF_ORDER = timedelta(hours=1)
"""How much later than a younger one a row may be stored, such as by a server that could not reach the database."""

Number = InstrumentedAttribute[int]


def newest(connection: Connection, number: Number, conditions: Sequence[ColumnElement[bool]], limit: int) -> Sequence[int]:
    """Numbers of the newest rows that meet all conditions, newest first."""
    return connection.execute(select(number).where(*conditions).order_by(number.desc()).limit(limit)).scalars().all()


def size(connection: Connection, number: Number, condition: ColumnElement[bool], most: int = FEW) -> int:
    """How many rows meet a condition, counted up to ``most``."""
    some = select(number).where(condition).limit(most).subquery()
    return connection.execute(select(func.count()).select_from(some)).scalar_one()


def apart(column: InstrumentedAttribute[Any]) -> ColumnElement[Any]:
    """A column as an expression that no index holds: a condition on it never leads."""
    return func.coalesce(column, column, type_=column.type)


def led(
    connection: Connection, number: Number, named: Sequence[tuple[InstrumentedAttribute[Any], object]]
) -> tuple[list[ColumnElement[bool]], int]:
    """Conditions that columns have values, of which the most telling one leads along an index of its column and the number.

    Args:
        connection: Where rows are counted.
        number: What rows are ordered by.
        named: Columns with such an index, and their values.

    Returns:
        The conditions, and how many rows meet the leading one, counted up to ``FEW``; ``FEW`` without any.
    """
    sizes = [size(connection, number, column == value) for column, value in named]
    leader = sizes.index(min(sizes)) if sizes else None
    conditions = [(column if at == leader else apart(column)) == value for at, (column, value) in enumerate(named)]
    return conditions, min(sizes, default=FEW)


def span(
    connection: Connection, number: Number, at: InstrumentedAttribute[datetime], since: datetime | None, until: datetime | None
) -> Iterator[ColumnElement[bool]]:
    """Conditions on the time: exact ones, and bounds of the numbers, which grow with the time but for ``OUT_OF_ORDER``.

    Args:
        connection: Where the bounds are looked up.
        number: What rows are ordered by.
        at: The time, with an index.
        since: Only rows from this moment on.
        until: Only rows before this moment.
    """
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
    """The values of a column that begins an index, without the empty one, each found from the one before it; up to ``most``."""
    last = ""
    for _ in range(most):
        found = connection.execute(select(func.min(column)).where(column > last)).scalar_one_or_none()
        if found is None:
            return
        yield found
        last = found
