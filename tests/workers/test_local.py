"""The local executor: results, deadlines, deaths, a bounded queue, recycling."""

from __future__ import annotations

import asyncio
import gc
import hashlib
import os
import signal
import sys
import time
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from facemeld.workers.pool.context import WorkerConfig, WorkerContext
from facemeld.workers.pool.executor import DeadlineExceeded, NotReady, OutOfMemory, QueueFull, WorkerDied
from facemeld.workers.pool.local import LocalExecutor, PoolLimits
from facemeld.workers.pool.process import PRELOADED


@dataclass(frozen=True)
class Pid:
    """Tells who runs it."""

    def __call__(self, context: WorkerContext) -> int:
        return os.getpid()


@dataclass(frozen=True)
class Sleep:
    """Takes a number of seconds, or less if a file appears."""

    seconds: float
    until: Path | None = None

    def __call__(self, context: WorkerContext) -> int:
        end = time.monotonic() + self.seconds
        while (left := end - time.monotonic()) > 0 and not (self.until is not None and self.until.exists()):
            time.sleep(left if self.until is None else 0.01)
        return os.getpid()


@dataclass(frozen=True)
class Die:
    """Ends its process, as a crash in a library would."""

    def __call__(self, context: WorkerContext) -> None:
        os.kill(os.getpid(), signal.SIGSEGV)


@dataclass(frozen=True)
class Refuse:
    """Raises an error of its own."""

    def __call__(self, context: WorkerContext) -> None:
        raise KeyError("of the task")


@dataclass(frozen=True)
class Burn:
    """Uses the processor without end, in a library that no signal handler of Python's would interrupt."""

    def __call__(self, context: WorkerContext) -> None:
        hashlib.pbkdf2_hmac("sha256", b"", b"", 1 << 30)


@dataclass(frozen=True)
class Remember:
    """Asks for templates by key, each of a size in bytes."""

    keys: str
    size: int

    def __call__(self, context: WorkerContext) -> None:
        for key in self.keys:
            context.templates.get(key, lambda: (object(), self.size))  # type: ignore[arg-type, return-value]  # only its size counts


@dataclass(frozen=True)
class Devour:
    """Wants more memory than there is for it."""

    def __call__(self, context: WorkerContext) -> int:
        return len(np.ones(2 << 30, np.uint8))


@dataclass(frozen=True)
class Living:
    """Counts the tasks of its own kind that the process still holds, itself included."""

    photo: str

    def __call__(self, context: WorkerContext) -> int:
        return sum(isinstance(one, Living) for one in gc.get_objects())


@dataclass(frozen=True)
class Missing:
    """Finds the modules that the fork server should have loaded and has not."""

    def __call__(self, context: WorkerContext) -> list[str]:
        return [name for name in PRELOADED if name not in sys.modules]


@dataclass(frozen=True)
class Unsendable:
    """Answers with what no process can tell another."""

    def __call__(self, context: WorkerContext) -> Callable[[], None]:
        return lambda: None


@asynccontextmanager
async def executor(bundle: Path, cpu_seconds: float = 0.0, **limits: Any) -> AsyncIterator[LocalExecutor]:
    config = WorkerConfig(bundle, memory_bytes=1 << 30, cpu_seconds=cpu_seconds, plan_cache_bytes=1000)
    running = LocalExecutor(config, PoolLimits(**{"workers": 1, **limits}))
    await running.start()
    try:
        yield running
    finally:
        await running.stop(5)


def check(bundle: Path, body: Callable[[LocalExecutor], Awaitable[None]], **limits: Any) -> None:
    async def main() -> None:
        async with executor(bundle, **limits) as running:
            await body(running)

    asyncio.run(main())


def test_a_task_runs_in_another_process(bundle_path: Path) -> None:
    async def body(running: LocalExecutor) -> None:
        assert await running.run(Pid(), 10) in running.pids
        assert await running.run(Pid(), 10) != os.getpid()

    check(bundle_path, body)


