"""Pixel work in the test's own process: the real engine without the start of a worker process."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from facemeld.app.composition import Application
from facemeld.models.store import ensure_bundle
from facemeld.workers.pool.context import WorkerConfig, context_for
from facemeld.workers.pool.executor import ExecutorStats, Task

T = TypeVar("T")


@dataclass(frozen=True)
class Inline:
    """Runs tasks in a thread of this process."""

    config: WorkerConfig

    @classmethod
    def of(cls, application: Application) -> Inline:
        """An executor that marks and signs as the workers of an installation do."""
        bundle = ensure_bundle(application.settings.model_dir)
        return cls(WorkerConfig(bundle, mark_key=application.mark_key, identity=application.signing_identity()))

    @classmethod
    def unmarked(cls, bundle: Path) -> Inline:
        """An executor without an installation."""
        return cls(WorkerConfig(bundle))

    async def start(self) -> None:
        """Nothing to start."""

    async def stop(self, drain_seconds: float) -> None:
        """Nothing to stop."""

    async def run(self, task: Task[T], seconds: float, *, owner: str = "") -> T:
        """Run a task."""
        return await asyncio.to_thread(lambda: task(context_for(self.config)))

    @property
    def stats(self) -> ExecutorStats:
        """One worker, always ready."""
        return ExecutorStats(1, 0, 0, 0, 0, 0, 0)
