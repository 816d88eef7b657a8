"""Where a task's time went is known, whether it succeeds or fails."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from facemeld.errors import FacemeldError
from facemeld.timing import Stages, collecting, stage
from facemeld.workers.pool.context import WorkerConfig, WorkerContext
from facemeld.workers.pool.local import LocalExecutor, PoolLimits
from facemeld.workers.tasks.inputs import NoFaceFound


@dataclass(frozen=True)
class Work:
    """Takes 20 ms for one stage and 10 ms for another, then fails if it is to."""

    fails: bool = False

    def __call__(self, context: WorkerContext) -> str:
        with stage("decode"):
            time.sleep(0.02)
        with stage("encode"):
            time.sleep(0.01)
        if self.fails:
            raise NoFaceFound("the photo must show a face, none was found")
        return "done"


def run(bundle: Path, work: Callable[[LocalExecutor], Awaitable[Any]]) -> Any:
    async def with_executor() -> Any:
        executor = LocalExecutor(WorkerConfig(bundle=bundle), PoolLimits(workers=1))
        await executor.start()
        try:
            return await work(executor)
        finally:
            await executor.stop(5)

    return asyncio.run(with_executor())


async def clocked(executor: LocalExecutor, task: Work) -> tuple[dict[str, float], float, FacemeldError | None]:
    started, failure = time.perf_counter(), None
    with collecting(Stages()) as stages:
        try:
            await executor.run(task, 10)
        except FacemeldError as error:
            failure = error
    return stages.seconds, time.perf_counter() - started, failure


@pytest.mark.parametrize("fails", [False, True])
def test_the_workers_time_is_part_of_the_calls(bundle_path: Path, fails: bool) -> None:
    seconds, took, failure = run(bundle_path, lambda executor: clocked(executor, Work(fails)))
    assert set(seconds) == {"queue", "transfer", "decode", "encode"}
    assert seconds["decode"] >= 0.02
    assert seconds["encode"] >= 0.01
    assert 0 < sum(seconds.values()) <= took
    assert seconds["transfer"] < took - 0.03
    assert isinstance(failure, NoFaceFound) is fails


def test_waiting_for_a_worker_is_the_queues_time(bundle_path: Path) -> None:
    async def two(executor: LocalExecutor) -> Any:
        return await asyncio.gather(clocked(executor, Work()), clocked(executor, Work()))

    (first, *_), (second, *_) = run(bundle_path, two)
    assert second["queue"] >= 0.03
    assert first["queue"] < second["queue"]