def test_a_worker_starts_with_all_libraries_loaded(bundle_path: Path) -> None:
    async def body(running: LocalExecutor) -> None:
        assert await running.run(Missing(), 10) == []

    check(bundle_path, body)


def test_a_tasks_own_error_comes_back_and_harms_nobody(bundle_path: Path) -> None:
    async def body(running: LocalExecutor) -> None:
        before = await running.run(Pid(), 10)
        with pytest.raises(KeyError, match="of the task"):
            await running.run(Refuse(), 10)
        assert await running.run(Pid(), 10) == before

    check(bundle_path, body)


def test_a_tasks_own_error_says_where_it_happened(bundle_path: Path) -> None:
    async def body(running: LocalExecutor) -> None:
        with pytest.raises(KeyError) as caught:
            await running.run(Refuse(), 10)
        assert any("In the worker" in note and 'KeyError("of the task")' in note for note in caught.value.__notes__)

    check(bundle_path, body)


def test_what_cannot_be_sent_harms_nobody(bundle_path: Path) -> None:
    """Neither to a worker nor back."""

    async def body(running: LocalExecutor) -> None:
        before = await running.run(Pid(), 10)
        with pytest.raises(AttributeError, match="local object"):
            await running.run(lambda context: 1, 10)
        with pytest.raises(AttributeError, match="local object"):
            await running.run(Unsendable(), 10)
        assert await running.run(Pid(), 10) == before
        assert running.stats.died == 0

    check(bundle_path, body)


def test_nothing_of_a_task_outlives_it(bundle_path: Path) -> None:
    """Users' photos are in memory until the call ends, here and in the worker."""

    async def body(running: LocalExecutor) -> None:
        for _ in range(3):
            task = Living("a photo")
            kept = weakref.ref(task)
            assert await running.run(task, 10) == 1
            del task
            # The thread that handed it over lets go of it a moment after the answer.
            await asyncio.sleep(0.05)
            assert kept() is None

    check(bundle_path, body)


def test_a_process_that_died_idle_is_replaced(bundle_path: Path) -> None:
    async def body(running: LocalExecutor) -> None:
        before = await running.run(Pid(), 20)
        os.kill(before, signal.SIGKILL)
        with pytest.raises(WorkerDied):
            await running.run(Pid(), 20)
        assert await running.run(Pid(), 20) != before
        assert running.stats.died == 1

    check(bundle_path, body)


def test_a_death_costs_its_own_task_alone(bundle_path: Path) -> None:
    async def body(running: LocalExecutor) -> None:
        slow = asyncio.create_task(running.run(Sleep(0.5), 20))
        await asyncio.sleep(0.1)
        with pytest.raises(WorkerDied):
            await running.run(Die(), 20)
        assert await slow in running.pids
        assert await running.run(Pid(), 20) in running.pids
        assert running.stats.died == 1

    check(bundle_path, body, workers=2)


def test_a_task_that_overruns_is_stopped_and_replaced(bundle_path: Path) -> None:
    async def body(running: LocalExecutor) -> None:
        (before,) = running.pids
        started = time.monotonic()
        with pytest.raises(DeadlineExceeded, match=r"within 0.3 s"):
            await running.run(Sleep(30), 0.3)
        assert time.monotonic() - started < 5
        assert await running.run(Pid(), 20) != before
        assert running.stats.overran == 1

    check(bundle_path, body)


def test_waiting_counts_towards_the_deadline(bundle_path: Path) -> None:
    async def body(running: LocalExecutor) -> None:
        busy = asyncio.create_task(running.run(Sleep(1), 20))
        await asyncio.sleep(0.1)
        with pytest.raises(DeadlineExceeded, match="no worker became free"):
            await running.run(Pid(), 0.2)
        await busy

    check(bundle_path, body)


