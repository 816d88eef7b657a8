"""The interface of everything that runs pixel tasks, its errors, and the owners in whose name tasks wait."""

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
    """A task could not be run to its end."""


class WorkerDied(WorkerError):
    """The process that ran the task ended before it answered."""


class DeadlineExceeded(WorkerError):
    """The task did not finish in its time, waiting included."""


class QueueFull(WorkerError):
    """Too many tasks wait for a worker already."""


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
        hits: Lookups that found their template.
        misses: Lookups after which the template was read or planned.
        held: Templates in the cache now.
        size: Their bytes.
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
        busy: Workers at a task.
        waiting: Tasks that wait for a worker.
        finished: Tasks answered since start, with a result or an error of their own.
        died: Workers that ended in the middle of a task.
        overran: Tasks stopped at their deadline.
        refused: Tasks refused because the queue was full.
        left: Tasks whose caller went away before their end.
        started: Workers that have come up since start, the first ones included.
        recycled: Workers replaced after their share of tasks.
        workers: The number of workers that was set.
        places: Tasks that may wait now, by the expected length of those that run and wait.
        templates: Figures of all workers' caches of templates.
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
        """Start the workers and return once every one has loaded its models."""
        ...

    async def stop(self, drain_seconds: float) -> None:
        """Refuse new tasks, wait for running ones, end the workers."""
        ...

    async def run(self, task: Task[T], seconds: float, *, owner: str = "") -> T:
        """Run a task and return its result.

        Args:
            task: The work; it and its result must be picklable.
            seconds: Deadline counted from now, waiting for a worker included.
            owner: The account or other party that it is run for; owners take turns, so that none keeps the others waiting.

        Raises:
            DeadlineExceeded, WorkerDied, QueueFull, NotReady, OutOfMemory: see above.
            FacemeldError: an error that the task itself raised.
        """
        ...

    @property
    def stats(self) -> ExecutorStats:
        """Counts for metrics and health checks."""
        ...


OPERATORS = "operators"
"""Imports, thumbnails and previews."""
VERIFIERS = "verifiers"
"""The public page, whoever uses it."""
UPKEEP = "upkeep"
"""Work that nobody waits for."""


def account(number: int) -> str:
    """The owner of an account's calls."""
    return f"account {number}"
