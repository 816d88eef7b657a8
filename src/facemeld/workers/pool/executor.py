"""The interface of executors of pixel tasks, its errors, and the names of owners, who take turns in the queue."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, TypeVar

from facemeld.errors import FacemeldError

if TYPE_CHECKING:
    from facemeld.workers.pool.context import WorkerContext

T_co = TypeVar("T_co", covariant=True)
T = TypeVar("T")


class WorkerError(FacemeldError):
    """A task could not be completed."""


class WorkerDied(WorkerError):
    """The worker process ended before it answered."""


class DeadlineExceeded(WorkerError):
    """The task did not finish before its deadline, which includes waiting."""


class QueueFull(WorkerError):
    """Too many tasks are already waiting for a worker."""


class NotReady(WorkerError):
    """No worker has loaded its models yet."""


class OutOfMemory(WorkerError):
    """The task needed more memory than a worker may use."""


class Task(Protocol[T_co]):
    """A picklable piece of pixel work."""

    def __call__(self, context: WorkerContext) -> T_co:
        """Do the work inside a worker."""
        ...


def kind_of(task: Task[object]) -> Hashable:
    """Return the kind of a task, whose lengths are learned together: its class, and the class of its template if it has one."""
    return type(task), type(getattr(task, "template", None))


@dataclass(frozen=True, slots=True)
class CacheFigures:
    """Figures of a cache of templates.

    Attributes:
        hits: Lookups that found a template.
        misses: Lookups that had to read or plan it.
        held: Templates in the cache now.
        size: Bytes of these templates.
    """

    hits: int = 0
    misses: int = 0
    held: int = 0
    size: int = 0


@dataclass(frozen=True, slots=True)
class ExecutorStats:
    """The state of an executor and its counts since start.

    Attributes:
        ready: Workers that have loaded their models.
        busy: Workers running a task.
        waiting: Tasks waiting for a worker.
        finished: Tasks answered since start, with a result or an error.
        died: Workers that ended during a task.
        overran: Tasks stopped at their deadline.
        refused: Tasks refused because the queue was full.
        left: Tasks whose caller disconnected before they ended.
        started: Workers started, including the first ones.
        recycled: Workers replaced after their maximum number of tasks.
        workers: Number of workers in the settings.
        places: Tasks that may wait now, given the expected lengths of running and waiting tasks.
        templates: Figures of all template caches together.
    """

    ready: int
    busy: int
    waiting: int
    finished: int
    died: int
    overran: int
    refused: int
    left: int = 0
    started: int = 0
    recycled: int = 0
    workers: int = 0
    places: int = 0
    templates: CacheFigures = field(default_factory=CacheFigures)


class Executor(Protocol):
    """Runs tasks, each with a deadline."""

    async def start(self) -> None:
        """Start the workers and return once all have loaded their models."""
        ...

    async def stop(self, drain_seconds: float) -> None:
        """Refuse new tasks, wait for running ones up to ``drain_seconds``, end the workers."""
        ...

    async def run(self, task: Task[T], seconds: float, *, owner: str = "") -> T:
        """Run a task and return its result.

        Args:
            task: The work; it and its result must be picklable.
            seconds: Seconds until the deadline, including waiting for a worker.
            owner: The account or other party that asks; owners take turns in the queue.

        Raises:
            WorkerError: a subclass says why the task was not completed.
            FacemeldError: the task itself raised it.
        """
        ...

    @property
    def stats(self) -> ExecutorStats:
        """Counts for metrics and health checks."""
        ...


OPERATORS = "operators"
"""Imports, thumbnails and previews."""
VERIFIERS = "verifiers"
"""Users of the public verification page."""
UPKEEP = "upkeep"
"""Work in the background."""


def account(number: int) -> str:
    """Return the owner of an account's calls."""
    return f"account {number}"