def test_a_full_queue_refuses_at_once(bundle_path: Path) -> None:
    async def body(running: LocalExecutor) -> None:
        tasks = [asyncio.create_task(running.run(Sleep(0.5), 20)) for _ in range(3)]
        await asyncio.sleep(0.1)
        started = time.monotonic()
        with pytest.raises(QueueFull, match="at most 2"):
            await running.run(Pid(), 20)
        assert time.monotonic() - started < 0.1
        await asyncio.gather(*tasks)
        assert running.stats.refused == 1

    check(bundle_path, body, queue=2)


def test_a_process_is_replaced_after_its_share_of_tasks(bundle_path: Path) -> None:
    async def body(running: LocalExecutor) -> None:
        pids = [await running.run(Pid(), 20) for _ in range(6)]
        assert pids[0] == pids[1] != pids[2] == pids[3] != pids[4] == pids[5]
        assert running.stats.recycled == 3
        assert running.stats.started >= 3

    check(bundle_path, body, tasks_per_worker=2)


def test_a_caller_that_leaves_does_not_cost_a_process(bundle_path: Path) -> None:
    async def body(running: LocalExecutor) -> None:
        (before,) = running.pids
        leaving = asyncio.create_task(running.run(Sleep(0.3), 20))
        await asyncio.sleep(0.1)
        leaving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await leaving
        assert await running.run(Pid(), 20) == before
        assert running.stats.busy == 0
        assert running.stats.left == 1

    check(bundle_path, body)


def test_what_would_wait_too_long_is_refused_at_once(bundle_path: Path) -> None:
    async def body(running: LocalExecutor) -> None:
        assert running.stats.places == 64
        for _ in range(20):
            await running.run(Sleep(0.1), 20)
        # An idle worker takes what comes, whatever was before.
        assert running.stats.places == 64
        begun = [asyncio.create_task(running.run(Sleep(0.1), 20)) for _ in range(12)]
        await asyncio.sleep(0.01)
        assert 3 <= running.stats.places <= 6
        answers = await asyncio.gather(*begun, return_exceptions=True)
        refused = [answer for answer in answers if isinstance(answer, QueueFull)]
        assert 5 <= len(refused) == running.stats.refused <= 8
        assert 4 <= sum(answer in running.pids for answer in answers) == len(answers) - len(refused)
        # Short tasks wait for shorter, so that more of them may wait.
        for _ in range(20):
            await running.run(Pid(), 20)
        begun = [asyncio.create_task(running.run(Pid(), 20)) for _ in range(12)]
        await asyncio.sleep(0)
        assert running.stats.places > 12
        await asyncio.gather(*begun)

    check(bundle_path, body, queue_seconds=0.5)


def test_long_tasks_of_another_kind_leave_no_mark_on_short_ones(bundle_path: Path) -> None:
    """A few huge pictures must not have an idle server refuse ordinary calls."""

    async def body(running: LocalExecutor) -> None:
        for _ in range(3):
            await running.run(Sleep(0.5), 20)
        answers = await asyncio.gather(*(running.run(Pid(), 20) for _ in range(6)), return_exceptions=True)
        assert [answer for answer in answers if answer not in running.pids] == []
        assert running.stats.refused == 0

    check(bundle_path, body, workers=2, queue_seconds=0.2)


def test_a_long_task_holds_up_its_own_worker_only(bundle_path: Path, tmp_path: Path) -> None:
    async def body(running: LocalExecutor) -> None:
        for _ in range(2):
            await running.run(Sleep(1), 20)
            await running.run(Pid(), 20)
        long = asyncio.create_task(running.run(Sleep(15, until=tmp_path / "first"), 20))
        await asyncio.sleep(0)
        answers = await asyncio.gather(*(running.run(Pid(), 20) for _ in range(6)))
        assert not long.done()
        assert len(answers) == 6
        (tmp_path / "first").touch()
        await long
        # Two of them keep both workers busy for longer than a task may wait: one for each worker waits, and no more.
        others = [asyncio.create_task(running.run(Sleep(15, until=tmp_path / "second"), 20)) for _ in range(4)]
        while running.stats.waiting < 2:
            await asyncio.sleep(0)
        assert running.stats.places == 2
        with pytest.raises(QueueFull):
            await running.run(Pid(), 20)
        (tmp_path / "second").touch()
        await asyncio.gather(*others)

    check(bundle_path, body, workers=2, queue_seconds=0.5)


