"""The interface of everything that runs pixel tasks."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from facemeld.workers.context import CacheFigures, WorkerContext

T_co = TypeVar("T_co", covariant=True)
T = TypeVar("T")


class Task(Protocol[T_co]):
    """A picklable piece of pixel work."""

    def __call__(self, context: WorkerContext) -> T_co:
        """Do the work inside a worker."""
        ...


@dataclass(frozen=True, slots=True)
class ExecutorStats:
    """What an executor is doing now, and what it has done.

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
        workers: Workers that there should be.
        places: Tasks that may wait now, by the expected length of those that run and wait.
        templates: What the workers' memories of templates hold now and have been good for since start.
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
            owner: For whom it is, such as an account; owners take turns, so that none keeps the others waiting.

        Raises:
            DeadlineExceeded, WorkerDied, QueueFull, NotReady, OutOfMemory: see ``workers.errors``.
            FacemeldError: whatever the task itself raised.
        """
        ...

    @property
    def stats(self) -> ExecutorStats:
        """Counts for metrics and health checks."""
        ...
