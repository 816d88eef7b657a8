"""An executor over processes on this machine, with deadlines, replacement and a bounded queue."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from facemeld.timing import current_stages, stage
from facemeld.workers.context import CacheFigures, WorkerConfig
from facemeld.workers.errors import DeadlineExceeded, NotReady, QueueFull, WorkerDied
from facemeld.workers.executor import ExecutorStats, Task
from facemeld.workers.process import Outcome, ProcessEnded, WorkerProcess
from facemeld.workers.turns import Turns

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
        queue_seconds: Longest wait that a task is let into the queue for; 0 for any. As many as there are workers may always wait.
        tasks_per_worker: Tasks after which a process is replaced.
        start_seconds: Time a process may take to load its models.
    """

    workers: int
    queue: int = 64
    queue_seconds: float = 0.0
    tasks_per_worker: int = 2000
    start_seconds: float = 60.0


_MEMORY = 0.9
"""Weight of what was known before, against the newest task, in the mean length of tasks: about the last ten count."""


class LocalExecutor:
    """Runs tasks in worker processes; belongs to one event loop."""

    def __init__(self, config: WorkerConfig, limits: PoolLimits) -> None:
        self._config = config
        self._limits = limits
        self._turns: Turns[WorkerProcess] = Turns(limits.queue)
        self._workers: set[WorkerProcess] = set()
        self._background: set[asyncio.Task[None]] = set()
        self._started = self._stopping = False
        self._busy = self._finished = self._died = self._overran = self._refused = self._left = self._up = self._recycled = 0
        self._templates = CacheFigures()
        self._task_seconds: float | None = None

    @property
    def stats(self) -> ExecutorStats:
        """Counts for metrics and health checks."""
        return ExecutorStats(
            ready=self._turns.free + self._busy,
            busy=self._busy,
            waiting=self._turns.waiting,
            finished=self._finished,
            died=self._died,
            overran=self._overran,
            refused=self._refused,
            left=self._left,
            started=self._up,
            recycled=self._recycled,
            workers=self._limits.workers,
            places=self._turns.places,
            templates=replace(
                self._templates,
                held=sum(worker.templates.held for worker in self._workers),
                size=sum(worker.templates.size for worker in self._workers),
            ),
        )

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
        while (self._busy or self._turns.waiting) and loop.time() < end:
            await asyncio.sleep(0.02)
        for job in tuple(self._background):
            job.cancel()
        for worker in tuple(self._workers):
            if self._busy:
                worker.kill()
            else:
                worker.end()
        self._workers.clear()

    async def run(self, task: Task[T], seconds: float, *, owner: str = "") -> T:
        """Run a task in an idle worker; see ``Executor.run``."""
        end = asyncio.get_running_loop().time() + seconds
        with stage("queue"):
            worker = await self._take(seconds, owner)
        with stage("transfer"):
            outcome = await self._run_in(worker, task, seconds, end)
            if (stages := current_stages()) is not None:
                stages.merge(outcome.seconds, outcome.spans)
        return outcome.get()

    async def _run_in(self, worker: WorkerProcess, task: Task[T], seconds: float, end: float) -> Outcome[T]:
        """Run a task in a worker that was taken; see ``run``."""
        self._busy += 1
        begun = asyncio.get_running_loop().time()
        left = max(0.0, end - begun)
        answer = asyncio.wrap_future(worker.submit(task))
        try:
            await asyncio.wait([answer], timeout=left)
        except asyncio.CancelledError:
            # The caller is gone. Finishing a task of milliseconds is cheaper than a new process; the deadline still holds.
            self._left += 1
            self._spawn(self._await_abandoned(worker, answer, left))
            raise
        if not answer.done():
            self._overran += 1
            self._replace(worker)
            answer.add_done_callback(_read)
            raise DeadlineExceeded(f"the task must finish within {seconds:g} s, waiting included, and did not")
        self._learn(asyncio.get_running_loop().time() - begun)
        return self._collect(worker, answer)

    def _learn(self, seconds: float) -> None:
        """Let as many tasks wait as are likely to have their turn in time; a queue that takes long to empty helps nobody."""
        known = seconds if self._task_seconds is None else self._task_seconds
        self._task_seconds = _MEMORY * known + (1 - _MEMORY) * seconds
        limits = self._limits
        if limits.queue_seconds:
            in_time = int(limits.queue_seconds * limits.workers / max(self._task_seconds, 1e-3))
            self._turns.places = min(limits.queue, max(limits.workers, in_time))

    def _collect(self, worker: WorkerProcess, answer: asyncio.Future[Outcome[T]]) -> Outcome[T]:
        try:
            outcome = answer.result()
        except ProcessEnded as error:
            self._died += 1
            self._replace(worker)
            raise WorkerDied("the worker process ended before it answered") from error
        except BaseException:
            self._give_back(worker)
            raise
        self._note(worker, outcome.templates)
        self._give_back(worker)
        return outcome

    def _note(self, worker: WorkerProcess, now: CacheFigures) -> None:
        """Add to the sums what a worker's memory of templates has been good for since it was last looked at."""
        sums, before = self._templates, worker.templates
        self._templates = replace(sums, hits=sums.hits + now.hits - before.hits, misses=sums.misses + now.misses - before.misses)
        worker.templates = now

    async def _take(self, seconds: float, owner: str) -> WorkerProcess:
        if self._stopping or not self._started:
            raise NotReady("no worker is up: the service is starting or stopping")
        try:
            async with asyncio.timeout(seconds):
                return await self._turns.take(owner)
        except QueueFull:
            self._refused += 1
            raise
        except TimeoutError:
            self._overran += 1
            raise DeadlineExceeded(f"no worker became free within {seconds:g} s") from None
        except asyncio.CancelledError:
            self._left += 1
            raise

    async def _await_abandoned(self, worker: WorkerProcess, answer: asyncio.Future[Outcome[T]], seconds: float) -> None:
        answer.add_done_callback(_read)
        await asyncio.wait([answer], timeout=seconds)
        if answer.done() and not isinstance(answer.exception(), ProcessEnded):
            self._give_back(worker)
        else:
            self._replace(worker)

    def _give_back(self, worker: WorkerProcess) -> None:
        self._finished += 1
        worker.finished += 1
        if worker.finished >= self._limits.tasks_per_worker:
            self._recycled += 1
            self._replace(worker)
            return
        self._busy -= 1
        self._turns.put(worker)

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
            self._up += 1
            self._turns.put(worker)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        job = asyncio.get_running_loop().create_task(work)
        self._background.add(job)
        job.add_done_callback(self._background.discard)
