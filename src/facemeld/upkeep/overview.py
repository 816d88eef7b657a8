"""The use case of looking after the service: how calls go, what is stored, whether everything runs, what to do first."""

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
"""Seconds for which the size of the results is not measured again: it takes a look at every file."""


@dataclass(frozen=True, slots=True)
class Health:
    """How the parts of the service do.

    Attributes:
        workers: Workers that are ready.
        busy: Workers at a task.
        waiting: Tasks that wait for a worker.
        died: Workers that ended in the middle of a task since the start.
        database_ms: How long the database took to answer; None if it did not.
        free_bytes: Room left where results are stored.
        started: When this server started.
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
    """What lies in the data folder, in bytes.

    Attributes:
        files: Number of files of results.
    """

    results: int
    files: int
    materials: int
    database: int

    @property
    def total(self) -> int:
        """Everything together."""
        return self.results + self.materials + self.database


@dataclass(frozen=True, slots=True)
class FirstSteps:
    """What has been done of what leads to the first fused picture.

    Attributes:
        activity: Id of an activity; None if there is none.
    """

    activity: str | None
    material: bool
    key: bool
    fused: bool

    @property
    def done(self) -> bool:
        """Whether nothing is left to do."""
        return self.activity is not None and self.material and self.key and self.fused


@dataclass
class Overview:
    """Answers the questions of the console's first page; every method is quick.

    Attributes:
        data: The data folder.
    """

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
        """Calls in the hours that begin within a span."""
        return self.statistics.figures(since, until)

    def hours(self, until: datetime, count: int) -> tuple[tuple[datetime, Figures], ...]:
        """The last hours one by one, oldest first; the last one is the hour that runs at ``until``."""
        first = until.replace(minute=0, second=0, microsecond=0) - timedelta(hours=count - 1)
        beginnings = [first + timedelta(hours=number) for number in range(count)]
        return tuple((beginning, self.figures(beginning, beginning + timedelta(hours=1))) for beginning in beginnings)

    def days(self, midnights: tuple[datetime, ...]) -> tuple[tuple[datetime, Figures], ...]:
        """The days between consecutive moments; days begin at different times in different places, so the caller says when."""
        return tuple((start, self.figures(start, end)) for start, end in pairwise(midnights))

    def failures(self, limit: int) -> tuple[Usage, ...]:
        """The newest failed calls."""
        return tuple(usage for _, usage in self.tallies.failures(limit=limit))

    def health(self) -> Health:
        """How the parts do at this moment."""
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
        """How much is stored, as it was some minutes ago at most when it was asked for before; None while it is first measured.

        Args:
            patience: Seconds to wait for a measurement that is under way; it takes a look at every file.
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
        """How far a new installation has come."""
        admin = self.administration
        activities = admin.activities.activities(None, limit=1).items
        usable = admin.materials.count([status for status in MaterialStatus if status.usable], most=1) > 0
        keys, _ = admin.key_page(None, None, 1)
        now = self.clock()
        fused = self.figures(now - timedelta(days=30), now + timedelta(hours=1)).faces > 0
        return FirstSteps(activities[0].id if activities else None, usable, bool(keys), fused)


def folder_size(folder: Path) -> tuple[int, int]:
    """Bytes and number of the files below a folder; what goes away meanwhile does not count."""
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
