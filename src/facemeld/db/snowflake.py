"""Snowflake ids: 64-bit numbers that sort by creation time, as in ``at_1603326187690926080``.

An id is ``(milliseconds since 1970 - 1288834974657) << 22 | serial`` (specification 5.1). Other generators split the low 22 bits
into a worker number and a sequence, because their workers do not talk to each other. Ours share a database, so the serial comes
from one counter row: ids are unique and increasing over all processes and machines, and also when a clock is set back.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from facemeld.db.errors import SchemaMismatch
from facemeld.db.models import SnowflakeRow

EPOCH_MS = 1288834974657
SERIAL_BITS = 22
LARGEST = 2**63 - 1
_UNIX_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_COUNTER_ROW = 1


def first_of(moment: datetime) -> int:
    """The smallest snowflake of a moment's millisecond."""
    return ((moment - _UNIX_EPOCH) // timedelta(milliseconds=1) - EPOCH_MS) << SERIAL_BITS


def moment_of(snowflake: int) -> datetime:
    """The moment in UTC, to the millisecond, that a snowflake was made from."""
    return _UNIX_EPOCH + timedelta(milliseconds=(snowflake >> SERIAL_BITS) + EPOCH_MS)


def next_snowflake(session: Session, now: datetime) -> int:
    """Take the next id; it is used up when the session commits.

    Args:
        session: A writing session; until it ends, others wait for their ids.
        now: The present moment. When it lies before the last id's moment, ids go on from the last one.

    Raises:
        SchemaMismatch: the counter row is missing.
    """
    counter = session.scalar(select(SnowflakeRow).where(SnowflakeRow.id == _COUNTER_ROW).with_for_update())
    if counter is None:
        raise SchemaMismatch("the table snowflakes must have its counter row, got none; bring the database up to date")
    counter.last = max(counter.last + 1, first_of(now))
    session.flush()
    return counter.last