def test_however_long_tasks_are_one_for_each_worker_may_wait(bundle_path: Path) -> None:
    async def body(running: LocalExecutor) -> None:
        await running.run(Sleep(0.5), 20)
        first, second = (asyncio.create_task(running.run(Sleep(0.5), 20)) for _ in range(2))
        await asyncio.sleep(0.02)
        assert running.stats.places == 1
        with pytest.raises(QueueFull):
            await running.run(Pid(), 20)
        await asyncio.gather(first, second)

    check(bundle_path, body, queue_seconds=0.1)


def test_a_caller_that_leaves_the_queue_frees_its_place(bundle_path: Path) -> None:
    async def body(running: LocalExecutor) -> None:
        busy = asyncio.create_task(running.run(Sleep(0.5), 20))
        await asyncio.sleep(0.1)
        leaving = asyncio.create_task(running.run(Sleep(30), 20))
        await asyncio.sleep(0.05)
        leaving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await leaving
        # There is one place only, so this waits where the other did.
        assert await running.run(Pid(), 20) == await busy
        assert (running.stats.left, running.stats.refused, running.stats.finished) == (1, 0, 2)

    check(bundle_path, body, queue=1)


def test_an_account_with_many_tasks_keeps_another_waiting_for_one_turn(bundle_path: Path) -> None:
    async def body(running: LocalExecutor) -> None:
        done: list[str] = []

        async def call(owner: str) -> None:
            await running.run(Sleep(0.05), 20, owner=owner)
            done.append(owner)

        greedy = [asyncio.create_task(call("greedy")) for _ in range(12)]
        await asyncio.sleep(0)
        await call("modest")
        assert done.index("modest") <= 2
        assert await asyncio.gather(*greedy, return_exceptions=True) != []

    check(bundle_path, body, queue=12)


def test_a_task_that_uses_up_its_processor_time_is_ended(bundle_path: Path) -> None:
    async def body(running: LocalExecutor) -> None:
        for _ in range(4):
            # The limit counts for each task anew, not for the life of the process.
            await running.run(Pid(), 20)
        started = time.monotonic()
        with pytest.raises(WorkerDied):
            await running.run(Burn(), 30)
        assert time.monotonic() - started < 15
        assert await running.run(Pid(), 20) in running.pids

    check(bundle_path, body, cpu_seconds=1.0)


def test_the_memories_of_templates_are_counted_over_all_workers(bundle_path: Path) -> None:
    async def body(running: LocalExecutor) -> None:
        await running.run(Remember("abab", 300), 20)
        await running.run(Remember("cd", 300), 20)
        found = running.stats.templates
        assert (found.hits, found.misses, found.held, found.size) == (2, 4, 3, 900)
        # The worker was replaced after its third task, and its memory is gone.
        await running.run(Remember("e", 300), 20)
        await running.run(Remember("f", 100), 20)
        found = running.stats.templates
        assert (found.hits, found.misses, found.held, found.size) == (2, 6, 1, 100)

    check(bundle_path, body, tasks_per_worker=3)


def test_too_much_memory_is_refused_without_a_death(bundle_path: Path) -> None:
    async def body(running: LocalExecutor) -> None:
        (before,) = running.pids
        with pytest.raises(OutOfMemory, match="1024 MiB"):
            await running.run(Devour(), 20)
        assert await running.run(Pid(), 20) == before

    check(bundle_path, body)


def test_before_start_and_after_stop_there_is_no_worker(bundle_path: Path) -> None:
    async def main() -> None:
        running = LocalExecutor(WorkerConfig(bundle_path), PoolLimits(workers=1))
        with pytest.raises(NotReady):
            await running.run(Pid(), 1)
        await running.start()
        assert running.stats.ready == 1
        await running.stop(1)
        with pytest.raises(NotReady):
            await running.run(Pid(), 1)

    asyncio.run(main())
