"""An executor over processes on this machine, with deadlines, replacement and a bounded queue."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from typing import Any, TypeVar

from facemeld.workers.context import WorkerConfig
from facemeld.workers.errors import DeadlineExceeded, NotReady, QueueFull, WorkerDied
from facemeld.workers.executor import ExecutorStats, Task
from facemeld.workers.process import WorkerProcess

T = TypeVar("T")


def _read(answer: asyncio.Future[Any]) -> None:
    """Look at an answer nobody waits for, so that the event loop does not report its error as forgotten."""
    if not answer.cancelled():
        answer.exception()


@dataclass(frozen=True, slots=True)
class PoolLimits:
    """Sizes of a local executor.

    Attributes:
        workers: Processes.
        queue: Tasks that may wait; more are refused.
        tasks_per_worker: Tasks after which a process is replaced.
        start_seconds: Time a process may take to load its models.
    """

    workers: int
    queue: int = 64
    tasks_per_worker: int = 2000
    start_seconds: float = 60.0


class LocalExecutor:
    """Runs tasks in worker processes; belongs to one event loop."""

    def __init__(self, config: WorkerConfig, limits: PoolLimits) -> None:
        self._config = config
        self._limits = limits
        self._idle: asyncio.Queue[WorkerProcess] = asyncio.Queue()
        self._workers: set[WorkerProcess] = set()
        self._background: set[asyncio.Task[None]] = set()
        self._started = self._stopping = False
        self._waiting = self._busy = self._finished = self._died = self._overran = self._refused = 0

    @property
    def stats(self) -> ExecutorStats:
        """Counts for metrics and health checks."""
        ready = self._idle.qsize() + self._busy
        return ExecutorStats(ready, self._busy, self._waiting, self._finished, self._died, self._overran, self._refused)

    @property
    def pids(self) -> tuple[int, ...]:
        """Process ids of the workers that are up."""
        return tuple(worker.pid for worker in self._workers if worker.pid is not None)

    async def start(self) -> None:
        """Start every worker and return once all have loaded their models."""
        await asyncio.gather(*(self._add() for _ in range(self._limits.workers)))

    async def stop(self, drain_seconds: float) -> None:
        """Refuse new tasks, wait for running ones up to ``drain_seconds``, end the workers."""
        self._stopping = True
        loop = asyncio.get_running_loop()
        end = loop.time() + drain_seconds
        while (self._busy or self._waiting) and loop.time() < end:
            await asyncio.sleep(0.02)
        for job in tuple(self._background):
            job.cancel()
        for worker in tuple(self._workers):
            if self._busy:
                worker.kill()
            else:
                worker.end()
        self._workers.clear()

    async def run(self, task: Task[T], seconds: float) -> T:
        """Run a task in an idle worker; see ``Executor.run``."""
        end = asyncio.get_running_loop().time() + seconds
        worker = await self._take(seconds)
        self._busy += 1
        try:
            future = worker.submit(task)
        except (BrokenProcessPool, RuntimeError) as error:
            self._replace(worker)
            self._died += 1
            raise WorkerDied("the worker process had ended before it could take the task") from error
        left = max(0.0, end - asyncio.get_running_loop().time())
        answer = asyncio.wrap_future(future)
        try:
            await asyncio.wait([answer], timeout=left)
        except asyncio.CancelledError:
            # The caller is gone. Finishing a task of milliseconds is cheaper than a new process; the deadline still holds.
            self._spawn(self._await_abandoned(worker, answer, left))
            raise
        if not answer.done():
            self._overran += 1
            self._replace(worker)
            answer.add_done_callback(_read)
            raise DeadlineExceeded(f"the task must finish within {seconds:g} s, waiting included, and did not")
        return self._collect(worker, answer)

    def _collect(self, worker: WorkerProcess, answer: asyncio.Future[T]) -> T:
        try:
            result = answer.result()
        except BrokenProcessPool as error:
            self._died += 1
            self._replace(worker)
            raise WorkerDied("the worker process ended before it answered") from error
        except BaseException:
            self._give_back(worker)
            raise
        self._give_back(worker)
        return result

    async def _take(self, seconds: float) -> WorkerProcess:
        if self._stopping or not self._started:
            raise NotReady("no worker is up: the service is starting or stopping")
        if self._idle.empty() and self._waiting >= self._limits.queue:
            self._refused += 1
            raise QueueFull(f"at most {self._limits.queue} tasks may wait for a worker")
        self._waiting += 1
        try:
            async with asyncio.timeout(seconds):
                return await self._idle.get()
        except TimeoutError:
            self._overran += 1
            raise DeadlineExceeded(f"no worker became free within {seconds:g} s") from None
        finally:
            self._waiting -= 1

    async def _await_abandoned(self, worker: WorkerProcess, answer: asyncio.Future[T], seconds: float) -> None:
        answer.add_done_callback(_read)
        await asyncio.wait([answer], timeout=seconds)
        if answer.done() and not isinstance(answer.exception(), BrokenProcessPool):
            self._give_back(worker)
        else:
            self._replace(worker)

    def _give_back(self, worker: WorkerProcess) -> None:
        self._finished += 1
        worker.finished += 1
        if worker.finished >= self._limits.tasks_per_worker:
            self._replace(worker)
            return
        self._busy -= 1
        self._idle.put_nowait(worker)

    def _replace(self, worker: WorkerProcess) -> None:
        self._busy -= 1
        self._workers.discard(worker)
        worker.kill()
        if not self._stopping:
            self._spawn(self._add_until_up())

    async def _add_until_up(self) -> None:
        delay = 0.1
        while not self._stopping:
            try:
                await self._add()
            except WorkerDied:
                await asyncio.sleep(delay)
                delay = min(delay * 2, 10.0)
            else:
                return

    async def _add(self) -> None:
        worker = WorkerProcess(self._config)
        self._workers.add(worker)
        answer = asyncio.wrap_future(worker.warm())
        answer.add_done_callback(_read)
        await asyncio.wait([answer], timeout=self._limits.start_seconds)
        failure = answer.exception() if answer.done() else None
        if not answer.done() or failure is not None:
            self._workers.discard(worker)
            worker.kill()
            found = f"it ended: {failure}" if failure is not None else "it did not"
            raise WorkerDied(f"a worker must start within {self._limits.start_seconds:g} s, {found}") from failure
        if self._stopping:
            worker.end()
        else:
            self._started = True
            self._idle.put_nowait(worker)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        job = asyncio.get_running_loop().create_task(work)
        self._background.add(job)
        job.add_done_callback(self._background.discard)
