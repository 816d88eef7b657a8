"""Figures on recent calls by hour, summed up from usage records in pieces and kept in memory."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, case, func, select

from facemeld.db.database import Database
from facemeld.db.models import UsageRow
from facemeld.usage.types import Usage

KEPT = timedelta(days=15)
CHUNK = 10_000
"""Records summed up in one query, which takes some hundredths of a second."""
SETTLED_AFTER = timedelta(seconds=30)
"""Younger records are counted anew each time, because other servers may still add records with smaller ids."""

FINE, MIDDLE, COARSE = 5, 50, 500
"""Widths of duration classes in milliseconds, up to 200, 2000 and 20000 ms."""

_FIRST_MIDDLE, _FIRST_COARSE, SLOWEST = 40, 76, 112
"""First class of each width; the last class holds all longer durations."""


@dataclass(frozen=True, slots=True)
class Tally:
    """Number of calls and of their fused faces with the same hour, error code and duration class.

    Attributes:
        hour: Start of the hour, UTC.
        code: Error code; empty for success.
        duration: Duration class, see ``class_bounds``.
    """

    hour: datetime
    code: str
    duration: int
    calls: int
    faces: int


@dataclass(frozen=True, slots=True)
class Figures:
    """Figures on the calls in a span of time.

    Attributes:
        calls, failed: Number of all calls and of those with an error.
        faces: Number of fused faces.
        median, slow: Median and 95th percentile of the duration in milliseconds, None without calls, interpolated within
            classes 5 ms wide up to 200 ms, 50 ms up to 2 s and 500 ms above.
        codes: Error codes with their counts, most frequent first.
    """

    calls: int
    failed: int
    faces: int
    median: float | None
    slow: float | None
    codes: tuple[tuple[str, int], ...]

    @property
    def success(self) -> float | None:
        """Share of calls that succeeded, 0-1; None without calls."""
        return None if self.calls == 0 else 1 - self.failed / self.calls


def class_bounds(number: int) -> tuple[int, int]:
    """Return the bounds of a duration class in milliseconds; the last class has no end and returns its start twice."""
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
    """Sums and the latest failures of the usage records in a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def newest(self) -> int:
        """Return the id of the newest record, or 0."""
        with self._database.connect() as connection:
            return connection.execute(select(func.max(UsageRow.id))).scalar_one() or 0

    def last_before(self, moment: datetime) -> int:
        """Return the id of the last record before a moment, or 0."""
        query = select(UsageRow.id).where(UsageRow.at < moment).order_by(UsageRow.at.desc(), UsageRow.id.desc()).limit(1)
        with self._database.connect() as connection:
            return connection.execute(query).scalar_one_or_none() or 0

    def tallies(self, after: int, until: int) -> tuple[Tally, ...]:
        """Return sums over the records with ids above ``after``, up to ``until``."""
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
        """Return the newest failed calls with their ids, among the newest ``among`` calls."""
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


class UsageStatistics:
    """Sums up new usage records and returns figures on the last two weeks."""

    def __init__(self, tallies: TallyStore, clock: Callable[[], datetime]) -> None:
        self._tallies = tallies
        self._clock = clock
        # One thread counts at a time; figures can be read meanwhile.
        self._counting = threading.Lock()
        self._lock = threading.Lock()
        self._settled: dict[datetime, _Hour] = {}
        self._fresh: dict[datetime, _Hour] = {}
        self._read: int | None = None
        self._complete = False

    @property
    def complete(self) -> bool:
        """Whether all records up to now have been counted."""
        return self._complete

    def refresh(self, seconds: float = 0.1) -> bool:
        """Count new records for about ``seconds`` at most and return whether all have been counted. Thread-safe.

        While another thread counts, wait for it as long at most and return False.
        """
        if not self._counting.acquire(timeout=seconds):
            return False
        try:
            return self._count(time.monotonic() + seconds)
        finally:
            self._counting.release()

    def _count(self, end: float) -> bool:
        now = self._clock()
        newest = self._tallies.newest()
        if self._read is None or newest < self._read:  # the first time, or the database was replaced by an older one
            first = self._tallies.last_before(now - KEPT)
            with self._lock:
                self._settled, self._read = {}, first
        settled = min(self._tallies.last_before(now - SETTLED_AFTER), newest)
        while self._read < settled and time.monotonic() < end:
            until = min(self._read + CHUNK, settled)
            tallies = self._tallies.tallies(self._read, until)
            with self._lock:
                _add(self._settled, tallies)
                self._read = until
        complete = self._read >= settled
        fresh: dict[datetime, _Hour] = {}
        if complete:
            _add(fresh, self._tallies.tallies(self._read, newest))
        with self._lock:
            self._complete, self._fresh = complete, fresh
            for hour in [hour for hour in self._settled if hour < now - KEPT]:
                del self._settled[hour]
        return complete

    def figures(self, since: datetime, until: datetime) -> Figures:
        """Return the figures on the hours that start within a span, at most the last two weeks."""
        calls: Counter[str] = Counter()
        durations: Counter[int] = Counter()
        faces = 0
        with self._lock:
            for beginning, hour in (*self._settled.items(), *self._fresh.items()):
                if since <= beginning < until:
                    calls += hour.calls
                    durations += hour.durations
                    faces += hour.faces
        total = calls.total()
        failures = Counter({code: count for code, count in calls.items() if code})
        return Figures(
            calls=total,
            failed=failures.total(),
            faces=faces,
            median=_quantile(durations, 0.5),
            slow=_quantile(durations, 0.95),
            codes=tuple(sorted(failures.items(), key=lambda item: (-item[1], item[0]))),
        )


@dataclass(slots=True)
class _Hour:
    calls: Counter[str] = field(default_factory=Counter)
    durations: Counter[int] = field(default_factory=Counter)
    faces: int = 0

    def add(self, tally: Tally) -> None:
        self.calls[tally.code] += tally.calls
        self.durations[tally.duration] += tally.calls
        self.faces += tally.faces


def _duration_class() -> ColumnElement[Any]:
    took = UsageRow.milliseconds
    return case(
        (took < 200, took // FINE),
        (took < 2000, _FIRST_MIDDLE + (took - 200) // MIDDLE),
        (took < 20_000, _FIRST_COARSE + (took - 2000) // COARSE),
        else_=SLOWEST,
    )


def _add(hours: dict[datetime, _Hour], tallies: Iterable[Tally]) -> None:
    for tally in tallies:
        hours.setdefault(tally.hour, _Hour()).add(tally)


def _quantile(durations: Counter[int], share: float) -> float | None:
    """Return the quantile of the durations, interpolated within its class."""
    wanted, seen = durations.total() * share, 0
    for number in sorted(durations):
        count = durations[number]
        if seen + count >= wanted and count:
            low, high = class_bounds(number)
            return float(low) if number >= SLOWEST else low + (high - low) * (wanted - seen) / count
        seen += count
    return None
