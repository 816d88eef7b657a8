"""The data of the console's first page: figures of calls, storage, health and first steps."""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

from sqlalchemy import text

from facemeld.db.database import Database
from facemeld.db.errors import DatabaseUnavailable
from facemeld.materials.types import MaterialStatus
from facemeld.upkeep.administration import Administration
from facemeld.usage.statistics import Figures, TallyStore, UsageStatistics
from facemeld.usage.types import Usage
from facemeld.workers.pool.executor import Executor

_RESULTS_KEPT = 300.0
"""Seconds between measurements of the storage, which read the size of every file."""


@dataclass(frozen=True, slots=True)
class Health:
    """The state of the parts of the service.

    Attributes:
        workers: Workers that are ready.
        busy: Workers running a task.
        waiting: Tasks waiting for a worker.
        died: Workers that ended during a task since the start.
        database_ms: Response time of the database; None if it did not answer.
        free_bytes: Free disk space for results.
        started: Start time of this server.
    """

    workers: int
    busy: int
    waiting: int
    died: int
    database_ms: float | None
    free_bytes: int
    started: datetime


@dataclass(frozen=True, slots=True)
class Stored:
    """Sizes of the parts of the data folder in bytes, and the number of result files, ``files``."""

    results: int
    files: int
    materials: int
    database: int

    @property
    def total(self) -> int:
        """The sum of all sizes."""
        return self.results + self.materials + self.database


@dataclass(frozen=True, slots=True)
class FirstSteps:
    """Completed steps to the first fused picture; ``activity`` is the id of an activity, or None."""

    activity: str | None
    material: bool
    key: bool
    fused: bool

    @property
    def done(self) -> bool:
        """Whether all steps are completed."""
        return self.activity is not None and self.material and self.key and self.fused


@dataclass
class Overview:
    """Returns the data of the console's first page; every method is quick. ``data`` is the data folder."""

    administration: Administration
    database: Database
    executor: Executor
    data: Path
    clock: Callable[[], datetime]
    tallies: TallyStore = field(init=False)
    statistics: UsageStatistics = field(init=False)
    started: datetime = field(init=False)
    _stored: Stored | None = field(init=False, default=None)
    _measured: float = field(init=False, default=0.0)
    _measuring: threading.Thread | None = field(init=False, default=None)
    _lock: threading.Lock = field(init=False, default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.tallies = TallyStore(self.database)
        self.statistics = UsageStatistics(self.tallies, self.clock)
        self.started = self.clock()

    def figures(self, since: datetime, until: datetime) -> Figures:
        """Return the calls of the hours that begin in a period."""
        return self.statistics.figures(since, until)

    def hours(self, until: datetime, count: int) -> tuple[tuple[datetime, Figures], ...]:
        """Return figures of the last ``count`` hours, oldest first; the last hour contains ``until``."""
        first = until.replace(minute=0, second=0, microsecond=0) - timedelta(hours=count - 1)
        beginnings = [first + timedelta(hours=number) for number in range(count)]
        return tuple((beginning, self.figures(beginning, beginning + timedelta(hours=1))) for beginning in beginnings)

    def days(self, midnights: tuple[datetime, ...]) -> tuple[tuple[datetime, Figures], ...]:
        """Return figures between consecutive midnights, which depend on the caller's time zone."""
        return tuple((start, self.figures(start, end)) for start, end in pairwise(midnights))

    def failures(self, limit: int) -> tuple[Usage, ...]:
        """Return the newest failed calls."""
        return tuple(usage for _, usage in self.tallies.failures(limit=limit))

    def health(self) -> Health:
        """Return the current state of the parts."""
        stats, start, took = self.executor.stats, time.perf_counter(), None
        try:
            with self.database.connect() as connection:
                connection.execute(text("SELECT 1"))
            took = (time.perf_counter() - start) * 1000
        except DatabaseUnavailable:
            took = None
        free = shutil.disk_usage(self.data).free
        return Health(stats.ready, stats.busy, stats.waiting, stats.died, took, free, self.started)

    def stored(self, patience: float = 0.1) -> Stored | None:
        """Return the sizes, at most some minutes old if read regularly; None during the first measurement.

        Args:
            patience: Seconds to wait for the first measurement.
        """
        with self._lock:
            if self._measuring is None and (self._stored is None or time.monotonic() - self._measured > _RESULTS_KEPT):
                self._measuring = threading.Thread(target=self._measure, name="stored", daemon=True)
                self._measuring.start()
            measuring, known = self._measuring, self._stored
        if known is None and measuring is not None:
            measuring.join(patience)
        return self._stored

    def _measure(self) -> None:
        try:
            results, files = folder_size(self.data / "results")
            materials, _ = folder_size(self.data / "materials")
            database = sum(file.stat().st_size for file in self.data.glob("*.sqlite3*") if file.is_file())
            self._stored = Stored(results, files, materials, database)
            self._measured = time.monotonic()
        finally:
            self._measuring = None

    def first_steps(self) -> FirstSteps:
        """Return the completed steps of a new installation."""
        admin = self.administration
        activities = admin.activities.activities(None, limit=1).items
        usable = admin.materials.count([status for status in MaterialStatus if status.usable], most=1) > 0
        keys, _ = admin.key_page(None, None, 1)
        now = self.clock()
        fused = self.figures(now - timedelta(days=30), now + timedelta(hours=1)).faces > 0
        return FirstSteps(activities[0].id if activities else None, usable, bool(keys), fused)


def folder_size(folder: Path) -> tuple[int, int]:
    """Return bytes and number of the files below a folder; files deleted during the count are ignored."""
    total = files = 0
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    below, count = folder_size(Path(entry.path))
                    total, files = total + below, files + count
                else:
                    total, files = total + entry.stat(follow_symlinks=False).st_size, files + 1
    except OSError:
        return total, files
    return total, files
