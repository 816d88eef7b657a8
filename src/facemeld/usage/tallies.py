"""Sums up usage records in the order of their numbers, piece by piece, so that views stay cheap over millions of records."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, case, func, select

from facemeld.db.database import Database
from facemeld.db.models import UsageRow
from facemeld.usage.types import Usage

FINE, MIDDLE, COARSE = 5, 50, 500
"""Widths of the classes of durations in milliseconds: up to 200, up to 2000, up to 20000."""
_FIRST_MIDDLE, _FIRST_COARSE, SLOWEST = 40, 76, 112
"""Numbers of the first class of each width; the last one holds everything that took longer."""


@dataclass(frozen=True, slots=True)
class Tally:
    """Calls that share hour, outcome and class of duration.

    Attributes:
        hour: Beginning of the hour, UTC.
        code: Code of the error; empty for success.
        duration: Number of the class of durations, see ``class_bounds``.
        calls: How many calls.
        faces: Faces that they fused.
    """

    hour: datetime
    code: str
    duration: int
    calls: int
    faces: int


def class_bounds(number: int) -> tuple[int, int]:
    """Shortest and longest duration of a class, in milliseconds; the last class has no end and gives its beginning twice."""
    if number >= SLOWEST:
        return 20_000, 20_000
    if number >= _FIRST_COARSE:
        start = 2000 + (number - _FIRST_COARSE) * COARSE
        return start, start + COARSE
    if number >= _FIRST_MIDDLE:
        start = 200 + (number - _FIRST_MIDDLE) * MIDDLE
        return start, start + MIDDLE
    return number * FINE, (number + 1) * FINE


class TallyStore:
    """Reads sums and the latest failures from the usage records of a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def newest(self) -> int:
        """Number of the newest record; 0 if there is none."""
        with self._database.connect() as connection:
            return connection.execute(select(func.max(UsageRow.id))).scalar_one() or 0

    def last_before(self, moment: datetime) -> int:
        """Number of the last record before a moment; 0 if there is none."""
        query = select(UsageRow.id).where(UsageRow.at < moment).order_by(UsageRow.at.desc(), UsageRow.id.desc()).limit(1)
        with self._database.connect() as connection:
            return connection.execute(query).scalar_one_or_none() or 0

    def tallies(self, after: int, until: int) -> tuple[Tally, ...]:
        """Sums over the records with numbers above ``after``, up to ``until``."""
        hour, duration = self._hour(), _duration_class()
        query = (
            select(
                hour.label("hour"),
                UsageRow.code,
                duration.label("duration"),
                func.count().label("calls"),
                func.sum(UsageRow.faces).label("faces"),
            )
            .where(UsageRow.id > after, UsageRow.id <= until)
            .group_by(hour, UsageRow.code, duration)
        )
        with self._database.connect() as connection:
            rows = connection.execute(query).all()
        return tuple(
            Tally(datetime.strptime(row.hour, "%Y-%m-%d %H").replace(tzinfo=UTC), row.code, row.duration, row.calls, int(row.faces))
            for row in rows
        )

    def failures(self, *, limit: int, among: int = 50_000) -> tuple[tuple[int, Usage], ...]:
        """The newest failed calls with their numbers, looked for among the newest ``among`` calls only."""
        oldest = self.newest() - among
        query = select(UsageRow).where(UsageRow.id > oldest, UsageRow.code != "").order_by(UsageRow.id.desc()).limit(limit)
        with self._database.session() as session:
            return tuple(
                (row.id, Usage(**{name: getattr(row, name) for name in Usage.__dataclass_fields__})) for row in session.scalars(query)
            )

    def _hour(self) -> ColumnElement[str]:
        if self._database.engine.dialect.name == "sqlite":
            return func.substr(UsageRow.at, 1, len("2026-01-31 23"))
        return func.to_char(func.timezone("UTC", UsageRow.at), "YYYY-MM-DD HH24")


def _duration_class() -> ColumnElement[Any]:
    took = UsageRow.milliseconds
    return case(
        (took < 200, took // FINE),
        (took < 2000, _FIRST_MIDDLE + (took - 200) // MIDDLE),
        (took < 20_000, _FIRST_COARSE + (took - 2000) // COARSE),
        else_=SLOWEST,
    )
