"""An executor that runs tasks in processes on this machine, with deadlines, replacement and a bounded queue."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine, Hashable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, TypeVar

from facemeld.timing import current_stages, stage
from facemeld.workers.pool.context import WorkerConfig
from facemeld.workers.pool.executor import CacheFigures, DeadlineExceeded, ExecutorStats, NotReady, QueueFull, Task, WorkerDied, kind_of
from facemeld.workers.pool.process import Outcome, ProcessEnded, WorkerProcess
from facemeld.workers.pool.turns import Lengths, Turns, starting_in_time

T = TypeVar("T")


def _read(answer: asyncio.Future[Any]) -> None:
    """Read the error of an answer that no caller waits for, so that the event loop does not report it."""
    if not answer.cancelled():
        answer.exception()


@dataclass(frozen=True, slots=True)
class PoolLimits:
    """Sizes of a local executor.

    Attributes:
        workers: Processes.
        queue: Most tasks that may wait; more are refused.
        queue_seconds: Longest expected wait with which a task may enter the queue; 0 for any. One task per worker may always wait.
        tasks_per_worker: Tasks after which a process is replaced.
        start_seconds: Time a process may take to load its models.
    """

    workers: int
    queue: int = 64
    queue_seconds: float = 0.0
    tasks_per_worker: int = 2000
    start_seconds: float = 60.0


class _Running(NamedTuple):
    """A task in a worker: its kind and when it began."""

    kind: Hashable
    begun: float


class LocalExecutor:
    """Runs tasks in worker processes; belongs to one event loop."""

    def __init__(self, config: WorkerConfig, limits: PoolLimits) -> None:
        self._config = config
        self._limits = limits
        self._turns: Turns[WorkerProcess] = Turns()
        self._lengths = Lengths()
        self._running: dict[WorkerProcess, _Running] = {}
        self._workers: set[WorkerProcess] = set()
        self._background: set[asyncio.Task[None]] = set()
        self._started = self._stopping = False
        self._finished = self._died = self._overran = self._refused = self._left = self._up = self._recycled = 0
        self._templates = CacheFigures()

    @property
    def stats(self) -> ExecutorStats:
        """Counts for metrics and health checks."""
        workers = tuple(self._workers)
        return ExecutorStats(
            ready=self._turns.free + len(self._running),
            busy=len(self._running),
            waiting=self._turns.waiting,
            finished=self._finished,
            died=self._died,
            overran=self._overran,
            refused=self._refused,
            left=self._left,
            started=self._up,
            recycled=self._recycled,
            workers=self._limits.workers,
            places=self._places(),
            templates=replace(
                self._templates,
                held=sum(worker.templates.held for worker in workers),
                size=sum(worker.templates.size for worker in workers),
            ),
        )

    @property
    def pids(self) -> tuple[int, ...]:
        """Process ids of the workers that are up."""
        return tuple(worker.pid for worker in tuple(self._workers) if worker.pid is not None)

    async def start(self) -> None:
        """Start every worker and return once all have loaded their models."""
        await asyncio.gather(*(self._add() for _ in range(self._limits.workers)))

    async def stop(self, drain_seconds: float) -> None:
        """Refuse new tasks, wait for running ones up to ``drain_seconds``, end the workers."""
        self._stopping = True
        loop = asyncio.get_running_loop()
        end = loop.time() + drain_seconds
        while (self._running or self._turns.waiting) and loop.time() < end:
            await asyncio.sleep(0.02)
        for job in tuple(self._background):
            job.cancel()
        for worker in tuple(self._workers):
            if self._running:
                worker.kill()
            else:
                worker.end()
        self._workers.clear()

    async def run(self, task: Task[T], seconds: float, *, owner: str = "") -> T:
        """Run a task in an idle worker; see ``Executor.run``."""
        end = asyncio.get_running_loop().time() + seconds
        with stage("queue"):
            worker = await self._take(seconds, owner, kind_of(task))
        with stage("transfer"):
            outcome = await self._run_in(worker, task, seconds, end)
            if (stages := current_stages()) is not None:
                stages.merge(outcome.seconds, outcome.spans)
        return outcome.get()

    async def _run_in(self, worker: WorkerProcess, task: Task[T], seconds: float, end: float) -> Outcome[T]:
        """Run a task in a worker that was taken; see ``run``."""
        self._running[worker] = _Running(kind_of(task), time.monotonic())
        left = max(0.0, end - asyncio.get_running_loop().time())
        answer = asyncio.wrap_future(worker.submit(task))
        try:
            await asyncio.wait([answer], timeout=left)
        except asyncio.CancelledError:
            # The caller disconnected. Finishing the task is cheaper than a new process; the deadline still applies.
            self._left += 1
            self._spawn(self._await_abandoned(worker, answer, left))
            raise
        if not answer.done():
            self._overran += 1
            self._replace(worker)
            answer.add_done_callback(_read)
            raise DeadlineExceeded(f"the task must finish within {seconds:g} s, waiting included, and did not")
        return self._collect(worker, answer)

    def _places(self) -> int:
        """Return how many tasks may wait now: only those likely to start in time, because a longer queue helps no caller."""
        limits = self._limits
        if not limits.queue_seconds:
            return limits.queue
        # Copied, because threads that read figures run beside the event loop.
        now, running = time.monotonic(), tuple(self._running.values())
        left = [self._lengths.remaining(task.kind, task.begun, now) for task in running]
        # Workers that are starting will soon be free.
        left += [0.0] * (limits.workers - len(running))
        waiting = [self._lengths.expect(kind, now) for kind in self._turns.kinds()]
        lengths = [self._lengths.expect(task.kind, now) for task in running] + waiting
        typical = sum(lengths) / len(lengths) if lengths else 0.0
        return min(limits.queue, max(limits.workers, starting_in_time(left, waiting, typical, limits.queue_seconds, limits.queue)))

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
        """Add the hits and misses of a worker's cache since its last task to the sums."""
        sums, before = self._templates, worker.templates
        self._templates = replace(sums, hits=sums.hits + now.hits - before.hits, misses=sums.misses + now.misses - before.misses)
        worker.templates = now

    async def _take(self, seconds: float, owner: str, kind: Hashable) -> WorkerProcess:
        if self._stopping or not self._started:
            raise NotReady("no worker is up: the service is starting or stopping")
        try:
            async with asyncio.timeout(seconds):
                return await self._turns.take(owner, self._places(), kind)
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
        self._release(worker)
        self._turns.put(worker)

    def _replace(self, worker: WorkerProcess) -> None:
        self._release(worker)
        self._workers.discard(worker)
        worker.kill()
        if not self._stopping:
            self._spawn(self._add_until_up())

    def _release(self, worker: WorkerProcess) -> None:
        """Note how long a task occupied its worker, however it ended."""
        now, task = time.monotonic(), self._running.pop(worker)
        self._lengths.learn(task.kind, now - task.begun, now)

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
